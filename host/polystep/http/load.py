"""Load of the server: what it holds for its clients at this moment, and the bounds of it.

Beyond a bound for each language requests wait their turn before they cost anything. A request that is refused at once
comes back at once, and answering it costs nearly as much as running a small handler. One that waits costs nothing, and
keeps its client from asking again. Connections are bounded, and so is who waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Self

from aiohttp import web

from polystep.contracts.limits import BODY_BYTES_UNCOUNTED
from polystep.http.refusals import RequestRefused
from polystep.http.settings import HttpSettings


class Load:
    """Counts of one server; whoever counts also keeps the bound."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._admissions: dict[str, Admission] = {}
        """By runner, so that the slow steps of one language do not keep those of another waiting."""
        self.budget = ByteBudget(settings.bytes_in_flight_max)
        self.connections = 0
        self.uploads = 0

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn."""
        return sum(admission.waiting for admission in self._admissions.values())

    def admission(self, runner: str) -> Admission:
        """Return what gives turns to the requests for the steps of a runner."""
        found = self._admissions.get(runner)
        if found is None:
            found = self._admissions[runner] = Admission(self._settings.runs_max, self._settings.turn_wait_s)
        return found


class Admission:
    """Gives out a number of turns, first come, first served."""

    def __init__(self, turns: int, wait_s: float) -> None:
        """Prepare.

        Args:
            turns: How many may run at once.
            wait_s: How long a request waits for its turn before it is answered 503.
        """
        self._turns = turns
        self._free = turns
        self._wait_s = wait_s
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """Count the requests that wait for their turn."""
        return len(self._waiting)

    async def enter(self, request: web.BaseRequest) -> Turn:
        """Take a turn, or wait for one.

        Raises:
            RequestRefused: 503, it waited in vain.
            ConnectionResetError: The client left meanwhile, so nobody wants the answer.
        """
        if self._free:
            self._free -= 1
            return Turn(self)
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        timer = loop.call_later(self._wait_s, self._give_up, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give_on()  # it came at the very moment when the request ended
            raise
        finally:
            timer.cancel()
        if request.transport is None:
            self.give_on()
            raise ConnectionResetError("the client left while it waited for its turn")
        return Turn(self)

    def give_on(self) -> None:
        """Give a turn to who waits longest, or keep it for the next one."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if not turn.done():
            hint = f"{self._turns} requests are in handlers, and none ended within {self._wait_s:g} s."
            turn.set_exception(RequestRefused(503, {"error": "Service overloaded", "hint": hint}, {"Retry-After": "1"}))
        # Who waited longest has given up first, so those that are done are at the front.
        while self._waiting and self._waiting[0].done():
            del self._waiting[0]


class Turn:
    """Turn of one request."""

    __slots__ = ("_admission",)

    def __init__(self, admission: Admission) -> None:
        self._admission: Admission | None = admission

    def leave(self) -> None:
        """Give the turn on; nothing when that was done before."""
        admission, self._admission = self._admission, None
        if admission is not None:
            admission.give_on()


class ByteBudget:
    """Budget of the bytes of bodies and answers that the server holds at once; no client can make it grow."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self.in_flight = 0
        """Bytes that are held now."""

    def hold(self) -> Hold:
        """Begin to count for one body or answer; leaving the block gives its bytes back."""
        return Hold(self)

    def take(self, size: int) -> None:
        """Count more bytes.

        Raises:
            RequestRefused: 503, they would be too many.
        """
        if self.in_flight + size > self._bytes_max:
            hint = (
                f"Bodies and answers hold {self.in_flight} bytes, of {self._bytes_max} (`[http] bytes_in_flight_max`)."
            )
            headers = {"Retry-After": "1", "Connection": "close"}
            raise RequestRefused(503, {"error": "Service overloaded", "hint": hint}, headers)
        self.in_flight += size

    def give(self, size: int) -> None:
        """Count them no longer."""
        self.in_flight -= size


class Hold:
    """Share of one body or answer in the budget."""

    __slots__ = ("_budget", "_bytes")

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bytes:
            self._budget.give(self._bytes)
            self._bytes = 0

    def grow_to(self, size: int) -> None:
        """Say how many bytes there are by now.

        Raises:
            RequestRefused: 503, the server holds too many.
        """
        if size > BODY_BYTES_UNCOUNTED and size > self._bytes:
            self._budget.take(size - self._bytes)
            self._bytes = size
