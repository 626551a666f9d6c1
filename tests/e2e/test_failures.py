"""Handlers that fail: retried with a growing attempt, then in the dead letters with their error, then replayed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.running import Running, make_project
from tests.e2e.test_crash import dead_letters, nothing_waits
from tests.e2e.test_tutorial import completed_trace

pytestmark = pytest.mark.e2e


async def test_failures_are_retried_then_dead_lettered_then_replayed(tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        {
            "steps/start.step.ts": START,
            "steps/flaky.step.ts": FLAKY,
            "steps/doomed_step.py": DOOMED,
            "steps/after.step.js": AFTER,
        },
    )
    async with Running(project) as host:
        await host.post("/start", {})
        # The third attempt succeeds: only its emit counts.
        await host.line("after", '"attempt":3')
        letters = await dead_letters(host, 1)
        assert letters == [
            {
                "id": 1,
                "step": "Doomed",
                "topic": "go",
                "kind": "event",
                "data": {"n": 1},
                "traceId": letters[0]["traceId"],
                "attempts": 2,
                "error": {
                    "name": "ValueError",
                    "message": "no luck in attempt 2",
                    "stack": letters[0]["error"]["stack"],
                    "code": "step_failed",
                    "place": letters[0]["error"]["place"],
                    "frame": letters[0]["error"]["frame"],
                },
                "fifoKey": None,
                "fingerprint": letters[0]["fingerprint"],
                "enqueuedAt": letters[0]["enqueuedAt"],
                "diedAt": letters[0]["diedAt"],
            }
        ]
        assert letters[0]["error"]["place"]["file"] == "steps/doomed_step.py"
        assert "raise ValueError" in letters[0]["error"]["frame"]
        await nothing_waits(host)
        assert len([line for line in host.lines if "[INFO] After" in line]) == 1
        trace = await completed_trace(host, letters[0]["traceId"])
        assert trace["status"] == "failed"
        runs = {run["step"]: run for run in trace["runs"]}
        assert [attempt["status"] for attempt in runs["Flaky"]["attempts"]] == ["failed", "failed", "completed"]
        assert [attempt["error"]["message"] for attempt in runs["Flaky"]["attempts"][:2]] == ["not yet 1", "not yet 2"]
        assert runs["After"]["status"] == "completed"

        (tmp_path / "steps" / "doomed_step.py").write_text(DOOMED.replace("True", "False"), encoding="utf-8")
        await host.line("[UPDATED] Step (Event) steps/doomed_step.py")
        status, output = await host.command("replay", "1")
        assert (status, output) == (0, f"Doomed gets its event again; trace {letters[0]['traceId']}\n")
        await host.line("made it in attempt 3")
        await nothing_waits(host)
        assert (await host.api("dead-letters"))["deadLetters"] == []
        assert (await completed_trace(host, letters[0]["traceId"]))["status"] == "completed"


async def test_a_handler_over_its_time_is_ended_and_its_neighbours_go_on(tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        {"steps/start.step.ts": START, "steps/stuck_step.py": STUCK, "steps/patient_step.py": PATIENT},
    )
    async with Running(project) as host:
        await host.post("/start", {})
        letters = await dead_letters(host, 1)
        assert [(letter["step"], letter["error"]["name"], letter["attempts"]) for letter in letters] == [
            ("Stuck", "timed_out", 1)
        ]
        await host.line("patient is done")
        await nothing_waits(host)
        runs = {run["step"]: run for run in (await completed_trace(host))["runs"]}
        # Its process was replaced under it; that used up nothing of its own.
        assert runs["Patient"]["status"] == "completed"
        assert (await host.api("state/patient"))["items"] == {"done": True}


START = """
export const config = { type: 'api', name: 'Start', path: '/start', method: 'POST', emits: ['go'] }
export const handler = async (req: any, { emit }: any) => {
  await emit({ topic: 'go', data: { n: 1 } })
  return { status: 200, body: {} }
}
"""
FLAKY = """
export const config = { type: 'event', name: 'Flaky', subscribes: ['go'], emits: ['went'] }
export const handler = async (_: unknown, { emit, attempt }: any) => {
  await emit({ topic: 'went', data: { attempt } })
  if (attempt < 3) throw new Error(`not yet ${attempt}`)
}
"""
DOOMED = """
config = {
    "type": "event", "name": "Doomed", "subscribes": ["go"], "emits": [],
    "infrastructure": {"queue": {"maxRetries": 1}},
}

async def handler(data, context):
    if True:
        raise ValueError(f"no luck in attempt {context.attempt}")
    context.logger.info(f"made it in attempt {context.attempt}")
"""
AFTER = """
export const config = { type: 'event', name: 'After', subscribes: ['went'], emits: [] }
export const handler = async ({ attempt }, { logger }) => logger.info('after', { attempt })
"""
STUCK = """
config = {
    "type": "event", "name": "Stuck", "subscribes": ["go"], "emits": [],
    "infrastructure": {"handler": {"timeout": 1}, "queue": {"maxRetries": 0}},
}

async def handler(data, context):
    while True:
        pass
"""
PATIENT = """
import asyncio

config = {"type": "event", "name": "Patient", "subscribes": ["go"], "emits": []}

async def handler(data, context):
    await asyncio.sleep(0.5)
    await context.state.set("patient", "done", True)
    context.logger.info("patient is done")
"""
