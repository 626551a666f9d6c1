"""Failures of a database file in words for the user: the file, and what to do."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

import apsw

from polystep.contracts.errors import PolystepError
from polystep.contracts.storage import DiskFull, NotStored

_DAMAGED: Final = (apsw.NotADBError, apsw.CorruptError)
_NEVER_STORED: Final = (
    apsw.ConstraintError,
    apsw.MismatchError,
    apsw.TooBigError,
    OverflowError,
    TypeError,
    ValueError,
)
"""Errors of a statement because of its values: the same write will fail again."""


def start_failure(path: Path, error: Exception, lost: str) -> PolystepError:
    """Say why a file cannot be opened. `lost` names what is lost with it, such as `events, state and streams`."""
    if _is_full(error):
        return DiskFull(f"The disk of {path} is full: free some space and start again. Nothing that it held is lost.")
    if isinstance(error, _DAMAGED):
        return NotStored(
            f"{_damaged(path, error)} Or move it away, with {_beside(path)}, and start again without its {lost}."
        )
    return NotStored(
        f"The database {path} cannot be opened: {error}. Check that it is a file, on a disk that works, and that you "
        "may read and write it and its folder."
    )


def refuse_lone_log(path: Path, lost: str) -> None:
    """Keep SQLite from deleting the log of writes of an empty or missing database: with it go the last writes.

    Raises:
        NotStored: There is such a log.
    """
    log = path.with_name(f"{path.name}-wal")
    if _size_bytes(path) == 0 and _size_bytes(log) > 0:
        raise NotStored(
            f"The database {path} is empty or missing, but {log.name} beside it holds writes. Restore both from "
            f"a copy. Or move {_beside(path)} away, and start again without its {lost}."
        )


def write_failure(path: Path, error: Exception) -> PolystepError:
    """Say why a write has failed."""
    if isinstance(error, PolystepError):
        return error
    if isinstance(error, apsw.BusyError):
        return NotStored(f"Another process holds {path}, so nothing was written. End it; work goes on by itself.")
    if _is_full(error):
        return DiskFull(f"The disk is full: nothing was written to {path}. Free some space; work goes on by itself.")
    if isinstance(error, _DAMAGED):
        return NotStored(_damaged(path, error))
    if isinstance(error, (apsw.IOError, apsw.ReadOnlyError, apsw.CantOpenError)):
        return NotStored(f"Nothing was written to {path}: {type(error).__name__}: {error}. Check its disk.")
    failure = PolystepError(f"The write failed and nothing of it is stored: {type(error).__name__}: {error}")
    failure.retryable = not isinstance(error, _NEVER_STORED)
    return failure


def read_failure(path: Path, error: Exception) -> PolystepError:
    """Say why rows cannot be read."""
    if isinstance(error, _DAMAGED):
        return NotStored(_damaged(path, error))
    return PolystepError(f"{path} could not be read: {type(error).__name__}: {error}")


def _size_bytes(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _is_full(error: Exception) -> bool:
    return isinstance(error, apsw.FullError) or (isinstance(error, OSError) and error.errno == errno.ENOSPC)


def _damaged(path: Path, error: Exception) -> str:
    return f"The database {path} is damaged ({error}). Stop polystep and restore it from a copy."


def _beside(path: Path) -> str:
    return f"{path.name}-wal and {path.name}-shm"
