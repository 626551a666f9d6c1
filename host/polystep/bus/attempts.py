"""Attempts: one task for each claimed delivery, from its start until its outcome is stored."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from polystep.bus.claims import Claims
from polystep.bus.context import BusContext
from polystep.contracts.events import Delivery, Outcome
from polystep.contracts.ports.bus import DeliveryRunner

_log = logging.getLogger("polystep.bus")
_RELEASED: Final = Outcome("released")


class Attempts:
    """Runs claimed deliveries, each in the slot that was taken for it."""

    def __init__(self, context: BusContext, claims: Claims, runner: DeliveryRunner) -> None:
        self._context = context
        self._claims = claims
        self._runner = runner
        self._settle: Callable[[Delivery, Outcome], Awaitable[None]] | None = None
        self._in_slots: set[tuple[int, int]] = set()
        """Ids and tokens of attempts that have their slot: their handlers have not ended. Both, because a delivery
        that is released may be claimed again before the attempt that released it is done with."""

    def start(self, settle: Callable[[Delivery, Outcome], Awaitable[None]]) -> None:
        """Accept deliveries; `settle` stores how each attempt ended."""
        self._settle = settle

    def begin(self, delivery: Delivery) -> None:
        """Attempt a claimed delivery, in a slot that was taken for it."""
        self._in_slots.add((delivery.id, delivery.token))
        if delivery.crashes:
            # The runner gives it a process apart, and it may wait for that: meanwhile others use the global slot.
            self._claims.slots.set_apart(delivery.step)
        task = asyncio.create_task(self._attempt(delivery), name=f"run {delivery.step}")
        self._claims.held[task] = delivery
        task.add_done_callback(self._finished)

    async def stop(self, grace_s: float, is_storing: Callable[[Delivery], bool]) -> None:
        """Give running attempts the grace period, then cut them off; returns when all have settled."""
        held = self._claims.held
        if held and grace_s > 0:
            await asyncio.wait(list(held), timeout=grace_s)
        if held:
            await self._runner.let_units_end()
        for task, delivery in held.items():
            # What is being stored ends by itself; cut off here, it would be stored without the trace hearing of it.
            if not is_storing(delivery):
                task.cancel()
        await asyncio.gather(*held, return_exceptions=True)

    async def _attempt(self, delivery: Delivery) -> None:
        step, began_s = self._context.routes.step(delivery.step), self._context.clock.monotonic_s()
        outcome = _RELEASED
        try:
            if step is not None:
                outcome = await self._runner.run_delivery(delivery, step)
        except asyncio.CancelledError:
            # Only `stop` cancels: the run was cut short through no fault of its own.
            outcome = Outcome("released", duration_ms=(self._context.clock.monotonic_s() - began_s) * 1000)
        except Exception as error:  # noqa: BLE001 - a runner that breaks its promise must not strand the delivery
            _log.exception("Running a delivery of %s failed in the host itself", delivery.step)
            outcome = Outcome("failed", error={"name": type(error).__name__, "message": str(error)})
        if outcome.status == "postponed":
            self._claims.pause(delivery.step)
        # The handler is done: its slot is free for what it has emitted.
        self._give_back_slot(delivery)
        assert self._settle is not None, "deliveries are claimed after `start`"
        await self._settle(delivery, outcome)

    def _give_back_slot(self, delivery: Delivery) -> None:
        attempt = (delivery.id, delivery.token)
        if attempt in self._in_slots:
            self._in_slots.discard(attempt)
            self._claims.give_back(delivery.step, apart=delivery.crashes > 0)

    def _finished(self, task: asyncio.Task[None]) -> None:
        claims = self._claims
        was_crowded = claims.is_crowded
        delivery = claims.held.pop(task)
        self._give_back_slot(delivery)  # when it was cancelled before it began
        if delivery.fifo_key is not None:
            # The next one of its key has become ready.
            claims.add_due(delivery.step, 1)
        if delivery.run_id in claims.ending:
            claims.ending.discard(delivery.run_id)
            claims.has_cancellations = True
            claims.wake.set()
        if claims.held_back or self._context.wakeups.has_peers:
            claims.settled(delivery.step)
        if was_crowded or claims.slots.has_due:
            claims.wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("A delivery of %s could not be settled", delivery.step, exc_info=error)
