"""Event → handler → state write → ack, with a fixed number in flight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.bench.stack import Stack
from tests.bench.suite import Suite
from tests.bench.table import Row, row_of
from tests.bench.usage import Usage
from tests.bench.waiting import reach

BUDGET_PER_S: Final = 5000
BUDGET_P50_MS: Final = 5.0
OFFERED_PER_S: Final = BUDGET_PER_S
"""128 in flight at this rate wait 26 ms (Little's law): the delay asked for is that of a host below its limit."""
_RATE_GUESS_PER_S: Final = {1: 800, 16: 5000, 128: 8000}
"""Only to choose how many events make a run of about the asked length."""


async def measure_events(suite: Suite) -> None:
    """Both languages, at 1, 16 and 128 in flight."""
    async with suite.stack("events") as stack:
        for language in ("ts", "py"):
            await run_chains(stack, language, 16, 50)
            for chains in suite.pick((1, 16, 128), (16,)):
                length = max(round(_RATE_GUESS_PER_S[chains] * suite.seconds / chains), 10)
                suite.add(await _one_case(stack, language, chains, length))
        for language in ("ts", "py"):
            suite.add(await _offered(stack, language, suite.pick(OFFERED_PER_S, 500), suite.seconds))


async def _one_case(stack: Stack, language: str, chains: int, length: int) -> Row:
    meter = stack.meter()
    seen = await run_chains(stack, language, chains, length)
    usage = meter.read()
    per_s = seen["done"] / (seen["wallMs"] / 1000)
    asked = chains == 128
    return row_of_events(
        "events",
        f"{language}, {chains} in flight",
        seen,
        usage,
        budget=f"{BUDGET_PER_S:,}/s" if asked else "",
        is_met=per_s >= BUDGET_PER_S if asked else None,
    )


async def _offered(stack: Stack, language: str, per_s: int, seconds: float) -> Row:
    """Emits at a steady rate, whatever becomes of the events: the delay at that rate, not at the greatest one."""
    meter = stack.meter()
    await stack.post(f"/{language}/offer", {"perSecond": per_s, "seconds": seconds})
    seen = await _report(stack, language, round(per_s * seconds))
    return row_of_events(
        "events",
        f"{language}, {per_s:,}/s offered",
        seen,
        meter.read(),
        note="from the emit to the start of the handler",
        budget=f"p50 ≤ {BUDGET_P50_MS:g} ms",
        is_met=seen["p50Ms"] <= BUDGET_P50_MS,
    )


async def run_chains(stack: Stack, language: str, chains: int, length: int) -> dict[str, Any]:
    """Run chains of events to their end.

    Returns:
        `{done, wallMs, p50Ms, p99Ms}`: links, and from the start of a handler to the start of the next one.
    """
    await stack.post(f"/{language}/chains", {"chains": chains, "length": length})
    return await _report(stack, language, chains * length)


def row_of_events(measure: str, case: str, seen: Mapping[str, Any], usage: Usage, **others: object) -> Row:
    """A row of what `run_chains` returned."""
    wall_s, p50_ms, p99_ms = seen["wallMs"] / 1000, seen["p50Ms"], seen["p99Ms"]
    return row_of(measure, case, seen["done"], usage, wall_s, p50_ms=p50_ms, p99_ms=p99_ms, **others)


async def _report(stack: Stack, language: str, wanted: int) -> dict[str, Any]:
    """Wait for so many events; returns what was seen of them."""

    async def done() -> int:
        seen: dict[str, Any] = await stack.get(f"/{language}/report")
        return int(seen["done"])

    await reach(wanted, "events", done)
    report: dict[str, Any] = await stack.get(f"/{language}/report")
    return report
