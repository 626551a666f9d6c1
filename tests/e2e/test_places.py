"""Who waits for whom: open streams and a backlog of slow events delay no route of their language."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.running import Running, make_project

pytestmark = pytest.mark.e2e

STREAMS = 140
"""More than the 128 runs that a runner takes at once."""
BACKLOG = 300
"""More than the bus gives to all runners at once."""
ANSWER_S = 5.0
"""On a busy machine. A route that waits for a place takes as long as the streams or the events."""

FILES = {
    "steps/live.step.ts": """
export const config = { type: 'api', name: 'Live', path: '/node/live', method: 'GET', emits: [] }
async function* ticks() { yield 'one'; await new Promise(() => undefined) }
export const handler = async () => ({ status: 200, headers: { 'content-type': 'text/event-stream' }, body: ticks() })
""",
    "steps/plain.step.ts": """
export const config = { type: 'api', name: 'Plain', path: '/node/plain', method: 'GET', emits: [] }
export const handler = async () => ({ status: 200, body: {} })
""",
    "steps/live_step.py": """
import asyncio
config = {"type": "api", "name": "LivePy", "path": "/python/live", "method": "GET", "emits": []}
async def ticks():
    yield "one"
    await asyncio.Event().wait()
async def handler(req, context):
    return {"status": 200, "headers": {"content-type": "text/event-stream"}, "body": ticks()}
""",
    "steps/plain_step.py": """
config = {"type": "api", "name": "PlainPy", "path": "/python/plain", "method": "GET", "emits": []}
async def handler(req, context):
    return {"status": 200, "body": {}}
""",
    "steps/start_step.py": """
config = {"type": "api", "name": "Start", "path": "/start", "method": "POST", "emits": ["work"]}
async def handler(req, context):
    for number in range(req["body"]["count"]):
        await context.emit({"topic": "work", "data": {"number": number}})
    return {"status": 200, "body": {}}
""",
    "steps/slow_step.py": """
import asyncio
config = {"type": "event", "name": "Slow", "subscribes": ["work"], "emits": []}
async def handler(data, context):
    context.logger.info(f"slow {data['number']}")
    await asyncio.sleep(4)
    context.logger.info(f"done {data['number']}")
""",
}


@pytest.mark.parametrize("language", ["node", "python"])
async def test_open_event_streams_leave_the_language_to_others(tmp_path: Path, language: str) -> None:
    async with Running(make_project(tmp_path, FILES)) as host, contextlib.AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        client = await stack.enter_async_context(aiohttp.ClientSession(host.url, connector=connector))
        for _ in range(STREAMS):
            response = await stack.enter_async_context(client.get(f"/{language}/live"))
            async with asyncio.timeout(ANSWER_S):
                assert await response.content.readline() == b"data: one\n"
        async with asyncio.timeout(ANSWER_S):
            await host.get(f"/{language}/plain")


async def test_a_backlog_of_slow_events_does_not_delay_a_route_and_loses_none(tmp_path: Path) -> None:
    async with Running(make_project(tmp_path, FILES)) as host:
        await host.post("/start", {"count": BACKLOG})
        await host.line("slow", count=100)
        async with asyncio.timeout(3):
            # No handler of the backlog has ended: what they hold is not free yet.
            await host.get("/python/plain")
        await host.line("done", count=BACKLOG, within_s=60)
        assert (await host.api("dead-letters"))["deadLetters"] == []
