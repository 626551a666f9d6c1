"""Events that cancel runs, in SQLite: keys by which the runs are found, and what is left to do of each event.

A key holds the id of its delivery, so what an event means is a range of an index: the cost does not grow with what
waits in the queue beside it.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, NamedTuple, cast

import apsw
import orjson

from polystep.contracts.events import Cancellations, NewDelivery, RemovedDelivery, RunsOf, RunToEnd
from polystep.contracts.futures import ready
from polystep.contracts.ports.clock import Clock
from polystep.contracts.values import JSONObject
from polystep.stores.error_text import reason_of
from polystep.stores.sqlite.cancelling import cancel_waiting
from polystep.stores.sqlite.database import Database
from polystep.stores.sqlite.fifo import RELEASE_LATE, RUNNING

CANCELLATIONS: Final = """
-- Runs of steps with `cancelOn`. The key of a dead letter stays, for its replay, with a delivery of 0 or below.
CREATE TABLE IF NOT EXISTS cancel_keys (
  step TEXT NOT NULL, path TEXT NOT NULL, value TEXT NOT NULL, delivery INTEGER NOT NULL, run_id TEXT NOT NULL,
  PRIMARY KEY (step, path, value, delivery, run_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cancel_keys_run ON cancel_keys (run_id);
-- What is left to do of events: runs that run, those beyond the first, and all of an event that is due later.
CREATE TABLE IF NOT EXISTS cancellations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  step TEXT NOT NULL, path TEXT NOT NULL, value TEXT NOT NULL, event_id TEXT NOT NULL,
  -- The newest delivery that is meant; missing until the event is due.
  upto INTEGER,
  at_ms INTEGER NOT NULL, kept_at_ms INTEGER NOT NULL, reason TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS cancellations_due ON cancellations (at_ms, id);
CREATE INDEX IF NOT EXISTS cancellations_event ON cancellations (event_id);
"""

AT_ONCE: Final = 20
"""Runs that are removed in the commit of the event; the rest follow at once in commits of their own."""
_PAGE: Final = 100
"""Keys that are looked at together."""
_EVENTS: Final = 200
"""Events with work left that are looked at together."""
_KEEP_KEY: Final = "INSERT OR IGNORE INTO cancel_keys VALUES (?, ?, ?, ?, ?)"
_MARK: Final = "UPDATE deliveries SET cancellable = 1 WHERE id = ?"
_MATCHES: Final = """
SELECT k.delivery, k.run_id, d.status, d.event_id FROM cancel_keys k LEFT JOIN deliveries d ON d.id = k.delivery
WHERE k.step = ? AND k.path = ? AND k.value = ? AND k.delivery > ? AND k.delivery <= ? ORDER BY k.delivery LIMIT ?"""
_DIED: Final = """
UPDATE cancel_keys SET delivery = -delivery WHERE step = ? AND path = ? AND value = ? AND delivery = ?"""
_KEEP: Final = """
INSERT INTO cancellations (step, path, value, event_id, upto, at_ms, kept_at_ms, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_DUE: Final = """
SELECT id, step, path, value, event_id, upto, at_ms, reason FROM cancellations WHERE at_ms <= ? ORDER BY at_ms, id
LIMIT ?"""
# Ids grow with time: it is found near the end. When the clock was set back, only `timed_at_ms` has moved along.
_STORED_BY: Final = """
SELECT id FROM deliveries WHERE min(enqueued_at_ms, coalesce(timed_at_ms, enqueued_at_ms)) <= ? ORDER BY id DESC
LIMIT 1"""
_MOVE: Final = """
UPDATE cancellations SET at_ms = at_ms - coalesce(?1, kept_at_ms - ?2),
  kept_at_ms = kept_at_ms - coalesce(?1, kept_at_ms - ?2)
WHERE kept_at_ms > ?2"""


class _Meant(NamedTuple):
    """Runs that an event cancels: those that were stored before it."""

    runs: RunsOf
    event_id: str
    upto: int
    reason: JSONObject


class _Ended(NamedTuple):
    """Runs that were ended of those that an event means, and those that are left."""

    removed: list[RemovedDelivery]
    running: list[RunToEnd]
    called: list[RunToEnd]
    is_done: bool
    """None is left, neither one that waits nor one that runs."""
    has_more: bool
    """More of those that wait are left."""


class SqliteCancellationStore:
    """Implements `CancellationStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def settle(self, owner: str, limit: int) -> asyncio.Future[Cancellations]:
        """Go on with each event that is due; where there is none, only look."""
        now_ms = self._clock.now_ms()
        ((next_ms,),) = self._database.read("SELECT min(at_ms) FROM cancellations")
        if next_ms is None or next_ms > now_ms:
            return ready(Cancellations(next_ms=next_ms))

        def job(connection: apsw.Connection) -> Cancellations:
            # Else a claim would start what a dead host has left.
            connection.execute(RELEASE_LATE, (now_ms, owner))
            return _settle(connection, now_ms, limit)

        return self._database.write(job)


def keep_cancel_keys(connection: apsw.Connection, new: NewDelivery, delivery: int) -> None:
    """Store by what a run is found; `delivery` is 0 of a dead letter."""
    for path, value in new.cancel_keys:
        connection.execute(_KEEP_KEY, (new.step, path, value, delivery, new.run_id))
    if delivery:
        connection.execute(_MARK, (delivery,))


def revive_cancel_keys(connection: apsw.Connection, run_id: str, delivery: int) -> None:
    """Let a run be found that is tried again from the dead letters."""
    connection.execute("UPDATE cancel_keys SET delivery = ? WHERE run_id = ?", (delivery, run_id))
    if connection.changes():
        connection.execute(_MARK, (delivery,))


def forget_cancel_keys(connection: apsw.Connection, run_id: str) -> None:
    """Let a run be found no more: it is over."""
    connection.execute("DELETE FROM cancel_keys WHERE run_id = ?", (run_id,))


def cancel_by_event(connection: apsw.Connection, new: NewDelivery, now_ms: int) -> Cancellations:
    """Cancel the runs that an event means, as far as that can be done at once; keep what is left to do."""
    reason = reason_of(new)
    found = Cancellations()
    for runs in new.cancels:
        kept = (*runs, new.event_id)
        if new.run_at_ms > now_ms:
            connection.execute(_KEEP, (*kept, None, new.run_at_ms, now_ms, orjson.dumps(reason).decode()))
            found = found._replace(is_done=False)
            continue
        ((upto,),) = connection.execute("SELECT coalesce(max(id), 0) FROM deliveries").fetchall()
        ended = _end(connection, _Meant(runs, new.event_id, cast("int", upto), reason), AT_ONCE, now_ms)
        if not ended.is_done:
            connection.execute(_KEEP, (*kept, upto, now_ms, now_ms, orjson.dumps(reason).decode()))
        found = _joined(found, ended)
    return found


def move_cancellations(connection: apsw.Connection, now_ms: int, back_ms: int | None) -> None:
    """Move the times of events along with a wall clock that was set back."""
    connection.execute(_MOVE, (back_ms, now_ms))


def _settle(connection: apsw.Connection, now_ms: int, limit: int) -> Cancellations:
    found = Cancellations()
    for id_, step, path, value, event_id, upto, at_ms, reason in connection.execute(_DUE, (now_ms, _EVENTS)).fetchall():
        left = limit - len(found.removed)
        if left <= 0:
            found = found._replace(is_done=False, has_more=True)
            break
        if upto is None:
            upto = _stored_by(connection, cast("int", at_ms))
            connection.execute("UPDATE cancellations SET upto = ? WHERE id = ?", (upto, id_))
        runs = RunsOf(cast("str", step), cast("str", path), cast("str", value))
        meant = _Meant(runs, cast("str", event_id), cast("int", upto), orjson.loads(cast("str", reason)))
        ended = _end(connection, meant, left, now_ms)
        if ended.is_done:
            connection.execute("DELETE FROM cancellations WHERE id = ?", (id_,))
        found = _joined(found, ended)
    ((next_ms,),) = connection.execute("SELECT min(at_ms) FROM cancellations WHERE at_ms > ?", (now_ms,)).fetchall()
    return found._replace(next_ms=cast("int | None", next_ms))


def _stored_by(connection: apsw.Connection, at_ms: int) -> int:
    rows = connection.execute(_STORED_BY, (at_ms,)).fetchall()
    return cast("int", rows[0][0]) if rows else 0


def _end(connection: apsw.Connection, meant: _Meant, limit: int, now_ms: int) -> _Ended:
    """Remove up to `limit` of the runs that wait, with those of their calls, and find those that run."""
    removed: list[RemovedDelivery] = []
    running: list[RunToEnd] = []
    called: list[RunToEnd] = []
    position, count, is_done = 0, 0, True
    while True:
        rows = cast(
            "list[tuple[Any, ...]]",
            connection.execute(_MATCHES, (*meant.runs, position, meant.upto, _PAGE)).fetchall(),
        )
        for delivery, run_id, status, event_id in rows:
            position = delivery
            if status is None:
                connection.execute(_DIED, (*meant.runs, delivery))
            elif event_id == meant.event_id:
                continue  # the event has started it
            elif status == RUNNING:
                running.append(RunToEnd(run_id, meant.reason))
                is_done = False
            elif count == limit:
                return _Ended(removed, running, called, is_done=False, has_more=True)
            elif (gone := cancel_waiting(connection, run_id, now_ms)) is not None:
                count += 1
                removed += [each._replace(reason=meant.reason) for each in gone.removed]
                called += [RunToEnd(child, meant.reason) for child in gone.running]
        if len(rows) < _PAGE:
            return _Ended(removed, running, called, is_done=is_done, has_more=False)


def _joined(found: Cancellations, ended: _Ended) -> Cancellations:
    return found._replace(
        removed=[*found.removed, *ended.removed],
        running=[*found.running, *ended.running],
        called=[*found.called, *ended.called],
        is_done=found.is_done and ended.is_done,
        has_more=found.has_more or ended.has_more,
    )
