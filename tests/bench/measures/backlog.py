"""What a long queue costs: while its own step works on it, and while it waits for another step."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from tests.bench.load import percentile
from tests.bench.measures.events import row_of_events, run_chains
from tests.bench.prefilled import fill_queue
from tests.bench.stack import Stack
from tests.bench.suite import Suite
from tests.bench.table import Row, row_of

LENGTHS: Final = (1_000, 10_000, 100_000, 1_000_000)
WARM_UP_S: Final = 1.0
CHAINS: Final = 16
_RATE_GUESS_PER_S: Final = 5000


async def measure_backlog(suite: Suite) -> None:
    """Queues of 10³ to 10⁶ events."""
    for length in suite.pick(LENGTHS, LENGTHS[:1]):
        stack = suite.stack(f"backlog-own-{length}")
        fill_queue(stack.folder, "Round", "round", length, {"lane": 0})
        async with stack:
            suite.add(await _own(stack, length, suite.seconds))
    for length in suite.pick(LENGTHS, LENGTHS[:1]):
        stack = suite.stack(f"backlog-other-{length}")
        fill_queue(stack.folder, "Slow", "slow", length, {})
        async with stack:
            suite.add(await _other(stack, length, suite.seconds))


async def _own(stack: Stack, length: int, seconds: float) -> Row:
    """Each event puts one at the end of the queue, so its length stays."""
    await asyncio.sleep(WARM_UP_S)
    before: dict[str, Any] = await stack.get("/rounds")
    meter = stack.meter()
    await asyncio.sleep(seconds)
    after: dict[str, Any] = await stack.get("/rounds")
    usage = meter.read()
    return row_of(
        "backlog",
        f"{length:,} wait for the step itself",
        after["done"] - before["done"],
        usage,
        wall_s=(after["at"] - before["at"]) / 1000,
        p50_ms=percentile(after["writesMs"], 0.5),
        p99_ms=percentile(after["writesMs"], 0.99),
        note=f"p50 and p99 of a state write; started in {stack.ready_s:.1f} s",
    )


async def _other(stack: Stack, length: int, seconds: float) -> Row:
    await run_chains(stack, "ts", CHAINS, 50)
    meter = stack.meter()
    seen = await run_chains(stack, "ts", CHAINS, max(round(_RATE_GUESS_PER_S * seconds / CHAINS), 10))
    return row_of_events(
        "backlog",
        f"{length:,} wait for another step",
        seen,
        meter.read(),
        note=f"chains, {CHAINS} in flight; started in {stack.ready_s:.1f} s",
    )
