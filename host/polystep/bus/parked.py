"""Events that wait for a subscriber: kept while a file that does not load may hold it, delivered when one loads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from polystep.bus.routes import Routes
from polystep.contracts.errors import Overloaded
from polystep.contracts.events import UNKNOWN_STEP, NewDelivery, ParkedEvent
from polystep.contracts.limits import PARKED_BYTES_MAX, PARKED_EVENTS_MAX
from polystep.contracts.ports import Clock, DeliveryObserver, QueueStore
from polystep.contracts.values import JSONObject

PAGE: Final = 200
"""Events delivered in one transaction."""


class Parking:
    """Counts parked events, and delivers or removes them when the routes change."""

    def __init__(self, store: QueueStore, observer: DeliveryObserver, clock: Clock) -> None:
        self._store = store
        self._observer = observer
        self._clock = clock
        self._events = 0
        self._bytes = 0
        self.is_due = True
        """Whether `settle` has something to look at: the routes have changed, or an event was parked by old ones."""

    def bound(self, planned: tuple[NewDelivery, ...]) -> tuple[NewDelivery, ...]:
        """Refuse an event that is to be parked when too many are: it becomes a dead letter with this error."""
        if not planned or planned[0].step != UNKNOWN_STEP:
            return planned
        if self._events < PARKED_EVENTS_MAX and self._bytes + len(planned[0].data) <= PARKED_BYTES_MAX:
            return planned
        return (planned[0]._replace(refused=_too_many(planned[0].topic)),)

    def stored(self, deliveries: Sequence[NewDelivery], routes: Routes) -> None:
        """Count those that were parked; the routes may have changed since they were planned."""
        for new in deliveries:
            if new.step == UNKNOWN_STEP and new.refused is None:
                self._events += 1
                self._bytes += len(new.data)
                self.is_due = self.is_due or routes.is_complete or bool(routes.subscribers(new.topic))

    async def settle(self, routes: Routes) -> list[NewDelivery]:
        """Deliver parked events to steps that subscribe; returns the deliveries, which are stored.

        When every file loads, the others are removed and the observer is told that they went nowhere.
        """
        self.is_due = False
        delivered: list[NewDelivery] = []
        after_id = 0
        try:
            while page := await self._store.parked(PAGE, after_id):
                after_id = page[-1].id
                delivered += await self._settle_page(page, routes)
            self._events, self._bytes = await self._store.parked_size()
        except BaseException:
            self.is_due = True
            raise
        return delivered

    async def _settle_page(self, page: Sequence[ParkedEvent], routes: Routes) -> list[NewDelivery]:
        found = [(event, self._deliveries(event, routes)) for event in page]
        if not routes.is_complete:
            found = [(event, deliveries) for event, deliveries in found if deliveries]
        if not found:
            return []
        changed = await self._store.unpark(found, keep=not routes.is_complete)
        ids = {event.id for event in changed}
        delivered: list[NewDelivery] = []
        for event, deliveries in found:
            if event.id in ids:
                delivered += deliveries
                if not event.taken_by:
                    self._observer.unparked(event, [each.step for each in deliveries])
        return delivered

    def _deliveries(self, event: ParkedEvent, routes: Routes) -> tuple[NewDelivery, ...]:
        planned = routes.plan(
            event.topic, event.data, event.trace_id, event.run_id, event.fifo_key, self._clock.now_ms()
        )
        return tuple(
            each._replace(event_id=event.event_id)
            for each in planned
            if each.step != UNKNOWN_STEP and each.step not in event.taken_by
        )


def _too_many(topic: str) -> JSONObject:
    error = Overloaded(
        f"No step is known to subscribe to {topic}, and {PARKED_EVENTS_MAX:,} events or "
        f"{PARKED_BYTES_MAX // 2**20} MiB wait for files that do not load. Mend the files, then replay this event."
    )
    return {"name": error.name, "message": error.message}
