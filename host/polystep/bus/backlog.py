"""Bound of the queue of one step: events that lead to themselves must not fill the disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from polystep.contracts.errors import Overloaded
from polystep.contracts.events import PSEUDO_STEPS, Delivery, NewDelivery
from polystep.contracts.limits import QUEUED_BYTES_MAX, QUEUED_EVENTS_MAX
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.queue import QueueStore

COUNT_AGAIN_S: Final = 30.0
"""A queue that seems full is counted in the store again, at most this often, and beside other hosts every queue."""

_NO_ID_IS_LARGER: Final = 2**63 - 1
"""SQLite's largest row id."""


@dataclass(frozen=True, slots=True)
class QueueBound:
    """The most that may wait for one step."""

    events: int = QUEUED_EVENTS_MAX
    bytes: int = QUEUED_BYTES_MAX
    """Of the events' data."""


class Backlog:
    """Counts waiting and running deliveries by step. The count follows the store, and the store has the last word."""

    def __init__(self, store: QueueStore, clock: Clock, bound: QueueBound) -> None:
        self._store = store
        self._clock = clock
        self._bound = bound
        self._events: dict[str, int] = {}
        self._bytes: dict[str, int] = {}
        self._counted_s = float("-inf")
        self._purged_upto: dict[str, int] = {}
        """By step, the newest delivery that its last purge was about."""
        self.is_due = True
        """The store is to be asked: at the start, and when a queue seems full."""

    def check(self, step: str, more: int = 0) -> None:
        """Refuse an event for a step whose queue is full.

        Args:
            step: The subscriber.
            more: Events that the same attempt has emitted and that are not stored yet.

        Raises:
            Overloaded: The queue is full; it says how to empty it.
        """
        events, size = self._events.get(step, 0) + more, self._bytes.get(step, 0)
        if events < self._bound.events and size < self._bound.bytes:
            return
        self.expire()
        raise Overloaded(
            f"The queue of {step} is full: {events:,} events with {size:,} bytes wait, at most {self._bound.events:,} "
            f"with {self._bound.bytes:,} may ([queues] in polystep.toml). Let it catch up, or empty it: "
            f"polystep purge {step}"
        )

    def expire(self) -> None:
        """Have the store count again if the last time is long ago: other hosts and processes change it too."""
        self.is_due = self.is_due or self._clock.monotonic_s() - self._counted_s >= COUNT_AGAIN_S

    def added(self, deliveries: Iterable[NewDelivery]) -> None:
        """Count stored deliveries."""
        for new in deliveries:
            if new.refused is None and new.step not in PSEUDO_STEPS:
                self._change(new.step, 1, len(new.data))

    def removed(self, delivery: Delivery) -> None:
        """Count a delivery less: it is completed or buried."""
        self._change(delivery.step, -1, -len(delivery.data))

    def gone(self, step: str, size: int) -> None:
        """Count a delivery less that was removed while it waited."""
        self._change(step, -1, -size)

    async def count(self) -> None:
        """Ask the store. It answers in the order of its writes, so none is counted twice or not at all."""
        self.is_due, self._counted_s = False, self._clock.monotonic_s()
        sizes = await self._store.queue_sizes()
        self._events = {step: events for step, events, _ in sizes}
        self._bytes = {step: size for step, _, size in sizes}

    async def begin_purge(self, step: str) -> int:
        """Mark all deliveries of a step that there are; returns the id of the newest, 0 when there is none."""
        self._purged_upto[step] = _NO_ID_IS_LARGER  # until the store has answered, everything counts as older
        self._purged_upto[step] = await self._store.last_id(step)
        return self._purged_upto[step]

    def unpurged(self, delivery: Delivery, emits: Sequence[NewDelivery]) -> Sequence[NewDelivery]:
        """Return the emits of an attempt that are stored: none to its own step when the step was purged while it ran.

        Else what runs during a purge would start an event that leads to itself again.
        """
        if delivery.id > self._purged_upto.get(delivery.step, 0):
            return emits
        return [new for new in emits if new.step != delivery.step]

    def _change(self, step: str, events: int, size: int) -> None:
        left = self._events.get(step, 0) + events
        if left > 0:
            self._events[step], self._bytes[step] = left, self._bytes.get(step, 0) + size
        else:
            self._events.pop(step, None)
            self._bytes.pop(step, None)
