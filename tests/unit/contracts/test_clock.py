"""A wait for an event that is bounded by a clock."""

from __future__ import annotations

import asyncio

from polystep.contracts.clock import wait_at_most
from polystep.testing import FakeClock
from tests.patience import HANG_S


async def test_it_ends_with_the_event() -> None:
    event = asyncio.Event()
    waiting = asyncio.create_task(wait_at_most(event, 3600, FakeClock()))
    await asyncio.sleep(0)
    assert not waiting.done()
    event.set()
    async with asyncio.timeout(HANG_S):
        await waiting


async def test_it_ends_with_the_time_and_leaves_nothing_behind() -> None:
    clock = FakeClock()
    tasks = asyncio.all_tasks()
    waiting = asyncio.create_task(wait_at_most(asyncio.Event(), 10, clock))
    await clock.advance(9)
    assert not waiting.done()
    await clock.advance(1)
    async with asyncio.timeout(HANG_S):
        await waiting
    assert asyncio.all_tasks() == tasks
