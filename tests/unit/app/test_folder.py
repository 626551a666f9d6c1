"""The `.polystep/` folder: one host at a time, its token, its address."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from polystep.app import ProjectFolder, RunningHost
from polystep.contracts.errors import LoadFailed


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_taken_folder_tells_where_its_host_is(tmp_path: Path) -> None:
    folder = ProjectFolder(tmp_path)
    folder.take()
    token = folder.new_token()
    folder.announce("http://127.0.0.1:3000")
    assert ProjectFolder(tmp_path).running() == RunningHost("http://127.0.0.1:3000", os.getpid(), token)
    assert (tmp_path / ".polystep" / ".gitignore").read_text() == "*\n"
    folder.release()


def test_token_and_address_are_readable_by_the_user_alone_whatever_the_umask(tmp_path: Path) -> None:
    folder = ProjectFolder(tmp_path)
    before = os.umask(0)
    try:
        folder.take()
        folder.new_token()
        folder.announce("http://127.0.0.1:3000")
    finally:
        os.umask(before)
    assert [mode(folder.path / name) for name in ("token", "host.json")] == [0o600, 0o600]
    folder.release()


def test_a_folder_of_an_earlier_version_is_closed_to_other_users(tmp_path: Path) -> None:
    home = tmp_path / ".polystep"
    (home / "venv-1" / "bin").mkdir(parents=True)
    home.chmod(0o755)
    files = [home / name for name in ("polystep.db", "polystep.db-wal", "polystep.db-shm", "traces.db", "command")]
    for path in files:
        path.touch()
        path.chmod(0o664)
    (tmp_path / "outside").touch(0o644)
    (home / "linked").symlink_to(tmp_path / "outside")
    folder = ProjectFolder(tmp_path)
    folder.take()
    assert mode(home) == 0o700
    own = [path for path in home.iterdir() if path.is_file() and not path.is_symlink()]
    assert {path.name: mode(path) for path in own} == {path.name: 0o600 for path in own}
    assert set(files) < set(own)
    assert mode(tmp_path / "outside") == 0o644
    folder.release()


def test_tokens_are_random_unless_chosen_and_replace_the_one_before(tmp_path: Path) -> None:
    folder = ProjectFolder(tmp_path)
    folder.take()
    first, second = folder.new_token(), folder.new_token()
    assert first != second
    assert min(len(first), len(second)) >= 32
    assert (folder.new_token("mine"), (folder.path / "token").read_text()) == ("mine", "mine")
    folder.release()


def test_a_second_host_is_refused_with_the_address_of_the_first(tmp_path: Path) -> None:
    first, second = ProjectFolder(tmp_path), ProjectFolder(tmp_path)
    first.take()
    first.new_token()
    first.announce("http://127.0.0.1:3000")
    with pytest.raises(LoadFailed) as refused:
        second.take()
    assert refused.value.message == (
        f"polystep already runs this project at http://127.0.0.1:3000 (process {os.getpid()}). Stop it first, or use "
        "another copy."
    )
    # The one that was refused must not clear up after the first.
    second.release()
    assert second.running() is not None
    first.release()


def test_a_released_folder_is_free_and_tells_of_no_host(tmp_path: Path) -> None:
    first, second = ProjectFolder(tmp_path), ProjectFolder(tmp_path)
    first.take()
    first.new_token()
    first.announce("http://127.0.0.1:3000")
    first.release()
    first.release()
    assert second.running() is None
    assert sorted(path.name for path in second.path.iterdir()) == [".gitignore", "lock"]
    second.take()
    second.release()


def test_a_file_in_its_place_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / ".polystep").touch()
    with pytest.raises(LoadFailed) as refused:
        ProjectFolder(tmp_path).take()
    assert refused.value.message == f"{tmp_path}/.polystep cannot be written: File exists."


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"url": "x", "pid": "y"}'])
def test_a_damaged_announcement_is_no_host(tmp_path: Path, content: str) -> None:
    folder = ProjectFolder(tmp_path)
    folder.take()
    folder.new_token()
    (folder.path / "host.json").write_text(content)
    assert folder.running() is None
    folder.release()


def test_a_folder_in_place_of_a_file_of_its_is_an_error_that_names_it_and_the_stop_goes_on(tmp_path: Path) -> None:
    folder = ProjectFolder(tmp_path)
    folder.take()
    (folder.path / "host.json").mkdir()
    with pytest.raises(LoadFailed) as refused:
        folder.announce("http://127.0.0.1:3000")
    assert refused.value.message == (
        f"{tmp_path}/.polystep/host.json cannot be written: Is a directory. Remove that folder."
    )
    folder.release()
    assert not ProjectFolder(tmp_path).is_taken()
