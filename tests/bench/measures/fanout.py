"""One item of a stream changes: to every WebSocket client that has joined its group."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import sys
from collections.abc import AsyncIterator
from typing import Any, Final

from tests.bench.load import percentile
from tests.bench.stack import ROOT, Stack
from tests.bench.suite import Suite
from tests.bench.table import Row, of_clients, row_of
from tests.bench.waiting import CannotMeasure

FILES_BESIDE: Final = 250
"""Open files that a process needs beside one for each client."""
JOIN_S: Final = 60.0
ARRIVE_S: Final = 60.0
WARM_UP: Final = 20
"""Changes; they also say how many fill the time that was asked for."""
ANSWER_BYTES_MAX: Final = 2**26


class Clients:
    """The process of all clients."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def read(self, within_s: float) -> dict[str, Any]:
        """Its next answer."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(within_s):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise CannotMeasure(f"the clients have waited {within_s:g} s for their frames") from None
        if not line:
            raise CannotMeasure("the clients ended; what they said is above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def wait_for(self, frames: int) -> dict[str, Any]:
        """What they have seen when so many frames have come to all of them together."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{frames}\n".encode())
        return await self.read(ARRIVE_S)


async def measure_fanout(suite: Suite) -> None:
    """To 1, 100 and 5,000 clients."""
    counts = suite.pick((1, 100, 5000), (1, 100))
    _allow_files(max(counts))
    async with suite.stack("fanout") as stack:
        for count in counts:
            async with _joined(stack, count) as clients:
                suite.add(await _one_crowd(stack, clients, count, suite.seconds))


def _allow_files(clients: int) -> None:
    needed = clients + FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed:
        return
    if hard < needed:
        raise CannotMeasure(
            f"{clients} clients need {needed} open files, and this shell allows {hard}. Raise the limit for it "
            f"(as root: `prlimit --pid $$ --nofile={needed}`, or `nofile` in /etc/security/limits.conf)."
        )
    # The host and the clients inherit it.
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


@contextlib.asynccontextmanager
async def _joined(stack: Stack, count: int) -> AsyncIterator[Clients]:
    port = stack.url.rpartition(":")[2]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.clients", port, str(count), "ticker", "all"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=ANSWER_BYTES_MAX,
    )
    try:
        clients = Clients(process)
        await clients.read(JOIN_S)
        yield clients
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _one_crowd(stack: Stack, clients: Clients, count: int, seconds: float) -> Row:
    sent = await stack.post("/publish", {"count": WARM_UP})
    seen = await clients.wait_for(WARM_UP * count)
    changes = max(round(seconds * 1000 / (seen["lastMs"] - sent["startedMs"]) * WARM_UP), WARM_UP)
    meter = stack.meter()
    sent = await stack.post("/publish", {"count": changes})
    seen = await clients.wait_for(changes * count)
    usage = meter.read()
    if seen["lost"]:
        raise CannotMeasure(f"{seen['lost']} of {count} clients were closed by the host: too slow")
    wall_s = (seen["lastMs"] - sent["startedMs"]) / 1000
    clients_us = seen["cpuS"] / seen["frames"] * 1e6
    return row_of(
        "fanout",
        of_clients(count),
        seen["frames"],
        usage,
        wall_s=wall_s,
        p50_ms=percentile(seen["latenciesMs"], 0.5),
        p99_ms=percentile(seen["latenciesMs"], 0.99),
        note=f"per frame; {changes} changes in {wall_s:.1f} s, clients {clients_us:.1f} µs per frame "
        f"({seen['cpuS'] / wall_s:.0%} of a processor)",
    )
