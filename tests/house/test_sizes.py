"""Files and functions stay short enough to be read in one go."""

import ast
from pathlib import Path

SOURCE_LINES_MAX = 500  # twice what is typical here; longer files are the ones that authors regret
TEST_LINES_MAX = 800  # a test file tells one room's whole story
FUNCTION_LINES_MAX = 70  # one screen; the docstring does not count, it may say all it needs to

_PYTHON = {".py"}
_SCRIPT = {".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs"}
_GENERATED = "Generated from"  # in the first line; nobody reads these in one go, or writes them
_MEASURED = ("host", "bridges", "protocol", "tests")


def _is_test(path: Path, root: Path) -> bool:
    inside = path.relative_to(root)
    return "tests" in inside.parts or ".test" in inside.suffixes


def _measured(source_files: list[Path], root: Path, suffixes: set[str]) -> list[Path]:
    inside = (path for path in source_files if path.suffix in suffixes and path.relative_to(root).parts[0] in _MEASURED)
    # Generated of the operations, and as long as their table.
    return [path for path in inside if root / "host" / "workbench" / "src" / "api" not in path.parents]


def _lines_without_docstring(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def test_files_are_short(root: Path, source_files: list[Path]) -> None:
    too_long = []
    for path in _measured(source_files, root, _PYTHON | _SCRIPT):
        lines_max = TEST_LINES_MAX if _is_test(path, root) else SOURCE_LINES_MAX
        text = path.read_text("utf-8")
        lines = len(text.splitlines())
        if lines > lines_max and _GENERATED not in text.partition("\n")[0]:
            too_long.append(f"{path.relative_to(root)}: {lines} lines, at most {lines_max}")
    assert too_long == []


def test_functions_are_short(root: Path, source_files: list[Path]) -> None:
    too_long = [
        f"{path.relative_to(root)}:{node.lineno}: {node.name} has {lines} lines, at most {FUNCTION_LINES_MAX}"
        for path in _measured(source_files, root, _PYTHON)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := _lines_without_docstring(node)) > FUNCTION_LINES_MAX
    ]
    assert too_long == []
