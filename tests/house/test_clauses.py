"""Clauses of the protocol that code and tests name are clauses there are."""

import re
from pathlib import Path

_CITING = ("host", "bridges", "tests")
_CODE = {".js", ".mjs", ".pl", ".py", ".rb", ".ts"}
_NOT_OURS = Path("tests/house/test_clauses.py")


def _clauses(root: Path) -> set[str]:
    """Numbers of all clauses, and of the sections that have some."""
    spec = (root / "protocol" / "SPEC.md").read_text("utf-8")
    clauses = set(re.findall(r"^- \*\*PS-(\d+\.\d+)\*\*", spec, re.MULTILINE))
    return clauses | {clause.partition(".")[0] for clause in clauses}


def _cited(text: str) -> set[str]:
    """`PS-3.4`, both ends of `PS-3.4 to 3.7` and of `PS-3.4 to PS-3.7`, and whole sections as `PS-9`."""
    ranges = re.findall(r"PS-\d+\.\d+ to (?:PS-)?(\d+\.\d+)", text)
    return set(re.findall(r"PS-(\d+(?:\.\d+)?)", text)) | set(ranges)


def test_every_clause_that_is_cited_exists(root: Path, source_files: list[Path]) -> None:
    clauses = _clauses(root)
    unknown = [
        f"{inside} cites PS-{clause}"
        for path in source_files
        if (inside := path.relative_to(root)).parts[0] in _CITING and path.suffix in _CODE and inside != _NOT_OURS
        for clause in sorted(_cited(path.read_text("utf-8")) - clauses)
    ]
    assert unknown == []


def test_the_clauses_are_found(root: Path) -> None:
    clauses = _clauses(root)
    assert {"2.1", "3.11", "7.10", "13.1", "9"} <= clauses
    assert "3.99" not in clauses
    assert _cited("PS-3.4 to 3.7, PS-9; PS-2.1 to PS-2.3") == {"3.4", "3.7", "9", "2.1", "2.3"}
