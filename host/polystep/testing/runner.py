"""Runner of a bus that runs nothing."""

from __future__ import annotations

from polystep.contracts.events import Delivery, Outcome
from polystep.contracts.steps import StepSpec


class NoRunner:
    """Runner and observer of a bus that is never started: an attempt fails the test."""

    async def run_delivery(self, delivery: Delivery, step: StepSpec) -> Outcome:
        """Fail the test."""
        raise AssertionError(delivery)

    async def let_units_end(self) -> None:
        """Return at once."""

    def enqueued(self, deliveries: object) -> None:
        """Trace nothing."""

    def settled(self, *_: object) -> None:
        """Fail the test."""
        raise AssertionError

    def unparked(self, *_: object) -> None:
        """Fail the test."""
        raise AssertionError

    def duplicated(self, *_: object) -> None:
        """Trace nothing."""

    def cancelled(self, removed: object) -> None:
        """Trace nothing."""

    def superseded(self, delivery: Delivery) -> None:
        """Fail the test."""
        raise AssertionError(delivery)
