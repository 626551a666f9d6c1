"""Handlers that are held in memory at a wait, and the suspension of their runs.

A run that waits is held for a moment. Then its leg is cancelled, and its delivery is due again when the wait ends: no
process, no slot, no lease. The next leg runs the handler from the top and finds what was kept by its keys.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from typing import Final

from polystep.bus import Bus
from polystep.contracts.errors import RunEnded
from polystep.contracts.journal import StoredJournal
from polystep.contracts.ports.clock import Clock
from polystep.contracts.signals import Wanted
from polystep.contracts.values import JSONObject
from polystep.execution.attempts import OpenAttempt, OpenAttempts
from polystep.execution.journal import AttemptJournal, DurableOptions, OpenWait

QUIET_S: Final = 0.2
"""A handler that has made no durable call for so long is taken to be at its wait, and at nothing else."""
LOOK_S: Final = 0.05
"""Between looks at handlers that wait, and at functions that a stop waits for."""

_log = logging.getLogger("polystep.durable")


class HeldHandlers:
    """Answers waits that are over, and ends the legs of handlers that only wait."""

    def __init__(self, bus: Bus, attempts: OpenAttempts, clock: Clock, options: DurableOptions) -> None:
        self._bus = bus
        self._attempts = attempts
        self._clock = clock
        self._hold_s = 0.0 if options.forgets else options.hold_s
        self._stop_grace_s = options.stop_grace_s
        self._forgets = options.forgets
        self._held: dict[AttemptJournal, OpenAttempt] = {}
        """Attempts with an open wait, the longest waiting first."""
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.wakes = 0
        """Calls of `wake_steps` so far: who asks the store before it waits sees whether one came in between."""
        self.is_stopping = False

    async def start(self) -> None:
        """Begin to look after handlers that wait."""
        if self._task is None:
            self._bus.suspensions.on_wake(self.wake_steps)
            self._bus.suspensions.on_cancel(lambda run_id, why: self._attempts.cancel_run(run_id, why) is not None)
            self._task = asyncio.create_task(self._watch(), name="durable waits")

    async def stop(self) -> None:
        """Look after nothing any more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def begin_stop(self) -> None:
        """End the legs of handlers that wait, and of others at their next durable call."""
        self.is_stopping = True
        self.retire(self._attempts.names)

    def retire(self, names: Iterable[str]) -> None:
        """End the legs of these attempts at their next wait: the next leg runs the newest code."""
        for name in list(names):
            attempt = self._attempts.find(name)
            if attempt is not None and attempt.journal is not None:
                attempt.journal.is_leaving = True
        self._changed.set()

    async def let_units_end(self, names: Collection[str] | None = None) -> None:
        """Return when none of these attempts, or none at all, is inside the function of a `once`."""
        end_s = self._clock.monotonic_s() + self._stop_grace_s
        told = False
        while self._clock.monotonic_s() < end_s:
            attempts = (self._attempts.find(name) for name in (self._attempts.names if names is None else names))
            units = [(each.step.name, key) for each in attempts if each and each.journal for key in each.journal.units]
            if not units:
                return
            if not told:
                told = True
                _log.info("Waiting for the end of %s", ", ".join(f'once("{key}") of {step}' for step, key in units))
            await self._clock.sleep(LOOK_S)

    async def hold(
        self,
        attempt: OpenAttempt,
        journal: AttemptJournal,
        key: str,
        due_ms: int,
        wanted: frozenset[Wanted] = frozenset(),
    ) -> None:
        """Return when a wait is due, or was woken.

        Raises:
            RunEnded: The leg has ended.
        """
        if journal.is_closed:
            raise RunEnded("The run has ended.")
        wait = OpenWait(due_ms, self._clock.monotonic_s(), asyncio.get_running_loop().create_future(), wanted)
        journal.begin_wait(key, wait)
        self._held.setdefault(journal, attempt)
        self._changed.set()
        await wait.done
        await self.forget(attempt, journal)

    async def forget(self, attempt: OpenAttempt, journal: AttemptJournal) -> None:
        """End the leg in a start that forgets: the next one finds what was kept, or waited for.

        Raises:
            RunEnded: The leg has ended.
        """
        if self._forgets and journal.delivery is not None and not journal.is_closed:
            await self.leave(attempt, journal)

    def leave(self, attempt: OpenAttempt, journal: AttemptJournal) -> asyncio.Future[JSONObject]:
        """End a leg; returns what is never answered but with its end."""
        pending: asyncio.Future[JSONObject] = asyncio.get_running_loop().create_future()
        journal.pending.append(pending)
        self.leave_soon(attempt, journal)
        return pending

    def leave_soon(self, attempt: OpenAttempt, journal: AttemptJournal) -> None:
        """End a leg as soon as no function of a `once` runs in it."""
        if journal.run_at_ms is None and not journal.units and not journal.is_closed:
            self._suspend(attempt, journal)

    def look_again(self) -> None:
        """Look at the handlers that wait: something has changed."""
        self._changed.set()

    def wake(self, run_id: str, key: str) -> None:
        """Return from a wait of a run that is held here: it has been answered."""
        for journal in self._held:
            if journal.delivery is not None and journal.delivery.run_id == run_id and key in journal.waits:
                wait = journal.end_wait(key)
                if not wait.done.done():
                    wait.done.set_result(None)
                self._changed.set()
                return

    def wake_steps(self, steps: Collection[str], wanted: Collection[Wanted] | None) -> None:
        """Return from waits of runs of these steps that want one of these events; `None`: any may have come."""
        self.wakes += 1
        for journal, attempt in self._held.items():
            if attempt.step.name not in steps:
                continue
            for key, wait in list(journal.waits.items()):
                if wait.wanted and (wanted is None or not wait.wanted.isdisjoint(wanted)):
                    journal.end_wait(key)
                    if not wait.done.done():
                        wait.done.set_result(None)
                    self._changed.set()

    async def _watch(self) -> None:
        """Answer waits that are over, and end legs whose handlers only wait."""
        while True:
            if not self._held:
                await self._changed.wait()
            self._changed.clear()
            next_s = LOOK_S
            for journal, attempt in list(self._held.items()):
                next_s = min(next_s, self._look_at(attempt, journal))
                if journal.is_closed or journal.run_at_ms is not None or not journal.waits:
                    del self._held[journal]
            if self._held:
                await self._clock.sleep(max(next_s, 0.001))

    def _look_at(self, attempt: OpenAttempt, journal: AttemptJournal) -> float:
        """Look at one attempt that waits; returns the time until its next wait is over."""
        now_ms, now_s = self._clock.now_ms(), self._clock.monotonic_s()
        for key, wait in list(journal.waits.items()):
            if wait.due_ms <= now_ms:
                journal.end_wait(key)
                if not wait.done.done():
                    wait.done.set_result(None)
        if not journal.is_idle:
            return LOOK_S
        held_s = now_s - min(wait.began_s for wait in journal.waits.values())
        is_wanted = journal.is_leaving or held_s >= self._hold_s or self._bus.suspensions.is_short(attempt.step.name)
        # What a run has called may be among those that wait for its slot.
        is_wanted = is_wanted or attempt.is_crowded()
        if is_wanted and now_s - journal.touched_s >= QUIET_S:
            self._suspend(attempt, journal)
        return (min((wait.due_ms for wait in journal.waits.values()), default=now_ms) - now_ms) / 1000

    def _suspend(self, attempt: OpenAttempt, journal: AttemptJournal) -> None:
        """Cancel the handler; its delivery is stored as due when the first of its waits is over."""
        due = [wait.due_ms for wait in journal.waits.values()]
        if journal.pending:  # something else than a wait is to be done
            due.append(self._clock.now_ms())
        journal.run_at_ms = min(due, default=self._clock.now_ms())
        if attempt.task is not None:
            attempt.task.cancel("suspended")

    def journal(self, attempt: OpenAttempt) -> AttemptJournal:
        """Return the journal of an attempt; an empty one for its first durable call."""
        if attempt.journal is None:
            # The first durable call of a run that has no journal: nothing is to be read.
            attempt.journal = AttemptJournal(attempt.delivery, StoredJournal(), self._clock.monotonic_s)
            attempt.journal.is_leaving = self.is_stopping
        return attempt.journal
