"""The changelog speaks of the version that is built."""

import re
import tomllib
from pathlib import Path

import polystep


def _version(root: Path) -> str:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    return str(project["version"])


def test_changelog_top_is_unreleased_or_the_version(root: Path) -> None:
    headings = re.findall(r"^## \[([^\]]+)\]", (root / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[:1] in (["Unreleased"], [_version(root)])


def test_package_version_is_the_project_version(root: Path) -> None:
    assert polystep.__version__ == _version(root)
