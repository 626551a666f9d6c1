"""`kill -9` of the host and of runners: nothing accepted is lost, nothing is done twice that must be done once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.model import ANSWER, serve_model
from tests.e2e.running import ROOT, Running, children_of, make_project
from tests.patience import HANG_S

pytestmark = pytest.mark.e2e

TICKET = {"subject": "The export button does nothing", "body": "Every export stops at once.", "email": "a@example.com"}


def sample_project(folder: Path) -> Path:
    files = {f"steps/{path.relative_to(ROOT / 'steps')}": path.read_text() for path in step_files()}
    return make_project(folder, files)


def step_files() -> list[Path]:
    return [path for path in sorted((ROOT / "steps").rglob("*")) if path.suffix in (".ts", ".js", ".py")]


async def test_a_killed_host_finishes_every_accepted_ticket_once(tmp_path: Path) -> None:
    project = sample_project(tmp_path)
    async with serve_model() as model:
        first = Running(project, environment=model.environment)
        await first.launch()
        await first.ready()
        # Some tickets get through, some wait for the model, some are still in the queue: then the host dies.
        accepted = [(await first.post("/tickets", TICKET))["ticketId"] for _ in range(5)]
        await first.line("ExtractKeywords", count=5)
        model.open.clear()
        accepted += [(await first.post("/tickets", TICKET))["ticketId"] for _ in range(20)]
        await model.asked.wait()
        await first.kill()
        model.open.set()
        async with Running(project, environment=model.environment) as second:
            await second.line("ExtractKeywords", count=20)
            await nothing_waits(second)
            tickets = await second.group("tickets")
            assert sorted(tickets) == sorted(accepted)
            for ticket in tickets.values():
                assert ticket["priority"] == ANSWER["priority"]
                assert len(ticket["keywords"]) > 0
            # Once: every ticket's emit was committed with exactly one completion, before or after the kill.
            extracted = [
                line for line in (*first.lines, *second.lines) if "ExtractKeywords" in line and "[INFO]" in line
            ]
            for ticket_id in accepted:
                assert sum(ticket_id in line for line in extracted) == 1
            assert (await second.api("dead-letters"))["deadLetters"] == []


async def test_a_killed_host_leaves_no_runner_behind(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/block_step.py": BLOCKING, "steps/block.step.js": BLOCKING_NODE})
    host = Running(project)
    await host.launch()
    await host.ready()
    runners = children_of(host.process.pid)
    # Both runners are inside an endless loop: they cannot notice the end of their channel in the ordinary way.
    blocked = [asyncio.create_task(host.http.get(path)) for path in ("/block-python", "/block-node")]
    await host.line("python blocks")
    await host.line("node blocks")
    descriptors = [os.pidfd_open(pid) for pid in runners]
    await host.kill()
    for task in blocked:
        task.cancel()
    await asyncio.gather(*blocked, return_exceptions=True)
    for descriptor in descriptors:
        await readable(descriptor)


async def test_what_steps_have_started_ends_with_a_killed_host(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/start_step.py": STARTING, "steps/start.step.js": STARTING_NODE})
    host = Running(project)
    await host.launch()
    await host.ready()
    started = [(await host.get(path))["pid"] for path in ("/start-python", "/start-node")]
    descriptors = [os.pidfd_open(pid) for pid in started]
    await host.kill()
    for descriptor in descriptors:
        await readable(descriptor)


async def test_a_killed_runner_costs_no_event(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/slow.step.ts": SLOW, "steps/count_step.py": COUNT})
    async with Running(project) as host:
        await host.post("/start", {"count": 30})
        await host.line("working on 0")
        for pid in children_of(host.process.pid):
            os.kill(pid, signal.SIGKILL)
        await host.line("counted", count=30)
        await nothing_waits(host)
        counted = await host.group("counted")
        assert sorted(counted) == sorted(str(number) for number in range(30))
        assert (await host.api("dead-letters"))["deadLetters"] == []


async def test_a_hundred_runs_of_a_killed_runner_start_again_together(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/start.step.ts": SLOW, "steps/count_step.py": HUNDRED})
    async with Running(project) as host:
        runners = set(children_of(host.process.pid))
        await host.post("/start", {"count": 100})
        await host.line("begins", count=100)
        for pid in runners:
            os.kill(pid, signal.SIGKILL)
        # One round of 2 s and the start of a process; one by one they would take 200 s.
        await host.line("counted", count=100, within_s=15)
        await nothing_waits(host)
        assert (await host.api("dead-letters"))["deadLetters"] == []


async def test_a_step_that_kills_its_runner_ends_in_the_dead_letters_and_takes_nobody_along(tmp_path: Path) -> None:
    project = make_project(
        tmp_path, {"steps/mixed.step.ts": MIXED, "steps/victim.step.ts": VICTIM, "steps/poison.step.ts": POISON}
    )
    async with Running(project) as host:
        # The caller itself may be cut off by the crash; what it emitted before is on disk.
        async with host.http.post("/mixed", json={}) as response:
            assert response.status in (200, 503)
        letters = await dead_letters(host, 1)
        assert [(letter["step"], letter["error"]["name"]) for letter in letters] == [("Poison", "runner_gone")]
        await nothing_waits(host)
        done = await host.group("victims")
        assert sorted(done) == sorted(str(number) for number in range(10))


async def test_a_runner_that_is_killed_while_it_starts_is_started_again(tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        {
            "steps/slow.step.ts": SLOW,
            "steps/other_step.own": OTHER,
            "polystep.toml": '[runners.own]\npattern = "_step.own"\ncommand = ["sh", "runner.sh"]\n',
            "runner.sh": KILLED_TWICE.format(python=sys.executable, runner=SCRIPTED),
        },
    )
    async with Running(project, verb="start") as host:
        await host.line("[ERROR] steps/other_step.own")
        await host.line("[CREATED] Step (API) steps/other_step.own")
        assert (await host.get("/__polystep/health"))["status"] == "ready"
        listed = {each["file"]: each["error"] for each in (await host.api("steps"))["steps"]}
        assert listed["steps/other_step.own"] is None


async def test_events_of_a_step_that_has_never_loaded_outlive_a_kill_and_reach_it(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/start.step.ts": SLOW, "steps/count_step.py": "import no_such_module\n"})
    first = Running(project)
    await first.launch()
    await first.ready()
    await first.post("/start", {"count": 20})
    # Some are on disk by `await emit`; the host dies in the middle of more.
    more = asyncio.create_task(first.post("/start", {"count": 2000}))
    await first.kill()
    await asyncio.gather(more, return_exceptions=True)
    async with Running(project) as second:
        (waiting,) = (await second.api("queues"))["parked"]
        assert (waiting["topic"], waiting["waiting"] >= 20) == ("work", True)
        _, listed = await second.command("queues")
        assert "(unknown subscriber) of work" in listed
        (project / "steps/count_step.py").write_text(COUNT)
        await second.line("[CREATED]", "steps/count_step.py")
        await second.line("counted", count=waiting["waiting"])
        await nothing_waits(second)
        counted = await second.group("counted")
        assert set(map(str, range(20))) <= set(counted)
        assert ((await second.api("queues"))["parked"], (await second.api("dead-letters"))["deadLetters"]) == ([], [])
        (project / "steps/count_step.py").unlink()
        await second.line("[REMOVED]", "steps/count_step.py")
        await second.post("/start", {"count": 3})
        await second.line("No step subscribes to work: the event went nowhere.")
        assert sum("went nowhere" in line for line in second.lines) == 1


async def test_a_second_subscriber_that_loads_late_gets_every_event(tmp_path: Path) -> None:
    files = {"start.step.ts": SLOW, "first.step.ts": FIRST, "count_step.py": "import no_such_module\n"}
    project = make_project(tmp_path, {f"steps/{name}": text for name, text in files.items()})
    first = Running(project)
    await first.launch()
    await first.ready()
    await first.post("/start", {"count": 20})
    await first.line("first got", count=20)
    assert (await first.api("queues"))["parked"] == []
    # A line of a handler comes before its completion is stored: a kill in between lets it run again.
    await nothing_waits(first)
    await first.kill()
    async with Running(project) as second:
        (project / "steps/count_step.py").write_text(COUNT)
        await second.line("counted", count=20)
        await nothing_waits(second)
        assert set(await second.group("counted")) == set(map(str, range(20)))
        # Once each, and a step that got them gets no second one.
        assert sum("first got" in line for line in (*first.lines, *second.lines)) == 20


async def nothing_waits(host: Running) -> None:
    async with asyncio.timeout(30):
        while (await host.api("queues"))["queues"]:
            pass


async def dead_letters(host: Running, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(40):
        while True:
            letters: list[dict[str, Any]] = (await host.api("dead-letters"))["deadLetters"]
            if len(letters) >= count:
                return letters


async def readable(descriptor: int) -> None:
    """A process descriptor becomes readable when its process ends."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, ended.set)
    try:
        async with asyncio.timeout(HANG_S):
            await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


KILLED_TWICE = """
echo started >> starts
[ "$(wc -l < starts)" -gt 2 ] || kill -9 $$
exec {python} {runner}
"""
OTHER = '{"config": {"type": "api", "name": "Other", "path": "/other", "method": "GET"}}'
SCRIPTED = ROOT / "tests" / "unit" / "runners" / "scripted_runner.py"
BLOCKING = """
config = {"type": "api", "name": "BlockPython", "path": "/block-python", "method": "GET", "emits": []}

async def handler(req, context):
    context.logger.info("python blocks")
    import asyncio
    await asyncio.sleep(0)
    while True:
        pass
"""
BLOCKING_NODE = """
export const config = { type: 'api', name: 'BlockNode', path: '/block-node', method: 'GET', emits: [] }
export const handler = async (req, { logger }) => {
  logger.info('node blocks')
  await new Promise((resolve) => setTimeout(resolve, 20))
  for (;;) {}
}
"""
SLOW = """
export const config = { type: 'api', name: 'Start', path: '/start', method: 'POST', emits: ['work'] }
export const handler = async (req: any, { emit }: any) => {
  for (let number = 0; number < req.body.count; number++) await emit({ topic: 'work', data: { number } })
  return { status: 200, body: {} }
}
"""
FIRST = """
export const config = { type: 'event', name: 'First', subscribes: ['work'], emits: [] }
export const handler = async ({ number }: any, { logger }: any) => logger.info(`first got ${number}`)
"""
COUNT = """
import asyncio

config = {"type": "event", "name": "Count", "subscribes": ["work"], "emits": []}

async def handler(data, context):
    context.logger.info(f"working on {data['number']}")
    await asyncio.sleep(0.2)
    await context.state.set("counted", str(data["number"]), context.attempt)
    context.logger.info(f"counted {data['number']}")
"""
MIXED = """
export const config = { type: 'api', name: 'Mixed', path: '/mixed', method: 'POST', emits: ['poison', 'victim'] }
export const handler = async (req: any, { emit }: any) => {
  for (let number = 0; number < 10; number++) await emit({ topic: 'victim', data: { number } })
  await emit({ topic: 'poison', data: {} })
  return { status: 200, body: {} }
}
"""
VICTIM = """
export const config = { type: 'event', name: 'Victim', subscribes: ['victim'], emits: [] }
export const handler = async ({ number }: any, { state, logger }: any) => {
  await new Promise((resolve) => setTimeout(resolve, 100))
  await state.set('victims', String(number), true)
  logger.info(`victim done ${number}`)
}
"""
POISON = """
export const config = {
  type: 'event', name: 'Poison', subscribes: ['poison'], emits: [], infrastructure: { queue: { maxRetries: 1 } },
}
export const handler = async () => { process.kill(process.pid, 'SIGSEGV') }
"""
HUNDRED = """
import asyncio

config = {"type": "event", "name": "Count", "subscribes": ["work"], "emits": []}

async def handler(data, context):
    context.logger.info(f"begins {data['number']}")
    await asyncio.sleep(2)
    context.logger.info(f"counted {data['number']}")
"""
STARTING = """
import subprocess

config = {"type": "api", "name": "StartPython", "path": "/start-python", "method": "GET", "emits": []}

def handler(req, context):
    return {"status": 200, "body": {"pid": subprocess.Popen(["sleep", "3600"]).pid}}
"""
STARTING_NODE = """
import { spawn } from 'node:child_process'

export const config = { type: 'api', name: 'StartNode', path: '/start-node', method: 'GET', emits: [] }
export const handler = async () => ({ status: 200, body: { pid: spawn('sleep', ['3600']).pid } })
"""
