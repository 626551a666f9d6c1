"""Cost of an open Workbench: requests at full speed with a page in Chromium that follows them, and without.

Beside it, its log page while steps log at a steady rate: there the host's time counts, not the throughput.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
from collections.abc import AsyncIterator
from typing import Final

from tests.bench.load import send_load
from tests.bench.measures.http import BODY, row_of_load
from tests.bench.stack import Stack
from tests.bench.suite import Suite
from tests.bench.table import Row
from tests.e2e.browser import browse

PAGES: Final = ("traces", "flows/*", "logs", "queues")
"""The first is in every run; the others only in one that is not quick."""
CLIENTS: Final = 32
LEAST_SHARE: Final = 0.95
"""Of the throughput without a page."""
_TURNS: Final = 3
LINES_PER_S: Final = 2000
LINES: Final = 100
"""Of one request."""
MOST_MORE: Final = 0.05
"""Of the host's time on a processor without a page."""
TALK: Final = """
export const config = { type: 'api', name: 'Talk', method: 'POST', path: '/talk', emits: [] }
export const handler = async (req: any, { logger }: any) => {
  for (let number = 0; number < req.body.lines; number++) logger.info(`line ${number}`, { number })
  return { status: 200, body: {} }
}
"""


async def measure_workbench(suite: Suite) -> None:
    """Throughput with each page, then the time that the host needs for log lines."""
    await _throughput(suite)
    await _log_lines(suite)


async def _log_lines(suite: Suite) -> None:
    """In turns: closed, open."""
    stack = suite.stack("talk", "dev")
    (stack.folder / "steps" / "talk.step.ts").write_text(TALK)
    costs: dict[bool, list[float]] = {False: [], True: []}
    async with stack:
        await stack.post("/talk", {"lines": LINES})
        for turn in range(2 * suite.pick(_TURNS, 1)):
            is_open = turn % 2 == 1
            async with _opened(stack, "logs", is_open=is_open):
                meter = stack.meter()
                sent = await _talk(stack, suite.seconds)
                usage = meter.read()
            costs[is_open].append(usage.cpu_s["host"] / sent)
    closed, opened = (statistics.median(costs[is_open]) for is_open in (False, True))
    suite.add(
        Row(
            "workbench",
            f"logs, {LINES_PER_S:,} lines/s",
            note=f"host {opened / closed - 1:+.1%} CPU, {1e6 * closed:.0f} → {1e6 * opened:.0f} µs a line (medians)",
            budget=f"≤ +{MOST_MORE:.0%}",
            is_met=opened <= closed * (1 + MOST_MORE),
        )
    )


async def _talk(stack: Stack, for_s: float) -> int:
    """Log so many lines a second; returns their number."""
    loop = asyncio.get_running_loop()
    began_s, sent = loop.time(), 0
    while (now_s := loop.time()) < began_s + for_s:
        await asyncio.sleep(max(0.0, began_s + sent / LINES_PER_S - now_s))
        await stack.post("/talk", {"lines": LINES})
        sent += LINES
    return sent


async def _throughput(suite: Suite) -> None:
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
