"""What a document says of the project as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from polystep.documents import ProjectInformation
from polystep.project.documents import read_information


def test_package_json_comes_first_and_pyproject_fills_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"name": "shop", "version": ""}')
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "other"\nversion = "2.0"\ndescription = "Sells"\n')
    assert read_information(tmp_path) == ProjectInformation("shop", "2.0", "Sells")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": 3}', "\x00"])
def test_a_file_that_says_nothing_leaves_the_name_of_the_folder(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "my shop"
    folder.mkdir()
    (folder / "package.json").write_text(text)
    (folder / "pyproject.toml").write_text(text)
    assert read_information(folder) == ProjectInformation("my shop", "0.0.0", None)


def test_files_that_are_not_text_and_projects_without_any(tmp_path: Path) -> None:
    assert read_information(tmp_path).title == tmp_path.name
    (tmp_path / "pyproject.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "package.json").mkdir()
    assert read_information(tmp_path).title == tmp_path.name
