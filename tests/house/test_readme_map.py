"""README.md's table of rooms is what the rooms say of themselves.

A row is "| `room` | the first line of its docstring, without the final period |".
Its table has a header that starts with "| Room |".
"""

import ast
import re
from pathlib import Path

_HEADER = re.compile(r"^\| *Room *\|", re.IGNORECASE)
_ROW = re.compile(r"^\| *`(?P<room>[a-z_]+)` *\| *(?P<text>.*?) *\|$")


def _summary(module: Path) -> str:
    docstring = ast.get_docstring(ast.parse(module.read_text("utf-8"))) or "(no docstring)"
    return docstring.splitlines()[0].removesuffix(".")


def _table_rows(readme: str) -> dict[str, str]:
    rows: dict[str, str] = {}
    inside = False
    for line in readme.splitlines():
        inside = bool(_HEADER.match(line)) or (inside and line.startswith("|"))
        row = _ROW.match(line)
        if inside and row:
            rows[row["room"]] = row["text"]
    return rows


def test_readme_map_matches_rooms(root: Path) -> None:
    package = root / "host" / "polystep"
    rooms = {path.parent.name: _summary(path) for path in package.glob("*/__init__.py")}
    # A room that is a single module, as the composition root, may have a row too.
    modules = {path.stem: _summary(path) for path in package.glob("[a-z]*.py")}
    rows = _table_rows((root / "README.md").read_text("utf-8"))
    assert rows == rooms | {name: text for name, text in modules.items() if name in rows}
