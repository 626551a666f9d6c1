"""Cost of an open live feed: the chains of `events` with a client that follows every subject, and without."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
from collections.abc import AsyncIterator
from typing import Final

import aiohttp

from polystep.operations.live import SUBJECTS
from tests.bench.measures.events import row_of_events, run_chains
from tests.bench.stack import Stack
from tests.bench.suite import Suite

CHAINS: Final = 128
LEAST_SHARE: Final = 0.95
"""Of the throughput without a feed."""
_RATE_GUESS_PER_S: Final = 8000
_TURNS: Final = 4


async def measure_live(suite: Suite) -> None:
    """In turns: closed, open."""
    turns = suite.pick(_TURNS, 1)
    async with suite.stack("live") as stack:
        await run_chains(stack, "ts", CHAINS, 50)
        length = max(round(_RATE_GUESS_PER_S * suite.seconds / turns / CHAINS), 10)
        rates: dict[bool, list[float]] = {False: [], True: []}
        for turn in range(2 * turns):
            is_open = turn % 2 == 1
            async with _followed(stack, is_open=is_open) as notices:
                meter = stack.meter()
                seen = await run_chains(stack, "ts", CHAINS, length)
                usage = meter.read()
            rates[is_open].append(seen["done"] / (seen["wallMs"] / 1000))
            share = statistics.median(rates[True]) / statistics.median(rates[False]) if is_open else None
            is_last = turn == 2 * turns - 1
            suite.add(
                row_of_events(
                    "live",
                    f"feed {'open' if is_open else 'closed'}, turn {turn // 2 + 1}",
                    seen,
                    usage,
                    note="" if share is None else f"{share:.1%} of closed (medians); {len(notices)} notices",
                    budget=f"≥ {LEAST_SHARE:.0%}" if is_last else "",
                    is_met=share >= LEAST_SHARE if is_last and share is not None else None,
                )
            )


@contextlib.asynccontextmanager
async def _followed(stack: Stack, *, is_open: bool) -> AsyncIterator[list[str]]:
    """Follow every subject, and read what comes; nothing when the feed is not to be open."""
    notices: list[str] = []
    if not is_open:
        yield notices
        return

    async def read(socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            notices.append(message.data)

    token = (stack.folder / ".polystep" / "token").read_text()
    async with (
        aiohttp.ClientSession(stack.url, headers={"Authorization": f"Bearer {token}"}) as client,
        client.ws_connect("/__polystep/live") as socket,
    ):
        await socket.send_json({"subscribe": list(SUBJECTS)})
        reading = asyncio.create_task(read(socket))
        try:
            yield notices
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
