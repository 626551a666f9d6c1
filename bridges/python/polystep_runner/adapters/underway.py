"""Reports of calls that last, once a second while there is news (PS-8.28); short calls cost an entry."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

_EVERY_S: Final = 1.0
_LOOK_S_MAX: Final = 3600.0
"""Time for which one call is reported: when nobody reads an answer to its end, no end comes either."""


class Received(Protocol):
    """Answer of a language model, as far as it was read."""

    @property
    def received(self) -> int:
        """Count its characters."""
        ...


class Way:
    """One call that has begun and not ended."""

    def __init__(
        self,
        number: int,
        notify: Callable[[str, dict[str, Any]], None],
        span: Mapping[str, Any],
        answer: Received | None,
        calls: dict[int, Way],
    ) -> None:
        self._number = number
        self._notify = notify
        self._span = span
        self._answer = answer
        self._calls = calls
        self._began_s = time.monotonic()
        self._known = -1

    def look(self, now_s: float) -> None:
        """Report the call when it has lasted, and later when more of its answer was read."""
        for_s = now_s - self._began_s
        if for_s > _LOOK_S_MAX:
            self._calls.pop(self._number, None)
        received = 0 if self._answer is None else self._answer.received
        if for_s < _EVERY_S or received == self._known:
            return
        self._known = received
        more = {} if self._answer is None else {"received": received}
        self._notify("span.open", {**self._span, "open": self._number, **more})

    def end(self) -> dict[str, Any]:
        """Report no more; returns the member of the span that names the call, if it was reported."""
        self._calls.pop(self._number, None)
        return {} if self._known < 0 else {"open": self._number}


class UnderWay:
    """Calls of all runs that are under way. One look a second at all of them, and none while there is none."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._numbers = itertools.count(1)
        self._calls: dict[int, Way] = {}
        self._is_looking = False

    def begin(
        self, notify: Callable[[str, dict[str, Any]], None], span: Mapping[str, Any], answer: Received | None
    ) -> Way:
        """Take a call that begins, from any thread."""
        number = next(self._numbers)
        way = self._calls[number] = Way(number, notify, span, answer, self._calls)
        if not self._is_looking and not self._loop.is_closed():
            # Two threads at once make two looks, of which the second finds nothing new.
            self._is_looking = True
            self._loop.call_soon_threadsafe(self._look_later)
        return way

    def _look_later(self) -> None:
        self._loop.call_later(_EVERY_S, self._look)

    def _look(self) -> None:
        now_s = time.monotonic()
        for way in list(self._calls.values()):
            way.look(now_s)
        self._is_looking = bool(self._calls)
        if self._is_looking:
            self._look_later()
