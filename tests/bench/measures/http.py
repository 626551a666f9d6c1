"""An HTTP step with a body schema: POST, validate, run, answer."""

from __future__ import annotations

from typing import Final

from tests.bench.load import Load, send_load
from tests.bench.suite import Suite
from tests.bench.table import Row, of_clients, row_of
from tests.bench.usage import Usage

BODY: Final = {"name": "Ada", "visits": 41}
BUDGET_PER_S: Final = 3000


async def measure_http(suite: Suite) -> None:
    """Both languages, at 1, 32 and 256 clients."""
    async with suite.stack("http") as stack:
        for language in ("ts", "py"):
            url = f"{stack.url}/{language}/greet"
            if not suite.is_quick:
                await send_load(url, 32, for_s=1, method="POST", body=BODY)
            for clients in suite.pick((1, 32, 256), (32,)):
                meter = stack.meter()
                load = await send_load(url, clients, for_s=suite.seconds, method="POST", body=BODY)
                usage = meter.read()
                asked = language == "ts" and clients == 32
                suite.add(
                    row_of_load(
                        "http",
                        f"{language}, {of_clients(clients)}",
                        load,
                        usage,
                        budget=f"{BUDGET_PER_S:,}/s" if asked else "",
                        is_met=load.per_s >= BUDGET_PER_S if asked else None,
                    )
                )


def row_of_load(measure: str, case: str, load: Load, usage: Usage, **others: object) -> Row:
    """A row of what `send_load` returned."""
    return row_of(measure, case, load.requests, usage, load.wall_s, p50_ms=load.p50_ms, p99_ms=load.p99_ms, **others)
