"""A run is cancelled, and rerun from a key of what it has kept, in the Workbench, in a real browser."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.browser import WAIT_S, browse, chromium
from tests.e2e.running import Running, make_project
from tests.e2e.workbench import NARROWEST, PHONE, WIDE, Shown, fill, violations

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    project = make_project(
        tmp_path_factory.mktemp("runs"), {"steps/pay_step.py": PAY, "polystep.toml": "[durable]\nhold_s = 0\n"}
    )
    async with Running(project) as host, browse(tmp_path_factory.mktemp("profile")) as page:
        await page.open("about:blank")
        await page.shape(*WIDE)
        yield Shown(host, page, project)
        assert page.complaints == []


async def pay(shown: Shown, what: str, status: str) -> dict[str, Any]:
    """Begin a run; returns it once it has a status."""
    emitted = await shown.host.post("/__polystep/api/events", {"topic": "pay", "data": {"what": what}})
    async with asyncio.timeout(WAIT_S):
        while True:
            trace = await shown.host.api(f"traces/{emitted['traceId']}")
            for run in trace["runs"]:
                if run["attempts"] and run["attempts"][-1]["status"] == status:
                    return {"traceId": emitted["traceId"], **run}
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("what", "status", "ended"), [("hang", "running", "was ended"), ("nap", "suspended", "did not")]
)
async def test_a_run_is_cancelled_with_keys_alone(shown: Shown, what: str, status: str, ended: str) -> None:
    run = await pay(shown, what, status)
    page = shown.page
    await shown.go(f"traces/{run['traceId']}?span={run['runId']}")
    await page.text("Cancel this run")
    focus = (
        "[...document.querySelectorAll('button')].find((each) => each.innerText.startsWith('Cancel this run')).focus()"
    )
    await page.evaluate(focus)
    await page.press("Enter")
    await page.text("Cancel this run of Pay?", "Runs that it has called")
    assert await page.evaluate("document.activeElement.innerText") == "Let it go on"
    assert await violations(page) == []
    await page.press("Escape")
    await page.until("document.querySelector('dialog[open]') === null")
    await page.evaluate(focus)
    await page.press("Enter")
    await page.text("Cancel this run of Pay?")
    await page.press("Tab", "Enter")
    await page.text("The run of Pay was cancelled", ended)
    await page.until(
        "[...document.querySelectorAll('[data-span]')].some((each) => each.innerText.includes('Cancelled'))"
    )
    assert (await shown.host.api(f"runs/{run['runId']}"))["status"] == "cancelled"


async def test_a_run_is_rerun_from_a_key_with_another_input_and_both_traces_know(shown: Shown) -> None:
    run = await pay(shown, "pay", "completed")
    page = shown.page
    await shown.go(f"traces/{run['traceId']}?span={run['runId']}")
    await page.click("Rerun from a key")
    await page.text("charge · a result of once", "mail · a result of once", "It finds charge; mail is done again.")
    await page.click("Edit the input")
    given = json.loads(await page.evaluate("document.querySelector('textarea').value"))
    await fill(page, "Input of the rerun", json.dumps({**given, "what": 7}))
    await page.click("Rerun edited from mail")
    await page.text("Validation failed", "what:")
    await fill(page, "Input of the rerun", json.dumps({**given, "what": "other"}))
    await page.text("was", "now")
    for scheme in ("light", "dark"):
        await page.shape(*WIDE, scheme)
        assert await violations(page) == []
    await page.shape(*WIDE)
    await page.click("Rerun edited from mail")
    await page.text("Replay of", "edited", "Compare both")
    again = (await page.evaluate("location.pathname")).rpartition("/")[2]
    assert again != run["traceId"]
    found = await shown.host.api(f"traces/{again}")
    assert found["runs"][0]["trigger"]["data"] == {"what": "other"}
    await shown.go(f"traces/{run['traceId']}")
    await page.text("Replayed 1")
    page.forget("/rerun", 400)


async def test_a_dead_letter_is_rerun_and_a_run_that_kept_nothing_is_not(shown: Shown) -> None:
    dead = await pay(shown, "fail", "failed")
    page = shown.page
    await shown.go(f"traces/{dead['traceId']}?span={dead['runId']}")
    await page.click("Rerun from a key")
    await page.text("It finds nothing that was kept; charge is done again.")
    bare = await pay(shown, "bare", "completed")
    await shown.go(f"traces/{bare['traceId']}?span={bare['runId']}")
    text = await page.text("Run again, with this or another input", "Attempts")
    assert "Rerun from a key" not in text
    assert "Cancel this run" not in text


@pytest.mark.parametrize("size", [PHONE, NARROWEST])
async def test_both_fit_on_a_phone(shown: Shown, size: tuple[int, int]) -> None:
    run = await pay(shown, "pay", "completed")
    await shown.page.shape(*size)
    await shown.go(f"traces/{run['traceId']}?span={run['runId']}")
    await shown.page.click("Rerun from a key")
    await shown.page.text("It finds charge")
    assert await shown.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert await violations(shown.page) == []
    await shown.page.shape(*WIDE)


PAY = """
import asyncio

config = {
    "type": "event", "name": "Pay", "subscribes": ["pay"], "emits": [],
    "input": {"type": "object", "properties": {"what": {"type": "string"}}},
    "infrastructure": {"queue": {"maxRetries": 0}},
}

async def handler(data, context):
    what = data["what"]
    if what == "bare":
        return
    await context.once("charge", lambda: what)
    if what == "hang":
        await asyncio.Event().wait()
    if what == "nap":
        await context.sleep("nap", "1h")
    if what == "fail":
        raise ValueError("no money")
    await context.once("mail", lambda: "sent")
"""
