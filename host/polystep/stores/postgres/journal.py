"""Journals in PostgreSQL, written in the groups of the deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Final

from polystep.contracts.asks import Ask
from polystep.contracts.events import Claim, Delivery, NewDelivery, Stored
from polystep.contracts.journal import JournalEntry, SentEmit, StoredJournal
from polystep.contracts.ports.clock import Clock
from polystep.contracts.signals import ChildCall, SignalWait
from polystep.stores.postgres.asks import end_ask
from polystep.stores.postgres.database import PostgresDatabase
from polystep.stores.postgres.driver import Row
from polystep.stores.postgres.journal_columns import ENTRY, entry_of
from polystep.stores.postgres.waits import TakeSignal, take_call
from polystep.stores.postgres.writes import Apart, KeepEntry, StoreDeliveries, SuspendDelivery

# One statement, so that both are of one moment.
READ_JOURNAL: Final = f"""
SELECT {ENTRY}, NULL::bytea, NULL::bytea, NULL::integer, seq FROM {{schema}}.journal WHERE run_id = $1
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, print, topic, times, NULL FROM {{schema}}.sent_emits
WHERE run_id = $1
ORDER BY seq"""
"""All that is kept of a run; see `journal_of`."""


class PostgresJournalStore:
    """Implements `JournalStore`."""

    def __init__(self, database: PostgresDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def read(self, run_id: str) -> StoredJournal:
        """Read both tables by their primary keys."""
        return journal_of(await self._database.read(READ_JOURNAL, run_id))

    def keep(self, delivery: Delivery, entry: JournalEntry) -> asyncio.Future[bool]:
        """Write one row in a group."""
        return self._database.write(KeepEntry(delivery, entry), delivery.run_id)

    def begin_wait(
        self,
        delivery: Delivery,
        entry: JournalEntry,
        emits: Sequence[NewDelivery],
        sent: Sequence[SentEmit],
        claim: Claim | None = None,
        wanted: Ask | SignalWait | ChildCall | None = None,
    ) -> asyncio.Future[Stored | None]:
        """Write the entry, what it waits for, the deliveries and the marks of what has left in one group."""
        write = KeepEntry(delivery, entry, self._storing(emits, claim), sent, wanted)
        return self._database.write(write, delivery.run_id)

    def suspend(
        self, delivery: Delivery, run_at_ms: int, waits: Collection[str] = (), *, keeps_place: bool = False
    ) -> asyncio.Future[int | None]:
        """Give the delivery back to its queue, after a look at what has come for its waits."""
        write = SuspendDelivery(delivery, run_at_ms, self._clock.now_ms(), keeps_place, tuple(waits))
        return self._database.write(write, delivery.run_id)

    def closed_ask(self, delivery: Delivery, key: str) -> asyncio.Future[Ask | None]:
        """Read the ask of a wait."""
        return end_ask(self._database, delivery.run_id, key, self._clock.now_ms())

    def take_signal(
        self, delivery: Delivery, entry: JournalEntry, make: Callable[[str, bytes], bytes], late: bytes
    ) -> asyncio.Future[JournalEntry | None]:
        """Read the first event, and write what is made of it."""
        now_ms = self._clock.now_ms()
        write = Apart(lambda asked: TakeSignal(asked, delivery, entry, make, late, now_ms))
        return self._database.write(write, delivery.run_id)

    def take_call(self, delivery: Delivery, entry: JournalEntry, late: bytes) -> asyncio.Future[JournalEntry | None]:
        """Read the entry of a call."""
        return take_call(self._database, delivery, entry, late, self._clock.now_ms())

    def _storing(self, deliveries: Sequence[NewDelivery], claim: Claim | None) -> StoreDeliveries:
        return StoreDeliveries(deliveries, claim, self._clock.now_ms(), self._database.deployment)


def journal_of(rows: Sequence[Row]) -> StoredJournal:
    """Make a journal of the rows of `READ_JOURNAL`."""
    return StoredJournal(
        [entry_of(row[:9]) for row in map(tuple, rows) if row[0] is not None],
        {SentEmit(row[9], row[10].decode()): row[11] for row in rows if row[0] is None},
    )
