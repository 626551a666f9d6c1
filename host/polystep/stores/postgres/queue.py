"""Deliveries in PostgreSQL: stored and settled in the groups of the lanes, claimed in a lane of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from polystep.contracts import limits
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
    TickStatus,
)
from polystep.contracts.fingerprints import fingerprint
from polystep.contracts.futures import ready
from polystep.contracts.names import name_bytes
from polystep.contracts.ports.clock import Clock
from polystep.contracts.values import JSONObject
from polystep.stores.error_text import json_text
from polystep.stores.postgres.asks import PostgresAskStore
from polystep.stores.postgres.bulks import PostgresBulkStore
from polystep.stores.postgres.calls import Mark, Plain, Statement, numbered
from polystep.stores.postgres.cancellations import PostgresCancellationStore, PostgresEventKeyStore, cancel_run
from polystep.stores.postgres.claiming import Claiming
from polystep.stores.postgres.database import PostgresDatabase
from polystep.stores.postgres.driver import Row
from polystep.stores.postgres.histories import PostgresHistoryStore
from polystep.stores.postgres.journal import PostgresJournalStore
from polystep.stores.postgres.letters import LETTERS, PURGE, Replay
from polystep.stores.postgres.once_keys import PostgresOnceKeyStore
from polystep.stores.postgres.parked import ParkedEvents
from polystep.stores.postgres.queue_columns import Lines, claimed_of, letter_of, new_row
from polystep.stores.postgres.request_keys import PostgresRequestKeyStore
from polystep.stores.postgres.writes import (
    Apart,
    BuryDelivery,
    CompleteDelivery,
    ReadyDelivery,
    RenewLeases,
    StoreDeliveries,
)

_FATES: Final[Mapping[int, TickStatus]] = {1: "stored", 2: "elsewhere", 3: "busy"}
_NEWEST: Final = 2**62

_TICK: Final = f"SELECT * FROM {{schema}}.tick_1({numbered(24)})"
_TICK_CLAIMED: Final = """
SELECT 0, d.run_id, d.id FROM {schema}.deliveries d WHERE d.run_id = $1 AND d.status = 2 AND d.token = 1"""
_RECOVER: Final = "SELECT {schema}.recover_1($1, $2, $3, $4)"
_MOVE_DUE: Final = "SELECT {schema}.move_due_1($1, $2, $3, $4, $5)"
_HASTEN: Final = "SELECT {schema}.hasten_1($1, $2, $3, $4, $5, $6)"
_REMOVE: Final = "SELECT * FROM {schema}.remove_1($1, $2, $3, $4, $5, $6, $7)"
_PURGE: Final = "SELECT * FROM {schema}.purge_1($1, $2, $3, $4, $5, $6, $7, $8)"
_REMOVED: Final = json_text({"name": "cancelled", "message": "The step that was called was removed from its queue."})
_PURGE_PARKED: Final = "SELECT * FROM {schema}.purge_parked_1($1, $2, $3, $4, $5)"
_BURY_ORPHANS: Final = "SELECT * FROM {schema}.bury_orphans_1($1, $2, $3, $4, $5, $6, $7, $8)"
_SUBSCRIBE: Final = "SELECT {schema}.subscribe_1($1, $2, $3, $4, $5, $6, $7)"

# Each step by its index: what waits behind its head, and what others have running beside what is gone, is not read.
_NEXT_DUE: Final = """
SELECT least(
  (SELECT min(h.due) FROM unnest($1::bytea[]) AS s(step) CROSS JOIN LATERAL (
    SELECT d.run_at_ms AS due FROM {schema}.deliveries d WHERE d.step = s.step AND d.status = 0 AND d.deployment <= $3
    ORDER BY d.run_at_ms, d.id LIMIT 1) AS h),
  (SELECT min(l.due) FROM unnest($1::bytea[]) AS s(step) CROSS JOIN LATERAL (
    SELECT d.lease_until_ms AS due FROM {schema}.deliveries d WHERE d.step = s.step AND d.status = 2 AND d.owner <> $2
    ORDER BY d.lease_until_ms LIMIT 1) AS l))"""
_DEAD: Final = """
SELECT DISTINCT owner FROM {schema}.deliveries d
WHERE d.status = 2 AND NOT EXISTS (SELECT FROM {schema}.hosts h WHERE h.id = d.host)"""
_WAITING: Final = "SELECT step, count(*) FROM {schema}.deliveries GROUP BY step ORDER BY step"
_SIZES: Final = "SELECT step, count(*), sum(length(data))::bigint FROM {schema}.deliveries GROUP BY step"
_PENDING: Final = """
SELECT run_id FROM {schema}.deliveries WHERE run_id = ANY ($1)
UNION SELECT run_id FROM {schema}.parked WHERE run_id = ANY ($1)"""
_LAST: Final = "SELECT coalesce(max(id), 0) FROM {schema}.deliveries WHERE step = $1"
_LAST_PARKED: Final = "SELECT coalesce(max(id), 0) FROM {schema}.parked"
_SUBSCRIPTIONS: Final = """
SELECT file, step, topic FROM {schema}.subscriptions
WHERE deployment = (SELECT max(deployment) FROM {schema}.subscriptions WHERE deployment <= $1)"""


class PostgresQueueStore:
    """Implements `QueueStore`."""

    def __init__(self, database: PostgresDatabase, clock: Clock, keep_ms: int = 0) -> None:
        """Store the deliveries of one host.

        Args:
            database: The host's.
            clock: The source of time, which is that of all hosts on the database.
            keep_ms: Time for which journals of completed runs are kept.
        """
        self._keep_ms = keep_ms
        self._database = database
        self._clock = clock
        self._claiming = Claiming(database)
        self._parked = ParkedEvents(database)
        self.wakeups = database.wakeups
        """Implements the port's property."""
        self.journal = PostgresJournalStore(database, clock)
        """Implements the port's property."""
        self.asks = PostgresAskStore(database, clock)
        """Implements the port's property."""
        self.once_keys = PostgresOnceKeyStore(database, clock)
        """Implements the port's property."""
        self.keys = PostgresEventKeyStore(database, clock)
        """Implements the port's property."""
        self.cancellations = PostgresCancellationStore(database, clock)
        """Implements the port's property."""
        self.requests = PostgresRequestKeyStore(database, clock)
        """Implements the port's property."""
        self.histories = PostgresHistoryStore(database, clock, keep_ms)
        """Implements the port's property."""
        self.bulks = PostgresBulkStore(database)
        """Implements the port's property."""

    def enqueue(self, deliveries: Sequence[NewDelivery], claim: Claim | None = None) -> asyncio.Future[Stored]:
        """Store all or none."""
        if not deliveries:
            return ready(Stored())
        # What one run emits stays in order.
        caller = deliveries[0].parent_run_id or deliveries[0].trace_id
        return self._database.write(self._storing(deliveries, claim), caller)

    def enqueue_tick(
        self, tick: NewDelivery, due_ms: int | None, claim: Claim | None = None
    ) -> asyncio.Future[StoredTick]:
        """Compare the due time with the last one, look for an earlier tick, and store."""
        store = self._storing([tick], claim)
        # Without its source and its time, which the call has once.
        row = new_row(tick, 0, store, None, Lines())[1:]
        arguments = (due_ms, store.now_ms, *row[:10], *row[11:])

        def answer(fate: int, claimed: Sequence[Row]) -> StoredTick:
            return StoredTick(_FATES[fate], Stored(claimed_of(store, {run_id: id_ for _, run_id, id_ in claimed})))

        def heard(rows: Sequence[Row]) -> StoredTick:
            return answer(max(row[0] for row in rows), [row for row in rows if not row[0]])

        def unheard(mark: Mark, rows: Sequence[Row]) -> StoredTick:
            return answer(mark.swapped[0], rows)

        def recall(*_: int) -> Sequence[Statement]:
            return [Statement(_TICK_CLAIMED, (tick.run_id,))]

        return self._database.write(
            Apart(lambda asked: Plain(asked, Statement(_TICK, arguments), heard, unheard, recall))
        )

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
        return await self._claiming.claim(wants, owner, now_ms, lease_ms, limits, expiries, counting)

    async def complete(
        self, delivery: Delivery, emits: Sequence[NewDelivery], claim: Claim | None = None, value: bytes | None = None
    ) -> Stored | None:
        """Remove the delivery and store what it emitted in one group."""
        history = None
        if self._keep_ms > 0:
            history = f"[{self._keep_ms}, {limits.HISTORIES_MAX}, {limits.HISTORIES_BYTES_MAX}]"
        write = CompleteDelivery(delivery, self._storing(emits, claim), value, history)
        stored: Stored | None = await self._database.write(write, delivery.run_id)
        return stored

    async def retry(self, delivery: Delivery, run_at_ms: int, error: JSONObject) -> bool:
        """Make it due later with one failure more."""
        return await self._settle(ReadyDelivery(delivery, self._clock.now_ms(), run_at_ms, failures=1, error=error))

    async def release(self, delivery: Delivery, crashed: bool) -> bool:
        """Make it due at once."""
        return await self._settle(ReadyDelivery(delivery, self._clock.now_ms(), crashes=int(crashed)))

    async def postpone(self, delivery: Delivery, run_at_ms: int) -> bool:
        """Make it due later."""
        return await self._settle(ReadyDelivery(delivery, self._clock.now_ms(), run_at_ms))

    async def bury(self, delivery: Delivery, error: JSONObject, now_ms: int) -> bool:
        """Move it to the dead letters."""
        return await self._settle(BuryDelivery(delivery, error, now_ms))

    async def renew(self, deliveries: Sequence[Delivery], owner: str, lease_until_ms: int) -> None:
        """Extend leases."""
        if deliveries:
            await self._database.write(RenewLeases(deliveries, lease_until_ms))

    async def dead_owners(self) -> list[str]:
        """Return those whose hosts are gone; what an evicted host had is ready since then."""
        return [owner for (owner,) in await self._database.read(_DEAD)]

    async def recover(self, owner: str) -> int:
        """Release what this owner has running."""
        return await self._count(_RECOVER, owner)

    async def move_due(self, now_ms: int, back_ms: int | None) -> int:
        """Look at all of them."""
        return await self._count(_MOVE_DUE, now_ms, back_ms)

    async def hasten(self, step: str, id: int | None, now_ms: int) -> int:
        """Look at what is due later."""
        return await self._count(_HASTEN, name_bytes(step), id, now_ms)

    async def remove(self, step: str, id: int) -> tuple[str, int] | None:
        """Remove the row."""
        found = await self._removed(_REMOVE, name_bytes(step), [id], self._clock.now_ms(), _REMOVED)
        return found[0] if found else None

    async def cancel_waiting(self, run_id: str) -> CancelledRuns | None:
        """Remove it."""
        return await cancel_run(self._database, run_id, None, self._clock.now_ms())

    async def cancel_running(self, delivery: Delivery) -> CancelledRuns | None:
        """Remove it."""
        return await cancel_run(self._database, delivery.run_id, delivery, self._clock.now_ms())

    async def purge(self, step: str, limit: int, upto_id: int) -> list[str]:
        """Remove a page."""
        if step == UNKNOWN_STEP:
            found = await self._removed(_PURGE_PARKED, limit, upto_id)
        else:
            found = await self._removed(_PURGE, name_bytes(step), limit, upto_id, self._clock.now_ms(), _REMOVED)
        return [run_id for run_id, _ in found]

    async def purge_dead_letters(self, step: str | None) -> int:
        """Remove them."""
        return await self._count(PURGE, None if step is None else name_bytes(step), self._clock.now_ms())

    async def bury_orphans(self, known_steps: Sequence[str], error: JSONObject, now_ms: int) -> list[tuple[str, int]]:
        """Bury what waits for steps that no deployment has."""
        known = [name_bytes(step) for step in known_steps]
        buried: list[tuple[str, int]] = await self._sweep(
            _BURY_ORPHANS,
            (known, json_text(error), fingerprint(error), now_ms, self._database.deployment),
            lambda rows: [(step.decode(), count) for step, count in rows],
        )
        return buried

    async def next_due_ms(self, steps: Sequence[str], owner: str) -> int | None:
        """Look at the head of each step's queue and at the earliest lease."""
        ((due_ms,),) = await self._database.read(
            _NEXT_DUE, [name_bytes(step) for step in steps], owner, self._database.deployment
        )
        found: int | None = due_ms
        return found

    async def waiting(self) -> list[tuple[str, int]]:
        """Count by step."""
        return [(step.decode(), count) for step, count in await self._database.read(_WAITING)]

    async def queue_sizes(self) -> list[tuple[str, int, int]]:
        """Look at all of them."""
        return [(step.decode(), count, size) for step, count, size in await self._database.read(_SIZES)]

    async def pending_among(self, run_ids: Sequence[str]) -> set[str]:
        """Look the runs up."""
        return {run_id for (run_id,) in await self._database.read(_PENDING, list(run_ids))}

    async def last_id(self, step: str) -> int:
        """Look at the ids."""
        if step == UNKNOWN_STEP:
            rows = await self._database.read(_LAST_PARKED)
        else:
            rows = await self._database.read(_LAST, name_bytes(step))
        last: int = rows[0][0]
        return last

    async def parked(self, limit: int, after_id: int = 0) -> list[ParkedEvent]:
        """Read a page."""
        return await self._parked.page(limit, after_id)

    async def parked_size(self) -> tuple[int, int]:
        """Count all."""
        return await self._parked.size()

    async def parked_topics(self) -> list[tuple[str, int, int]]:
        """Count by topic."""
        return await self._parked.by_topic()

    async def unpark(
        self, found: Sequence[tuple[ParkedEvent, Sequence[NewDelivery]]], *, keep: bool
    ) -> list[ParkedEvent]:
        """Turn events into deliveries."""
        return await self._parked.take(found, self._clock.now_ms(), keep=keep) if found else []

    async def dead_letters(self, limit: int, before_id: int | None = None) -> list[DeadLetter]:
        """Read the newest."""
        rows = await self._database.read(LETTERS, before_id if before_id is not None else _NEWEST, limit)
        return [letter_of(row) for row in rows]

    async def replay(self, id: int, now_ms: int, forget: Sequence[str] | None = ()) -> DeadLetter | None:
        """Move a dead letter back into its queue, behind what waits there."""
        letter: DeadLetter | None = await self._database.write(
            Apart(lambda asked: Replay(asked, id, now_ms, self._database.deployment, forget))
        )
        return letter

    async def subscriptions(self) -> list[tuple[str, str, str]]:
        """Read those of this deployment, or of the latest one before it."""
        rows = await self._database.read(_SUBSCRIPTIONS, self._database.deployment)
        return [(file.decode(), step.decode(), topic.decode()) for file, step, topic in rows]

    async def save_subscriptions(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Replace those of this deployment."""
        columns = [[name_bytes(row[place]) for row in rows] for place in range(3)]
        await self._sweep(_SUBSCRIBE, (self._database.deployment, *columns), lambda _: None)

    def _storing(self, deliveries: Sequence[NewDelivery], claim: Claim | None) -> StoreDeliveries:
        return StoreDeliveries(deliveries, claim, self._clock.now_ms(), self._database.deployment)

    async def _settle(self, write: ReadyDelivery | BuryDelivery) -> bool:
        is_current: bool = await self._database.write(write, write.delivery.run_id)
        return is_current

    async def _count(self, sql: str, *arguments: object) -> int:
        """Change many, in a call of its own. It is made again when its answer was lost, and then counts the rest."""
        count: int = await self._sweep(sql, arguments, lambda rows: rows[0][0])
        return count

    async def _removed(self, sql: str, *arguments: object) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = await self._sweep(
            sql, arguments, lambda rows: [(run_id, size) for run_id, size in rows]
        )
        return found

    def _sweep(
        self, sql: str, arguments: Sequence[object], answer: Callable[[Sequence[Row]], Any]
    ) -> asyncio.Future[Any]:
        return self._database.write(Apart(lambda asked: Plain(asked, Statement(sql, arguments), answer)))
