"""Journals of running deliveries: what is kept while a handler runs, and the events that leave with a wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from polystep.bus.backlog import Backlog
from polystep.bus.claims import Claims
from polystep.bus.context import BusContext
from polystep.bus.publish import Publisher
from polystep.contracts.asks import Ask
from polystep.contracts.events import Delivery, NewDelivery, Stored
from polystep.contracts.journal import JournalEntry, SentEmit
from polystep.contracts.request_keys import KeyedRun
from polystep.contracts.signals import ChildCall, SignalWait, Wanted
from polystep.contracts.values import JSONObject


class Suspensions:
    """Writer of journals, beside the queue that their deliveries are in."""

    def __init__(self, context: BusContext, claims: Claims, publisher: Publisher, backlog: Backlog) -> None:
        self._context = context
        self._claims = claims
        self._publisher = publisher
        self._backlog = backlog

    def keep(self, run: Delivery | KeyedRun, entry: JournalEntry) -> asyncio.Future[bool]:
        """Store one entry; False when the attempt was superseded."""
        if isinstance(run, KeyedRun):
            return self._context.store.requests.keep(run, entry)
        return self._context.store.journal.keep(run, entry)

    async def begin_wait(
        self,
        delivery: Delivery,
        entry: JournalEntry,
        emits: Sequence[NewDelivery],
        sent: Sequence[SentEmit],
        wanted: Ask | SignalWait | ChildCall | None = None,
    ) -> bool:
        """Store a wait and the events that leave with it, in one transaction; False when it was superseded."""
        leaving = self._backlog.unpurged(delivery, emits)
        claim = self._claims.reserve(leaving)
        claimed: Stored | None = None
        try:
            claimed = await self._context.store.journal.begin_wait(delivery, entry, leaving, sent, claim, wanted)
        finally:
            if claimed is None:
                self._claims.give_back_reserved(leaving, claim)
        if claimed is None:
            return False
        self._publisher.accept(leaving, claimed, claim, delivery.attempt)
        return True

    def closed_ask(self, delivery: Delivery, key: str) -> asyncio.Future[Ask | None]:
        """Return the ask of a wait once it is closed."""
        return self._context.store.journal.closed_ask(delivery, key)

    def take_signal(
        self, delivery: Delivery, entry: JournalEntry, make: Callable[[str, bytes], bytes], late: bytes
    ) -> asyncio.Future[JournalEntry | None]:
        """Give a wait the first event that it wants, as `JournalStore` does."""
        return self._context.store.journal.take_signal(delivery, entry, make, late)

    def take_call(self, delivery: Delivery, entry: JournalEntry, late: bytes) -> asyncio.Future[JournalEntry | None]:
        """Return a call with its result, as `JournalStore` does."""
        return self._context.store.journal.take_call(delivery, entry, late)

    def on_wake(self, woken: Callable[[Collection[str], Collection[Wanted] | None], None]) -> None:
        """Call `woken` when runs of steps may have got what they wait for; see `BusContext`."""
        self._context.woken = woken

    def on_cancel(self, end_run: Callable[[str, JSONObject | None], bool]) -> None:
        """Call `end_run` when the handler of a run is to end, since the run is cancelled; see `BusContext`."""
        self._context.end_run = end_run

    def due(self, step: str) -> None:
        """Claim a suspended run of a step: an answer has made it due."""
        self._claims.add_due(step, 1)

    def is_short(self, step: str) -> bool:
        """Report whether deliveries of a step wait for a slot that a waiting handler holds, and would give up."""
        return self._claims.slots.is_waiting(step) and step not in self._context.routes.counting
