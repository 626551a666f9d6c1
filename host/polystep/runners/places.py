"""Places in the processes of one generation: who gets one, who waits for one, and for how long.

A run holds a place from before it is sent until it ends. An answer that is streamed holds none from its start on: it
waits for its client most of the time, so it is counted apart (PS-7.12). Requests and deliveries wait in two queues that
take turns, and some places are kept for requests, so a backlog of slow events delays no route.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from polystep.contracts.errors import Overloaded
from polystep.contracts.limits import PLACE_WAIT_S, REQUESTS_WAITING_MAX
from polystep.runners.process import RunnerProcess

_KEPT_FOR_REQUESTS: Final = 8
"""One place in so many takes no deliveries; one of four to seven. Fewer are not divided, but requests take turns."""

_TOLD_EVERY_S: Final = 10.0
"""Between two lines about requests that were refused."""

_log = logging.getLogger("polystep.runners")


@dataclass(eq=False, slots=True)
class Place:
    """The place of one run."""

    process: RunnerProcess
    step: str
    is_request: bool
    is_stream: bool = False
    """Its answer is being streamed; it is counted apart."""


@dataclass(eq=False, slots=True)
class _Waiting:
    """Somebody without a place."""

    step: str
    is_request: bool
    given: asyncio.Future[Place | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Places:
    """Gives out the places of processes and takes them back."""

    def __init__(self, name: str, processes: Callable[[], Iterable[RunnerProcess]]) -> None:
        """Prepare.

        Args:
            name: Of the runner, for messages.
            processes: Those that live now; asked for at every turn.
        """
        self._name = name
        self._processes = processes
        self._queues: dict[bool, deque[_Waiting]] = {True: deque(), False: deque()}
        """By whether it is a request."""
        self._next_is_request = True
        self._held: Counter[str] = Counter()
        """Places by step, without streamed answers."""
        self._open = 0
        """Runs that have not ended, streamed answers included; also those of processes that are gone."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._released = asyncio.Event()
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return sum(len(queue) for queue in self._queues.values())

    async def acquire(self, step: str, *, is_request: bool) -> Place | None:
        """Take a place in the least busy process, or wait for one; `None` when the generation was retired.

        Requests wait so long and in such a number as the limits say. Deliveries wait as long as it takes: the bus
        bounds their number, and nobody has an open connection meanwhile.

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

    def release(self, place: Place) -> None:
        """Give a place back, or what a streamed answer had of its own."""
        self._open -= 1
        if not self._open:
            self._idle.set()
        self._released.set()
        if place.is_stream:
            place.process.streams_open -= 1
        else:
            self._leave(place)
            self.serve()

    def begin_stream(self, place: Place) -> None:
        """Count a run apart from now on, since its answer has begun; its place is free.

        Raises:
            Overloaded: The process has as many streamed answers as it takes.
        """
        process = place.process
        if place.is_stream or not process.streams_max:
            return
        if process.streams_open >= process.streams_max:
            raise Overloaded(
                f"{process.streams_open} streamed answers are open in the {self._name} runner, the most it takes "
                "at once. Let some end, or give it more processes in polystep.toml."
            )
        place.is_stream = True
        process.streams_open += 1
        self._leave(place)
        self.serve()

    def serve(self) -> None:
        """Give free places to those who wait: in the order they came, requests and deliveries by turns."""
        # Mostly nobody waits, and this is asked at the end of every run.
        while (self._queues[True] or self._queues[False]) and self._serve_one():
            pass

    def close(self) -> None:
        """Give out no more; those that wait are told to go on to the generation that follows."""
        self._closed = True
        for queue in self._queues.values():
            while queue:
                _tell(queue.popleft(), None)

    async def idle(self) -> None:
        """Return when every run has ended."""
        await self._idle.wait()

    async def emptied(self, process: RunnerProcess) -> None:
        """Return when a process has no runs left."""
        while process.places_taken or process.streams_open:
            self._released.clear()
            await self._released.wait()

    async def _wait(self, waiting: _Waiting) -> Place | None:
        queue = self._queues[waiting.is_request]
        queue.append(waiting)
        timer = None
        if waiting.is_request:
            timer = asyncio.get_running_loop().call_later(PLACE_WAIT_S, self._give_up, waiting)
        try:
            return await waiting.given
        except asyncio.CancelledError:
            given = waiting.given
            if given.done() and not given.cancelled() and given.exception() is None and (place := given.result()):
                self.release(place)
            elif waiting in queue:
                queue.remove(waiting)
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _give_up(self, waiting: _Waiting) -> None:
        if not waiting.given.done():
            self._queues[waiting.is_request].remove(waiting)
            waiting.given.set_exception(Overloaded(self._full(f"none came free for {PLACE_WAIT_S:g} s")))

    def _serve_one(self) -> bool:
        for is_request in (self._next_is_request, not self._next_is_request):
            for waiting in self._next_of(self._queues[is_request]):
                process = self._free(waiting.step, is_request=is_request)
                if process is not None:
                    self._queues[is_request].remove(waiting)
                    _tell(waiting, self._take(process, waiting.step, is_request=is_request))
                    self._next_is_request = not is_request
                    return True
        return False

    def _next_of(self, queue: deque[_Waiting]) -> list[_Waiting]:
        """List who may be served next: the first; with a blocked process, whose steps wait for it, all others too."""
        while queue and queue[0].given.done():
            queue.popleft()
        if any(process.is_blocked for process in self._processes()):
            return [each for each in queue if not each.given.done()]
        return [queue[0]] if queue else []

    def _free(self, step: str, *, is_request: bool) -> RunnerProcess | None:
        """The least busy process with room.

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
                least = each if least is None or each.places_taken < least.places_taken else least
        return least

    def _take(self, process: RunnerProcess, step: str, *, is_request: bool) -> Place:
        process.places_taken += 1
        process.requests_taken += is_request
        self._held[step] += 1
        self._open += 1
        self._idle.clear()
        return Place(process, step, is_request)

    def _leave(self, place: Place) -> None:
        place.process.places_taken -= 1
        place.process.requests_taken -= place.is_request
        self._held[place.step] -= 1
        if not self._held[place.step]:
            del self._held[place.step]

    def _full(self, why: str) -> str:
        most = ", ".join(f"{step} has {count}" for step, count in self._held.most_common(3))
        return f"The {self._name} runner has no free place: {why}. {most or 'No process of it is up'}."


class Refusals:
    """Counts requests that got no place, and tells of them, seldom: a flood must not fill the console as well."""

    def __init__(self) -> None:
        self.count = 0
        self._told_count = 0
        self._told_s: float | None = None

    def tell(self, error: Overloaded) -> None:
        """One more was refused."""
        self.count += 1
        now_s = asyncio.get_running_loop().time()
        if self._told_s is None or now_s - self._told_s >= _TOLD_EVERY_S:
            more = self.count - self._told_count
            _log.warning("%s Answered 503: %d request%s.", error.message, more, "" if more == 1 else "s")
            self._told_s, self._told_count = now_s, self.count


def _has_room(process: RunnerProcess, *, is_request: bool) -> bool:
    if process.places_taken >= process.runs_max:
        return False
    kept = max(process.runs_max // _KEPT_FOR_REQUESTS, process.runs_max >= _KEPT_FOR_REQUESTS // 2)
    return is_request or process.places_taken - process.requests_taken < process.runs_max - kept


def _tell(waiting: _Waiting, place: Place | None) -> None:
    if not waiting.given.done():
        waiting.given.set_result(place)
