"""Ten thousand suspended runs that are due at one moment."""

from __future__ import annotations

import asyncio
import gc
import time
from pathlib import Path

from polystep.contracts.events import Delivery, Outcome
from polystep.contracts.steps import QueuePolicy
from tests.unit.bus.harness import DONE, BusHarness, event_step, open_harness

SLEEPERS = 10_000
SLOTS = 16
STALL_MAX_S = 0.05
ALL_TIMEOUT_S = 120
"""A busy machine takes ten times the two seconds of an idle one."""


async def test_ten_thousand_sleepers_due_at_once_respect_concurrency_and_do_not_stall_the_loop(
    tmp_path: Path,
) -> None:
    async with open_harness(tmp_path) as harness:
        await wake_sleepers(harness)


async def wake_sleepers(harness: BusHarness) -> None:
    async def handler(delivery: Delivery) -> Outcome:
        return DONE if delivery.resumes else Outcome("suspended", run_at_ms=due_ms)

    due_ms = harness.clock.now_ms() + 3_600_000
    harness.runner.handlers["S"] = handler
    await harness.begin(event_step("S", queue=QueuePolicy(concurrency=SLOTS)))
    for first in range(0, SLEEPERS, 1000):
        await asyncio.gather(*(harness.publish("S", str(n)) for n in range(first, first + 1000)))
    await harness.observer.ends_count(SLEEPERS, timeout_s=ALL_TIMEOUT_S)
    longest_s = 0.0
    woken = asyncio.Event()

    async def watch() -> None:
        # The loop's own processor time in a millisecond and the turn after it: a busy machine does not count. Looking
        # in every turn would keep the loop awake, and the thread of the database would wait for Python's lock.
        nonlocal longest_s
        before_s = time.thread_time()
        while not woken.is_set():
            await asyncio.sleep(0.001)
            longest_s, before_s = max(longest_s, time.thread_time() - before_s), time.thread_time()

    # Twenty thousand records of this test are nothing that the collector of a host would go through.
    gc.collect()
    gc.freeze()
    try:
        watching = asyncio.create_task(watch())
        await harness.clock.advance(3601)
        await harness.observer.ends_count(2 * SLEEPERS, timeout_s=ALL_TIMEOUT_S)
        woken.set()
        await watching
    finally:
        gc.unfreeze()
    assert harness.runner.most["S"] <= SLOTS
    assert longest_s < STALL_MAX_S
