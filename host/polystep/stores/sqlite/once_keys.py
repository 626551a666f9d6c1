"""Keys of the project in SQLite, in the file of the deliveries and journals.

A key is held by the claim of a delivery, so no lease of its own can outlive the run: a hold counts while the delivery
runs with the same token. A run that waits has an entry without a value in its journal, which goes with the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple, cast

import apsw

from polystep.contracts import limits
from polystep.contracts.errors import JournalFull
from polystep.contracts.events import Delivery
from polystep.contracts.journal import JournalEntry
from polystep.contracts.once_keys import OnceKey, TakenKey, WokenRuns
from polystep.contracts.ports.clock import Clock
from polystep.stores.sqlite.database import Database
from polystep.stores.sqlite.fifo import READY, RUNNING
from polystep.stores.sqlite.journal import WAITS_FOR_KEY, is_current, write_entry

ONCE_KEYS: Final = f"""
CREATE TABLE IF NOT EXISTS once_keys (
  key TEXT PRIMARY KEY, id TEXT NOT NULL, step TEXT NOT NULL, run_id TEXT NOT NULL, trace_id TEXT NOT NULL,
  begun_at_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, delivery_id INTEGER, token INTEGER, kept_at_ms INTEGER,
  sensitive INTEGER NOT NULL DEFAULT 0, value BLOB
);
CREATE INDEX IF NOT EXISTS once_keys_until ON once_keys (until_ms);
-- Runs that wait for a key, the longest waiting first.
CREATE INDEX IF NOT EXISTS journal_once_waits ON journal (key, kept_at_ms) WHERE {WAITS_FOR_KEY};
-- How many there are and how many bytes they keep: counted as they change, since reading all of them takes long.
CREATE TABLE IF NOT EXISTS once_key_totals (id INTEGER PRIMARY KEY, keys INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT OR IGNORE INTO once_key_totals VALUES (0, 0, 0);
CREATE TRIGGER IF NOT EXISTS once_keys_added AFTER INSERT ON once_keys BEGIN
  UPDATE once_key_totals SET keys = keys + 1;
END;
CREATE TRIGGER IF NOT EXISTS once_keys_changed AFTER UPDATE OF value ON once_keys BEGIN
  UPDATE once_key_totals SET bytes = bytes + coalesce(length(NEW.value), 0) - coalesce(length(OLD.value), 0);
END;
CREATE TRIGGER IF NOT EXISTS once_keys_removed AFTER DELETE ON once_keys BEGIN
  UPDATE once_key_totals SET keys = keys - 1, bytes = bytes - coalesce(length(OLD.value), 0);
END;
"""

_PRUNED: Final = 10
"""Keys whose time is over that are removed when one is taken: more than are added."""
_LOOKED_AT: Final = 32
"""Waiting runs, the longest waiting first, among which one of each step is made due when a key is free."""
_W_WAITS: Final = "w.kind = 'once' AND w.due_ms IS NOT NULL"
_IS_HELD: Final = f"""EXISTS (
  SELECT 1 FROM deliveries h WHERE h.id = k.delivery_id AND h.token = k.token AND h.status = {RUNNING})"""
_ROW: Final = f"""
SELECT k.id, k.value, k.kept_at_ms, k.until_ms, k.sensitive, {_IS_HELD}, k.delivery_id, k.token
FROM once_keys k WHERE k.key = ?"""
_ADD: Final = """
INSERT INTO once_keys (key, id, step, run_id, trace_id, begun_at_ms, until_ms, delivery_id, token)
VALUES (?, lower(hex(randomblob(16))), ?, ?, ?, ?, ?, ?, ?) RETURNING id"""
_TAKE: Final = """
UPDATE once_keys SET step = ?2, run_id = ?3, trace_id = ?4, begun_at_ms = ?5, until_ms = ?6, delivery_id = ?7,
  token = ?8 WHERE key = ?1 RETURNING id"""
_MINE: Final = "key = ? AND delivery_id = ? AND token = ?"
_KEEP: Final = f"""
UPDATE once_keys SET value = ?, sensitive = ?, kept_at_ms = ?, until_ms = ?, delivery_id = NULL, token = NULL
WHERE {_MINE}"""
_GIVE_BACK: Final = f"UPDATE once_keys SET delivery_id = NULL, token = NULL WHERE {_MINE}"
_WAITS_NO_MORE: Final = f"DELETE FROM journal WHERE run_id = ? AND key = ? AND {WAITS_FOR_KEY}"
_OVER: Final = f"""
SELECT k.key FROM once_keys k WHERE k.until_ms <= ? AND NOT {_IS_HELD}
AND NOT EXISTS (SELECT 1 FROM journal WHERE key = k.key AND {WAITS_FOR_KEY}) ORDER BY k.until_ms LIMIT {_PRUNED}"""
# A wait counts in the try in which it was begun: a run that has failed meanwhile waits for its next attempt.
_WAITING: Final = f"""
FROM journal w CROSS JOIN deliveries d ON d.run_id = w.run_id AND d.failures = w.failures
WHERE w.key = ? AND {_W_WAITS}"""
_DUE: Final = f"UPDATE deliveries SET run_at_ms = ?1, timed_at_ms = ?1 WHERE id = ?2 AND status = {READY}"
_WANTED: Final = f"""
SELECT w.key, k.value IS NOT NULL FROM (SELECT DISTINCT key FROM journal WHERE {WAITS_FOR_KEY}) w
LEFT JOIN once_keys k ON k.key = w.key WHERE NOT {_IS_HELD}"""
_ANY_WAITING: Final = f"""
SELECT 1 FROM journal w CROSS JOIN deliveries d ON d.run_id = w.run_id WHERE {_W_WAITS} LIMIT 1"""
_LISTED: Final = f"""
SELECT k.key, CASE WHEN k.value IS NOT NULL THEN 'kept' WHEN {_IS_HELD} THEN 'running' ELSE 'free' END,
  k.step, k.run_id, k.trace_id, k.begun_at_ms, k.kept_at_ms, k.until_ms, coalesce(length(k.value), 0),
  (SELECT count(*) FROM journal w CROSS JOIN deliveries d ON d.run_id = w.run_id
   WHERE w.key = k.key AND {_W_WAITS})
FROM once_keys k WHERE k.key > ?1 AND k.key >= ?2 AND k.key < ?3
AND (k.value IS NULL OR k.until_ms > ?4) ORDER BY k.key LIMIT ?5"""
_LAST: Final = chr(0x10FFFF)


class _Row(NamedTuple):
    id: str
    value: bytes | None
    kept_at_ms: int
    until_ms: int
    is_sensitive: int
    is_held: int
    delivery_id: int | None
    token: int | None


class SqliteOnceKeyStore:
    """Implements `OnceKeyStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def take(
        self, delivery: Delivery, wait: JournalEntry, ttl_ms: int, room_bytes: int
    ) -> asyncio.Future[TakenKey | JournalEntry | None]:
        """Look at the row of the key, and write it or the wait."""
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> TakenKey | JournalEntry | None:
            if not is_current(connection, delivery):
                return None
            rows = connection.execute(_ROW, (wait.key,)).fetchall()
            row = _Row._make(rows[0]) if rows else None
            if row is not None and row.value is not None and _counts(row, wait, now_ms):
                kept = wait._replace(
                    value=row.value, kept_at_ms=row.kept_at_ms, due_ms=None, failures=0,
                    is_sensitive=wait.is_sensitive or bool(row.is_sensitive),
                )  # fmt: skip
                if kept.size <= room_bytes:
                    write_entry(connection, delivery.run_id, kept)
                return kept
            if row is not None and row.is_held and (row.delivery_id, row.token) != (delivery.id, delivery.token):
                write_entry(connection, delivery.run_id, wait)
                return wait
            return TakenKey(_take(connection, delivery, wait.key, row, now_ms, ttl_ms))

        return self._database.write(job)

    def keep(self, delivery: Delivery, entry: JournalEntry, ttl_ms: int) -> asyncio.Future[WokenRuns | None]:
        """Write the result, and make deliveries due."""
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> WokenRuns | None:
            if not is_current(connection, delivery):
                return None
            kept = (entry.value, entry.is_sensitive, now_ms, now_ms + ttl_ms)
            connection.execute(_KEEP, (*kept, entry.key, delivery.id, delivery.token))
            if not connection.changes():
                return None
            write_entry(connection, delivery.run_id, entry)
            return WokenRuns(_wake_all(connection, entry.key, now_ms))

        return self._database.write(job)

    def give_back(
        self, delivery: Delivery, key: str, entry: JournalEntry | None = None
    ) -> asyncio.Future[WokenRuns | None]:
        """Write that nobody holds the key, and make deliveries due."""
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> WokenRuns | None:
            if not is_current(connection, delivery):
                return None
            connection.execute(_GIVE_BACK, (key, delivery.id, delivery.token))
            is_free = bool(connection.changes())
            if entry is not None:
                write_entry(connection, delivery.run_id, entry)
            return WokenRuns(_wake_next(connection, key, now_ms) if is_free else frozenset())

        return self._database.write(job)

    async def pass_on(self) -> WokenRuns:
        """Look at all keys that runs wait for, in a thread."""
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> WokenRuns:
            steps: set[str] = set()
            for row in connection.execute(_WANTED).fetchall():
                key, is_kept = cast("tuple[str, int]", row)
                steps |= _wake_all(connection, key, now_ms) if is_kept else _wake_next(connection, key, now_ms)
            return WokenRuns(frozenset(steps), bool(connection.execute(_ANY_WAITING).fetchall()))

        return await self._database.sweep(job)

    async def listed(self, limit: int, after: str, prefix: str) -> Sequence[OnceKey]:
        """Read a page by the primary key."""
        bindings = (after, prefix, prefix + _LAST, self._clock.now_ms(), limit)
        return [OnceKey._make(cast("Any", row)) for row in await self._database.scan(_LISTED, bindings)]

    def forget(self, key: str) -> asyncio.Future[Literal["forgotten", "running"] | None]:
        """Remove the row."""

        def job(connection: apsw.Connection) -> Literal["forgotten", "running"] | None:
            rows = connection.execute(_ROW, (key,)).fetchall()
            if rows and _Row._make(rows[0]).is_held:
                return "running"
            connection.execute("DELETE FROM once_keys WHERE key = ?", (key,))
            return "forgotten" if rows else None

        return self._database.write(job)


def _counts(row: _Row, wait: JournalEntry, now_ms: int) -> bool:
    """Report whether the result of a key counts for a run: its time is not over, or the run has waited for it."""
    return row.until_ms > now_ms or wait.kept_at_ms <= row.kept_at_ms


def _take(connection: apsw.Connection, delivery: Delivery, key: str, row: _Row | None, now_ms: int, ttl_ms: int) -> str:
    """Let a delivery hold a key; returns the id of the key."""
    _prune(connection, now_ms)
    # Taken up again after a failure it names the same work, after its time another one.
    if row is not None and row.value is not None:
        connection.execute("DELETE FROM once_keys WHERE key = ?", (key,))
        row = None
    if row is None:
        _check_room(connection)
    holder = (delivery.step, delivery.run_id, delivery.trace_id, now_ms, now_ms + ttl_ms, delivery.id, delivery.token)
    connection.execute(_WAITS_NO_MORE, (delivery.run_id, key))
    ((id_,),) = connection.execute(_ADD if row is None else _TAKE, (key, *holder)).fetchall()
    return cast("str", id_)


def _check_room(connection: apsw.Connection) -> None:
    rows = connection.execute("SELECT keys, bytes FROM once_key_totals").fetchall()
    ((keys, size),) = cast("list[tuple[int, int]]", rows)
    if keys >= limits.ONCE_KEYS_MAX or size >= limits.ONCE_KEYS_BYTES_MAX:
        raise JournalFull(
            f"The project keeps {keys:,} keys of `once` with {size:,} bytes; at most {limits.ONCE_KEYS_MAX:,} and "
            f"{limits.ONCE_KEYS_BYTES_MAX:,} may be. Give them a shorter `ttl`, or forget some (polystep forget-once)."
        )


def _prune(connection: apsw.Connection, now_ms: int) -> None:
    """Remove a few keys whose time is over, and for which nobody waits."""
    for row in connection.execute(_OVER, (now_ms,)).fetchall():
        connection.execute("DELETE FROM once_keys WHERE key = ?", cast("tuple[str]", row))


def _wake_all(connection: apsw.Connection, key: str, now_ms: int) -> frozenset[str]:
    """Make all runs due that wait for a key; returns their steps."""
    sql = f"SELECT d.id, d.step, d.status = {READY} AND d.run_at_ms > ? {_WAITING}"
    steps: set[str] = set()
    for row in connection.execute(sql, (now_ms, key)).fetchall():
        id_, step, is_later = cast("tuple[int, str, int]", row)
        steps.add(step)
        if is_later:
            connection.execute(_DUE, (now_ms, id_))
    return frozenset(steps)


def _wake_next(connection: apsw.Connection, key: str, now_ms: int) -> frozenset[str]:
    """Make the longest waiting run of each step due: of one alone nobody knows whether it is to run soon."""
    sql = f"SELECT d.id, d.step, d.status = {READY} AND d.run_at_ms > ? {_WAITING} ORDER BY w.kept_at_ms LIMIT ?"
    steps: set[str] = set()
    for row in connection.execute(sql, (now_ms, key, _LOOKED_AT)).fetchall():
        id_, step, is_later = cast("tuple[int, str, int]", row)
        if step not in steps and is_later:
            connection.execute(_DUE, (now_ms, id_))
        steps.add(step)
    return frozenset(steps)
