"""A backup that is taken under load holds what was answered before it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from polystep.contracts.limits import RUNS_PER_RUNNER
from tests.e2e.running import Running, make_project
from tests.patience import HANG_S

pytestmark = pytest.mark.e2e

RUNS_AT_ONCE = 2 * RUNS_PER_RUNNER

STEPS = {
    "steps/door.step.ts": """
export const config = { type: 'api', name: 'Door', method: 'POST', path: '/door', emits: ['work'] }
export const handler = async ({ body }, { emit, state }) => {
  await state.set('accepted', body.id, true)
  await emit({ topic: 'work', data: body })
  return { status: 200, body: {} }
}
""",
    "steps/work_step.py": """
config = {"type": "event", "name": "Work", "subscribes": ["work"], "emits": []}


async def handler(data, context):
    await context.state.update("done", data["id"], [{"type": "increment"}])
""",
}


async def test_a_backup_under_load_is_restored_with_all_that_was_answered_before(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", STEPS)
    async with Running(project, verb="start") as host:
        answered: list[str] = []
        is_full, is_over = asyncio.Event(), asyncio.Event()

        async def post(client: int) -> None:
            number = 0
            while not is_over.is_set():
                number += 1
                name = f"{client}-{number}"
                await host.post("/door", {"id": name})
                answered.append(name)
                if len(answered) == 100:
                    is_full.set()

        posting = [asyncio.create_task(post(client)) for client in range(4)]
        async with asyncio.timeout(HANG_S):
            await is_full.wait()
        before = [*answered]
        status, said = await host.command("backup", str(tmp_path / "backup"))
        assert status == 0, said
        is_over.set()
        await asyncio.gather(*posting)
        status, said = await host.command("restore", str(tmp_path / "backup"), "--yes")
        assert (status, "already runs this project" in said) == (1, True), said
        await host.kill()
    stopped = Running(project, verb="start")
    status, said = await stopped.command("restore", str(tmp_path / "backup"), "--yes")
    assert (status, "has what it had at" in said) == (0, True), said
    async with stopped as host:
        # What waited at the moment of the backup goes on; what ran then is run again, and nothing else.
        async with asyncio.timeout(HANG_S):
            while True:
                done = await host.group("done")
                if done.keys() >= {*before} and not (await host.api("queues"))["queues"]:
                    break
                await asyncio.sleep(0.05)
        done = await host.group("done")
        assert (await host.group("accepted")).keys() >= done.keys()
        assert sum(count > 1 for count in done.values()) <= RUNS_AT_ONCE
        assert max(done.values()) <= 2
