"""Ids of events in SQLite: one event with an id and topic at a time, decided in the transaction that stores it.

Each step that gets the event has a row, so that an id that is freed for one step is not freed for the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple, cast

import apsw

from polystep.contracts.events import (
    CANCEL_STEP,
    SIGNAL_STEP,
    UNKNOWN_STEP,
    EventKey,
    KeyedEvents,
    NewDelivery,
    RemovedDelivery,
)
from polystep.contracts.ports.clock import Clock
from polystep.stores.sqlite.database import Database
from polystep.stores.sqlite.fifo import READY, RUNNING, unblock

EVENT_KEYS: Final = """
CREATE TABLE IF NOT EXISTS event_keys (
  topic TEXT NOT NULL, id TEXT NOT NULL, step TEXT NOT NULL, event_id TEXT NOT NULL, run_id TEXT NOT NULL,
  until_ms INTEGER NOT NULL, free INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (topic, id, step)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS event_keys_event ON event_keys (event_id);
CREATE INDEX IF NOT EXISTS event_keys_run ON event_keys (run_id);
CREATE INDEX IF NOT EXISTS event_keys_until ON event_keys (until_ms);
"""

_AGAIN_MS: Final = 86_400_000
"""Until an id is looked at again whose event waits, or is a dead letter, when its time is over."""
_PRUNED: Final = 10
"""Rows whose time is over that are looked at when one is written."""
_ROWS: Final = "SELECT step, event_id, run_id, until_ms, free FROM event_keys WHERE topic = ? AND id = ?"
_TAKE: Final = "INSERT OR REPLACE INTO event_keys VALUES (?, ?, ?, ?, ?, ?, 0)"
_IS_KEPT: Final = """
SELECT 1 FROM deliveries WHERE run_id = ?1 UNION ALL SELECT 1 FROM dead_letters WHERE run_id = ?1
UNION ALL SELECT 1 FROM parked WHERE run_id = ?1 LIMIT 1"""
_OLD: Final = "SELECT topic, id, step, run_id FROM event_keys WHERE until_ms <= ? ORDER BY until_ms LIMIT ?"
_UNSTARTED: Final = f"""
DELETE FROM deliveries WHERE run_id = ? AND status <> {RUNNING} AND attempt = 0
RETURNING step, run_id, trace_id, length(data), status, fifo_key, cancellable"""
_UNPARKED: Final = "DELETE FROM parked WHERE event_id = ? RETURNING run_id, trace_id, length(data)"
_FOLLOW: Final = """
INSERT OR IGNORE INTO event_keys SELECT topic, id, ?, event_id, ?, until_ms, 0 FROM event_keys
WHERE event_id = ? LIMIT 1"""


class _Row(NamedTuple):
    step: str
    event_id: str
    run_id: str
    until_ms: int
    free: int


class SqliteEventKeyStore:
    """Implements `EventKeyStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def cancel(self, topic: str, id: str) -> asyncio.Future[Sequence[RemovedDelivery]]:
        """Remove the deliveries that have not started, and free the id for their steps."""
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> Sequence[RemovedDelivery]:
            removed: list[RemovedDelivery] = []
            for row in _rows(connection, topic, id):
                if not row.free and (found := _remove_unstarted(connection, row, now_ms)) is not None:
                    removed.append(found)
                    connection.execute(
                        "UPDATE event_keys SET free = 1 WHERE topic = ? AND id = ? AND step = ?", (topic, id, row.step)
                    )
            return removed

        return self._database.write(job)


def take_key(connection: apsw.Connection, new: NewDelivery, key: EventKey, now_ms: int, keyed: KeyedEvents) -> bool:
    """Take the id of an event for one of its deliveries; False when an earlier event has it."""
    others = [row for row in _rows(connection, new.topic, key.id) if row.event_id != new.event_id]
    if others and all(row.free or (row.until_ms <= now_ms and not _is_kept(connection, row.run_id)) for row in others):
        connection.execute(
            "DELETE FROM event_keys WHERE topic = ? AND id = ? AND event_id <> ?", (new.topic, key.id, new.event_id)
        )
        others = []
    if others:
        own = next((row for row in others if row.step == new.step), None)
        removed = None
        if own is not None and key.replaces and not own.free:
            removed = _remove_unstarted(connection, own, now_ms)
        if removed is not None:
            keyed.removed.append(removed)
        elif own is None or not own.free:
            keyed.duplicates[new.run_id] = (own or others[0]).event_id
            return False
    _prune(connection, now_ms)
    until_ms = max(now_ms, new.run_at_ms) + key.ttl_ms
    connection.execute(_TAKE, (new.topic, key.id, new.step, new.event_id, new.run_id, until_ms))
    return True


def follow(connection: apsw.Connection, event_id: str, deliveries: Sequence[NewDelivery]) -> None:
    """Let the id of a parked event be that of its deliveries."""
    for new in deliveries:
        connection.execute(_FOLLOW, (new.step, new.run_id, event_id))


def free(connection: apsw.Connection, run_ids: str, bindings: Sequence[str | None]) -> None:
    """Free the ids of deliveries that were discarded; `run_ids` is SQL for their runs. No event cancels them."""
    connection.execute(f"UPDATE event_keys SET free = 1 WHERE run_id IN ({run_ids})", tuple(bindings))
    connection.execute(f"DELETE FROM cancel_keys WHERE run_id IN ({run_ids})", tuple(bindings))


def _rows(connection: apsw.Connection, topic: str, id: str) -> list[_Row]:
    return [_Row._make(row) for row in connection.execute(_ROWS, (topic, id)).fetchall()]


def _is_kept(connection: apsw.Connection, run_id: str) -> bool:
    return bool(connection.execute(_IS_KEPT, (run_id,)).fetchall())


def _remove_unstarted(connection: apsw.Connection, row: _Row, now_ms: int) -> RemovedDelivery | None:
    if row.step == SIGNAL_STEP:
        connection.execute("DELETE FROM signals WHERE event_id = ? AND at_ms > ?", (row.event_id, now_ms))
        return RemovedDelivery(SIGNAL_STEP, row.run_id, "", 0) if connection.changes() else None
    if row.step == CANCEL_STEP:
        connection.execute("DELETE FROM cancellations WHERE event_id = ? AND at_ms > ?", (row.event_id, now_ms))
        return RemovedDelivery(CANCEL_STEP, row.run_id, "", 0) if connection.changes() else None
    if row.step == UNKNOWN_STEP:
        parked = connection.execute(_UNPARKED, (row.event_id,)).fetchall()
        if not parked:
            return None
        run_id, trace_id, size = cast("tuple[str, str, int]", parked[0])
        return RemovedDelivery(UNKNOWN_STEP, run_id, trace_id, size)
    rows = connection.execute(_UNSTARTED, (row.run_id,)).fetchall()
    if not rows:
        return None
    step, run_id, trace_id, size, status, fifo_key, cancellable = cast(
        "tuple[str, str, str, int, int, str | None, int]", rows[0]
    )
    if status == READY:
        unblock(connection, step, fifo_key)
    if cancellable:
        connection.execute("DELETE FROM cancel_keys WHERE run_id = ?", (run_id,))
    return RemovedDelivery(step, run_id, trace_id, size)


def _prune(connection: apsw.Connection, now_ms: int) -> None:
    """Remove a few rows whose time is over, but not of what waits or is a dead letter."""
    for topic, id_, step, run_id in connection.execute(_OLD, (now_ms, _PRUNED)).fetchall():
        if _is_kept(connection, cast("str", run_id)):
            sql = "UPDATE event_keys SET until_ms = ? WHERE topic = ? AND id = ? AND step = ?"
            connection.execute(sql, (now_ms + _AGAIN_MS, topic, id_, step))
        else:
            connection.execute("DELETE FROM event_keys WHERE topic = ? AND id = ? AND step = ?", (topic, id_, step))
