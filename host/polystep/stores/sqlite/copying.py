"""Copies of SQLite files, also of those that a running host writes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final, NamedTuple

import apsw

from polystep.contracts.errors import PolystepError
from polystep.contracts.private import private_file

_PIECE_BYTES: Final = 1024 * 1024
_WAIT_MS: Final = 30_000
"""Time for which a copy waits for a lock, as while the file is opened by a host that starts."""


class CopyFailed(PolystepError):
    """A file cannot be copied, or a copy is not what it was."""


class CopiedFile(NamedTuple):
    """Copy of a file."""

    name: str
    size_bytes: int
    sha256: str


def copy_database(source: Path, target: Path) -> CopiedFile:
    """Copy all that is committed at one moment, and bring it to the disk; the writer of the file goes on meanwhile.

    The copy is made in one read transaction, so its file has no log beside it and no free pages.

    Raises:
        CopyFailed: The file cannot be read, or the copy cannot be written.
    """
    try:
        private_file(target)
        connection = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.set_busy_timeout(_WAIT_MS)
            connection.execute("VACUUM INTO ?", (str(target),))
        finally:
            connection.close()
        sync(target)
    except (apsw.Error, OSError) as error:
        target.unlink(missing_ok=True)
        raise CopyFailed(f"{source} cannot be copied to {target}: {error}.") from error
    return described(target)


def described(path: Path) -> CopiedFile:
    """Return the size and the hash of a file.

    Raises:
        CopyFailed: It cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
        return CopiedFile(path.name, path.stat().st_size, digest.hexdigest())
    except OSError as error:
        raise CopyFailed(f"{path} cannot be read: {error.strerror}.") from error


def merge_log(path: Path) -> None:
    """Bring the log of a file that nobody has open into the file, so that the file alone is all of it.

    Raises:
        CopyFailed: The file cannot be opened, or is damaged.
    """
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.close()
    except apsw.Error as error:
        raise CopyFailed(f"{path} cannot be opened: {error}.") from error


def sync(path: Path) -> None:
    """Bring a file or the names in a folder to the disk.

    Raises:
        OSError: The disk refuses.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
