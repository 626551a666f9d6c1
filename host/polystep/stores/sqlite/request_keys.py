"""Idempotency keys of requests in SQLite, in the file of the deliveries and journals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Final, NamedTuple, cast

import apsw

from polystep.contracts import limits
from polystep.contracts.errors import RunEnded
from polystep.contracts.events import Claim, NewDelivery, Stored
from polystep.contracts.journal import JournalEntry
from polystep.contracts.ports.clock import Clock
from polystep.contracts.request_keys import KeptResponse, KeyedRequest, KeyedRun, KeyRefusal, SentBy
from polystep.stores.sqlite.database import Database
from polystep.stores.sqlite.hosts import SqliteHosts
from polystep.stores.sqlite.insertion import insert
from polystep.stores.sqlite.journal import forget_journal, mark_sent, read_journal, write_entry

_RUNNING, _KEPT, _NOT_KEPT, _FREE = 0, 1, 2, 3

REQUEST_KEYS: Final = f"""
CREATE TABLE IF NOT EXISTS request_keys (
  step TEXT NOT NULL, key TEXT NOT NULL, client BLOB NOT NULL, fingerprint BLOB NOT NULL, run_id TEXT NOT NULL,
  token INTEGER NOT NULL, state INTEGER NOT NULL, owner TEXT, lease_until_ms INTEGER NOT NULL,
  until_ms INTEGER NOT NULL, ended_at_ms INTEGER, status INTEGER, headers TEXT, trace_id TEXT, body BLOB,
  PRIMARY KEY (step, key, client)
);
CREATE INDEX IF NOT EXISTS request_keys_until ON request_keys (until_ms);
CREATE INDEX IF NOT EXISTS request_keys_ended ON request_keys (ended_at_ms) WHERE ended_at_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS request_keys_running ON request_keys (owner) WHERE state = {_RUNNING};
-- How many there are and how many bytes they keep: counted as they change, since reading all of them takes long.
CREATE TABLE IF NOT EXISTS request_key_totals (id INTEGER PRIMARY KEY, keys INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT OR IGNORE INTO request_key_totals VALUES (0, 0, 0);
CREATE TRIGGER IF NOT EXISTS request_keys_added AFTER INSERT ON request_keys BEGIN
  UPDATE request_key_totals SET keys = keys + 1, bytes = bytes + coalesce(length(NEW.body), 0);
END;
CREATE TRIGGER IF NOT EXISTS request_keys_changed AFTER UPDATE OF body ON request_keys BEGIN
  UPDATE request_key_totals SET bytes = bytes + coalesce(length(NEW.body), 0) - coalesce(length(OLD.body), 0);
END;
CREATE TRIGGER IF NOT EXISTS request_keys_removed AFTER DELETE ON request_keys BEGIN
  UPDATE request_key_totals SET keys = keys - 1, bytes = bytes - coalesce(length(OLD.body), 0);
END;
"""

_PRUNED: Final = 10
"""Keys whose time is over, or that are too many, that are removed when one begins: more than are added."""
_ROW: Final = """
SELECT fingerprint, run_id, token, state, lease_until_ms, until_ms, status, headers, trace_id, body FROM request_keys
WHERE step = ? AND key = ? AND client = ?"""
_ADD: Final = f"""
INSERT INTO request_keys (step, key, client, fingerprint, run_id, token, state, owner, lease_until_ms, until_ms)
VALUES (?, ?, ?, ?, ?, 1, {_RUNNING}, ?, ?, ?)"""
_MINE: Final = f"step = ? AND key = ? AND client = ? AND run_id = ? AND token = ? AND state = {_RUNNING}"
_AGAIN: Final = f"""
UPDATE request_keys SET token = token + 1, state = {_RUNNING}, owner = ?, lease_until_ms = ?, until_ms = ?,
  ended_at_ms = NULL WHERE step = ? AND key = ? AND client = ?"""
_END: Final = f"""
UPDATE request_keys SET state = ?, owner = NULL, until_ms = ?, ended_at_ms = ?, status = ?, headers = ?, trace_id = ?,
  body = ? WHERE {_MINE}"""
_OVER: Final = f"""
SELECT rowid, run_id FROM request_keys WHERE until_ms <= ?1 AND (state <> {_RUNNING} OR lease_until_ms <= ?1)
ORDER BY until_ms LIMIT {_PRUNED}"""
_OLDEST: Final = """
SELECT rowid, run_id, coalesce(length(body), 0) FROM request_keys WHERE ended_at_ms IS NOT NULL
ORDER BY ended_at_ms LIMIT ?"""


class _Row(NamedTuple):
    fingerprint: bytes
    run_id: str
    token: int
    state: int
    lease_until_ms: int
    until_ms: int
    status: int
    headers: str
    trace_id: str
    body: bytes

    def is_running(self, now_ms: int) -> bool:
        return self.state == _RUNNING and self.lease_until_ms > now_ms


class SqliteRequestKeyStore:
    """Implements `RequestKeyStore`."""

    def __init__(self, database: Database, clock: Clock, hosts: SqliteHosts, deployment: int) -> None:
        self._database = database
        self._clock = clock
        self._hosts = hosts
        self._deployment = deployment

    def begin(
        self, request: KeyedRequest, run_id: str, owner: str, lease_until_ms: int, until_ms: int
    ) -> asyncio.Future[KeyedRun | KeptResponse | KeyRefusal]:
        """Look at the row of the key, and write it when the request is to run."""
        now_ms, scope = self._clock.now_ms(), request[:3]

        def job(connection: apsw.Connection) -> KeyedRun | KeptResponse | KeyRefusal:
            _prune(connection, now_ms)
            rows = [_Row._make(row) for row in connection.execute(_ROW, scope).fetchall()]
            row = rows[0] if rows else None
            if row is not None and _is_forgotten(row, request, now_ms):
                connection.execute("DELETE FROM request_keys WHERE step = ? AND key = ? AND client = ?", scope)
                forget_journal(connection, row.run_id)
                row = None
            if row is None:
                connection.execute(_ADD, (*request, run_id, owner, lease_until_ms, until_ms))
                return KeyedRun(request, run_id, 1)
            if row.fingerprint != request.fingerprint:
                return "other_request"
            if row.state == _KEPT:
                headers = tuple((name, value) for name, value in json.loads(row.headers))
                return KeptResponse(row.status, headers, row.body, row.trace_id)
            if row.state == _NOT_KEPT:
                return "not_kept"
            if row.is_running(now_ms):
                return "running"
            connection.execute(_AGAIN, (owner, lease_until_ms, until_ms, *scope))
            return KeyedRun(request, row.run_id, row.token + 1, read_journal(connection, row.run_id))

        return self._database.write(job)

    def renew(self, runs: Sequence[KeyedRun], owner: str, lease_until_ms: int) -> asyncio.Future[None]:
        """Write the end of each lease."""
        held = list(runs)

        def job(connection: apsw.Connection) -> None:
            for run in held:
                sql = f"UPDATE request_keys SET lease_until_ms = ? WHERE {_MINE} AND owner = ?"
                connection.execute(sql, (lease_until_ms, *_mine(run), owner))

        return self._database.write(job)

    def end(self, run: KeyedRun, response: KeptResponse | None, until_ms: int) -> asyncio.Future[bool]:
        """Write the response into the row of the key, and remove the journal."""
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> bool:
            kept: tuple[object, ...] = (None, None, None, None)
            if response is not None:
                kept = (response.status, json.dumps(response.headers), response.trace_id, response.body)
            state = _NOT_KEPT if response is None else _KEPT
            connection.execute(_END, (state, until_ms, now_ms, *kept, *_mine(run)))
            if not connection.changes():
                return False
            forget_journal(connection, run.run_id)
            return True

        return self._database.write(job)

    def free(self, run: KeyedRun) -> asyncio.Future[bool]:
        """Write that nobody has the key."""
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> bool:
            sql = f"UPDATE request_keys SET state = {_FREE}, owner = NULL, ended_at_ms = ? WHERE {_MINE}"
            connection.execute(sql, (now_ms, *_mine(run)))
            return bool(connection.changes())

        return self._database.write(job)

    def keep(self, run: KeyedRun, entry: JournalEntry) -> asyncio.Future[bool]:
        """Write one row of the journal."""

        def job(connection: apsw.Connection) -> bool:
            if not _is_mine(connection, run):
                return False
            write_entry(connection, run.run_id, entry)
            return True

        return self._database.write(job)

    def enqueue(
        self, sent: SentBy, deliveries: Sequence[NewDelivery], claim: Claim | None = None
    ) -> asyncio.Future[Stored]:
        """Write the deliveries and the mark of what was sent."""
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> Stored:
            if not _is_mine(connection, sent.run):
                raise RunEnded("A later request with the same Idempotency-Key has taken over; this run sends nothing.")
            mark_sent(connection, sent.run.run_id, sent.emit)
            return insert(connection, deliveries, now_ms, claim, self._deployment)

        return self._database.write(job)

    async def release_dead(self) -> None:
        """End the leases of all but the hosts of this process: see `SqliteQueueStore.dead_owners`."""
        rows = self._database.read(f"SELECT DISTINCT owner FROM request_keys WHERE state = {_RUNNING}")
        dead = [(owner,) for (owner,) in rows if owner not in self._hosts.live]

        def job(connection: apsw.Connection) -> None:
            for owner in dead:
                sql = f"UPDATE request_keys SET lease_until_ms = 0 WHERE state = {_RUNNING} AND owner = ?"
                connection.execute(sql, owner)

        if dead:
            await self._database.sweep(job)


def _mine(run: KeyedRun) -> tuple[str, str, bytes, str, int]:
    return *run.request[:3], run.run_id, run.token


def _is_mine(connection: apsw.Connection, run: KeyedRun) -> bool:
    return bool(connection.execute(f"SELECT 1 FROM request_keys WHERE {_MINE}", _mine(run)).fetchall())


def _is_forgotten(row: _Row, request: KeyedRequest, now_ms: int) -> bool:
    """Report whether a key is as if it had never been used: its time is over, or it is free for another request."""
    if row.until_ms <= now_ms:
        return not row.is_running(now_ms)
    return row.state == _FREE and row.fingerprint != request.fingerprint


def _prune(connection: apsw.Connection, now_ms: int) -> None:
    """Remove a few keys whose time is over, and of too many the ones that ended first."""
    gone = [(rowid, run_id) for rowid, run_id in connection.execute(_OVER, (now_ms,)).fetchall()]
    _remove(connection, gone)
    rows = connection.execute("SELECT keys, bytes FROM request_key_totals").fetchall()
    ((keys, size),) = cast("list[tuple[int, int]]", rows)
    if keys < limits.REQUEST_KEYS_MAX and size < limits.KEPT_RESPONSES_BYTES_MAX:
        return
    oldest = []
    found = cast("list[tuple[int, str, int]]", connection.execute(_OLDEST, (_PRUNED,)).fetchall())
    for rowid, run_id, bytes_ in found:
        if keys < limits.REQUEST_KEYS_MAX and size < limits.KEPT_RESPONSES_BYTES_MAX:
            break
        oldest.append((rowid, run_id))
        keys, size = keys - 1, size - bytes_
    _remove(connection, oldest)


def _remove(connection: apsw.Connection, rows: Sequence[tuple[object, object]]) -> None:
    for rowid, run_id in rows:
        connection.execute("DELETE FROM request_keys WHERE rowid = ?", (rowid,))
        forget_journal(connection, str(run_id))
