"""Ports of the bus: the runner of deliveries and the observer of its work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from polystep.contracts.events import Delivery, NewDelivery, Outcome, ParkedEvent, RemovedDelivery
from polystep.contracts.steps import StepSpec


class DeliveryRunner(Protocol):
    """Runner of one attempt of a delivery; never raises but for cancellation."""

    async def run_delivery(self, delivery: Delivery, step: StepSpec) -> Outcome:
        """Run the step's handler with the delivery's data, and return how it ended."""
        ...

    async def let_units_end(self) -> None:
        """Return when no attempt is inside something that a stop must not cut."""
        ...


class DeliveryObserver(Protocol):
    """Observer that the bus calls for the traces. Must not block or raise."""

    def enqueued(self, deliveries: Sequence[NewDelivery]) -> None:
        """Take note of stored deliveries."""
        ...

    def settled(self, delivery: Delivery, outcome: Outcome, retry_at_ms: int | None, buried: bool) -> None:
        """Take note of a stored outcome: done, due again at `retry_at_ms`, or in the dead letters."""
        ...

    def unparked(self, event: ParkedEvent, steps: Sequence[str]) -> None:
        """Take note of a parked event that these steps get; none when every file loads and nobody subscribes."""
        ...

    def duplicated(self, new: NewDelivery, event_id: str, attempt: int) -> None:
        """Take note that an event was not stored: an earlier one, `event_id`, has its id.

        Args:
            new: One of its deliveries.
            event_id: The earlier event.
            attempt: The attempt of the parent run that emitted it.
        """
        ...

    def cancelled(self, removed: Sequence[RemovedDelivery]) -> None:
        """Take note of deliveries that were removed before they started."""
        ...

    def superseded(self, delivery: Delivery) -> None:
        """Take note of an outcome that was refused: it came after the lease had been taken over."""
        ...
