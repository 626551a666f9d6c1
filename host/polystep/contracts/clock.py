"""Clock of the machine, and a bounded wait by any clock; `polystep.testing` has the clock that tests move."""

from __future__ import annotations

import asyncio
import time

from polystep.contracts.ports.clock import Clock


class SystemClock:
    """Time of the machine."""

    def now_ms(self) -> int:
        """Return Unix time in milliseconds."""
        return time.time_ns() // 1_000_000

    monotonic_s = staticmethod(time.monotonic)
    """Seconds that never go back. Read several times for each call of a handler, so without a function around it."""

    async def sleep(self, delay_s: float) -> None:
        """Return after `delay_s` seconds."""
        await asyncio.sleep(max(delay_s, 0.0))


async def wait_at_most(event: asyncio.Event, delay_s: float, clock: Clock) -> None:
    """Return when the event is set, or after `delay_s` seconds of the clock."""
    waits = {asyncio.ensure_future(clock.sleep(delay_s)), asyncio.create_task(event.wait())}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
