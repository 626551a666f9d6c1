"""Handlers that harm their runner: the culprit is a dead letter with its cause, its neighbours lose no attempt."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import Running, children_of, is_alive, make_project
from tests.e2e.test_crash import dead_letters, nothing_waits
from tests.patience import HANG_S

pytestmark = pytest.mark.e2e

START = """
export const config = { type: 'api', name: 'Start', path: '/start', method: 'POST', emits: ['poison', 'victim'] }
export const handler = async ({ body }: any, { emit }: any) => {
  for (let at = 0; at < body.victims; at++) await emit({ topic: 'victim', data: { number: body.from + at } })
  if (body.poison) await emit({ topic: 'poison', data: {} })
  return { status: 200, body: {} }
}
"""

VICTIM = {
    "victim.step.js": """
export const config = {
  type: 'event', name: 'Victim', subscribes: ['victim'], emits: [], infrastructure: { queue: { maxRetries: 0 } },
}
export const handler = async ({ number }, { attempt, state, logger }) => {
  logger.info(`victim begins ${number}`)
  await new Promise((resolve) => setTimeout(resolve, 300))
  await state.set('victims', String(number), { attempt, pid: process.pid })
}
""",
    "victim_step.py": """
import asyncio, os

config = {
    "type": "event", "name": "Victim", "subscribes": ["victim"], "emits": [],
    "infrastructure": {"queue": {"maxRetries": 0}},
}

async def handler(data, context):
    context.logger.info(f"victim begins {data['number']}")
    await asyncio.sleep(0.3)
    await context.state.set("victims", str(data["number"]), {"attempt": context.attempt, "pid": os.getpid()})
""",
}
NODE = """
export const config = {
  type: 'event', name: 'Poison', subscribes: ['poison'], emits: [],
  infrastructure: { handler: { timeout: %d }, queue: { maxRetries: 0 } },
}
const kept = []
export const handler = async () => { %s }
"""
PYTHON = """
import asyncio, os, signal, time

config = {
    "type": "event", "name": "Poison", "subscribes": ["poison"], "emits": [],
    "infrastructure": {"handler": {"timeout": %d}, "queue": {"maxRetries": 0}},
}

async def handler(data, context):
    %s
"""
CAUSES = {
    "crash": ("runner_gone", "SIGSEGV"),
    "block": ("timed_out", "did not finish within 2 s"),
    "bloat": ("runner_gone", "and its limit is 200 MB (memory_mb of [runners."),
}
HARM = {
    ("node", "crash"): "process.kill(process.pid, 'SIGSEGV')",
    ("node", "block"): "for (;;) {}",
    ("node", "bloat"): "for (;;) { kept.push(Buffer.alloc(20e6, 1)); await new Promise((r) => setTimeout(r, 20)) }",
    ("python", "crash"): "os.kill(os.getpid(), signal.SIGSEGV)",
    ("python", "block"): "while True: time.sleep(0)",
    ("python", "bloat"): "kept = []\n    while True: kept.append(b'x' * 20_000_000); await asyncio.sleep(0.02)",
}
LIMIT = "[runners.node]\nmemory_mb = 200\n[runners.python]\nmemory_mb = 200\n"


def files_of(language: str, harm: str) -> dict[str, str]:
    suffix, template = (".step.js", NODE) if language == "node" else ("_step.py", PYTHON)
    victim = f"victim{suffix}"
    return {
        "steps/start.step.ts": START,
        f"steps/{victim}": VICTIM[victim],
        f"steps/poison{suffix}": template % (2 if harm == "block" else 30, HARM[language, harm]),
        "polystep.toml": LIMIT if harm == "bloat" else "",
    }


@pytest.mark.parametrize("harm", list(CAUSES))
@pytest.mark.parametrize("language", ["node", "python"])
async def test_the_culprit_is_found_and_its_neighbours_lose_no_attempt(
    tmp_path: Path, language: str, harm: str
) -> None:
    async with Running(make_project(tmp_path, files_of(language, harm))) as host:
        async with host.http.post("/start", json={"from": 0, "victims": 10, "poison": True}) as response:
            # In Node the request itself may be inside the process that ends; its events are stored before.
            assert response.status in (200, 503)
        (letter,) = await dead_letters(host, 1)
        name, told = CAUSES[harm]
        assert (letter["step"], letter["error"]["name"]) == ("Poison", name)
        assert told in letter["error"]["message"]
        await nothing_waits(host)
        # None of them has a retry: one that had lost an attempt would be a dead letter.
        victims: dict[str, Any] = await host.group("victims")
        assert sorted(map(int, victims)) == list(range(10))
        # What comes next runs side by side as before, in processes that have nothing to do with the culprit.
        await host.post("/start", {"from": 10, "victims": 50, "poison": False})
        await nothing_waits(host)
        after = [each for number, each in (await host.group("victims")).items() if int(number) >= 10]
        assert len(after) == 50
        assert {each["attempt"] for each in after} == {1}
        assert all(is_alive(each["pid"]) for each in after)
        assert (await host.api("dead-letters"))["deadLetters"] == [letter]


LEAK = {
    "node": (
        "leak.step.js",
        """
export const config = { type: 'event', name: 'Leak', subscribes: ['victim'], emits: [] }
const kept = []
export const handler = async ({ number }, { attempt, state }) => {
  kept.push(Buffer.alloc(10e6, 1))
  await new Promise((resolve) => setTimeout(resolve, 100))
  await state.set('victims', String(number), { attempt, pid: process.pid })
}
""",
    ),
    "python": (
        "leak_step.py",
        """
import asyncio, os

config = {"type": "event", "name": "Leak", "subscribes": ["victim"], "emits": []}
kept = []

async def handler(data, context):
    kept.append(b"x" * 10_000_000)
    await asyncio.sleep(0.1)
    await context.state.set("victims", str(data["number"]), {"attempt": context.attempt, "pid": os.getpid()})
""",
    ),
}


@pytest.mark.parametrize("language", ["node", "python"])
async def test_a_leak_costs_processes_and_no_run(tmp_path: Path, language: str) -> None:
    name, text = LEAK[language]
    async with Running(
        make_project(tmp_path, {"steps/start.step.ts": START, f"steps/{name}": text, "polystep.toml": LIMIT})
    ) as host:
        (before,) = [each for each in await limited(host) if each["runner"] == language]
        assert (before["memoryLimitMb"], before["leaving"], before["memoryMb"] > 10) == (200, False, True)
        done = 0
        while not any("another process takes its place" in line for line in host.lines):
            await host.post("/start", {"from": done, "victims": 3, "poison": False})
            done += 3
            await nothing_waits(host)
            assert done < 200
        await host.post("/start", {"from": done, "victims": 3, "poison": False})
        await nothing_waits(host)
        victims = await host.group("victims")
        assert sorted(map(int, victims)) == list(range(done + 3))
        assert {each["attempt"] for each in victims.values()} == {1}
        assert (await host.api("dead-letters"))["deadLetters"] == []
        # The large process is gone and was waited for, and the one in its place has the usual size.
        async with asyncio.timeout(HANG_S):
            while before["pid"] in children_of(host.process.pid):
                await limited(host)
        now = [each for each in await limited(host) if each["runner"] == language and not each["leaving"]]
        assert [each["pid"] != before["pid"] and each["memoryMb"] <= 200 for each in now] == [True] * len(now)
        assert len(now) >= 1


async def test_a_limit_below_the_size_of_the_runner_itself_is_not_applied_and_said(tmp_path: Path) -> None:
    files = {
        "steps/start.step.ts": START,
        "steps/big.step.ts": BIG,
        "polystep.toml": "[runners.node]\nmemory_mb = 64\n",
    }
    async with Running(make_project(tmp_path, files)) as host:
        await host.line("MB before its first run, and memory_mb of [runners.node] is 64")
        await host.post("/start", {"from": 0, "victims": 0, "poison": False})
        assert not any("takes its place" in line for line in host.lines)


async def limited(host: Running) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await host.get("/__polystep/health"))["runnersLimited"]
    return found


BIG = """
export const config = { type: 'noop', name: 'Big', virtualEmits: [], virtualSubscribes: [] }
export const held = Buffer.alloc(80e6, 1)
"""
