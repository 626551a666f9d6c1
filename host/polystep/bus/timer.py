"""Timer that wakes the claim loop when a stored delivery becomes due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from polystep.bus.wall_clock import WallClock
from polystep.contracts.ports.clock import Clock

SLEEP_MAX_S: Final = 60.0
"""The wall clock may be set, and a laptop may sleep, while the bus waits for a due time: it looks again this often."""


class Timer:
    """Waits for the earliest of the times that it is set to."""

    def __init__(
        self, clock: Clock, wall: WallClock, on_due: Callable[[], None], on_clock_set_back: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._on_due = on_due
        self._on_clock_set_back = on_clock_set_back
        self._task: asyncio.Task[None] | None = None
        self._due_ms = 0
        self._is_stopped = False

    def start(self) -> None:
        """Accept times again after a stop."""
        self._is_stopped = False

    def stop(self) -> asyncio.Task[None] | None:
        """Accept no more times; returns the task that was waiting, which is cancelled."""
        self._is_stopped = True
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        return task

    def set(self, at_ms: int) -> None:
        """Wake at this time, unless an earlier time is set already."""
        if self._is_stopped or (self._task is not None and self._due_ms <= at_ms):
            return
        if self._task is not None:
            self._task.cancel()
        self._due_ms = at_ms
        self._task = asyncio.create_task(self._wait(at_ms), name="bus timer")

    async def _wait(self, at_ms: int) -> None:
        while (left_ms := at_ms - self._clock.now_ms()) > 0:
            await self._clock.sleep(min(left_ms / 1000, SLEEP_MAX_S))
            if self._wall.look():
                self._on_clock_set_back()
        self._task = None
        self._on_due()
