"""Failures of PostgreSQL, by what follows from them: again, apart from the neighbours, or over a new connection."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from polystep.contracts.errors import PolystepError
from polystep.contracts.storage import DiskFull, NotStored
from polystep.stores.postgres.driver import ClientError, DriverFault, ServerError

EVICTED: Final = "PSEVI"
"""SQLSTATE of the fence: the lane is not alive, or has a later epoch."""

_AGAIN: Final = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: the same group may succeed at once."""
_DISK_FULL: Final = "53100"
_READ_ONLY: Final = "25006"
_BROKEN: Final = ("08", "53", "57", "58", "XX")
"""Classes of a server that cannot work at the moment: connection, resources, shutdown, its system, corruption."""
_NEVER: Final = ("22", "23", "54")
"""Classes of a statement that fails because of its values."""
_SESSION_ENDS: Final = ("FATAL", "PANIC")
_PASSWORD: Final = re.compile(r"(?<=:)[^:@/]*(?=@)")


def state_of(error: BaseException) -> str:
    """Return the SQLSTATE of an error of the server, and an empty text for others."""
    return str(getattr(error, "sqlstate", "") or "") if isinstance(error, ServerError) else ""


def is_lost(error: BaseException) -> bool:
    """Report whether a connection broke, so that nobody knows whether its statement was carried out."""
    if isinstance(error, ServerError):
        # A session that is ended may have committed: the end comes between the commit and its answer too.
        return getattr(error, "severity_en", None) in _SESSION_ENDS or state_of(error).startswith("08")
    # The end of a session that comes while nothing is asked leaves the driver in a state that it does not expect. And
    # it has one class for closed connections and misuse.
    return isinstance(error, (OSError, EOFError, DriverFault)) or (
        isinstance(error, ClientError) and "connection" in str(error)
    )


def is_again(error: BaseException) -> bool:
    """Report whether the same statement may succeed at once."""
    return state_of(error) in _AGAIN


def is_evicted(error: BaseException) -> bool:
    """Report whether the fence refused a statement."""
    return state_of(error) == EVICTED


def is_broken(error: BaseException) -> bool:
    """Report whether a server that has answered cannot work at the moment, so that a new connection is needed."""
    state = state_of(error)
    return state == _READ_ONLY or state.startswith(_BROKEN)


def shown(url: str) -> str:
    """Return an address without its password."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        at = f"{host}:{parts.port}" if parts.port else host
        return f"postgresql://{at}{parts.path}"
    except ValueError:
        return _PASSWORD.sub("…", url)


def write_failure(place: str, error: BaseException) -> PolystepError:
    """Say why a write has failed, and nothing of it is stored."""
    if isinstance(error, PolystepError):
        return error
    state = state_of(error)
    if state == _DISK_FULL:
        return DiskFull(f"The disk of {place} is full: nothing was written. Free some space; work goes on by itself.")
    if state == _READ_ONLY:
        return NotStored(f"{place} takes no writes: it is a replica, or was made read-only. Work goes on by itself.")
    if is_lost(error) or is_broken(error):
        return unreachable(place, error)
    failure = PolystepError(f"The write failed and nothing of it is stored: {_named(error)}")
    failure.retryable = not (state.startswith(_NEVER) or (not state and not isinstance(error, OSError)))
    return failure


def read_failure(place: str, error: BaseException) -> PolystepError:
    """Say why rows cannot be read."""
    if isinstance(error, PolystepError):
        return error
    if is_lost(error) or is_broken(error):
        return NotStored(f"{place} could not be read: {_named(error)}. Work goes on by itself when it answers.")
    return PolystepError(f"{place} could not be read: {_named(error)}")


def unreachable(place: str, error: BaseException) -> NotStored:
    """Say that a server does not answer."""
    return NotStored(f"{place} does not answer: {_named(error)}. Nothing was written; work goes on by itself.")


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
