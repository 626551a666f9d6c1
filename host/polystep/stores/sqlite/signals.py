"""Signals and the waits for them in SQLite, in the file of the deliveries."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, NamedTuple, cast

import apsw

from polystep.contracts import limits
from polystep.contracts.events import Delivery, NewDelivery
from polystep.contracts.signals import KEPT_MS, SignalWait

_PRUNED: Final = 100
"""Old signals that are removed when one is stored."""
_WAITING: Final = 0
"""Status of a ready delivery, as in `insertion`."""

SIGNALS: Final = """
CREATE TABLE IF NOT EXISTS signals (
  id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, path TEXT NOT NULL, value TEXT NOT NULL,
  event_id TEXT NOT NULL, at_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL,
  kept_at_ms INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS signals_wanted ON signals (topic, path, value, at_ms, id);
CREATE INDEX IF NOT EXISTS signals_event ON signals (event_id);
CREATE INDEX IF NOT EXISTS signals_old ON signals (until_ms);
-- One row for each event that a wait may take. Once it has taken one, that one is left.
CREATE TABLE IF NOT EXISTS signal_waits (
  run_id TEXT NOT NULL, key TEXT NOT NULL, topic TEXT NOT NULL, path TEXT NOT NULL, value TEXT NOT NULL,
  event_id TEXT, PRIMARY KEY (run_id, key, topic, path, value)
);
CREATE INDEX IF NOT EXISTS signal_waits_open ON signal_waits (topic, path, value) WHERE event_id IS NULL;
-- The longest wait that was seen for a topic.
CREATE TABLE IF NOT EXISTS signal_topics (topic TEXT PRIMARY KEY, for_ms INTEGER NOT NULL);
"""

_KEEP: Final = """
INSERT INTO signals (topic, path, value, event_id, at_ms, until_ms, kept_at_ms, data) SELECT ?1, ?2, ?3, ?4, ?5,
  ?5 + max(?6, coalesce((SELECT for_ms FROM signal_topics WHERE topic = ?1), 0)), ?7, ?8"""
_MOVE: Final = """
UPDATE signals SET at_ms = at_ms - coalesce(?1, kept_at_ms - ?2), until_ms = until_ms - coalesce(?1, kept_at_ms - ?2),
  kept_at_ms = kept_at_ms - coalesce(?1, kept_at_ms - ?2)
WHERE kept_at_ms > ?2"""
_PRUNE: Final = "DELETE FROM signals WHERE id IN (SELECT id FROM signals WHERE until_ms < ? LIMIT ?)"
# Ids have no gaps but for signals that are old, so this counts at least what is kept.
_CROWD_OUT: Final = """
DELETE FROM signals WHERE id IN (
  SELECT id FROM signals WHERE id <= (SELECT max(id) FROM signals) - ? ORDER BY id LIMIT ?)"""
_WAKE: Final = f"""
UPDATE deliveries SET run_at_ms = ?1, timed_at_ms = ?2 WHERE status = {_WAITING} AND run_at_ms > ?1 AND run_id IN (
  SELECT run_id FROM signal_waits WHERE topic = ?3 AND path = ?4 AND value = ?5 AND event_id IS NULL)"""
_WAIT: Final = "INSERT OR IGNORE INTO signal_waits (run_id, key, topic, path, value) VALUES (?, ?, ?, ?, ?)"
_LONGEST: Final = """
INSERT INTO signal_topics VALUES (?1, ?2) ON CONFLICT (topic) DO UPDATE SET for_ms = max(for_ms, ?2)"""
# The event of the run itself is none that it waits for. Its birth stays when it is tried again from the dead letters;
# after the clock was set back, the beginning of the wait may be before it.
_MATCHES: Final = """
FROM signal_waits w JOIN signals s ON s.topic = w.topic AND s.path = w.path AND s.value = w.value
WHERE w.run_id = ?1 AND w.key = ?2 AND w.event_id IS NULL AND s.at_ms >= min(?3, coalesce(
  (SELECT kept_at_ms FROM journal WHERE run_id = ?1 AND key = ?2), ?3)) AND s.event_id <> ?4 AND s.event_id NOT IN (
  SELECT event_id FROM signal_waits WHERE run_id = ?1 AND event_id IS NOT NULL)"""
_FIRST: Final = f"SELECT s.topic, s.event_id, s.data {_MATCHES} AND s.at_ms <= ?5 ORDER BY s.at_ms, s.id LIMIT 1"
_NEXT: Final = f"SELECT min(s.at_ms) {_MATCHES}"


class TakenSignal(NamedTuple):
    """Event that a wait has taken."""

    topic: str
    event_id: str
    data: bytes


def keep_signals(connection: apsw.Connection, new: NewDelivery, now_ms: int) -> None:
    """Store an event for the runs that wait for it, make these due, and remove a few that are old or too many."""
    connection.execute(_PRUNE, (now_ms, _PRUNED))
    connection.execute(_CROWD_OUT, (limits.SIGNALS_MAX, _PRUNED))
    at_ms = max(now_ms, new.run_at_ms)
    for path, value in new.signals:
        connection.execute(_KEEP, (new.topic, path, value, new.event_id, at_ms, KEPT_MS, now_ms, new.data))
        connection.execute(_WAKE, (at_ms, now_ms, new.topic, path, value))


def move_signals(connection: apsw.Connection, now_ms: int, back_ms: int | None) -> None:
    """Move the times of signals along with a wall clock that was set back."""
    connection.execute(_MOVE, (back_ms, now_ms))


def begin_signal_wait(connection: apsw.Connection, run_id: str, key: str, wait: SignalWait) -> None:
    """Store what a wait wants."""
    for wanted in wait.wanted:
        connection.execute(_WAIT, (run_id, key, *wanted))
        connection.execute(_LONGEST, (wanted.topic, wait.for_ms))


def take_first(
    connection: apsw.Connection, delivery: Delivery, key: str, now_ms: int, make: Callable[[str, bytes], bytes]
) -> bytes | None:
    """Take the oldest event that a wait wants and its run has not taken; returns what `make` makes of it."""
    of_run = (delivery.run_id, key, delivery.enqueued_at_ms, delivery.event_id)
    rows = connection.execute(_FIRST, (*of_run, now_ms)).fetchall()
    if not rows:
        return None
    taken = TakenSignal._make(rows[0])
    end_signal_wait(connection, delivery.run_id, key, taken)
    return make(taken.topic, taken.data)


def end_signal_wait(connection: apsw.Connection, run_id: str, key: str, taken: TakenSignal | None) -> None:
    """Let a wait want nothing any more, and take note of the event that it has taken."""
    if taken is not None:
        connection.execute(
            "UPDATE signal_waits SET event_id = ? WHERE rowid IN (SELECT rowid FROM signal_waits WHERE run_id = ? "
            "AND key = ? AND topic = ? LIMIT 1)",
            (taken.event_id, run_id, key, taken.topic),
        )
    connection.execute("DELETE FROM signal_waits WHERE run_id = ? AND key = ? AND event_id IS NULL", (run_id, key))


def next_signal_ms(connection: apsw.Connection, delivery: Delivery, keys: Collection[str]) -> int | None:
    """Return when the first event is there that one of these waits of a run would take; `None` when none is."""
    times = [
        cast("int | None", row[0])
        for key in keys
        for row in connection.execute(
            _NEXT, (delivery.run_id, key, delivery.enqueued_at_ms, delivery.event_id)
        ).fetchall()
    ]
    return min((at_ms for at_ms in times if at_ms is not None), default=None)
