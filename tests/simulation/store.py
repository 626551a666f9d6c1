"""Store of a simulated host: the shipped one on a simulated disk, with the ledger at each commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from polystep.contracts.asks import Ask, ClosedAsk
from polystep.contracts.events import (
    NO_EXPIRIES,
    Cancellations,
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
from polystep.contracts.journal import JournalEntry, SentEmit
from polystep.contracts.ports.wakeups import Wakeups
from polystep.contracts.signals import ChildCall, SignalWait
from polystep.contracts.values import JSONObject
from polystep.stores import SqliteQueueStore
from polystep.stores.sqlite.bulks import SqliteBulkStore
from polystep.stores.sqlite.cancellations import SqliteCancellationStore
from polystep.stores.sqlite.hosts import SqliteHosts
from polystep.stores.sqlite.journal import SqliteJournalStore
from tests.simulation.database import SimulatedDatabase
from tests.simulation.ledger import Ledger
from tests.simulation.loop import SimulatedClock

T = TypeVar("T")


class SimulatedStore(SqliteQueueStore):
    """Queue store that tells the ledger of its commits."""

    def __init__(
        self, database: SimulatedDatabase, clock: SimulatedClock, hosts: SqliteHosts, wakeups: Wakeups, ledger: Ledger
    ) -> None:
        super().__init__(database, clock, hosts)
        self._ledger = ledger
        self._disk = database
        self.wakeups = wakeups  # type: ignore[assignment]
        self.journal = _Journal(database, clock, ledger)
        self.bulks = _Bulks(database, ledger)
        self.cancellations = _Cancellations(database, clock, ledger)

    def enqueue(self, deliveries: Sequence[NewDelivery], claim: Claim | None = None) -> asyncio.Future[Stored]:
        def note(claimed: list[Delivery]) -> None:
            self._ledger.stored(deliveries, claimed, *_lease(claim))

        self._disk.note = note if deliveries else None
        return super().enqueue(deliveries, claim)

    def enqueue_tick(
        self, tick: NewDelivery, due_ms: int | None, claim: Claim | None = None
    ) -> asyncio.Future[StoredTick]:
        def note(stored: StoredTick) -> None:
            self._ledger.tick(tick.step, due_ms, stored.status)
            if stored.status == "stored":
                self._ledger.stored([tick], stored.claimed, *_lease(claim))

        self._disk.note = note
        return super().enqueue_tick(tick, due_ms, claim)

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
        def note(claimed: Claimed) -> None:
            self._ledger.claimed(claimed, owner, now_ms, lease_ms)

        self._disk.note = note
        return await super().claim(wants, owner, now_ms, lease_ms, limits, expiries, counting)

    async def complete(
        self, delivery: Delivery, emits: Sequence[NewDelivery], claim: Claim | None = None, value: bytes | None = None
    ) -> Stored | None:
        def note(claimed: list[Delivery] | None) -> None:
            if self._ledger.settled(delivery, "completed", claimed):
                self._ledger.stored(emits, [] if claimed is None else claimed, *_lease(claim))

        self._disk.note = note
        return await super().complete(delivery, emits, claim, value)

    async def retry(self, delivery: Delivery, run_at_ms: int, error: JSONObject) -> bool:
        self._disk.note = lambda is_mine: self._ledger.settled(delivery, "retried", is_mine, run_at_ms)
        return await super().retry(delivery, run_at_ms, error)

    async def release(self, delivery: Delivery, crashed: bool) -> bool:
        self._disk.note = lambda is_mine: self._ledger.settled(delivery, "released", is_mine)
        return await super().release(delivery, crashed)

    async def postpone(self, delivery: Delivery, run_at_ms: int) -> bool:
        self._disk.note = lambda is_mine: self._ledger.settled(delivery, "postponed", is_mine, run_at_ms)
        return await super().postpone(delivery, run_at_ms)

    async def bury(self, delivery: Delivery, error: JSONObject, now_ms: int) -> bool:
        self._disk.note = lambda is_mine: self._ledger.settled(delivery, "dead", is_mine)
        return await super().bury(delivery, error, now_ms)

    async def cancel_running(self, delivery: Delivery) -> CancelledRuns | None:
        self._disk.note = lambda found: self._ledger.settled(delivery, "cancelled", found)
        return await super().cancel_running(delivery)

    async def renew(self, deliveries: Sequence[Delivery], owner: str, lease_until_ms: int) -> None:
        self._disk.note = lambda _: self._ledger.renewed(deliveries, lease_until_ms)
        await super().renew(deliveries, owner, lease_until_ms)

    async def recover(self, owner: str) -> int:
        self._disk.note = lambda count: self._ledger.recovered(owner, count)
        return await super().recover(owner)

    async def hasten(self, step: str, id: int | None, now_ms: int) -> int:
        self._disk.note = lambda _: self._ledger.hastened(step)
        return await super().hasten(step, id, now_ms)

    async def remove(self, step: str, id: int) -> tuple[str, int] | None:
        self._disk.note = lambda removed: self._ledger.removed([removed[0]] if removed else [])
        return await super().remove(step, id)

    async def purge(self, step: str, limit: int, upto_id: int) -> list[str]:
        self._disk.note = self._ledger.removed
        return await super().purge(step, limit, upto_id)

    async def unpark(
        self, found: Sequence[tuple[ParkedEvent, Sequence[NewDelivery]]], *, keep: bool
    ) -> list[ParkedEvent]:
        def note(taken: list[ParkedEvent]) -> None:
            ids = {event.id for event in taken}
            for event, deliveries in found:
                if event.id in ids:
                    self._ledger.unparked(event.event_id, keep=keep)
                    self._ledger.stored(deliveries, [], "", 0)

        self._disk.note = note
        return await super().unpark(found, keep=keep)

    async def replay(self, id: int, now_ms: int, forget: Sequence[str] | None = ()) -> DeadLetter | None:
        def note(letter: DeadLetter | None) -> None:
            if letter is not None:
                self._ledger.replayed(letter.run_id)

        self._disk.note = note
        return await super().replay(id, now_ms, forget)

    def close_ask(self, ask_id: str, outcome: bytes) -> asyncio.Future[ClosedAsk | None]:
        """Answer an ask."""

        def note(closed: ClosedAsk | None) -> None:
            if closed is not None and closed.is_closed_now:
                self._ledger.answered(closed.ask.run_id)

        self._disk.note = note
        return self.asks.close(ask_id, "answered", outcome, None)


class _Journal(SqliteJournalStore):
    def __init__(self, database: SimulatedDatabase, clock: SimulatedClock, ledger: Ledger) -> None:
        super().__init__(database, clock, 0)
        self._ledger = ledger
        self._disk = database

    def keep(self, delivery: Delivery, entry: JournalEntry) -> asyncio.Future[bool]:
        self._disk.note = lambda is_mine: self._ledger.kept(delivery, entry.key, is_mine)
        return super().keep(delivery, entry)

    def begin_wait(
        self,
        delivery: Delivery,
        entry: JournalEntry,
        emits: Sequence[NewDelivery],
        sent: Sequence[SentEmit],
        claim: Claim | None = None,
        wanted: Ask | SignalWait | ChildCall | None = None,
    ) -> asyncio.Future[Stored | None]:
        def note(claimed: list[Delivery] | None) -> None:
            self._ledger.kept(delivery, entry.key, claimed is not None)
            if claimed is not None:
                self._ledger.stored(emits, claimed, *_lease(claim))

        self._disk.note = note
        return super().begin_wait(delivery, entry, emits, sent, claim, wanted)

    def suspend(
        self, delivery: Delivery, run_at_ms: int, waits: Collection[str] = (), *, keeps_place: bool = False
    ) -> asyncio.Future[int | None]:
        def note(due_ms: int | None) -> None:
            if self._ledger.settled(delivery, "suspended", due_ms, due_ms):
                self._ledger.keeps(delivery.run_id, keeps_place=keeps_place)

        self._disk.note = note
        return super().suspend(delivery, run_at_ms, waits, keeps_place=keeps_place)


class _Cancellations(SqliteCancellationStore):
    def __init__(self, database: SimulatedDatabase, clock: SimulatedClock, ledger: Ledger) -> None:
        super().__init__(database, clock)
        self._ledger = ledger
        self._disk = database

    def settle(self, owner: str, limit: int) -> asyncio.Future[Cancellations]:
        now_ms = self._clock.now_ms()

        def note(found: Cancellations) -> None:
            self._ledger.late(owner, now_ms)
            self._ledger.cancelled(found)

        self._disk.note = note
        done = super().settle(owner, limit)
        self._disk.note = None  # where nothing is due it only looks
        return done


class _Bulks(SqliteBulkStore):
    def __init__(self, database: SimulatedDatabase, ledger: Ledger) -> None:
        super().__init__(database, 0)
        self._ledger = ledger
        self._disk = database

    async def advance(self, id: int, limit: int, now_ms: int, changes: Any = None) -> Any:
        def note(batch: Any) -> None:
            for letter in batch.letters:
                self._ledger.replayed(letter.run_id)

        self._disk.note = note
        return await super().advance(id, limit, now_ms, changes)


def _lease(claim: Claim | None) -> tuple[str, int]:
    return ("", 0) if claim is None else (claim.owner, claim.lease_until_ms)


class SimulatedWakeups:
    """One host's end of the calls between simulated hosts: late, twice, or lost."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.has_peers = exchange.has_peers
        self._listener: Callable[[Collection[str], Collection[str]], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def listen(self, listener: Callable[[Collection[str], Collection[str]], None]) -> None:
        self._listener = listener
        self._exchange.ends.append(self)
        # Made in the host's own process: what is called by it runs there.
        self._queue: asyncio.Queue[tuple[list[str], list[str]]] = asyncio.Queue()
        self._hearing = asyncio.create_task(self._hear(), name="simulated wakeups")

    def close(self) -> None:
        if self._listener is not None:
            self._listener = None
            self._exchange.ends.remove(self)
            self._hearing.cancel()

    def announce(self, due: Collection[str] = (), freed: Collection[str] = ()) -> None:
        if self.has_peers:
            self._exchange.call(self, sorted(due), sorted(freed))

    def hear(self, due: list[str], freed: list[str]) -> None:
        """Take a call, from any process."""
        self._queue.put_nowait((due, freed))

    async def _hear(self) -> None:
        while True:
            due, freed = await self._queue.get()
            if self._listener is not None:
                self._listener(due, freed)


class Exchange:
    """Carrier of the calls between the hosts of a world."""

    def __init__(self, has_peers: bool, delays: Callable[[], Sequence[float]]) -> None:
        self.has_peers = has_peers
        self.ends: list[SimulatedWakeups] = []
        self._delays = delays
        """Delays of the copies of one call; none when it is lost."""

    def call(self, caller: SimulatedWakeups, due: list[str], freed: list[str]) -> None:
        """Call every other host."""
        loop = asyncio.get_running_loop()
        for end in self.ends:
            if end is not caller:
                for delay_s in self._delays():
                    loop.call_later(delay_s, end.hear, due, freed)
