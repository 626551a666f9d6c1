"""Admission of requests: beyond a bound for each language they wait their turn before they cost anything.

A request that is refused at once comes back at once, and answering it costs nearly as much as running a small handler.
One that waits costs nothing, and keeps its client from asking again. Connections are bounded, and so is who waits.
"""

from __future__ import annotations

import asyncio
from collections import deque

from aiohttp import web

from polystep.http.refusals import RequestRefused


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
        """How many wait for their turn."""
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
    """The turn of one request."""

    __slots__ = ("_admission",)

    def __init__(self, admission: Admission) -> None:
        self._admission: Admission | None = admission

    def leave(self) -> None:
        """Give the turn on; nothing when that was done before."""
        admission, self._admission = self._admission, None
        if admission is not None:
            admission.give_on()
