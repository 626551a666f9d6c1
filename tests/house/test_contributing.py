"""CONTRIBUTING.md, SECURITY.md and the decisions name files and make targets that there are."""

import re
from pathlib import Path

import pytest

PAGES = ("CONTRIBUTING.md", "SECURITY.md", "docs/decisions")
_PATH = re.compile(r"`([A-Za-z_.]+(?:/[A-Za-z0-9_.-]+)+/?)`")
_LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")
_NOT_HERE = {"bridges/NAME/", "protocol/kit/steps/NAME/", "features/", ".polystep/token", "text/plain"}
"""Paths that a reader or a project makes, and a content type."""


def pages(root: Path) -> list[Path]:
    return [path for page in PAGES for path in ([root / page] if page.endswith(".md") else (root / page).glob("*.md"))]


def test_every_file_that_they_name_exists(root: Path) -> None:
    missing = []
    for page in pages(root):
        text = page.read_text("utf-8")
        named = {*_PATH.findall(text), *_LINK.findall(text)} - _NOT_HERE
        missing += [
            f"{page.name}: {name}"
            for name in sorted(named)
            if not any((base / name).exists() for base in (root, page.parent, root / "host" / "polystep"))
        ]
    assert missing == []


@pytest.mark.parametrize("file", ["CONTRIBUTING.md", "README.md"])
def test_every_make_target_that_they_name_exists(root: Path, file: str) -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", (root / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z0-9]+)", (root / file).read_text("utf-8"), re.MULTILINE))
    assert named and named <= targets
