"""From the command to "ready" by number of steps, cold and warm; from `kill -9` to the first handler."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Final

from tests.bench.suite import Suite
from tests.bench.table import Row

BUDGET_STEPS: Final = 20
BUDGET_MS: Final = 1500.0
RESTART_STEPS: Final = 5
RESTART_BUDGET_MS: Final = 1000.0

_TYPESCRIPT: Final = """\
import type {{ ApiRouteConfig, Handlers }} from 'motia'
import {{ z }} from 'zod'

export const config: ApiRouteConfig = {{
  type: 'api',
  name: 'Order{number}',
  path: '/orders/{number}',
  method: 'POST',
  bodySchema: z.object({{ customer: z.string().min(1), items: z.array(z.object({{ sku: z.string() }})) }}),
  emits: ['ordered.{number}'],
}}

export const handler: Handlers['Order{number}'] = async (req, {{ emit }}) => {{
  await emit({{ topic: 'ordered.{number}', data: {{ customer: req.body.customer, items: req.body.items.length }} }})
  return {{ status: 200, body: {{ accepted: true }} }}
}}
"""
_PYTHON: Final = """\
from pydantic import BaseModel


class Ordered(BaseModel):
    customer: str
    items: int


config = {{
    "type": "event",
    "name": "Ordered{number}",
    "subscribes": ["ordered.{number}"],
    "emits": [],
    "input": Ordered.model_json_schema(),
}}


async def handler(input_data, context):
    await context.state.set("orders", input_data["customer"], input_data["items"])
"""


async def measure_starting(suite: Suite) -> None:
    """With 5, 20 and 200 steps, cold and warm."""
    times = suite.pick(3, 1)
    for steps in suite.pick((5, 20, 200), (5,)):
        starts: dict[str, list[Row]] = {"cold": [], "warm": []}
        for attempt in range(times):
            name = f"starting-{steps}-{attempt}"
            _write_steps(suite.folder / name, steps)
            for kind in starts:
                starts[kind].append(await _start(suite, name, f"{steps} steps, {kind}"))
        for kind, rows in starts.items():
            suite.add(_median(rows, BUDGET_MS if steps == BUDGET_STEPS and kind == "warm" else None))
    for verb in ("start", "dev"):
        suite.add(await _restarts(suite, verb, suite.pick(9, 3)))


def _write_steps(project: Path, count: int) -> None:
    """Half of them TypeScript, half Python; each pair shares a topic."""
    folder = project / "steps"
    folder.mkdir(parents=True)
    (project / "requirements.txt").write_text("pydantic>=2.11\n")
    for number in range((count + 1) // 2):
        (folder / f"order-{number}.step.ts").write_text(_TYPESCRIPT.format(number=number))
    for number in range(count // 2):
        (folder / f"ordered_{number}_step.py").write_text(_PYTHON.format(number=number))


async def _start(suite: Suite, name: str, case: str) -> Row:
    async with suite.stack(name, "dev") as stack:
        return Row("starting", case, p50_ms=stack.ready_s * 1000, rss_mib=stack.meter().read().rss_mib)


async def _restarts(suite: Suite, verb: str, times: int) -> Row:
    """Kill the host and start it again; the first handler is one of TypeScript, the slower runner to start."""
    name = f"restarting-{verb}"
    _write_steps(suite.folder / name, RESTART_STEPS)
    order = {"customer": "a", "items": [{"sku": "b"}]}
    async with suite.stack(name, verb) as stack:
        await stack.restart("/orders/0", order)
        took_s = [await stack.restart("/orders/0", order) for _ in range(times)]
        case = f"{RESTART_STEPS} steps, `{verb}` after kill -9, first handler"
        return _median([Row("starting", case, p50_ms=each * 1000) for each in took_s], RESTART_BUDGET_MS)


def _median(rows: list[Row], budget_ms: float | None) -> Row:
    took_ms = [row.p50_ms for row in rows if row.p50_ms is not None]
    p50_ms = statistics.median(took_ms)
    return Row(
        rows[0].measure,
        rows[0].case,
        p50_ms=p50_ms,
        rss_mib=rows[-1].rss_mib,
        note=f"median of {len(rows)}, {min(took_ms):,.0f} to {max(took_ms):,.0f} ms",
        budget="" if budget_ms is None else f"≤ {budget_ms / 1000:g} s",
        is_met=None if budget_ms is None else p50_ms <= budget_ms,
    )
