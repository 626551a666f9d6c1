"""Calls that a run made again outside `once`, found in the traces of real Node and Python handlers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.browser import browse, chromium
from tests.e2e.running import Running, make_project
from tests.e2e.workbench import WIDE, Shown, violations
from tests.patience import HANG_S

pytestmark = pytest.mark.e2e

PAY = """
export const config = { type: 'api', name: 'Pay', method: 'POST', path: '/pay/:what', emits: [] }
export const handler = async () => ({ status: 200, body: {} })
"""

START = """
export const config = { type: 'api', name: 'Start', method: 'POST', path: '/start', emits: ['go'] }
export const handler = async ({ body }, { emit }) => {
  await emit({ topic: 'go', data: body })
  return { status: 200, body: {} }
}
"""

NODE = """
export const config = { type: 'event', name: 'InNode', subscribes: ['go'], emits: [] }
export const handler = async ({ url }, { once, sleep, attempt, state }) => {
  // A call is told when its body has come, and one that comes after the leg has ended is not: the body is awaited.
  const pay = async (what) => { await (await fetch(`${url}/pay/${what}`, { method: 'POST' })).text() }
  await once('guarded', async () => { await pay('guarded') })
  // A call that begins as `once` ends is taken for one of its function. When this is answered, it has ended.
  await state.get('done', 'node')
  await pay('retried')
  if (attempt === 1) throw Object.assign(new Error('again'), { retryAfter: '100ms' })
  await pay('slept')
  await sleep('s', '300ms')
  await pay('last')
  await state.set('done', 'node', true)
}
"""

PYTHON = """
import asyncio
import urllib.request

config = {"type": "event", "name": "InPython", "subscribes": ["go"], "emits": []}


class Again(Exception):
    retry_after = "100ms"


async def handler(data, context):
    async def pay(what):
        request = urllib.request.Request(f"{data['url']}/pay/{what}", method="POST", data=b"{}")
        await asyncio.to_thread(lambda: urllib.request.urlopen(request).close())

    await context.once("guarded", lambda: pay("guarded"))
    await context.state.get("done", "python")
    await pay("retried")
    if context.attempt == 1:
        raise Again("again")
    await pay("slept")
    await context.sleep("s", "300ms")
    await pay("last")
    await context.state.set("done", "python", True)
"""


def project_of(folder: Path) -> Path:
    files = {"pay.step.ts": PAY, "start.step.ts": START, "in.step.ts": NODE, "in_step.py": PYTHON}
    texts = {f"steps/{name}": text for name, text in files.items()}
    return make_project(folder, {**texts, "polystep.toml": "[durable]\nhold_s = 0\n"})


async def done(host: Running) -> None:
    end_s = asyncio.get_running_loop().time() + HANG_S
    while len(found := await host.group("done")) < 2:
        assert asyncio.get_running_loop().time() < end_s, (found, host.lines[-40:])
        await asyncio.sleep(0.05)


# Of three legs, an attempt and two parts of the next one: "retried" is in all, "slept" in the last two.
WANTED = {(step, *what) for step in ("InNode", "InPython") for what in (("retried", 3, 3), ("slept", 2, 2))}


async def effects_of(host: Running) -> list[dict[str, Any]]:
    """What was done twice, once all of it is told: the last calls of a leg are told beside what its handler writes."""
    end_s = asyncio.get_running_loop().time() + HANG_S
    while True:
        effects: list[dict[str, Any]] = (await host.api("double-effects"))["effects"]
        found = {(each["step"], each["url"].rpartition("/")[2], each["legs"], each["calls"]) for each in effects}
        if found == WANTED:
            return effects
        assert asyncio.get_running_loop().time() < end_s, (found, host.lines[-40:])
        await asyncio.sleep(0.05)


async def test_the_page_of_the_trace_says_what_was_done_twice(tmp_path: Path) -> None:
    chromium()
    async with Running(project_of(tmp_path / "project")) as host, browse(tmp_path / "profile") as page:
        await host.post("/start", {"url": host.url})
        await done(host)
        effects = await effects_of(host)
        shown = Shown(host, page, host.project)
        await page.open("about:blank")
        await page.shape(*WIDE)
        await shown.go(f"traces/{effects[0]['traceId']}")
        text = await page.text(
            *(
                f"Done twice: {step} made POST {host.url}/pay/{what} of one run, outside once."
                for step in ("InNode", "InPython")
                for what in ("retried 3 times in 3 legs", "slept 2 times in 2 legs")
            )
        )
        # What `once` guards is done once, and so is what comes after the last wait.
        assert text.count("Done twice") == 4
        assert await violations(page) == []
        # A trace of which nothing was done twice says nothing.
        other = next(each for each in (await host.api("traces"))["traces"] if each["traceId"] != effects[0]["traceId"])
        await shown.go(f"traces/{other['traceId']}")
        assert "Done twice" not in await page.text("Pay", "Live")
        assert page.complaints == []


async def test_an_unguarded_call_in_two_legs_is_found(tmp_path: Path) -> None:
    """Behaviour 58."""
    async with Running(project_of(tmp_path)) as host:
        await host.post("/start", {"url": host.url})
        await done(host)
        effects = await effects_of(host)
        (trace_id,) = {each["traceId"] for each in effects}
        assert (await host.api(f"double-effects?traceId={trace_id}"))["effects"] == effects
        status, text = await host.command("check", "--runs", "--no-strict")
        assert status == 0, text
        assert text.count("outside `once`") == 4, text
