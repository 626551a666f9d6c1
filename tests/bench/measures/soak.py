"""Long use of one host: does anything grow with what has happened already?"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tests.bench.load import send_load
from tests.bench.measures.events import row_of_events, run_chains
from tests.bench.measures.http import BODY, row_of_load
from tests.bench.stack import Stack
from tests.bench.suite import Suite
from tests.bench.table import Row

EVENTS: Final = 200_000
PARTS: Final = 8
CHAINS: Final = 128
REQUESTS: Final = 200_000
CLIENTS: Final = 32
BURST_S: Final = 6.0


async def measure_soak(suite: Suite) -> None:
    """200,000 events, then at least as many requests, on the same host and in the same runner."""
    events, requests = suite.pick(EVENTS, 10_000), suite.pick(REQUESTS, 4_000)
    async with suite.stack("soak") as stack:
        await run_chains(stack, "ts", CHAINS, 20)
        rows: list[Row] = []
        for part in range(1, PARTS + 1):
            case = f"events, {part * events // PARTS:,}"
            rows.append(suite.add(await _events(stack, case, events // PARTS)))
        suite.remark(_compare("events", rows))
        done, rows = 0, []
        while done < requests:
            sent, row = await _requests(stack, done, suite.pick(BURST_S, 1.0))
            done += sent
            rows.append(suite.add(row))
        suite.remark(_compare("requests", rows))


async def _events(stack: Stack, case: str, count: int) -> Row:
    meter = stack.meter()
    seen = await run_chains(stack, "ts", CHAINS, count // CHAINS)
    return row_of_events("soak", case, seen, meter.read(), note=_on_disk(stack))


async def _requests(stack: Stack, done: int, for_s: float) -> tuple[int, Row]:
    """One burst; returns its requests too."""
    meter = stack.meter()
    load = await send_load(f"{stack.url}/ts/greet", CLIENTS, for_s=for_s, method="POST", body=BODY)
    usage = meter.read()
    case = f"requests, {done + load.requests:,}"
    return load.requests, row_of_load("soak", case, load, usage, note=_on_disk(stack))


def _on_disk(stack: Stack) -> str:
    """What of `.polystep` grows; the Python environment in it does not."""
    folder = stack.folder / ".polystep"
    sizes = {name: _mib(folder, f"{name}.db*") for name in ("polystep", "traces")}
    return ", ".join(f"{name}.db {size:.0f} MiB" for name, size in sizes.items())


def _mib(folder: Path, pattern: str) -> float:
    return sum(path.stat().st_size for path in folder.glob(pattern)) / 2**20


def _compare(what: str, rows: Sequence[Row]) -> str:
    """The last quarter against the first."""
    size = max(len(rows) // 4, 1)
    first, last = rows[:size], rows[-size:]

    def change(figure: Callable[[Row], float]) -> str:
        before = statistics.mean(map(figure, first))
        return f"{(statistics.mean(map(figure, last)) / before - 1) * 100:+.0f} %"

    grown = {role: last[-1].rss_mib[role] - first[-1].rss_mib[role] for role in ("host", "node")}
    return (
        f"soak: {what}, last quarter against first: rate {change(lambda row: row.per_s or 0)}, "
        f"p50 {change(lambda row: row.p50_ms or 0)}, p99 {change(lambda row: row.p99_ms or 0)}, "
        f"processor time of the host {change(lambda row: row.cpu_us['host'])}, "
        f"memory {', '.join(f'{role} {mib:+.0f} MiB' for role, mib in grown.items())}"
    )
