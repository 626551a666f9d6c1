"""Calls of runs to other steps in SQLite: the result of the step that is called goes to the journal of the caller."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import apsw

from polystep.contracts.signals import ChildCall
from polystep.stores.sqlite.fifo import READY

CALLS: Final = """
CREATE TABLE IF NOT EXISTS calls (child_run_id TEXT PRIMARY KEY, run_id TEXT NOT NULL, key TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS calls_run ON calls (run_id, key);
"""

_TAKE: Final = "DELETE FROM calls WHERE child_run_id = ? RETURNING run_id, key"
_KEEP_VALUE: Final = "UPDATE journal SET value = ? WHERE run_id = ? AND key = ?"
# An error counts within the try of the caller in which the call was made, as that of a `once` does.
_KEEP_ERROR: Final = "UPDATE journal SET error = ? WHERE run_id = ? AND key = ?"
_WAKE: Final = f"UPDATE deliveries SET run_at_ms = ?1, timed_at_ms = ?1 WHERE run_id = ?2 AND status = {READY}"


def open_call(connection: apsw.Connection, run_id: str, key: str, call: ChildCall) -> None:
    """Store who waits for the result of a run."""
    connection.execute("DELETE FROM calls WHERE run_id = ? AND key = ?", (run_id, key))
    connection.execute("INSERT INTO calls VALUES (?, ?, ?)", (call.run_id, run_id, key))


def end_call(
    connection: apsw.Connection, child_run_id: str, now_ms: int, *, value: bytes | None = None, error: str | None = None
) -> bool:
    """Give the caller of a run its result, and make it due; False when nobody waits for it."""
    rows = connection.execute(_TAKE, (child_run_id,)).fetchall()
    for run_id, key in rows:
        if error is None:
            connection.execute(_KEEP_VALUE, (value, run_id, key))
        else:
            connection.execute(_KEEP_ERROR, (error.encode(), run_id, key))
        connection.execute(_WAKE, (now_ms, run_id))
    return bool(rows)


def called_by(connection: apsw.Connection, run_id: str) -> list[str]:
    """Return the runs whose results a run waits for."""
    rows = connection.execute("SELECT child_run_id FROM calls WHERE run_id = ?", (run_id,)).fetchall()
    return [str(row[0]) for row in rows]


def leave_call(connection: apsw.Connection, run_id: str, key: str) -> None:
    """Wait no more for the result of a call."""
    connection.execute("DELETE FROM calls WHERE run_id = ? AND key = ?", (run_id, key))


def has_ended(connection: apsw.Connection, run_id: str, keys: Collection[str]) -> bool:
    """Report whether one of these calls of a run has its result."""
    sql = "SELECT 1 FROM journal WHERE run_id = ? AND key = ? AND kind = 'call' AND coalesce(value, error) IS NOT NULL"
    return any(connection.execute(sql, (run_id, key)).fetchall() for key in keys)
