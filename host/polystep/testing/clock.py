"""Clocks that stand still until a test moves them."""

from __future__ import annotations

import asyncio
import heapq
import itertools


class FakeClock:
    """Clock that wakes sleepers in the order of their deadlines when a test advances it."""

    def __init__(self, now_ms: int = 1_767_225_600_000) -> None:
        self._now_ms = now_ms
        self._order = itertools.count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        """Return the time that the test has set; 2026-01-01T00:00:00Z at first."""
        return self._now_ms

    def monotonic_s(self) -> float:
        """Return the same time in seconds."""
        return self._now_ms / 1000

    async def sleep(self, delay_s: float) -> None:
        """Wait until the test has advanced past the deadline."""
        if delay_s <= 0:
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now_ms + round(delay_s * 1000), next(self._order), waiter))
        await waiter

    async def advance(self, delay_s: float) -> None:
        """Move time on, waking each sleeper at its own moment and letting it run."""
        target_ms = self._now_ms + round(delay_s * 1000)
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= target_ms:
            due_ms, _, waiter = heapq.heappop(self._sleepers)
            self._now_ms = max(self._now_ms, due_ms)
            if not waiter.done():
                waiter.set_result(None)
            await self.settle()
        self._now_ms = target_ms

    @staticmethod
    async def settle() -> None:
        """Let every task that can run do so."""
        for _ in range(20):
            await asyncio.sleep(0)


class SettableClock(FakeClock):
    """Clock with a wall time that a test sets apart from the steady time, by which sleeps go."""

    def __init__(self, now_ms: int = 1_767_225_600_000) -> None:
        super().__init__(now_ms)
        self.set_by_s: float = 0
        """Time by which the wall clock was set ahead."""
        self.delays_s: list[float] = []
        """Sleeps that were asked for."""

    def now_ms(self) -> int:
        """Return the wall time."""
        return super().now_ms() + round(self.set_by_s * 1000)

    async def sleep(self, delay_s: float) -> None:
        """Wait until the test has advanced past the deadline."""
        self.delays_s.append(delay_s)
        await super().sleep(delay_s)
