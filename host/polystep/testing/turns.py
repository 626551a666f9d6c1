"""Waiting for a state that only the event loop can bring about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(holds: Callable[[], bool], within_s: float = 3) -> None:
    """Give the loop turns until the condition holds; raises TimeoutError after `within_s`."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - no event tells of a count
            await asyncio.sleep(0)
