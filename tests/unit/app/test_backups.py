"""Backups of what a project has stored, and their way back."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from polystep.app import Backup, ProjectFolder, back_up, read_backup, restore
from polystep.contracts.errors import LoadFailed, PolystepError
from polystep.contracts.private import project_home
from polystep.stores import CopyFailed, open_stores
from polystep.testing import FakeClock
from polystep.wire import pack

MANIFEST = "polystep-backup.json"


async def write(project: Path, value: str) -> None:
    stores = open_stores(project_home(project), "process", FakeClock())
    await stores.start()
    await stores.state.set("group", "key", pack(value))
    await stores.stop()


async def value(project: Path) -> bytes | None:
    stores = open_stores(project / ".polystep", "process", FakeClock())
    await stores.start()
    try:
        return await stores.state.get("group", "key")
    finally:
        await stores.stop()


def quiet(_: str) -> None:
    """Nothing is shown."""


@pytest.fixture
async def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    await write(root, "first")
    return root


@pytest.fixture
def taken(project: Path, tmp_path: Path) -> Backup:
    return back_up(project, tmp_path / "backup", quiet)


async def test_a_backup_is_restored_and_what_it_replaces_is_kept(project: Path, taken: Backup) -> None:
    await write(project, "second")
    told: list[str] = []
    kept = restore(project, read_backup(taken.folder, told.append), told.append)
    assert await value(project) == pack("first")
    assert [line.split(" (")[0] for line in told] == [
        "Checking polystep.db", "Checking traces.db", "Copying polystep.db", "Copying traces.db",
    ]  # fmt: skip
    assert kept is not None
    again = project / "before"
    (again / ".polystep").mkdir(parents=True)
    (kept / "polystep.db").rename(again / ".polystep" / "polystep.db")
    assert await value(again) == pack("second")


async def test_a_backup_is_taken_while_a_host_writes(project: Path, tmp_path: Path) -> None:
    stores = open_stores(project / ".polystep", "process", FakeClock())
    await stores.start()
    await stores.state.set("group", "key", pack("in the log"))
    back_up(project, tmp_path / "live", quiet)
    await stores.state.set("group", "key", pack("later"))
    await stores.stop()
    restore(project, read_backup(tmp_path / "live", quiet), quiet)
    assert await value(project) == pack("in the log")


async def test_a_new_project_can_be_made_of_a_backup(tmp_path: Path, taken: Backup) -> None:
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    assert restore(fresh, read_backup(taken.folder, quiet), quiet) is None
    assert await value(fresh) == pack("first")
    assert not (fresh / ".polystep" / "restoring").exists()


def test_other_users_cannot_read_it(taken: Backup) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (taken.folder, *taken.folder.iterdir())}
    assert modes == {"backup": 0o700, "polystep.db": 0o600, "traces.db": 0o600, MANIFEST: 0o600}


def test_traces_can_be_left_away(project: Path, tmp_path: Path) -> None:
    backup = back_up(project, tmp_path / "small", quiet, traces=False)
    assert [each.name for each in backup.files] == ["polystep.db"]


def test_nothing_is_written_over(project: Path, taken: Backup) -> None:
    with pytest.raises(LoadFailed, match="has something in it"):
        back_up(project, taken.folder, quiet)


def test_a_project_that_has_stored_nothing_has_no_backup(tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match="has stored nothing yet"):
        back_up(tmp_path, tmp_path / "backup", quiet)
    assert not (tmp_path / "backup").exists()


def test_a_running_project_is_not_restored(project: Path, taken: Backup) -> None:
    host = ProjectFolder(project)
    host.take()
    try:
        with pytest.raises(LoadFailed, match="already runs this project"):
            restore(project, taken, quiet)
    finally:
        host.release()


async def test_a_database_that_is_damaged_is_replaced_and_kept_with_its_log(project: Path, taken: Backup) -> None:
    home = project / ".polystep"
    (home / "polystep.db").write_bytes(b"damaged" * 1000)
    (home / "polystep.db-wal").write_bytes(b"its log")
    kept = restore(project, read_backup(taken.folder, quiet), quiet)
    assert kept is not None
    assert {path.name for path in kept.iterdir()} >= {"polystep.db", "polystep.db-wal"}
    assert await value(project) == pack("first")


@pytest.mark.parametrize("how", ["cut", "changed", "missing"])
def test_a_file_that_is_not_what_was_copied_is_refused(project: Path, taken: Backup, how: str) -> None:
    file = taken.folder / "polystep.db"
    content = bytearray(file.read_bytes())
    if how == "missing":
        file.unlink()
    else:
        content[100] ^= 1
        file.write_bytes(content[:-1] if how == "cut" else content)
    with pytest.raises(CopyFailed, match="cannot be read" if how == "missing" else "is not what was copied"):
        read_backup(taken.folder, quiet)


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (None, "is no backup, or one that was not finished"),
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ({"format": 2}, "a later polystep took it"),
        ({"format": 1, "files": [], "takenAt": "", "version": ""}, "names other files"),
        (
            {"format": 1, "files": [{"name": "../x", "sizeBytes": 1, "sha256": ""}], "takenAt": "", "version": ""},
            "names other files",
        ),
    ],
)
def test_a_folder_that_is_no_backup_is_refused(tmp_path: Path, manifest: object, said: str) -> None:
    if manifest is not None:
        (tmp_path / MANIFEST).write_text(manifest if isinstance(manifest, str) else json.dumps(manifest))
    with pytest.raises(LoadFailed, match=said):
        read_backup(tmp_path, quiet)


def test_a_folder_that_cannot_be_made_is_told(project: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PolystepError, match="cannot be made"):
        back_up(project, tmp_path / "file" / "no", quiet)
