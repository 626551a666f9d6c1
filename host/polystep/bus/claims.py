"""Choice of what is claimed: slots, steps with due deliveries, and the wake-ups of the claim loop."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from polystep.bus.context import BusContext
from polystep.bus.slots import UNKNOWN, Slots
from polystep.bus.timer import Timer
from polystep.bus.wall_clock import WallClock
from polystep.contracts.events import CANCEL_STEP, PSEUDO_STEPS, SIGNAL_STEP, UNKNOWN_STEP, Claim, Delivery, NewDelivery
from polystep.contracts.limits import LEASE_MS, POSTPONED_PAUSE_S, RUNS_PER_RUNNER

RUNNING_MAX: Final = 2 * RUNS_PER_RUNNER
"""Deliveries claimed at once over all steps: enough to fill a runner of each shipped kind."""

CLAIMED_MAX: Final = 2 * RUNNING_MAX
"""Deliveries claimed at once, with those whose handlers have ended and whose outcome is not stored yet: beyond it none
is claimed, so a disk that takes no outcomes does not fill the memory with them."""

_log = logging.getLogger("polystep.bus")


class Claims:
    """Reserves slots for new deliveries, and knows which steps the claim loop has to look at."""

    def __init__(self, context: BusContext, wall: WallClock) -> None:
        self._context = context
        self.slots = Slots(RUNNING_MAX, self._limit)
        self.wake = asyncio.Event()
        """Set when the claim loop has something to do."""
        self.timer = Timer(context.clock, wall, self.look_at_all, self.wake.set)
        self.is_open = False
        """The bus is started and not stopping: deliveries may be claimed."""
        self.held: dict[asyncio.Task[None], Delivery] = {}
        """Claimed deliveries by the task that attempts them and stores the outcome."""
        self.unseen: set[str] = set()
        """Steps whose next due time the store is still to be asked for, once nothing else will wake them."""
        self.held_back: set[str] = set()
        """Steps that run as often as their limit over all hosts allows: they are due again when a slot is freed."""
        self.stopped: frozenset[str] = frozenset()
        """Steps that an operator has paused: none is claimed until they are resumed."""
        self.has_cancellations = False
        """Events have runs to cancel, or may have."""
        self.cancels_ms: int | None = None
        """Time at which an event cancels that is due later, or at which a run that it means is looked at again."""
        self.ending: set[str] = set()
        """Runs that are held here and that events have cancelled: these are looked at again when they have ended."""
        self._paused_until_s: dict[str, float] = {}
        """Steps whose attempts cannot emit because a queue is full: none is claimed until then."""

    @property
    def is_crowded(self) -> bool:
        """Too many claimed deliveries are not settled yet."""
        return len(self.held) >= CLAIMED_MAX

    def reserve(self, deliveries: Sequence[NewDelivery]) -> Claim | None:
        """Take slots for new deliveries that can start as soon as they are stored."""
        if not deliveries or not self.is_open or self.is_crowded:
            return None
        now_ms = self._context.clock.now_ms()
        indexes = []
        for index, new in enumerate(deliveries):
            starts = new.refused is None and new.fifo_key is None and new.run_at_ms <= now_ms
            if starts and self.slots.take_for_new(new.step):
                indexes.append(index)
        if not indexes:
            return None
        routes, limits = self._context.routes, None
        if self._context.wakeups.has_peers or routes.counting:
            limits = self.limits({deliveries[index].step for index in indexes})
        return Claim(frozenset(indexes), self._context.owner, now_ms + LEASE_MS, limits, routes.counting)

    def settled(self, step: str) -> None:
        """Take note that an attempt runs no more, also for the limit over all hosts."""
        if step in self.held_back:
            self.held_back.discard(step)
            self.slots.add_due([step])
            self.unseen.add(step)
            self.wake.set()
        if self._context.wakeups.has_peers:
            self._context.wakeups.announce(freed=[step])

    def limits(self, steps: Iterable[str]) -> dict[str, int]:
        """Return the limits that the store holds: of each step beside other hosts, else of those that count what waits.

        The others are those of the slots.
        """
        routes, has_peers = self._context.routes, self._context.wakeups.has_peers
        return {step: routes.limit(step) for step in steps if has_peers or step in routes.counting}

    def give_back_reserved(
        self, deliveries: Sequence[NewDelivery], claim: Claim | None, claimed: Sequence[Delivery] = ()
    ) -> None:
        """Give back the slots of deliveries that were not stored, or stored without being claimed."""
        if claim is None:
            return
        begun = {delivery.run_id for delivery in claimed}
        for index in claim.indexes:
            if deliveries[index].run_id not in begun:
                self.give_back(deliveries[index].step)

    def give_back(self, step: str, *, apart: bool = False) -> None:
        """Give back the slot of one attempt."""
        self.slots.give_back(step, apart=apart)
        if self.slots.has_due:
            self.wake.set()

    def add_due(self, step: str, count: int = UNKNOWN) -> None:
        """Claim so many more deliveries of a step."""
        self.slots.add_due([step], count)
        self.wake.set()
        if self._context.wakeups.has_peers:
            self._context.wakeups.announce(due=[step])

    def due_at(self, step: str, run_at_ms: int) -> None:
        """Claim a stored delivery of a step when it is due."""
        if run_at_ms > self._context.clock.now_ms():
            self.timer.set(run_at_ms)
        else:
            self.add_due(step, 1)

    def add_stored(self, deliveries: Sequence[NewDelivery], claimed: Sequence[Delivery]) -> None:
        """Claim stored deliveries when they are due; those in `claimed` have been."""
        now_ms = self._context.clock.now_ms()
        begun = {delivery.run_id for delivery in claimed}
        due: set[str] = set()
        for new in deliveries:
            if new.refused is not None or new.step in (UNKNOWN_STEP, CANCEL_STEP) or new.run_id in begun:
                continue
            if new.step == SIGNAL_STEP:
                due.update(self._context.routes.waiting(new.topic))
            elif new.run_at_ms > now_ms:
                self.timer.set(new.run_at_ms)
            else:
                self.slots.add_due([new.step], 1)
        if due:
            # Suspended runs that wait for the event have become due.
            self.slots.add_due(due)
            self.unseen.update(due)
        self.wake.set()
        if self._context.wakeups.has_peers:
            self._context.wakeups.announce(
                due=due.union(new.step for new in deliveries if new.step not in PSEUDO_STEPS)
            )

    def hear(self, due: Collection[str], freed: Collection[str]) -> None:
        """Take a wake-up of another host: claim of steps that have got something due there, or that it held back."""
        steps = [step for step in due if self._context.routes.step(step) is not None]
        steps += [step for step in freed if step in self.held_back]
        if steps:
            self._context.woken(steps, None)
            self.held_back.difference_update(steps)
            self.slots.add_due(steps)
            self.unseen.update(steps)
            self.wake.set()

    def look_at_all(self) -> None:
        """Claim what is due of every loaded step, and ask for the next due time of each."""
        steps = self._context.routes.steps
        self.held_back.clear()
        self.slots.add_due(steps)
        self.unseen.update(steps)
        self.wake.set()
        if self.cancels_ms is not None and self.cancels_ms > self._context.clock.now_ms():
            # It was put off while the timer had an earlier time.
            self.timer.set(self.cancels_ms)
        if self._paused_until_s:
            # The timer goes by the wall clock, pauses by the steady one: it may have come too early for them.
            self._wake_after_pauses()

    def pause(self, step: str) -> None:
        """Claim nothing of a step for a while: its attempts could not emit either."""
        clock = self._context.clock
        now_s = clock.monotonic_s()
        self._paused_until_s = {name: until_s for name, until_s in self._paused_until_s.items() if until_s > now_s}
        if step not in self._paused_until_s:
            _log.warning(
                "%s emits to a queue that is full; its events wait, and are tried again every few seconds", step
            )
        self._paused_until_s[step] = now_s + POSTPONED_PAUSE_S
        self._wake_after_pauses()

    def end_pauses(self) -> None:
        """Claim of all steps again: a full queue has been emptied."""
        self._paused_until_s.clear()
        self.look_at_all()

    def drained(self) -> Iterable[str]:
        """Take the steps that nothing wakes any more: their next due time is to be asked for."""
        drained = [name for name in self.unseen if not self.slots.is_waiting(name)]
        self.unseen.difference_update(drained)
        # Of a paused one something is due already: to wake for it would be to wake without end.
        return [name for name in drained if self._context.routes.step(name) is not None and not self._is_paused(name)]

    def _wake_after_pauses(self) -> None:
        clock = self._context.clock
        now_s = clock.monotonic_s()
        left_s = [until_s - now_s for until_s in self._paused_until_s.values() if until_s > now_s]
        if left_s:
            self.timer.set(clock.now_ms() + math.ceil(min(left_s) * 1000))

    def _limit(self, step: str) -> int:
        """Return the number of attempts of a step at once; 0 while it pauses or is not loaded."""
        if (self.stopped or self._paused_until_s) and self._is_paused(step):
            return 0
        return self._context.routes.limit(step)

    def _is_paused(self, step: str) -> bool:
        return step in self.stopped or self._context.clock.monotonic_s() < self._paused_until_s.get(step, 0.0)
