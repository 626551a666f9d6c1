"""What every house rule looks at: the files of this checkout, without what tools made."""

import os
from pathlib import Path

import pytest

_MADE_BY_TOOLS = {
    ".git",
    ".hypothesis",
    ".import_linter_cache",
    ".mypy_cache",
    ".polystep",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    "__pycache__",
    "dist",
    "node_modules",
}


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def source_files(root: Path) -> list[Path]:
    """Every file that is or will be committed, sorted."""
    found: list[Path] = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - _MADE_BY_TOOLS)
        found += [Path(folder, name) for name in sorted(names) if name != ".env"]
    return found
