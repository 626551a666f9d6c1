"""docs/glossary.md: names that it replaces are not used in the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_REPLACED: Final = "## Names that are not used"
_CODE: Final = re.compile(r"`([A-Za-z_]+)`")
_OWN: Final = ("host/polystep", "bridges", "protocol/kit", "tests")
_ENDINGS: Final = {".py", ".ts", ".js", ".mjs", ".rb"}
_MADE: Final = {"node_modules", "__pycache__", "generated"}
_CONTRACT_TESTS: Final = "tests/contract/verdicts"
"""A verdict there is what two validators say of one value, and no breach."""


def replaced_names(glossary: str) -> set[str]:
    """Return the names in the left column of the last table."""
    rows = glossary.partition(_REPLACED)[2].splitlines()
    return {name for row in rows if row.startswith("| `") for name in _CODE.findall(row.split("|")[1])}


def names_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the identifiers of a file with their lines: those of Python by its grammar, of others as words."""
    text = path.read_text("utf-8")
    if path.suffix != ".py":
        for number, line in enumerate(text.splitlines(), 1):
            code = re.sub(r"(//|#).*|'[^']*'|\"[^\"]*\"|`[^`]*`", "", line)
            yield from ((number, word) for word in re.findall(r"[A-Za-z_]+", code) if not line.lstrip().startswith("*"))
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg


def test_replaced_names_are_gone(root: Path) -> None:
    replaced = replaced_names((root / "docs" / "glossary.md").read_text("utf-8"))
    assert {"OpenRun", "take_early", "verdicts"} <= replaced
    found = [
        f"{path.relative_to(root)}:{line}: {name}"
        for folder in _OWN
        for path in sorted((root / folder).rglob("*"))
        if path.suffix in _ENDINGS and path.is_file() and not _MADE & set(path.parts)
        if not path.is_relative_to(root / _CONTRACT_TESTS)
        for line, name in [*names_of(path), (1, path.stem)]
        if name in replaced
    ]
    assert found == []


def test_a_replaced_name_is_found(tmp_path: Path) -> None:
    python, script = tmp_path / "a.py", tmp_path / "a.ts"
    python.write_text("class OpenRun:\n    def heat(self, verdicts): ...\n", "utf-8")
    script.write_text("// OpenRun\nconst run = new OpenRun('Nowhere')\n", "utf-8")
    assert {name for _, name in names_of(python)} >= {"OpenRun", "heat", "verdicts"}
    assert [each for each in names_of(script) if each[1] in {"OpenRun", "Nowhere"}] == [(2, "OpenRun")]


def test_the_words_of_the_glossary_are_explained_once(root: Path) -> None:
    words = re.findall(r"\*\*(.+?)\*\*", (root / "docs" / "glossary.md").read_text("utf-8"))
    assert sorted(set(words)) == sorted(words)
