"""Waits for work to be done, and notices when it never will be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

STALL_S: Final = 60.0
"""Without any progress; the slowest thing waited for here makes some within a second."""


class CannotMeasure(Exception):
    """The machine does not allow a measure, or its work does not end; the text says what to do or what was seen."""


async def reach(wanted: int, what: str, count: Callable[[], Awaitable[int]], *, every_s: float = 0.1) -> None:
    """Ask for a count until it is as great as wanted.

    Raises:
        CannotMeasure: It has stood still for `STALL_S`.
    """
    last, last_s = -1, time.monotonic()
    while (found := await count()) < wanted:
        if found != last:
            last, last_s = found, time.monotonic()
        elif time.monotonic() - last_s > STALL_S:
            raise CannotMeasure(f"{found:,} of {wanted:,} {what} came, and none in the last {STALL_S:g} s")
        await asyncio.sleep(every_s)
