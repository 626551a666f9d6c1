"""Files and folders that their user alone may read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from polystep.contracts.private import narrow, private_file, private_folder, project_home, write_private


@pytest.fixture(autouse=True)
def wide_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_made_is_private_whatever_the_umask(tmp_path: Path) -> None:
    private_folder(tmp_path / "folder")
    private_file(tmp_path / "folder" / "file")
    write_private(tmp_path / "folder" / "whole", b"text")
    modes = {path.name: mode(path) for path in (tmp_path / "folder").iterdir()}
    assert (mode(tmp_path / "folder"), modes) == (0o700, {"file": 0o600, "whole": 0o600})


def test_what_is_there_keeps_its_content_and_the_rights_of_its_user(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "file").chmod(0o777)
    private_file(tmp_path / "file")
    assert ((tmp_path / "file").read_text(), mode(tmp_path / "file")) == ("kept", 0o700)
    write_private(tmp_path / "file", b"new")
    assert ((tmp_path / "file").read_text(), mode(tmp_path / "file")) == ("new", 0o600)
    assert narrow(tmp_path / "gone")


def test_the_folder_of_a_project_is_private_and_ignored_by_git(tmp_path: Path) -> None:
    home = project_home(tmp_path)
    assert (mode(home), (home / ".gitignore").read_text()) == (0o700, "*\n")
    (home / ".gitignore").write_text("mine\n")
    home.chmod(0o755)
    project_home(tmp_path)
    assert (mode(home), (home / ".gitignore").read_text()) == (0o700, "mine\n")
