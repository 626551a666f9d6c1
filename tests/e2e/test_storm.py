"""Events that lead to themselves: bounded, no harm to the neighbours, and emptied by a command."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.e2e.running import Running, make_project

pytestmark = pytest.mark.e2e

EVENTS_MAX = 300


async def test_a_storm_stops_at_the_bound_and_can_be_emptied(tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        {
            "polystep.toml": f"[queues]\nevents_max = {EVENTS_MAX}\n",
            "steps/start.step.ts": START,
            "steps/storm.step.ts": STORM,
            "steps/calm_step.py": CALM,
        },
    )
    async with Running(project) as host:
        await host.post("/start", {"topic": "storm"})
        await host.line("Storm emits to a queue that is full")
        # Neighbours go on, and who emits to the full queue is told to come again.
        await host.post("/start", {"topic": "calm"})
        await host.line("calm is done")
        assert await host.post("/start", {"topic": "storm"}, status=503) | {"traceId": ""} == {
            "error": "Service overloaded",
            "traceId": "",
        }
        waiting = {each["step"]: each["waiting"] for each in (await host.api("queues"))["queues"]}
        assert EVENTS_MAX <= waiting["Storm"] < 2 * EVENTS_MAX
        assert (await host.api("dead-letters"))["deadLetters"] == []
        status, said = await host.command("purge", "Storm")
        assert (status, "add --yes" in said) == (1, True)
        # The step is as it was: what runs at this moment would start the storm again.
        status, said = await host.command("purge", "Storm", "--yes")
        assert (status, "events of Storm were removed." in said) == (0, True), said
        async with asyncio.timeout(30):
            while (await host.api("queues"))["queues"]:
                pass
        await host.post("/start", {"topic": "storm"})
        assert await host.command("purge-dead-letters", "--yes") == (0, "0 dead letters of all steps were removed.\n")


START = """
export const config = { type: 'api', name: 'Start', path: '/start', method: 'POST', emits: ['storm', 'calm'] }
export const handler = async (req: any, { emit }: any) => {
  await emit({ topic: req.body.topic, data: {} })
  return { status: 200, body: {} }
}
"""
STORM = """
export const config = { type: 'event', name: 'Storm', subscribes: ['storm'], emits: ['storm'] }
export const handler = async (_: any, { emit }: any) => {
  await emit({ topic: 'storm', data: {} })
  await emit({ topic: 'storm', data: {} })
}
"""
CALM = """
config = {"type": "event", "name": "Calm", "subscribes": ["calm"], "emits": []}

async def handler(data, context):
    context.logger.info("calm is done")
"""
