"""Every public name in the host says what it is for."""

import ast
from collections.abc import Iterator
from pathlib import Path

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
        module = ast.parse(path.read_text("utf-8"))
        named: list[tuple[str, Documented]] = [("the module", module), *_public_definitions(module, "")]
        missing += [
            f"{path.relative_to(root)}: {name}"
            for name, node in named
            if not ast.get_docstring(node) and not _repeats_another(node)
        ]
    assert missing == []
