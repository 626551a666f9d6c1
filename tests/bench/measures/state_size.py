"""What much state costs: event → handler → state write → ack beside many other keys of the same group."""

from __future__ import annotations

from typing import Final

from tests.bench.measures.events import row_of_events, run_chains
from tests.bench.prefilled import fill_state
from tests.bench.suite import Suite

SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
CHAINS: Final = 16
VALUE: Final = {"left": 0, "at": 0.5, "note": "A value of usual size"}
_RATE_GUESS_PER_S: Final = 5000


async def measure_state_size(suite: Suite) -> None:
    """10³ to 10⁶ keys."""
    for keys in suite.pick(SIZES, SIZES[:1]):
        stack = suite.stack(f"state-{keys}")
        fill_state(stack.folder, "chains", keys, VALUE)
        async with stack:
            await run_chains(stack, "ts", CHAINS, 50)
            meter = stack.meter()
            length = max(round(_RATE_GUESS_PER_S * suite.seconds / CHAINS), 10)
            seen = await run_chains(stack, "ts", CHAINS, length)
            suite.add(
                row_of_events(
                    "state_size",
                    f"{keys:,} keys",
                    seen,
                    meter.read(),
                    note=f"chains, {CHAINS} in flight; started in {stack.ready_s:.1f} s",
                )
            )
