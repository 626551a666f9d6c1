"""Events that wait for a subscriber: kept while a file that does not load may hold it, delivered when one loads."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final, TypeAlias

from polystep.bus.routes import Routes
from polystep.contracts.errors import Overloaded
from polystep.contracts.events import CANCEL_STEP, UNKNOWN_STEP, NewDelivery, ParkedEvent
from polystep.contracts.limits import PARKED_BYTES_MAX, PARKED_EVENTS_MAX
from polystep.contracts.ports.bus import DeliveryObserver
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.queue import QueueStore
from polystep.contracts.values import JSONObject

_Found: TypeAlias = tuple[ParkedEvent, Sequence[NewDelivery]]

PAGE: Final = 200
"""Events delivered in one transaction."""

_log = logging.getLogger("polystep.bus")


class Parking:
    """Counts parked events, and delivers or removes them when the routes change."""

    def __init__(self, store: QueueStore, observer: DeliveryObserver, clock: Clock) -> None:
        self._store = store
        self._observer = observer
        self._clock = clock
        self._events = 0
        self._bytes = 0
        self._is_dropping = False
        """Copies are dropped since too much is parked; logged once."""
        self.is_due = True
        """`settle` has something to look at: the routes have changed, or an event was parked by old ones."""

    def bound(self, planned: tuple[NewDelivery, ...]) -> tuple[NewDelivery, ...]:
        """Refuse an event that is to be parked when too many are: it becomes a dead letter with this error.

        The copy of an event that known subscribers get is dropped instead, with a warning, and already when half of
        the bound is used: the rest is for events that nobody gets yet.
        """
        if not planned or planned[-1].step != UNKNOWN_STEP:
            return planned
        last = planned[-1]
        share = 2 if last.taken_by else 1
        events, size = self._events + 1, self._bytes + len(last.data)
        if events * share <= PARKED_EVENTS_MAX and size * share <= PARKED_BYTES_MAX:
            return planned
        if not last.taken_by:
            return (last._replace(refused=_too_many(last.topic)),)
        if not self._is_dropping:
            self._is_dropping = True
            _log.warning(
                "%d events are kept for files that are not loaded yet. No more are kept of topics that other steps "
                "subscribe to, such as %s: correct or remove the files that do not load",
                self._events,
                last.topic,
            )
        return planned[:-1]

    def stored(self, deliveries: Sequence[NewDelivery], routes: Routes) -> None:
        """Count parked events; the routes may have changed since they were planned."""
        for new in deliveries:
            if new.step == UNKNOWN_STEP and new.refused is None:
                self._events += 1
                self._bytes += len(new.data)
                self.is_due = self.is_due or routes.is_complete or bool(routes.subscribers(new.topic))

    async def settle(self, routes: Routes) -> list[NewDelivery]:
        """Deliver parked events to steps that subscribe; returns the deliveries, which are stored.

        Copies are removed when every file has been loaded once. The others are removed when every file loads, and the
        observer hears of those that reached no step.
        """
        self.is_due = False
        delivered: list[NewDelivery] = []
        after_id = 0
        try:
            while page := await self._store.parked(PAGE, after_id):
                after_id = page[-1].id
                delivered += await self._settle_page(page, routes)
            self._events, self._bytes = await self._store.parked_size()
            self._is_dropping = self._is_dropping and self._events > 0
        except BaseException:
            self.is_due = True
            raise
        return delivered

    async def _settle_page(self, page: Sequence[ParkedEvent], routes: Routes) -> list[NewDelivery]:
        found = [(event, self._deliveries(event, routes)) for event in page]
        ended = [each for each in found if routes.is_complete or (routes.is_known and not each[0].run_id)]
        kept = [] if routes.is_complete else [each for each in found if each[1] and each not in ended]
        return await self._take(ended, keep=False) + await self._take(kept, keep=True)

    async def _take(self, found: Sequence[_Found], *, keep: bool) -> list[NewDelivery]:
        if not found:
            return []
        ids = {event.id for event in await self._store.unpark(found, keep=keep)}
        delivered: list[NewDelivery] = []
        for event, deliveries in found:
            if event.id in ids:
                delivered += deliveries
                if not event.taken_by:
                    self._observer.unparked(event, [each.step for each in deliveries])
        return delivered

    def _deliveries(self, event: ParkedEvent, routes: Routes) -> tuple[NewDelivery, ...]:
        due_ms = max(event.run_at_ms, self._clock.now_ms())
        planned = routes.plan(event.topic, event.data, event.trace_id, event.source_run_id, event.fifo_key, due_ms)
        # What it cancels it has cancelled when it was emitted.
        return tuple(
            routes.found_by(each._replace(event_id=event.event_id))
            for each in planned
            if each.step not in (UNKNOWN_STEP, CANCEL_STEP) and each.step not in event.taken_by
        )


def _too_many(topic: str) -> JSONObject:
    error = Overloaded(
        f"No step is known to subscribe to {topic}, and {PARKED_EVENTS_MAX:,} events or "
        f"{PARKED_BYTES_MAX // 2**20} MiB wait for files that do not load. Correct the files, then replay this event."
    )
    return {"name": error.name, "message": error.message}
