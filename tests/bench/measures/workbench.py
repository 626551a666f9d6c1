"""Cost of an open Workbench: requests at full speed with a page in Chromium that follows them, and without."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import AsyncIterator
from typing import Final

from tests.bench.load import send_load
from tests.bench.measures.http import BODY, row_of_load
from tests.bench.stack import Stack
from tests.bench.suite import Suite
from tests.e2e.browser import browse

PAGES: Final = ("traces", "flows/*", "logs", "queues")
"""The first is in every run; the others only in one that is not quick."""
CLIENTS: Final = 32
LEAST_SHARE: Final = 0.95
"""Of the throughput without a page."""
_TURNS: Final = 3


async def measure_workbench(suite: Suite) -> None:
    """Page after page, in turns: closed, open."""
    async with suite.stack("workbench", "dev") as stack:
        url = f"{stack.url}/ts/greet"
        await send_load(url, CLIENTS, for_s=1, method="POST", body=BODY)
        for page in suite.pick(PAGES, PAGES[:1]):
            rates: dict[bool, list[float]] = {False: [], True: []}
            costs: dict[bool, list[float]] = {False: [], True: []}
            turns = suite.pick(_TURNS, 1)
            for turn in range(2 * turns):
                is_open = turn % 2 == 1
                async with _opened(stack, page, is_open=is_open):
                    meter = stack.meter()
                    load = await send_load(url, CLIENTS, for_s=suite.seconds, method="POST", body=BODY)
                    usage = meter.read()
                rates[is_open].append(load.per_s)
                costs[is_open].append(usage.cpu_s["host"] / load.requests)
                is_last = turn == 2 * turns - 1
                share = statistics.median(rates[True]) / statistics.median(rates[False]) if is_open else 0.0
                cost = statistics.median(costs[True]) / statistics.median(costs[False]) - 1 if is_open else 0.0
                suite.add(
                    row_of_load(
                        "workbench",
                        f"{page} {'open' if is_open else 'closed'}, turn {turn // 2 + 1}",
                        load,
                        usage,
                        note=f"{share:.1%} of closed, host {cost:+.1%} CPU (medians)" if is_open else "",
                        budget=f"≥ {LEAST_SHARE:.0%}" if is_last else "",
                        is_met=share >= LEAST_SHARE if is_last else None,
                    )
                )


@contextlib.asynccontextmanager
async def _opened(stack: Stack, page: str, *, is_open: bool) -> AsyncIterator[None]:
    """Show a page of the Workbench in a browser, once it is live; nothing when it is not to be open."""
    if not is_open:
        yield
        return
    async with browse(stack.folder / "browser") as browser:
        await browser.open("about:blank")
        await browser.shape(1280, 800)
        await browser.open(f"{stack.url}/__polystep/{page}")
        await browser.text("Live")
        yield
