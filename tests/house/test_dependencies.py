"""What is installed with polystep is what it imports: tools of ours must not hide that a package is missing."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

OURS = {"polystep", "polystep_kit", "polystep_types"}
MODULES = {"python-dotenv": "dotenv", "jsonschema-rs": "jsonschema_rs"}
"""Of packages that are not named like their module."""
BROUGHT = {"multidict": "aiohttp", "pydantic_core": "pydantic"}
"""Modules that a declared package depends on and whose types it hands to its users."""


def test_every_package_that_is_imported_is_declared(root: Path) -> None:
    declared = {MODULES.get(name, name) for name in _dependencies(root)}
    used: dict[str, Path] = {}
    for folder in ("host/polystep", "protocol/kit/polystep_kit"):
        for path in (root / folder).rglob("*.py"):
            used.update(dict.fromkeys(_imported(path), path.relative_to(root)))
    foreign = {name: path for name, path in used.items() if name not in sys.stdlib_module_names and name not in OURS}
    missing = {name: str(path) for name, path in foreign.items() if BROUGHT.get(name, name) not in declared}
    assert missing == {}
    assert "aiohttp" in foreign


def _dependencies(root: Path) -> list[str]:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    return [re.split(r"[ ;<>=!~\[]", each)[0] for each in project["dependencies"]]


def _imported(path: Path) -> list[str]:
    """Top-level names of what a file imports."""
    names = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    return [name.partition(".")[0] for name in names]
