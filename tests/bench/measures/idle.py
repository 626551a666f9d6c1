"""An idle host: one emit at a time, from just before it to the start of the handler."""

from __future__ import annotations

import asyncio
from typing import Final

from tests.bench.load import percentile
from tests.bench.stack import Stack
from tests.bench.suite import Suite
from tests.bench.table import Row
from tests.bench.waiting import reach

PAUSE_S: Final = 0.04
BUDGET_P50_MS: Final = 3.0
WARM_UPS: Final = 5


async def measure_idle(suite: Suite) -> None:
    """Both languages."""
    async with suite.stack("idle") as stack:
        for language in ("ts", "py"):
            suite.add(await _one_language(stack, language, suite.pick(100, 10)))


async def _one_language(stack: Stack, language: str, count: int) -> Row:
    for _ in range(WARM_UPS + count):
        await stack.post(f"/{language}/ping", {})
        await asyncio.sleep(PAUSE_S)
    delays_ms = (await _arrived(stack, language, WARM_UPS + count))[WARM_UPS:]
    p50_ms = percentile(delays_ms, 0.5)
    return Row(
        "idle",
        language,
        p50_ms=p50_ms,
        p99_ms=percentile(delays_ms, 0.99),
        note=f"{len(delays_ms)} emits, {PAUSE_S * 1000:g} ms apart",
        budget=f"p50 ≤ {BUDGET_P50_MS:g} ms",
        is_met=p50_ms <= BUDGET_P50_MS,
    )


async def _arrived(stack: Stack, language: str, count: int) -> list[float]:
    async def arrived() -> int:
        return len((await stack.get(f"/{language}/pings"))["delaysMs"])

    await reach(count, "events", arrived)
    delays_ms: list[float] = (await stack.get(f"/{language}/pings"))["delaysMs"]
    return delays_ms
