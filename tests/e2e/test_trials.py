"""`replay-run --only`: one step runs again, in its language, and nothing that it emits is sent."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import Running, make_project
from tests.patience import HANG_S

pytestmark = pytest.mark.e2e

STEPS = {
    "steps/door.step.ts": """
export const config = { type: 'api', name: 'Door', method: 'POST', path: '/door', emits: ['work'] }
export const handler = async ({ body }, { emit, state }) => {
  await state.update('ran', 'Door', [{ type: 'increment' }])
  await emit({ topic: 'work', data: body })
  return { status: 200, body: {} }
}
""",
    "steps/work_step.py": """
config = {"type": "event", "name": "Work", "subscribes": ["work"], "emits": ["after"]}


async def handler(data, context):
    await context.emit(topic="after", data=data)
    await context.sleep("a moment", "10ms")
    await context.state.update("ran", "Work", [{"type": "increment"}])
    await context.emit(topic="after", data=data)
""",
    "steps/after.step.ts": """
export const config = { type: 'event', name: 'After', subscribes: ['after'], emits: [] }
export const handler = async (_, { state }) => { await state.update('ran', 'After', [{ type: 'increment' }]) }
""",
    "polystep.toml": "[durable]\nhold_s = 0\n",
}


async def ended(host: Running, trace_id: str, runs: int) -> list[dict[str, Any]]:
    """The runs of a trace, once so many are over."""
    async with asyncio.timeout(HANG_S):
        while True:
            found = (await host.api(f"traces/{trace_id}"))["runs"]
            if len(found) == runs and all(run["endedAt"] is not None for run in found):
                return list(found)
            await asyncio.sleep(0.05)


async def test_only_the_step_runs_and_its_events_are_shown_and_not_sent(tmp_path: Path) -> None:
    async with Running(make_project(tmp_path, STEPS)) as host:
        await host.post("/door", {"n": 1})
        (first,) = (await host.api("traces?limit=1"))["traces"]
        runs = {run["step"]: run for run in await ended(host, first["traceId"], 4)}
        assert await host.group("ran") == {"Door": 1, "Work": 1, "After": 2}
        for step, topic in (("Work", "after"), ("Door", "work")):
            status, said = await host.command("replay-run", runs[step]["runId"], "--only", "--json")
            assert status == 0, said
            (run,) = await ended(host, json.loads(said)["traceId"], 1)
            assert (run["step"], run["status"]) == (step, "completed")
            rows = (await host.api(f"runs/{run['runId']}/operations"))["operations"]
            emits = [row for row in rows if row["type"] == "emit"]
            assert {row["topic"] for row in emits} == {topic}
            assert all("not sent" in row["note"] for row in emits)
        assert await host.group("ran") == {"Door": 2, "Work": 2, "After": 2}
        assert (await host.api("queues"))["queues"] == []
