"""Publishing: an event becomes stored deliveries, and those with a free slot start after the one commit."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from polystep.bus.attempts import Attempts
from polystep.bus.backlog import Backlog
from polystep.bus.cancelling import Cancelling
from polystep.bus.claims import Claims
from polystep.bus.context import BusContext
from polystep.bus.parked import Parking
from polystep.contracts.errors import PolystepError
from polystep.contracts.events import (
    Claim,
    DeadLetter,
    Delivery,
    EventKey,
    KeyedEvents,
    NewDelivery,
    Outcome,
    Stored,
    StoredTick,
    Tick,
    expired_error,
)
from polystep.contracts.futures import then
from polystep.contracts.ids import Ids
from polystep.contracts.names import encode_name
from polystep.contracts.request_keys import SentBy
from polystep.contracts.signals import Wanted
from polystep.contracts.values import JSONValue


class Publisher:
    """Plans and stores deliveries."""

    def __init__(
        self,
        context: BusContext,
        ids: Ids,
        claims: Claims,
        attempts: Attempts,
        backlog: Backlog,
        parking: Parking,
        cancelling: Cancelling,
    ) -> None:
        self._context = context
        self._ids = ids
        self._claims = claims
        self._attempts = attempts
        self._backlog = backlog
        self._parking = parking
        self._cancelling = cancelling

    def plan(
        self,
        topic: str,
        data: bytes,
        *,
        trace_id: str,
        parent_run_id: str | None,
        fifo_key: str | None = None,
        unstored: int = 0,
        key: EventKey | None = None,
        due_ms: int = 0,
        value: JSONValue = None,
    ) -> tuple[NewDelivery, ...]:
        """Plan the deliveries of an event; nothing is stored. `value` is `data` unpacked, for runs that wait for it.

        The last is one of `UNKNOWN_STEP`, to be parked, while files that do not load may subscribe (see `Routes`).
        With `due_ms`, the delays of the steps count from that time on.

        Raises:
            InvalidParams: The FIFO key is longer than a name, or no text.
            Overloaded: The queue of a subscriber is full.
        """
        context = self._context
        if fifo_key is not None:
            encode_name("FIFO key", fifo_key)
        from_ms = max(due_ms, context.clock.now_ms())
        planned = context.routes.plan(topic, data, trace_id, parent_run_id, fifo_key, from_ms, key, value)
        for new in planned:
            self._backlog.check(new.step, unstored)
        return self._parking.bound(planned)

    def plan_call(self, step: str, data: bytes, *, trace_id: str, parent_run_id: str, caller: str) -> NewDelivery:
        """Plan the delivery of a call to a step; nothing is stored.

        Raises:
            Overloaded: The queue of the step is full.
        """
        self._backlog.check(step)
        return self._context.routes.plan_call(step, data, trace_id, parent_run_id, caller, self._context.clock.now_ms())

    def publish(
        self, deliveries: Sequence[NewDelivery], sent: SentBy | None = None
    ) -> asyncio.Future[KeyedEvents | None]:
        """Store deliveries; when this returns they are on disk. During a stop they wait for the next start.

        Returns the fate of events with ids; `None` when there is none. With `sent` the run of a request with a key
        counts the event as sent.

        Raises:
            Overloaded: Too many writes wait.
            RunEnded: The run of the request was superseded.
        """
        claims = self._claims
        claim = claims.reserve(deliveries)
        try:
            if sent is None:
                stored = self._context.store.enqueue(deliveries, claim)
            else:
                stored = self._context.store.requests.enqueue(sent, deliveries, claim)
        except PolystepError:
            claims.give_back_reserved(deliveries, claim)
            raise

        def unless_stored(done: asyncio.Future[Stored]) -> None:
            if done.exception() is not None:
                claims.give_back_reserved(deliveries, claim)

        if claim is not None:
            stored.add_done_callback(unless_stored)
        return then(stored, lambda claimed: self.accept(deliveries, claimed, claim))

    async def publish_tick(self, step: str, data: bytes, due_ms: int | None = None) -> Tick:
        """Store a cron tick, the root of a new trace. Ticks of a step do not overlap.

        Args:
            step: The cron step.
            data: Of the event.
            due_ms: When it was due, so that one of several hosts stores it; `None` for a tick fired by hand.
        """
        ids = self._ids
        tick = NewDelivery(ids.run(), "cron", "", step, data, ids.trace(), ids.run(), None)
        tick = self._context.routes.found_by(tick)
        claim = self._claims.reserve([tick])
        stored: StoredTick | None = None
        try:
            stored = await self._context.store.enqueue_tick(tick, due_ms, claim)
        finally:
            if stored is None or stored.status != "stored":
                self._claims.give_back_reserved([tick], claim)
        if stored.status == "stored":
            self.accept([tick], stored.claimed, claim)
        return Tick(stored.status, tick)

    async def complete(self, delivery: Delivery, emits: Sequence[NewDelivery], value: bytes | None = None) -> bool:
        """Remove a delivery and store its emits in one transaction; False when the attempt was superseded."""
        claim = self._claims.reserve(emits)
        claimed: Stored | None = None
        try:
            claimed = await self._context.store.complete(delivery, emits, claim, value)
        finally:
            if claimed is None:
                self._claims.give_back_reserved(emits, claim)
        if claimed is None:
            return False
        self.accept(emits, claimed, claim, delivery.attempt)
        return True

    async def replay(self, id: int, forget: Sequence[str] | None = ()) -> DeadLetter | None:
        """Try a dead letter again, with a fresh retry budget.

        What its run has kept stays, but for the keys `forget`; with `None` nothing stays.
        """
        try:
            letter = await self._context.store.replay(id, self._context.clock.now_ms(), forget)
        except asyncio.CancelledError:
            self._claims.look_at_all()
            raise
        if letter is not None:
            self.accept([letter.again()], [])
        return letter

    async def rerun(self, run_id: str, key: str, new: NewDelivery) -> bool:
        """Begin a run that finds what another had recorded before a key; False when that is not kept any more.

        Raises:
            Overloaded: The queue of the step is full.
        """
        self._backlog.check(new.step)
        new = self._context.routes.found_by(new)
        try:
            is_stored = await self._context.store.histories.rerun(run_id, key, new)
        except asyncio.CancelledError:
            self._claims.look_at_all()
            raise
        if is_stored:
            self.accept([new], [])
        return is_stored

    def expired(self, deliveries: Sequence[Delivery], expiries: Mapping[str, int]) -> None:
        """Take note of deliveries that are dead letters since they were not started in time.

        Args:
            deliveries: As the store has buried them.
            expiries: Milliseconds that each step had given them.
        """
        for delivery in deliveries:
            self._backlog.removed(delivery)
            self._claims.add_due(delivery.step)
            outcome = Outcome("failed", error=expired_error(delivery.step, expiries[delivery.step]))
            self._context.observer.settled(delivery, outcome, None, True)

    def look_at_all(self) -> None:
        """Claim what is due of every step: something may have been stored of which nobody has taken note."""
        self._claims.look_at_all()

    def accept(
        self,
        deliveries: Sequence[NewDelivery],
        claimed: Sequence[Delivery],
        claim: Claim | None = None,
        attempt: int = 1,
    ) -> KeyedEvents | None:
        """Take note of stored deliveries: start those that are claimed, and claim the others when they are due.

        Args:
            deliveries: Those that were to be stored.
            claimed: As the store returned them; the fate of events with ids is with them, and is returned.
            claim: Slots that were reserved.
            attempt: Of the run that has emitted them.
        """
        if not deliveries:
            return None
        if claim is not None and len(claimed) < len(claim.indexes):
            self._claims.give_back_reserved(deliveries, claim, claimed)
        # Before the trace hears of them: what is claimed must run, whatever happens there.
        for delivery in claimed:
            if self._claims.is_open:
                self._attempts.begin(delivery)
            else:  # a stop: the next start finds it
                self._claims.slots.give_back(delivery.step)
        keyed, cancelled = (claimed.keyed, claimed.cancelled) if isinstance(claimed, Stored) else (None, None)
        if keyed is not None:
            deliveries = self._without_duplicates(deliveries, keyed, attempt)
        self._backlog.added(deliveries)
        if len(claimed) < len(deliveries):
            self._parking.stored(deliveries, self._context.routes)
            for new in deliveries:
                if new.signals:
                    wanted = frozenset(Wanted(new.topic, *each) for each in new.signals)
                    self._context.woken(self._context.routes.waiting(new.topic), wanted)
            self._claims.add_stored(deliveries, claimed)
        self._context.observer.enqueued(deliveries)
        if cancelled is not None:
            # Once the trace has heard of what is stored: it may be among what is cancelled.
            self._cancelling.stored(cancelled)
        return keyed

    def _without_duplicates(
        self, deliveries: Sequence[NewDelivery], keyed: KeyedEvents, attempt: int
    ) -> Sequence[NewDelivery]:
        """Return what was stored, and trace the duplicates."""
        self._cancelling.gone(keyed.removed)
        told: set[str] = set()
        for new in deliveries:
            if new.run_id in keyed.duplicates and new.event_id not in told:
                told.add(new.event_id)
                self._context.observer.duplicated(new, keyed.duplicates[new.run_id], attempt)
        return [new for new in deliveries if new.run_id not in keyed.duplicates]
