"""Deliveries and dead letters in SQLite.

A FIFO key never needs a scan: only the head of a key is `ready`, the rest wait as `blocked`, and the statement that
finishes the head makes the next one ready. So the cost of a claim does not grow with the backlog.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import cast

import apsw

from polystep.contracts.events import (
    NO_EXPIRIES,
    UNKNOWN_STEP,
    CancelledRuns,
    Claim,
    Claimed,
    DeadLetter,
    Delivery,
    NewDelivery,
    ParkedEvent,
    Stored,
    StoredTick,
)
from polystep.contracts.fingerprints import fingerprint
from polystep.contracts.futures import ready
from polystep.contracts.ports.clock import Clock
from polystep.contracts.values import JSONObject
from polystep.stores.error_text import json_text
from polystep.stores.sqlite import dead_letters
from polystep.stores.sqlite.asks import SqliteAskStore
from polystep.stores.sqlite.bulks import SqliteBulkStore
from polystep.stores.sqlite.burial import BURY
from polystep.stores.sqlite.calls import end_call
from polystep.stores.sqlite.cancellations import SqliteCancellationStore, forget_cancel_keys, move_cancellations
from polystep.stores.sqlite.cancelling import cancel_running, cancel_waiting
from polystep.stores.sqlite.claiming import ClaimTerms, claim_due
from polystep.stores.sqlite.database import Database
from polystep.stores.sqlite.event_keys import SqliteEventKeyStore, follow, free
from polystep.stores.sqlite.fifo import READY, RUNNING, unblock
from polystep.stores.sqlite.forgetting import forget_dead
from polystep.stores.sqlite.histories import SqliteHistoryStore, end_journal
from polystep.stores.sqlite.hosts import LocalWakeups, SqliteHosts
from polystep.stores.sqlite.insertion import insert
from polystep.stores.sqlite.journal import SqliteJournalStore, move_waits
from polystep.stores.sqlite.once_keys import SqliteOnceKeyStore
from polystep.stores.sqlite.parked import count_parked, move_parked, parked_by_topic, purge_parked, read_parked, take
from polystep.stores.sqlite.removal import DELETE_MINE, MINE, fail_call, purge, remove_one
from polystep.stores.sqlite.request_keys import SqliteRequestKeyStore
from polystep.stores.sqlite.subscriptions import (
    forget_subscriptions,
    read_subscriptions,
    replace_subscriptions,
    steps_of,
)

_TIMED_AT = "coalesce(timed_at_ms, enqueued_at_ms)"
_MOVE_DUE = f"""
UPDATE deliveries SET run_at_ms = run_at_ms - coalesce(?1, {_TIMED_AT} - ?2),
  timed_at_ms = {_TIMED_AT} - coalesce(?1, {_TIMED_AT} - ?2)
WHERE {_TIMED_AT} > ?2"""
# A last due time in the future is from before the clock was set back: it counts no more.
_TICK = """
INSERT INTO cron_ticks (step, due_ms) VALUES (?1, ?2)
ON CONFLICT (step) DO UPDATE SET due_ms = excluded.due_ms WHERE due_ms < excluded.due_ms OR due_ms > ?3"""


class SqliteQueueStore:
    """Implements `QueueStore`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        hosts: SqliteHosts | None = None,
        deployment: int = 0,
        keep_ms: int = 0,
    ) -> None:
        """Store the deliveries of one host.

        Args:
            database: The file.
            clock: The source of time.
            hosts: Those on the file; `None` for a host that is alone on it.
            deployment: Of the project, as this host runs it.
            keep_ms: Time for which journals of completed runs are kept.
        """
        self._deployment = deployment
        self._keep_ms = keep_ms
        self._database = database
        self._clock = clock
        self._hosts = hosts or SqliteHosts()
        self.wakeups = LocalWakeups(self._hosts)
        """Implements the port's property."""
        self.journal = SqliteJournalStore(database, clock, deployment)
        self.histories = SqliteHistoryStore(database, clock, deployment, keep_ms)
        """Implements the port's property."""
        self.asks = SqliteAskStore(database, clock)
        """Implements the port's property."""
        self.keys = SqliteEventKeyStore(database, clock)
        """Implements the port's property."""
        self.once_keys = SqliteOnceKeyStore(database, clock)
        """Implements the port's property."""
        self.cancellations = SqliteCancellationStore(database, clock)
        """Implements the port's property."""
        self.requests = SqliteRequestKeyStore(database, clock, self._hosts, deployment)
        """Implements the port's property."""
        self.bulks = SqliteBulkStore(database, deployment)
        """Implements the port's property."""

    def enqueue(self, deliveries: Sequence[NewDelivery], claim: Claim | None = None) -> asyncio.Future[Stored]:
        """Store all or none."""
        if not deliveries:
            return ready(Stored())
        now_ms = self._clock.now_ms()
        return self._database.write(lambda connection: insert(connection, deliveries, now_ms, claim, self._deployment))

    def enqueue_tick(
        self, tick: NewDelivery, due_ms: int | None, claim: Claim | None = None
    ) -> asyncio.Future[StoredTick]:
        """Compare the due time with the last one, look for an earlier tick, and store."""
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> StoredTick:
            if due_ms is not None:
                connection.execute(_TICK, (tick.step, due_ms, now_ms))
                if not connection.changes():
                    return StoredTick("elsewhere")
            if connection.execute("SELECT 1 FROM deliveries WHERE step = ? LIMIT 1", (tick.step,)).fetchall():
                return StoredTick("busy")
            return StoredTick("stored", insert(connection, [tick], now_ms, claim, self._deployment))

        return self._database.write(job)

    async def claim(
        self,
        wants: Mapping[str, int],
        owner: str,
        now_ms: int,
        lease_ms: int,
        limits: Mapping[str, int] | None = None,
        expiries: Mapping[str, int] = NO_EXPIRIES,
        counting: Collection[str] = (),
    ) -> Claimed:
        """Take due deliveries of each step, oldest first."""
        requested = dict(wants)

        def job(connection: apsw.Connection) -> Claimed:
            # A host that is frozen between its look and the commit must not start what has expired meanwhile.
            commit_ms = max(now_ms, self._clock.now_ms())
            until_ms = now_ms + lease_ms
            terms = ClaimTerms(owner, now_ms, commit_ms, until_ms, self._deployment, limits, expiries, counting)
            return claim_due(connection, requested, terms)

        return await self._database.write(job)

    async def complete(
        self, delivery: Delivery, emits: Sequence[NewDelivery], claim: Claim | None = None, value: bytes | None = None
    ) -> Stored | None:
        """Remove the delivery and store what it emitted, and its result, in one transaction."""
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> Stored | None:
            rows = connection.execute(DELETE_MINE, (delivery.id, delivery.token)).fetchall()
            if not rows:
                return None
            resumes, cancellable = rows[0]
            if resumes is not None:
                end_journal(connection, delivery, now_ms, self._keep_ms)
            if cancellable:
                forget_cancel_keys(connection, delivery.run_id)
            if delivery.kind == "call":
                end_call(connection, delivery.run_id, now_ms, value=value)
            unblock(connection, delivery.step, delivery.fifo_key)
            return insert(connection, emits, now_ms, claim, self._deployment)

        return await self._database.write(job)

    async def retry(self, delivery: Delivery, run_at_ms: int, error: JSONObject) -> bool:
        """Make it due later with one failure more."""
        return await self._update_mine(
            delivery,
            "failures = failures + 1, run_at_ms = ?, timed_at_ms = ?, error = ?",
            (run_at_ms, self._clock.now_ms(), json_text(error)),
        )

    async def release(self, delivery: Delivery, crashed: bool) -> bool:
        """Make it due at once."""
        return await self._update_mine(delivery, "crashes = crashes + ?", (int(crashed),))

    async def bury(self, delivery: Delivery, error: JSONObject, now_ms: int) -> bool:
        """Move it to the dead letters."""

        def job(connection: apsw.Connection) -> bool:
            mine = (delivery.id, delivery.token)
            if delivery.kind == "call" and fail_call(connection, delivery, error, now_ms):
                return True
            connection.execute(BURY + MINE, (json_text(error), fingerprint(error), now_ms, *mine))
            if not connection.changes():
                return False
            connection.execute(DELETE_MINE, mine).fetchall()
            unblock(connection, delivery.step, delivery.fifo_key)
            return True

        return await self._database.write(job)

    async def renew(self, deliveries: Sequence[Delivery], owner: str, lease_until_ms: int) -> None:
        """Extend leases."""
        rows = [(lease_until_ms, delivery.id, delivery.token) for delivery in deliveries]

        def job(connection: apsw.Connection) -> None:
            connection.executemany(f"UPDATE deliveries SET lease_until_ms = ? WHERE {MINE}", rows)

        await self._database.write(job)

    async def dead_owners(self) -> list[str]:
        """Return all but the hosts of this process: the lock of the folder proves that the others have ended."""
        rows = self._database.read(f"SELECT DISTINCT owner FROM deliveries WHERE status = {RUNNING}")
        return [owner for (owner,) in rows if owner not in self._hosts.live]

    async def recover(self, owner: str) -> int:
        """Release what this owner has running."""

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
            moved = connection.changes()
            move_waits(connection, now_ms, back_ms)
            move_parked(connection, now_ms, back_ms)
            move_cancellations(connection, now_ms, back_ms)
            return moved

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

    async def waiting(self) -> list[tuple[str, int]]:
        """Count by step."""
        rows = await self._database.scan("SELECT step, count(*) FROM deliveries GROUP BY step ORDER BY step")
        return cast("list[tuple[str, int]]", rows)

    async def pending_among(self, run_ids: Sequence[str]) -> set[str]:
        """Look each run up."""
        sql = "SELECT 1 FROM deliveries WHERE run_id = ?1 UNION ALL SELECT 1 FROM parked WHERE run_id = ?1 LIMIT 1"
        return {run_id for run_id in run_ids if self._database.read(sql, (run_id,))}

    async def bury_orphans(self, known_steps: Sequence[str], error: JSONObject, now_ms: int) -> list[tuple[str, int]]:
        """Bury what waits for steps that no deployment has."""
        others = [each for each in self._hosts.live.values() if each != self._deployment]

        def job(connection: apsw.Connection) -> list[tuple[str, int]]:
            forget_subscriptions(connection, (self._deployment, *others))
            known = {*known_steps, *steps_of(connection, others)}
            orphans = "step = ? AND deployment <= ?"
            buried: list[tuple[str, int]] = []
            for row in connection.execute("SELECT DISTINCT step FROM deliveries").fetchall():
                step = cast("str", row[0])
                if step not in known:
                    its = (step, self._deployment)
                    connection.execute(f"{BURY} {orphans}", (json_text(error), fingerprint(error), now_ms, *its))
                    connection.execute(f"DELETE FROM deliveries WHERE {orphans}", its)
                    if count := connection.changes():
                        buried.append((step, count))
            return buried

        return await self._database.sweep(job)

    async def parked(self, limit: int, after_id: int = 0) -> list[ParkedEvent]:
        """Read a page."""
        others = [each for each in self._hosts.live.values() if each < self._deployment]
        return await read_parked(self._database, limit, after_id, (self._deployment, others))

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
                    insert(connection, deliveries, now_ms, None, self._deployment)
                    follow(connection, event.event_id, deliveries)
                    taken.append(event)
            return taken

        return await self._database.write(job)

    async def postpone(self, delivery: Delivery, run_at_ms: int) -> bool:
        """Make it due later."""
        return await self._update_mine(delivery, "run_at_ms = ?, timed_at_ms = ?", (run_at_ms, self._clock.now_ms()))

    async def hasten(self, step: str, id: int | None, now_ms: int) -> int:
        """Look at what is due later."""

        def job(connection: apsw.Connection) -> int:
            connection.execute(
                f"UPDATE deliveries SET run_at_ms = ?1, timed_at_ms = ?1 WHERE step = ?2 AND status = {READY} "
                "AND run_at_ms > ?1 AND (?3 IS NULL OR id = ?3)",
                (now_ms, step, id),
            )
            return connection.changes()

        return await self._database.sweep(job)

    async def remove(self, step: str, id: int) -> tuple[str, int] | None:
        """Remove the row, and what its run has kept."""
        now_ms = self._clock.now_ms()

        return await self._database.write(lambda connection: remove_one(connection, step, id, now_ms))

    async def cancel_waiting(self, run_id: str) -> CancelledRuns | None:
        """Remove it."""
        now_ms = self._clock.now_ms()
        return await self._database.write(lambda connection: cancel_waiting(connection, run_id, now_ms))

    async def cancel_running(self, delivery: Delivery) -> CancelledRuns | None:
        """Remove it."""
        now_ms = self._clock.now_ms()
        return await self._database.write(lambda connection: cancel_running(connection, delivery, now_ms))

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
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> list[str]:
            if step == UNKNOWN_STEP:
                return purge_parked(connection, limit, upto_id)
            return purge(connection, step, limit, upto_id, now_ms)

        return await self._database.sweep(job)

    async def purge_dead_letters(self, step: str | None) -> int:
        """Remove them in a thread."""
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> int:
            forget_dead(connection, step, now_ms)
            free(connection, "SELECT run_id FROM dead_letters WHERE ?1 IS NULL OR step = ?1", (step,))
            connection.execute("DELETE FROM dead_letters WHERE ?1 IS NULL OR step = ?1", (step,))
            return connection.changes()

        return await self._database.sweep(job)

    async def dead_letters(self, limit: int, before_id: int | None = None) -> list[DeadLetter]:
        """Read the newest."""
        rows = await self._database.scan(
            f"SELECT {dead_letters.COLUMNS} FROM dead_letters WHERE id < ? ORDER BY id DESC LIMIT ?",
            (before_id if before_id is not None else 2**62, limit),
        )
        return [dead_letters.dead_letter_of(row) for row in rows]

    async def replay(self, id: int, now_ms: int, forget: Sequence[str] | None = ()) -> DeadLetter | None:
        """Move a dead letter back into its queue, behind what waits there."""
        return await self._database.write(
            lambda connection: dead_letters.bring_back(connection, id, now_ms, self._deployment, forget)
        )

    async def subscriptions(self) -> list[tuple[str, str, str]]:
        """Read those of this deployment, or of the latest one before it."""
        return read_subscriptions(self._database, self._deployment)

    async def save_subscriptions(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Replace those of this deployment."""
        saved = [(self._deployment, *row) for row in rows]
        await self._database.write(lambda connection: replace_subscriptions(connection, self._deployment, saved))

    async def _update_mine(self, delivery: Delivery, changes: str, bindings: tuple[object, ...]) -> bool:
        def job(connection: apsw.Connection) -> bool:
            connection.execute(
                f"UPDATE deliveries SET status = {READY}, {changes} WHERE {MINE}",
                (*bindings, delivery.id, delivery.token),
            )
            return bool(connection.changes())

        return await self._database.write(job)

    def _head_ms(self, step: str) -> int | None:
        rows = self._database.read(
            f"SELECT min(run_at_ms) FROM deliveries WHERE step = ? AND status = {READY} AND deployment <= ?",
            (step, self._deployment),
        )
        return cast("int | None", rows[0][0])
