"""Cancelling of runs: by somebody, with the run that has called them, and by events (`cancelOn`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from polystep.bus.backlog import Backlog
from polystep.bus.claims import Claims
from polystep.bus.context import BusContext
from polystep.contracts.events import (
    CANCEL_STEP,
    PSEUDO_STEPS,
    SIGNAL_STEP,
    Cancellations,
    CancelledRuns,
    RemovedDelivery,
    RunToEnd,
)
from polystep.contracts.values import JSONObject

PAGE: Final = 50
"""Runs that wait and are removed in one transaction."""
AGAIN_MS: Final = 50
"""Until a run is looked at again that is held here while its handler has not begun, or has ended."""


class Cancelling:
    """Removes runs that wait, ends the handlers of those that run here, and takes note of what has gone."""

    def __init__(self, context: BusContext, claims: Claims, backlog: Backlog) -> None:
        self._context = context
        self._claims = claims
        self._backlog = backlog
        self._called: list[RunToEnd] = []
        """Running runs of the calls of what was removed."""

    async def cancel_run(self, run_id: str, reason: JSONObject | None = None) -> tuple[str, bool] | None:
        """Remove a run that waits, or end its handler here; returns its step and whether it ran, `None` without one."""
        while True:
            step = self._held_step(run_id)
            if step is not None and self._context.end_run(run_id, reason):
                return step, True
            cancelled = await self._context.store.cancel_waiting(run_id)
            if cancelled is not None:
                await self.end_called(cancelled, reason)
                return cancelled.removed[0].step, False
            # One that is held starts, or its outcome is being stored: after that commit it is found.
            if step is None and self._held_step(run_id) is None:
                return None

    async def end_called(self, cancelled: CancelledRuns, reason: JSONObject | None = None) -> None:
        """Take note of what went with a cancelled run, and end those of its calls that run.

        Another host's goes on: nobody waits for what it returns.
        """
        self.gone([each._replace(reason=reason) for each in cancelled.removed])
        for run_id in cancelled.running:
            await self.cancel_run(run_id, reason)

    async def cancel_event(self, topic: str, id: str) -> Sequence[RemovedDelivery]:
        """Remove the deliveries of the event with an id that have not started; returns them."""
        removed = await self._context.store.keys.cancel(topic, id)
        self.gone(removed)
        return removed

    def stored(self, found: Cancellations) -> None:
        """Take note of what events have cancelled as they were stored; the rest of their work is due."""
        self.gone(found.removed)
        self._called += found.called
        if not found.is_done or found.called:
            self._claims.has_cancellations = True
            self._claims.wake.set()
            if self._context.wakeups.has_peers:
                self._context.wakeups.announce(due=self._context.routes.cancel_paths)

    async def settle(self) -> None:
        """Do what is to be done of events that cancel runs; what is claimed afterwards is not meant by them."""
        claims, has_more = self._claims, True
        claims.cancels_ms = None
        while has_more:
            claims.has_cancellations = False
            try:
                found = await self._context.store.cancellations.settle(self._context.owner, PAGE)
            except BaseException:
                claims.has_cancellations = True
                raise
            has_more = found.has_more
            self._called += found.called
            self.gone(found.removed)
            for run in found.running:
                self._end(run)
            if found.next_ms is not None:
                self._look_at(found.next_ms)
        while self._called:
            run = self._called.pop()
            try:
                await self.cancel_run(run.run_id, run.reason)
            except BaseException:
                self._called.append(run)
                claims.has_cancellations = True
                raise

    def gone(self, removed: Sequence[RemovedDelivery]) -> None:
        """Take note of deliveries that were removed before they started."""
        for each in removed:
            if each.step not in PSEUDO_STEPS:
                self._backlog.gone(each.step, each.size)
                # The next one of its FIFO key has become ready.
                self._claims.add_due(each.step, 1)
        if traced := [each for each in removed if each.step not in (SIGNAL_STEP, CANCEL_STEP)]:
            self._context.observer.cancelled(traced)

    def _end(self, run: RunToEnd) -> None:
        """End a handler; its outcome is stored before the event is looked at again. Another host's is left to it."""
        if self._held_step(run.run_id) is None:
            return
        self._claims.ending.add(run.run_id)
        if not self._context.end_run(run.run_id, run.reason):
            self._look_at(self._context.clock.now_ms() + AGAIN_MS)

    def _look_at(self, at_ms: int) -> None:
        before_ms = self._claims.cancels_ms
        self._claims.cancels_ms = at_ms if before_ms is None else min(before_ms, at_ms)
        self._claims.timer.set(at_ms)

    def _held_step(self, run_id: str) -> str | None:
        return next((each.step for each in self._claims.held.values() if each.run_id == run_id), None)
