"""Docstrings: every public name in the host has one, and each is written in plain English."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PACKAGES = ("host/polystep", "bridges/python/polystep_runner", "protocol/kit/polystep_kit")
_QUESTION: Final = re.compile(r"(What|Who|Whose|Whether|Which|When|Where|How|Why)\b")
"""A relative clause as a subject. A docstring begins with a verb ("Store all or none …") or a noun ("Queue that …")."""
_CRYPTIC: Final = re.compile(
    r"\b(told|said|tells? of|telling of|mend(s|ed|ing)?|for ever|passed over)\b", re.IGNORECASE
)

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _is_public(name: str) -> bool:
    return not name.startswith("_")


def _repeats_another(node: Documented) -> bool:
    """Whether `node` is an overload or a property's setter, whose text stands at the first definition."""
    if isinstance(node, ast.Module | ast.ClassDef):
        return False
    endings = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
    return bool(endings & {"overload", "setter", "deleter"})


def _public_definitions(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, Documented]]:
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and _is_public(child.name):
            yield prefix + child.name, child
            if isinstance(child, ast.ClassDef):
                yield from _public_definitions(child, f"{prefix}{child.name}.")


def test_every_public_name_has_a_docstring(root: Path) -> None:
    missing = []
    for path in sorted((root / "host" / "polystep").rglob("*.py")):
        if path.parent.name == "tests":  # of a template: the name of a test is its sentence
            continue
        module = ast.parse(path.read_text("utf-8"))
        named: list[tuple[str, Documented]] = [("the module", module), *_public_definitions(module, "")]
        missing += [
            f"{path.relative_to(root)}: {name}"
            for name, node in named
            if not ast.get_docstring(node) and not _repeats_another(node)
        ]
    assert missing == []


def _docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Every docstring with its line: of modules, classes and functions, and below the attributes they describe."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for child in node.body:
                value = child.value if isinstance(child, ast.Expr) else None
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield child.lineno, value.value


def _not_plain(folder: Path, root: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.py")):
        for line, text in _docstrings(path):
            for found in (_QUESTION.match(text), _CRYPTIC.search(text)):
                if found is not None:
                    yield f'{path.relative_to(root)}:{line}: "{found[0]}"'


def test_docstrings_are_plain_english(root: Path) -> None:
    folders = [root / package for package in PACKAGES]
    assert [each for folder in folders for each in _not_plain(folder, root)] == []


def test_cryptic_docstrings_are_found(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(
        '"""What it is."""\nX = 1\n"""Mended for ever."""\ndef f():\n    """Return what was there."""\n', "utf-8"
    )
    assert list(_not_plain(tmp_path, tmp_path)) == ['module.py:1: "What"', 'module.py:3: "Mended"']
