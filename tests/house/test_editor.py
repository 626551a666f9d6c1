"""Editors, the formatter and the packages for Python agree on the length of lines and the oldest version."""

import configparser
import tomllib
from pathlib import Path
from typing import Any

from tests.versions import versions


def test_the_editor_config_has_the_line_length_of_the_formatter(root: Path) -> None:
    editor = configparser.ConfigParser()
    editor.read_string("[top]\n" + (root / ".editorconfig").read_text("utf-8"))
    assert int(editor["*.py"]["max_line_length"]) == project(root)["tool"]["ruff"]["line-length"]


def test_lint_types_and_classifiers_begin_with_the_oldest_python(root: Path) -> None:
    settings = project(root)
    oldest = versions()[0]
    assert settings["project"]["requires-python"] == f">={oldest}"
    assert settings["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    assert settings["tool"]["mypy"]["python_version"] == oldest


def project(root: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    return loaded
