"""What is installed with polystep is what it imports: tools of ours must not hide that a package is missing."""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from pathlib import Path

OURS = {"polystep", "polystep_kit", "polystep_types", "steps"}
"""Packages of ours, and those of a project: its types and its steps."""
MODULES = {"python-dotenv": "dotenv", "jsonschema-rs": "jsonschema_rs"}
"""Of packages that are not named like their module."""
READ = {"tzdata"}
"""Packages of data alone: zoneinfo reads the time zones."""
TOOLS = {"typescript", "@types/node", "zod3"}
"""Node packages that are no imports: the compiler, its types of Node, and the older Zod behind the name `zod3`."""
BROUGHT = {"multidict": "aiohttp", "pydantic_core": "pydantic"}
"""Modules that a declared package depends on and whose types it hands to its users."""
FIXED = {
    "aiohttp": "3.14.3",  # CVE-2026-69244, and many below it in 3.12 and 3.13
    "apsw": "3.51.3",  # SQLite's WAL-reset corruption, 3.7.0 to 3.51.2
    "orjson": "3.11.6",  # CVE-2025-67221
    "python-dotenv": "1.2.2",  # CVE-2026-28684
    "uv": "0.11.15",  # GHSA-4gg8-gxpx-9rph
}
"""The first version without an advisory that is known; raise it with the bound in pyproject.toml."""


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


def test_every_package_that_is_declared_is_imported(root: Path) -> None:
    used = set(READ)
    for folder in ("host/polystep", "protocol/kit/polystep_kit", "bridges/python/polystep_runner"):
        for path in (root / folder).rglob("*.py"):
            used.update(_imported(path))
    assert {name for name in _dependencies(root) if MODULES.get(name, name) not in used} == set()


def test_every_node_package_is_named_in_the_code(root: Path, source_files: list[Path]) -> None:
    code = {path: path.read_text("utf-8") for path in source_files if path.suffix in {".ts", ".mjs", ".py"}}
    unused = [
        f"{path.relative_to(root)}: {package}"
        for path in source_files
        if path.name == "package.json" and path.parent in (root, root / "bridges" / "node")
        for package in _node_packages(path)
        if package not in TOOLS and not any(re.search(rf"['\"/]{package}['\"/]", text) for text in code.values())
    ]
    assert unused == []


def test_lower_bounds_leave_out_versions_with_known_advisories_and_allow_the_locked_one(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    bounds = dict(re.findall(r"([\w-]+)>=([\d.]+)", "\n".join(project["dependencies"])))
    locked = dict(re.findall(r"^([\w-]+)==([\d.]+)", (root / "requirements.lock").read_text("utf-8"), re.MULTILINE))
    assert {name for name, version in FIXED.items() if _version(bounds[name]) < _version(version)} == set()
    assert {name for name, bound in bounds.items() if _version(locked[name]) < _version(bound)} == set()


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _dependencies(root: Path) -> list[str]:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    # `dev` is for us; the other extras are for users, who are told when one is missing.
    extras = (names for extra, names in project["optional-dependencies"].items() if extra != "dev")
    declared = [*project["dependencies"], *(each for names in extras for each in names)]
    return [re.split(r"[ ;<>=!~\[]", each)[0] for each in declared]


def _node_packages(path: Path) -> list[str]:
    package = json.loads(path.read_text("utf-8"))
    return [*package.get("dependencies", {}), *package.get("devDependencies", {})]


def _imported(path: Path) -> list[str]:
    """Top-level names of what a file imports."""
    names = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    return [name.partition(".")[0] for name in names]
