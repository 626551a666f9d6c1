"""Deliveries and dead letters in SQLite.

A FIFO key never needs a scan: only the head of a key is `ready`, the rest wait as `blocked`, and the statement that
finishes the head makes the next one ready. So the cost of a claim does not grow with the backlog.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import apsw
import orjson

from polystep.contracts.events import (
    UNKNOWN_STEP,
    Claim,
    DeadLetter,
    Delivery,
    DeliveryKind,
    NewDelivery,
    ParkedEvent,
)
from polystep.contracts.futures import ready
from polystep.contracts.ports import Clock
from polystep.contracts.values import JSONObject
from polystep.stores.sqlite.database import Database
from polystep.stores.sqlite.parked import count_parked, park, parked_by_topic, purge_parked, read_parked, take

READY: Final = 0
BLOCKED: Final = 1
RUNNING: Final = 2

_MINE = f"id = ? AND token = ? AND status = {RUNNING}"
_DELETE_MINE = f"DELETE FROM deliveries WHERE {_MINE}"
_COLUMNS = (
    "id, token, kind, event_id, topic, step, data, trace_id, run_id, parent_run_id, fifo_key, attempt, failures, "
    "crashes, enqueued_at_ms"
)
_CLAIM = f"""
UPDATE deliveries SET status = {RUNNING}, owner = ?, lease_until_ms = ?, token = token + 1, attempt = attempt + 1
WHERE id IN (
  SELECT id FROM deliveries WHERE step = ? AND status = {READY} AND run_at_ms <= ? ORDER BY run_at_ms, id LIMIT ?
) RETURNING {_COLUMNS}"""
_EXPIRED = f"UPDATE deliveries SET status = {READY} WHERE status = {RUNNING} AND lease_until_ms <= ? AND owner <> ?"
_TIMED_AT = "coalesce(timed_at_ms, enqueued_at_ms)"
_MOVE_DUE = f"""
UPDATE deliveries SET run_at_ms = run_at_ms - coalesce(?1, {_TIMED_AT} - ?2),
  timed_at_ms = {_TIMED_AT} - coalesce(?1, {_TIMED_AT} - ?2)
WHERE {_TIMED_AT} > ?2"""
_INSERT = """
INSERT INTO deliveries (kind, event_id, topic, step, data, trace_id, run_id, parent_run_id, fifo_key, status,
  run_at_ms, enqueued_at_ms, owner, lease_until_ms, token, attempt)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_BURY = """
INSERT INTO dead_letters (kind, event_id, topic, step, data, trace_id, run_id, parent_run_id, fifo_key, attempts, error,
  enqueued_at_ms, died_at_ms)
SELECT kind, event_id, topic, step, data, trace_id, run_id, parent_run_id, fifo_key, attempt, ?, enqueued_at_ms, ?
FROM deliveries WHERE """
_REFUSE = """
INSERT INTO dead_letters (kind, event_id, topic, step, data, trace_id, run_id, parent_run_id, fifo_key, attempts, error,
  enqueued_at_ms, died_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)"""
_DEAD_COLUMNS = "id, kind, event_id, topic, step, data, trace_id, run_id, attempts, error, enqueued_at_ms, died_at_ms"


class SqliteQueueStore:
    """Implements `QueueStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def enqueue(self, deliveries: Sequence[NewDelivery], claim: Claim | None = None) -> asyncio.Future[list[Delivery]]:
        """Store all or none."""
        if not deliveries:
            return ready([])
        now_ms = self._clock.now_ms()
        return self._database.write(lambda connection: _insert(connection, deliveries, now_ms, claim))

    async def claim(self, wants: Mapping[str, int], owner: str, now_ms: int, lease_ms: int) -> list[Delivery]:
        """Take due deliveries of each step, oldest first."""
        requested = dict(wants)

        def job(connection: apsw.Connection) -> list[Delivery]:
            connection.execute(_EXPIRED, (now_ms, owner))
            rows: list[tuple[Any, ...]] = []
            for step, count in requested.items():
                rows += connection.execute(_CLAIM, (owner, now_ms + lease_ms, step, now_ms, count)).fetchall()
            rows.sort()
            return [Delivery(*row) for row in rows]

        return await self._database.write(job)

    async def complete(
        self, delivery: Delivery, emits: Sequence[NewDelivery], claim: Claim | None = None
    ) -> list[Delivery] | None:
        """Remove the delivery and store what it emitted, in one transaction."""
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> list[Delivery] | None:
            connection.execute(_DELETE_MINE, (delivery.id, delivery.token))
            if not connection.changes():
                return None
            _unblock(connection, delivery.step, delivery.fifo_key)
            return _insert(connection, emits, now_ms, claim)

        return await self._database.write(job)

    async def retry(self, delivery: Delivery, run_at_ms: int, error: JSONObject) -> bool:
        """Make it due later with one failure more."""
        return await self._update_mine(
            delivery,
            "failures = failures + 1, run_at_ms = ?, timed_at_ms = ?, error = ?",
            (run_at_ms, self._clock.now_ms(), _json(error)),
        )

    async def release(self, delivery: Delivery, crashed: bool) -> bool:
        """Make it due at once."""
        return await self._update_mine(delivery, "crashes = crashes + ?", (int(crashed),))

    async def bury(self, delivery: Delivery, error: JSONObject, now_ms: int) -> bool:
        """Move it to the dead letters."""

        def job(connection: apsw.Connection) -> bool:
            mine = (delivery.id, delivery.token)
            connection.execute(_BURY + _MINE, (_json(error), now_ms, *mine))
            if not connection.changes():
                return False
            connection.execute(_DELETE_MINE, mine)
            _unblock(connection, delivery.step, delivery.fifo_key)
            return True

        return await self._database.write(job)

    async def renew(self, deliveries: Sequence[Delivery], owner: str, lease_until_ms: int) -> None:
        """Extend leases."""
        rows = [(lease_until_ms, delivery.id, delivery.token) for delivery in deliveries]

        def job(connection: apsw.Connection) -> None:
            connection.executemany(f"UPDATE deliveries SET lease_until_ms = ? WHERE {_MINE}", rows)

        await self._database.write(job)

    async def recover(self, owner: str) -> int:
        """Release what this owner had running when it died."""

        def job(connection: apsw.Connection) -> int:
            connection.execute(
                f"UPDATE deliveries SET status = {READY} WHERE status = {RUNNING} AND owner = ?", (owner,)
            )
            return connection.changes()

        return await self._database.sweep(job)

    async def move_due(self, now_ms: int, back_ms: int | None) -> int:
        """Look at all of them, in a thread."""

        def job(connection: apsw.Connection) -> int:
            connection.execute(_MOVE_DUE, (back_ms, now_ms))
            return connection.changes()

        return await self._database.sweep(job)

    async def next_due_ms(self, steps: Sequence[str], owner: str) -> int | None:
        """Look at the head of each step's queue and at the earliest lease."""
        heads = [self._head_ms(step) for step in steps]
        leases = self._database.read(
            # No min by step: for its groups SQLite would go through everything that waits instead of what runs.
            f"SELECT step, lease_until_ms FROM deliveries WHERE status = {RUNNING} AND owner <> ?",
            (owner,),
        )
        heads += [lease_until_ms for step, lease_until_ms in leases if step in steps]
        return min((head for head in heads if head is not None), default=None)

    async def is_waiting(self, step: str) -> bool:
        """Look for one."""
        return bool(self._database.read("SELECT 1 FROM deliveries WHERE step = ? LIMIT 1", (step,)))

    async def waiting(self) -> list[tuple[str, int]]:
        """Count by step."""
        rows = await self._database.scan("SELECT step, count(*) FROM deliveries GROUP BY step ORDER BY step")
        return cast("list[tuple[str, int]]", rows)

    async def pending_among(self, run_ids: Sequence[str]) -> set[str]:
        """Look each run up."""
        sql = "SELECT 1 FROM deliveries WHERE run_id = ?1 UNION ALL SELECT 1 FROM parked WHERE run_id = ?1 LIMIT 1"
        return {run_id for run_id in run_ids if self._database.read(sql, (run_id,))}

    async def bury_orphans(self, known_steps: Sequence[str], error: JSONObject, now_ms: int) -> list[tuple[str, int]]:
        """Bury what waits for steps that are gone."""
        known = set(known_steps)

        def job(connection: apsw.Connection) -> list[tuple[str, int]]:
            buried: list[tuple[str, int]] = []
            for row in connection.execute("SELECT DISTINCT step FROM deliveries").fetchall():
                step = cast("str", row[0])
                if step not in known:
                    connection.execute(f"{_BURY} step = ?", (_json(error), now_ms, step))
                    connection.execute("DELETE FROM deliveries WHERE step = ?", (step,))
                    buried.append((step, connection.changes()))
            return buried

        return await self._database.sweep(job)

    async def parked(self, limit: int, after_id: int = 0) -> list[ParkedEvent]:
        """Read a page."""
        return await read_parked(self._database, limit, after_id)

    async def parked_size(self) -> tuple[int, int]:
        """Count all."""
        return await count_parked(self._database)

    async def parked_topics(self) -> list[tuple[str, int, int]]:
        """Count by topic."""
        return await parked_by_topic(self._database)

    async def unpark(
        self, found: Sequence[tuple[ParkedEvent, Sequence[NewDelivery]]], *, keep: bool
    ) -> list[ParkedEvent]:
        """Turn events into deliveries."""
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> list[ParkedEvent]:
            taken = []
            for event, deliveries in found:
                if take(connection, event, [each.step for each in deliveries], keep=keep):
                    _insert(connection, deliveries, now_ms, None)
                    taken.append(event)
            return taken

        return await self._database.write(job)

    async def postpone(self, delivery: Delivery, run_at_ms: int) -> bool:
        """Make it due later."""
        return await self._update_mine(delivery, "run_at_ms = ?, timed_at_ms = ?", (run_at_ms, self._clock.now_ms()))

    async def queue_sizes(self) -> list[tuple[str, int, int]]:
        """Look at all of them, between two writes: half a second for a million."""
        sql = "SELECT step, count(*), sum(length(data)) FROM deliveries GROUP BY step"

        def job(connection: apsw.Connection) -> list[tuple[str, int, int]]:
            return cast("list[tuple[str, int, int]]", connection.execute(sql).fetchall())

        return await self._database.sweep(job)

    async def last_id(self, step: str) -> int:
        """Look at the ids."""
        if step == UNKNOWN_STEP:
            rows = await self._database.scan("SELECT coalesce(max(id), 0) FROM parked")
        else:
            rows = await self._database.scan("SELECT coalesce(max(id), 0) FROM deliveries WHERE step = ?", (step,))
        return cast("int", rows[0][0])

    async def purge(self, step: str, limit: int, upto_id: int) -> list[str]:
        """Remove a page."""

        def job(connection: apsw.Connection) -> list[str]:
            if step == UNKNOWN_STEP:
                return purge_parked(connection, limit, upto_id)
            return _purge(connection, step, limit, upto_id)

        return await self._database.sweep(job)

    async def purge_dead_letters(self, step: str | None) -> int:
        """Remove them in a thread."""

        def job(connection: apsw.Connection) -> int:
            connection.execute("DELETE FROM dead_letters WHERE ?1 IS NULL OR step = ?1", (step,))
            return connection.changes()

        return await self._database.sweep(job)

    async def dead_letters(self, limit: int, before_id: int | None = None) -> list[DeadLetter]:
        """Read the newest."""
        rows = await self._database.scan(
            f"SELECT {_DEAD_COLUMNS} FROM dead_letters WHERE id < ? ORDER BY id DESC LIMIT ?",
            (before_id if before_id is not None else 2**62, limit),
        )
        return [_dead_letter(row) for row in rows]

    async def replay(self, id: int, now_ms: int) -> DeadLetter | None:
        """Move a dead letter back into its queue, behind what waits there."""

        def job(connection: apsw.Connection) -> DeadLetter | None:
            rows = connection.execute(
                f"DELETE FROM dead_letters WHERE id = ? RETURNING {_DEAD_COLUMNS}, parent_run_id, fifo_key",
                (id,),
            ).fetchall()
            if not rows:
                return None
            letter = _dead_letter(rows[0][:-2])
            parent_run_id, fifo_key = cast("tuple[str | None, str | None]", rows[0][-2:])
            again = NewDelivery(
                letter.event_id, letter.kind, letter.topic, letter.step, letter.data, letter.trace_id, letter.run_id,
                parent_run_id, fifo_key, now_ms,
            )  # fmt: skip
            _insert(connection, [again], now_ms, None, letter.attempts)
            return letter

        return await self._database.write(job)

    async def subscriptions(self) -> list[tuple[str, str, str]]:
        """Read all."""
        return cast("list[tuple[str, str, str]]", self._database.read("SELECT file, step, topic FROM subscriptions"))

    async def save_subscriptions(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Replace all."""
        saved = list(rows)

        def job(connection: apsw.Connection) -> None:
            connection.execute("DELETE FROM subscriptions")
            connection.executemany("INSERT OR IGNORE INTO subscriptions VALUES (?, ?, ?)", saved)

        await self._database.write(job)

    async def _update_mine(self, delivery: Delivery, changes: str, bindings: tuple[object, ...]) -> bool:
        def job(connection: apsw.Connection) -> bool:
            connection.execute(
                f"UPDATE deliveries SET status = {READY}, {changes} WHERE {_MINE}",
                (*bindings, delivery.id, delivery.token),
            )
            return bool(connection.changes())

        return await self._database.write(job)

    def _head_ms(self, step: str) -> int | None:
        rows = self._database.read(
            f"SELECT min(run_at_ms) FROM deliveries WHERE step = ? AND status = {READY}", (step,)
        )
        return cast("int | None", rows[0][0])


def _insert(
    connection: apsw.Connection, deliveries: Sequence[NewDelivery], now_ms: int, claim: Claim | None, attempt: int = 0
) -> list[Delivery]:
    """Store deliveries, and return those that are claimed as well.

    Args:
        connection: In a transaction.
        deliveries: What to store.
        now_ms: When they are stored.
        claim: Which of them are claimed at once.
        attempt: Attempts so far. A replayed one keeps counting them: each has its own place in the trace.
    """
    claimed: list[Delivery] = []
    for index, new in enumerate(deliveries):
        if new.refused is not None:
            connection.execute(
                _REFUSE,
                (new.kind, new.event_id, new.topic, new.step, new.data, new.trace_id, new.run_id, new.parent_run_id,
                 new.fifo_key, _json(new.refused), now_ms, now_ms),
            )  # fmt: skip
            continue
        if new.step == UNKNOWN_STEP:
            park(connection, new, now_ms)
            continue
        status, owner, lease_until_ms, token = READY, None, None, 0
        if new.fifo_key is not None and _key_is_taken(connection, new):
            status = BLOCKED
        elif claim is not None and index in claim.indexes:
            status, owner, lease_until_ms, token = RUNNING, claim.owner, claim.lease_until_ms, 1
        connection.execute(
            _INSERT,
            (new.kind, new.event_id, new.topic, new.step, new.data, new.trace_id, new.run_id, new.parent_run_id,
             new.fifo_key, status, new.run_at_ms, now_ms, owner, lease_until_ms, token, attempt + token),
        )  # fmt: skip
        if token:
            claimed.append(
                Delivery(connection.last_insert_rowid(), token, new.kind, new.event_id, new.topic, new.step, new.data,
                         new.trace_id, new.run_id, new.parent_run_id, new.fifo_key, attempt + token, 0, 0, now_ms)
            )  # fmt: skip
    return claimed


def _key_is_taken(connection: apsw.Connection, new: NewDelivery) -> bool:
    sql = "SELECT 1 FROM deliveries WHERE step = ? AND fifo_key = ? LIMIT 1"
    return bool(connection.execute(sql, (new.step, new.fifo_key)).fetchall())


def _unblock(connection: apsw.Connection, step: str, fifo_key: str | None) -> None:
    if fifo_key is not None:
        connection.execute(
            f"UPDATE deliveries SET status = {READY} WHERE id = (SELECT min(id) FROM deliveries "
            f"WHERE step = ? AND fifo_key = ? AND status = {BLOCKED})",
            (step, fifo_key),
        )


def _purge(connection: apsw.Connection, step: str, limit: int, upto_id: int) -> list[str]:
    """Remove what is blocked before the heads of keys: a head that is left makes the next one ready when it ends."""
    page = "SELECT id FROM deliveries WHERE step = ? AND status = ? AND id <= ? LIMIT ?"
    for status in (BLOCKED, READY):
        rows = connection.execute(
            f"DELETE FROM deliveries WHERE id IN ({page}) RETURNING run_id, fifo_key", (step, status, upto_id, limit)
        ).fetchall()
        if rows:
            runs, keys = cast("tuple[tuple[str, ...], tuple[str | None, ...]]", tuple(zip(*rows, strict=True)))
            for fifo_key in set(keys) if status == READY else ():
                # What was stored after the purge began may wait behind it.
                _unblock(connection, step, fifo_key)
            return list(runs)
    return []


def _dead_letter(row: tuple[Any, ...]) -> DeadLetter:
    id_, kind, event_id, topic, step, data, trace_id, run_id, attempts, error, enqueued_at_ms, died_at_ms = row
    return DeadLetter(
        id_, cast("DeliveryKind", kind), event_id, topic, step, data, trace_id, run_id, attempts, orjson.loads(error),
        enqueued_at_ms, died_at_ms,
    )  # fmt: skip


def _json(error: JSONObject) -> str:
    try:
        return orjson.dumps(error, default=repr).decode()
    except TypeError:
        # An error that JSON cannot carry, with a lone surrogate say, must not keep its delivery from the dead letters.
        shown = {str(key): repr(value) for key, value in error.items()}
        return json.dumps(shown)
