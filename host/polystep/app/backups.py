"""Backups of a project: a folder with copies of its databases and a manifest, taken also while a host runs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from polystep import __version__
from polystep.app.folder import ProjectFolder
from polystep.contracts.errors import LoadFailed
from polystep.contracts.private import private_folder, write_private
from polystep.stores import DURABLE_FILE, TRACES_FILE, CopiedFile, CopyFailed, copy_database, described, merge_log, sync

MANIFEST: Final = "polystep-backup.json"
"""Written last: a folder without it is no whole backup."""
_FORMAT: Final = 1
_SIDE_FILES: Final = ("-wal", "-shm")

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Backup:
    """Backup that is whole."""

    folder: Path
    files: Sequence[CopiedFile]
    taken_at: str
    """UTC, as in RFC 3339."""
    version: str
    """Of the polystep that took it."""


def back_up(project: Path, folder: Path, progress: Progress, *, traces: bool = True) -> Backup:
    """Copy what a project has stored into a new folder. A host that runs it goes on.

    The copy of events, state and streams is of one moment; everything that was answered before the call is in it.

    Args:
        project: The project's folder.
        folder: For the backup; it is made, or empty.
        progress: Takes a line for each file.
        traces: Copy traces and logs, too.

    Raises:
        LoadFailed: The project has stored nothing, or the folder has something in it.
        CopyFailed: A file cannot be copied. No manifest is written.
    """
    home = ProjectFolder(project).path
    if not (home / DURABLE_FILE).is_file():
        raise LoadFailed(f"{project} has stored nothing yet: there is no {home / DURABLE_FILE}.")
    _make_empty(folder)
    names = [name for name in (DURABLE_FILE, TRACES_FILE) if name == DURABLE_FILE or traces]
    copied = []
    for name in names:
        if (home / name).is_file():
            progress(f"Copying {name} ({_size((home / name).stat().st_size)})…")
            copied.append(copy_database(home / name, folder / name))
    backup = Backup(folder, copied, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), __version__)
    try:
        write_private(folder / MANIFEST, _manifest(backup))
        sync(folder / MANIFEST)
        sync(folder)
    except OSError as error:
        raise CopyFailed(f"{folder / MANIFEST} cannot be written: {error.strerror}.") from error
    return backup


def read_backup(folder: Path, progress: Progress) -> Backup:
    """Read a backup, and compare its files with their hashes.

    Raises:
        LoadFailed: It is none, or of a later format.
        CopyFailed: A file is missing, or is not what it was.
    """
    try:
        manifest: Mapping[str, Any] = orjson.loads((folder / MANIFEST).read_bytes())
        if manifest["format"] != _FORMAT:
            raise LoadFailed(f"{folder} has the format {manifest['format']}: a later polystep took it.")
        files = [
            CopiedFile(str(each["name"]), int(each["sizeBytes"]), str(each["sha256"])) for each in manifest["files"]
        ]
        backup = Backup(folder, files, str(manifest["takenAt"]), str(manifest["version"]))
    except FileNotFoundError as error:
        raise LoadFailed(
            f"{folder} is no backup, or one that was not finished: there is no {MANIFEST} in it."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LoadFailed(f"{folder / MANIFEST} cannot be read: {error}.") from error
    if [each for each in files if each.name not in (DURABLE_FILE, TRACES_FILE)] or not files:
        raise LoadFailed(f"{folder / MANIFEST} names other files than {DURABLE_FILE} and {TRACES_FILE}.")
    for each in files:
        progress(f"Checking {each.name} ({_size(each.size_bytes)})…")
        if described(folder / each.name) != each:
            raise CopyFailed(
                f"{folder / each.name} is not what was copied: its size or hash differs. Use another backup."
            )
    return backup


def restore(project: Path, backup: Backup, progress: Progress) -> Path | None:
    """Put the files of a backup in the place of the project's, which are kept beside them.

    At every moment a whole database is in its place, so a crash leaves the one or the other.

    Returns:
        The folder of the files of before; `None` when there were none.

    Raises:
        LoadFailed: A host runs the project.
        CopyFailed: A file cannot be written; nothing has changed.
    """
    folder = ProjectFolder(project)
    folder.take()
    try:
        return _restore(folder.path, backup, progress)
    except OSError as error:
        raise CopyFailed(f"{error.filename or folder.path} cannot be written: {error.strerror}.") from error
    finally:
        folder.release()


def _restore(home: Path, backup: Backup, progress: Progress) -> Path | None:
    fresh = home / "restoring"
    shutil.rmtree(fresh, ignore_errors=True)
    private_folder(fresh)
    for each in backup.files:
        progress(f"Copying {each.name} ({_size(each.size_bytes)})…")
        shutil.copyfile(backup.folder / each.name, fresh / each.name)
        (fresh / each.name).chmod(0o600)
        sync(fresh / each.name)
        if described(fresh / each.name) != each:
            raise CopyFailed(f"{backup.folder / each.name} has changed meanwhile. Nothing was restored.")
    kept = home / f"replaced-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
    had_any = False
    for each in backup.files:
        had_any |= _keep(home / each.name, kept)
        (fresh / each.name).replace(home / each.name)
    sync(home)
    fresh.rmdir()
    return kept if had_any else None


def _keep(path: Path, kept: Path) -> bool:
    """Keep a file under a second name, with its log in it; where it is damaged, with its log beside it."""
    if not path.is_file():
        return False
    private_folder(kept)
    log = path.with_name(f"{path.name}-wal")
    log_kept = kept / log.name
    if log.is_file():
        shutil.copyfile(log, log_kept)  # SQLite removes the log of a file that it cannot read
        log_kept.chmod(0o600)
    try:
        merge_log(path)
        log_kept.unlink(missing_ok=True)
    except CopyFailed:
        for ending in _SIDE_FILES:
            path.with_name(path.name + ending).unlink(missing_ok=True)
    (kept / path.name).hardlink_to(path)
    sync(kept)
    return True


def _make_empty(folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        private_folder(folder)
        if any(folder.iterdir()):
            raise LoadFailed(f"{folder} has something in it. Name a folder that is new or empty.")
    except OSError as error:
        raise LoadFailed(f"{folder} cannot be made: {error.strerror}.") from error


def _manifest(backup: Backup) -> bytes:
    files = [{"name": each.name, "sizeBytes": each.size_bytes, "sha256": each.sha256} for each in backup.files]
    return orjson.dumps(
        {"format": _FORMAT, "version": backup.version, "takenAt": backup.taken_at, "files": files},
        option=orjson.OPT_INDENT_2,
    )


def _size(count: int) -> str:
    return f"{count / 1024**2:,.1f} MiB"
