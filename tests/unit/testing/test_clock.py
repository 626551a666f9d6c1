"""The clock that tests move."""

from __future__ import annotations

import asyncio

from polystep.contracts.clock import SystemClock
from polystep.contracts.ports.clock import Clock
from polystep.testing import FakeClock
from tests.patience import HANG_S


async def test_sleepers_wake_in_the_order_of_their_deadlines_at_their_own_time() -> None:
    clock = FakeClock(1000)
    woken: list[tuple[str, int]] = []

    async def sleeper(name: str, delay_s: float) -> None:
        await clock.sleep(delay_s)
        woken.append((name, clock.now_ms()))

    async with asyncio.timeout(HANG_S), asyncio.TaskGroup() as group:
        for name, delay_s in (("late", 3), ("early", 1), ("middle", 2), ("with middle", 2)):
            group.create_task(sleeper(name, delay_s))
        await clock.advance(10)
    assert woken == [("early", 2000), ("middle", 3000), ("with middle", 3000), ("late", 4000)]
    assert (clock.now_ms(), clock.monotonic_s()) == (11_000, 11.0)


async def test_nobody_wakes_early() -> None:
    clock = FakeClock()
    sleeping = asyncio.create_task(clock.sleep(1))
    await clock.advance(0.999)
    early = sleeping.done()
    await clock.advance(0.001)
    assert (early, sleeping.done()) == (False, True)


async def test_who_sleeps_again_when_woken_is_woken_again_on_the_way() -> None:
    clock = FakeClock(0)
    ticks: list[int] = []

    async def tick() -> None:
        for _ in range(3):
            await clock.sleep(1)
            ticks.append(clock.now_ms())

    ticking = asyncio.create_task(tick())
    await clock.advance(5)
    assert (ticks, ticking.done()) == ([1000, 2000, 3000], True)


async def test_a_sleeper_that_was_cancelled_wakes_nobody() -> None:
    clock = FakeClock(0)
    gone = asyncio.create_task(clock.sleep(1))
    stays = asyncio.create_task(clock.sleep(2))
    await clock.settle()
    gone.cancel()
    await clock.advance(2)
    assert (gone.cancelled(), stays.done(), clock.now_ms()) == (True, True, 2000)


async def test_no_delay_and_less_return_at_once() -> None:
    clock = FakeClock(0)
    async with asyncio.timeout(HANG_S):
        await clock.sleep(0)
        await clock.sleep(-1)
    assert clock.now_ms() == 0


async def test_both_clocks_are_clocks() -> None:
    clocks: list[Clock] = [SystemClock(), FakeClock()]
    for clock in clocks:
        async with asyncio.timeout(HANG_S):
            await clock.sleep(-1)
        assert clock.now_ms() > 1_700_000_000_000
        assert isinstance(clock.monotonic_s(), float)
