"""An HTTP step with a body schema: POST, validate, run, answer."""

from __future__ import annotations

from typing import Final

from tests.bench.load import send_load
from tests.bench.stack import Stack
from tests.bench.table import Row, row_of

BODY: Final = {"name": "Ada", "visits": 41}
BUDGET_PER_S: Final = 3000


async def measure_http(stack: Stack, seconds: float) -> list[Row]:
    """Both languages, at 1, 32 and 256 clients."""
    rows = []
    for language in ("ts", "py"):
        url = f"{stack.url}/{language}/greet"
        await send_load(url, 32, for_s=1, method="POST", body=BODY)
        for clients in (1, 32, 256):
            meter = stack.meter()
            load = await send_load(url, clients, for_s=seconds, method="POST", body=BODY)
            usage = meter.read()
            asked = language == "ts" and clients == 32
            rows.append(
                row_of(
                    "HTTP step",
                    f"{language}, {clients} clients",
                    load.requests,
                    usage,
                    wall_s=load.wall_s,
                    p50_ms=load.p50_ms,
                    p99_ms=load.p99_ms,
                    budget=f"{BUDGET_PER_S:,}/s" if asked else "",
                    is_met=load.per_s >= BUDGET_PER_S if asked else None,
                )
            )
    return rows
