"""ARCHITECTURE.md: the files and layers that it names are those of the code."""

import re
import tomllib
from pathlib import Path

_PATH = re.compile(r"`([A-Za-z_.]+(?:/[A-Za-z0-9_.-]+)+/?)`")
_LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")


def test_every_file_that_it_names_exists(root: Path) -> None:
    text = (root / "ARCHITECTURE.md").read_text("utf-8")
    named = {*_PATH.findall(text), *_LINK.findall(text)}
    assert len(named) > 60
    bases = (root, root / "host" / "polystep")
    assert [name for name in sorted(named) if not any((base / name).exists() for base in bases)] == []


def test_its_layers_are_those_of_the_lint(root: Path) -> None:
    text = (root / "ARCHITECTURE.md").read_text("utf-8").partition("| Layer | Rooms |")[2].partition("\n\n")[0]
    rows = [set(re.findall(r"`([a-z]+)`", row)) for row in text.splitlines() if "`" in row]
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (lint,) = (each for each in contracts if each["type"] == "layers" and each.get("containers") == ["polystep"])
    assert rows == [set(re.findall(r"[a-z]+", layer)) for layer in lint["layers"]]
