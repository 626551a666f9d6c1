"""Stopping: running handlers get their time, the rest waits for the next start, nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.e2e.running import Running, children_of, make_project
from tests.e2e.test_crash import nothing_waits, readable

pytestmark = pytest.mark.e2e


async def test_running_handlers_finish_queued_ones_wait_for_the_next_start(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/start.step.ts": START, "steps/work_step.py": WORK})
    host = Running(project)
    await host.launch()
    await host.ready()
    slow = asyncio.create_task(host.post("/start", {"count": 12, "ms": 700}))
    await host.line("Work begins", count=4)
    runners = [os.pidfd_open(pid) for pid in children_of(host.process.pid)]
    host.process.send_signal(signal.SIGINT)
    await host.line("Stopping")
    assert await slow == {"ok": True}
    assert await host.ended() == 0
    for runner in runners:
        await readable(runner)
    begun = len([line for line in host.lines if "Work begins" in line])
    ended = len([line for line in host.lines if "Work ends" in line])
    assert begun == ended
    assert begun < 12
    async with Running(project) as again:
        await again.line("Work ends", count=12 - ended)
        await nothing_waits(again)
        done = await again.group("done")
        assert done == {str(number): 1 for number in range(12)}


async def test_a_second_signal_ends_at_once_and_the_work_starts_again(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/start.step.ts": START, "steps/work_step.py": WORK.replace("0.3", "1")})
    host = Running(project)
    await host.launch()
    await host.ready()
    await host.post("/start", {"count": 1, "ms": 0})
    await host.line("Work begins")
    runners = [os.pidfd_open(pid) for pid in children_of(host.process.pid)]
    host.process.send_signal(signal.SIGINT)
    await host.line("Stopping")
    host.process.send_signal(signal.SIGINT)
    assert await host.ended() == 130
    for runner in runners:
        await readable(runner)
    async with Running(project) as again:
        await again.line("Work begins")
        await again.line("Work ends")
        await nothing_waits(again)


START = """
export const config = { type: 'api', name: 'Start', path: '/start', method: 'POST', emits: ['work'] }
export const handler = async (req: any, { emit }: any) => {
  for (let number = 0; number < req.body.count; number++) await emit({ topic: 'work', data: { number } })
  await new Promise((resolve) => setTimeout(resolve, req.body.ms))
  return { status: 200, body: { ok: true } }
}
"""
WORK = """
import asyncio

config = {
    "type": "event", "name": "Work", "subscribes": ["work"], "emits": [],
    "infrastructure": {"queue": {"concurrency": 4}},
}

async def handler(data, context):
    number = str(data["number"])
    context.logger.info(f"begins {number}")
    await asyncio.sleep(0.3)
    seen = await context.state.get("done", number) or 0
    await context.state.set("done", number, seen + 1)
    context.logger.info(f"ends {number}")
"""
