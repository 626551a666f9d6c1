"""Slots in the processes of one generation, given to requests and deliveries in turns, within bounds of waiting.

A slot lets one attempt run; the attempt holds it from before it is sent until it ends. A streamed response holds none
from its start on: it waits for its client most of the time, so it counts apart (PS-7.12). Requests and deliveries wait
in two queues that take turns, and some slots are kept for requests, so a backlog of slow events delays no route.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from polystep.contracts.errors import Overloaded
from polystep.contracts.limits import REQUESTS_WAITING_MAX, SLOT_WAIT_S
from polystep.runners.process import RunnerProcess

_KEPT_FOR_REQUESTS: Final = 8
"""One slot in so many takes no deliveries; one of four to seven does not either. Fewer slots are shared in turns."""

_LOGGED_EVERY_S: Final = 10.0
"""Time between two log lines about refused requests."""

_log = logging.getLogger("polystep.runners")


@dataclass(eq=False, slots=True)
class Slot:
    """Slot of one attempt."""

    process: RunnerProcess
    step: str
    is_request: bool
    is_stream: bool = False
    """Its response is being streamed; it counts apart."""


@dataclass(eq=False, slots=True)
class _Waiting:
    """Request or delivery that waits for a slot."""

    step: str
    is_request: bool
    given: asyncio.Future[Slot | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Slots:
    """Slots of processes, given out and taken back."""

    def __init__(self, name: str, processes: Callable[[], Iterable[RunnerProcess]]) -> None:
        """Prepare.

        Args:
            name: Of the runner, for messages.
            processes: Returns those that live now.
        """
        self._name = name
        self._processes = processes
        self._queues: dict[bool, deque[_Waiting]] = {True: deque(), False: deque()}
        """Queue of requests under `True`, of deliveries under `False`."""
        self._next_is_request = True
        self._held: Counter[str] = Counter()
        """Slots held by each step, without streamed responses."""
        self._open = 0
        """Attempts that have not ended, also streamed responses and those of processes that are gone."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._released = asyncio.Event()
        self._closed = False

    @property
    def waiting(self) -> int:
        """Count those that wait for a slot."""
        return sum(len(queue) for queue in self._queues.values())

    async def acquire(self, step: str, *, is_request: bool) -> Slot | None:
        """Take a slot in the least busy process, or wait for one; `None` when the generation was retired.

        Requests wait within the limits of time and number. Deliveries wait without a limit: the bus bounds their
        number, and no client waits for them at an open connection.

        Raises:
            Overloaded: A request waited in vain, or too many wait already.
        """
        if self._closed:
            return None
        queue = self._queues[is_request]
        if not queue and (process := self._free(step, is_request=is_request)) is not None:
            return self._take(process, step, is_request=is_request)
        if is_request and len(queue) >= REQUESTS_WAITING_MAX:
            raise Overloaded(self._full(f"{len(queue)} requests wait for one already, the most allowed"))
        return await self._wait(_Waiting(step, is_request))

    def release(self, slot: Slot) -> None:
        """Give a slot back, or the permission of a streamed response."""
        self._open -= 1
        if not self._open:
            self._idle.set()
        self._released.set()
        if slot.is_stream:
            slot.process.streams_open -= 1
        else:
            self._leave(slot)
            self.serve()

    def begin_stream(self, slot: Slot) -> None:
        """Free the slot of an attempt whose streamed response has begun, and count it apart.

        Raises:
            Overloaded: The process has as many streamed responses as it takes.
        """
        process = slot.process
        if slot.is_stream or not process.streams_max:
            return
        if process.streams_open >= process.streams_max:
            raise Overloaded(
                f"{process.streams_open} streamed answers are open in the {self._name} runner, the most it takes "
                "at once. Let some end, or give it more processes in polystep.toml."
            )
        slot.is_stream = True
        process.streams_open += 1
        self._leave(slot)
        self.serve()

    def serve(self) -> None:
        """Give free slots to those that wait: in their order, requests and deliveries in turns."""
        # Mostly nobody waits, and this is asked at the end of every run.
        while (self._queues[True] or self._queues[False]) and self._serve_one():
            pass

    def close(self) -> None:
        """Give out no more slots; send those that wait to the next generation."""
        self._closed = True
        for queue in self._queues.values():
            while queue:
                _settle(queue.popleft(), None)

    async def idle(self) -> None:
        """Return when every run has ended."""
        await self._idle.wait()

    async def emptied(self, process: RunnerProcess) -> None:
        """Return when a process has no runs left."""
        while process.slots_taken or process.streams_open:
            self._released.clear()
            await self._released.wait()

    async def _wait(self, waiting: _Waiting) -> Slot | None:
        queue = self._queues[waiting.is_request]
        queue.append(waiting)
        timer = None
        if waiting.is_request:
            timer = asyncio.get_running_loop().call_later(SLOT_WAIT_S, self._give_up, waiting)
        try:
            return await waiting.given
        except asyncio.CancelledError:
            given = waiting.given
            if given.done() and not given.cancelled() and given.exception() is None and (slot := given.result()):
                self.release(slot)
            elif waiting in queue:
                queue.remove(waiting)
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _give_up(self, waiting: _Waiting) -> None:
        if not waiting.given.done():
            self._queues[waiting.is_request].remove(waiting)
            waiting.given.set_exception(Overloaded(self._full(f"none came free for {SLOT_WAIT_S:g} s")))

    def _serve_one(self) -> bool:
        for is_request in (self._next_is_request, not self._next_is_request):
            for waiting in self._next_of(self._queues[is_request]):
                process = self._free(waiting.step, is_request=is_request)
                if process is not None:
                    self._queues[is_request].remove(waiting)
                    _settle(waiting, self._take(process, waiting.step, is_request=is_request))
                    self._next_is_request = not is_request
                    return True
        return False

    def _next_of(self, queue: deque[_Waiting]) -> list[_Waiting]:
        """List the candidates for the next slot: the first; all, while a blocked process makes its steps wait."""
        while queue and queue[0].given.done():
            queue.popleft()
        if any(process.is_blocked for process in self._processes()):
            return [each for each in queue if not each.given.done()]
        return [queue[0]] if queue else []

    def _free(self, step: str, *, is_request: bool) -> RunnerProcess | None:
        """Find the least busy process with room.

        Runs of a step that blocks a process wait for that one: they would block the others as well.
        """
        able = [each for each in self._processes() if each.usable and not each.is_leaving]
        blocked = [each for each in able if each.is_blocked]
        if blocked:
            own = [each for each in blocked if each.blocking_step == step]
            able = own or [each for each in able if not each.is_blocked]
        least: RunnerProcess | None = None
        for each in able:
            if _has_room(each, is_request=is_request):
                least = each if least is None or each.slots_taken < least.slots_taken else least
        return least

    def _take(self, process: RunnerProcess, step: str, *, is_request: bool) -> Slot:
        process.slots_taken += 1
        process.requests_taken += is_request
        self._held[step] += 1
        self._open += 1
        self._idle.clear()
        return Slot(process, step, is_request)

    def _leave(self, slot: Slot) -> None:
        slot.process.slots_taken -= 1
        slot.process.requests_taken -= slot.is_request
        self._held[slot.step] -= 1
        if not self._held[slot.step]:
            del self._held[slot.step]

    def _full(self, why: str) -> str:
        most = ", ".join(f"{step} has {count}" for step, count in self._held.most_common(3))
        return f"The {self._name} runner has no free slot: {why}. {most or 'No process of it is up'}."


class Refusals:
    """Counter of refused requests that logs them seldom: a flood must not fill the console as well."""

    def __init__(self) -> None:
        self.count = 0
        self._logged_count = 0
        self._logged_s: float | None = None

    def count_one(self, error: Overloaded) -> None:
        """Count a refused request, and log it when the last line is long enough ago."""
        self.count += 1
        now_s = asyncio.get_running_loop().time()
        if self._logged_s is None or now_s - self._logged_s >= _LOGGED_EVERY_S:
            more = self.count - self._logged_count
            _log.warning("%s Answered 503: %d request%s.", error.message, more, "" if more == 1 else "s")
            self._logged_s, self._logged_count = now_s, self.count


def _has_room(process: RunnerProcess, *, is_request: bool) -> bool:
    if process.slots_taken >= process.runs_max:
        return False
    kept = max(process.runs_max // _KEPT_FOR_REQUESTS, process.runs_max >= _KEPT_FOR_REQUESTS // 2)
    return is_request or process.slots_taken - process.requests_taken < process.runs_max - kept


def _settle(waiting: _Waiting, slot: Slot | None) -> None:
    if not waiting.given.done():
        waiting.given.set_result(slot)
