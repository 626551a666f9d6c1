"""A handler that blocks its runner: named within two seconds, and its neighbours are served by another process."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import Running, children_of, make_project
from tests.e2e.test_crash import readable

pytestmark = pytest.mark.e2e

FILES = {
    "steps/stuck.step.ts": """
export const config = { type: 'api', name: 'StuckNode', path: '/node/stuck', method: 'GET', emits: [] }
export const handler = async (req: any, { logger }: any) => {
  logger.info('stuck now')
  await new Promise((resolve) => setTimeout(resolve, 20))
  const end = Date.now() + 12000
  while (Date.now() < end) {}
  return { status: 200, body: {} }
}
""",
    "steps/plain.step.ts": """
export const config = { type: 'api', name: 'PlainNode', path: '/node/plain', method: 'GET', emits: [] }
export const handler = async () => ({ status: 200, body: {} })
""",
    "steps/stuck_step.py": """
import asyncio, time
config = {"type": "api", "name": "StuckPython", "path": "/python/stuck", "method": "GET", "emits": []}
async def work():
    await asyncio.sleep(0.02)
    time.sleep(12)
async def handler(req, context):
    context.logger.info("stuck now")
    await asyncio.gather(work(), asyncio.sleep(0))
    return {"status": 200, "body": {}}
""",
    "steps/plain_step.py": """
config = {"type": "api", "name": "PlainPython", "path": "/python/plain", "method": "GET", "emits": []}
async def handler(req, context):
    return {"status": 200, "body": {}}
""",
}


@pytest.mark.parametrize(("language", "step"), [("node", "StuckNode"), ("python", "StuckPython")])
async def test_a_blocking_handler_is_named_and_its_neighbours_are_served(
    tmp_path: Path, language: str, step: str
) -> None:
    async with Running(make_project(tmp_path, FILES)) as host:
        runners = len(children_of(host.process.pid))
        stuck = asyncio.create_task(host.get(f"/{language}/stuck"))
        await host.line("stuck now")
        line = await host.line(f"{step} blocks the {language} runner", within_s=4)
        async with asyncio.timeout(8):  # the start of a Node process on a busy machine
            await host.get(f"/{language}/plain")
        assert not stuck.done()
        await stuck
        (trace,) = [
            each for each in (await host.api("traces"))["traces"] if any(step in str(part) for part in each.values())
        ]
        logs: list[Any] = (await host.api(f"logs?trace={trace['traceId']}"))["logs"]
        (told,) = [each for each in logs if "blocks the" in each["message"]]
        assert told["step"] == step
        assert "0 runs wait behind it" in line
        if language == "python":
            assert 'File "steps/stuck_step.py", line 6, in work' in told["fields"]["stack"]
            place = await host.line("stuck_step.py:6:")
            assert place.startswith("  │ steps/")
        assert len(children_of(host.process.pid)) <= runners + 1


SPINNING = {
    "steps/spin_step.py": """
config = {
    "type": "event", "name": "Spin", "subscribes": ["spin"], "emits": [],
    "infrastructure": {"handler": {"timeout": 1}, "queue": {"maxRetries": 0}},
}
def handler(data, context):
    while True:
        pass
""",
    "steps/go_step.py": """
import os
config = {"type": "api", "name": "Go", "path": "/go", "method": "POST", "emits": ["spin"]}
async def handler(req, context):
    await context.emit({"topic": "spin", "data": {}})
    return {"status": 200, "body": {"pid": os.getpid()}}
""",
}


async def test_a_timed_out_plain_handler_that_spins_on_costs_its_process(tmp_path: Path) -> None:
    async with Running(make_project(tmp_path, SPINNING)) as host:
        old = (await host.post("/go"))["pid"]
        descriptor = os.pidfd_open(old)
        await host.line("Handlers that were cancelled still run in the python runner")
        await readable(descriptor)
        assert (await host.post("/go"))["pid"] != old
        letters = (await host.api("dead-letters"))["deadLetters"]
        assert [letter["error"]["name"] for letter in letters] == ["timed_out"]
