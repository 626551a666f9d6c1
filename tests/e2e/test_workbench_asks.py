"""Waiting for you: asks in the Workbench, answered by a form of their schema, and the page behind their links."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.browser import browse, chromium
from tests.e2e.hostile import HOSTILE
from tests.e2e.running import Running, make_project
from tests.e2e.workbench import NARROWEST, PHONE, WIDE, Shown, assert_only_text, violations

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    files = {"steps/draft.step.ts": DRAFT, "steps/review.step.ts": REVIEW, "polystep.toml": "[durable]\nhold_s = 0\n"}
    project = make_project(tmp_path_factory.mktemp("asks"), files)
    async with Running(project) as host, browse(tmp_path_factory.mktemp("profile")) as page:
        await page.open("about:blank")
        await page.shape(*WIDE)
        yield Shown(host, page, project)
        assert page.complaints == []
        assert [url for url in page.requests if not url.startswith((host.url, "about:", "data:"))] == []


async def ask(shown: Shown, text: str) -> Any:
    """Let a run ask; returns the row of its ask, once it is open."""
    await shown.host.post("/drafts", {"text": text}, 202)
    while True:
        for each in (await shown.host.api("asks"))["asks"]:
            if each["data"]["text"] == text:
                return each


async def test_an_ask_comes_by_itself_and_is_answered_by_its_form(shown: Shown) -> None:
    await shown.go("asks")
    await shown.page.text("Nothing waits for an answer", "ask(key")
    row = await ask(shown, "hello")
    await shown.page.text("Send hello?", "Review")
    await shown.page.click("Send hello?")
    await shown.page.text("Show in its trace", "Send the answer", "ok", "note")
    since = len(shown.host.lines)
    await shown.page.click("Send the answer")
    await shown.host.line("[INFO] Review decided", '"status":"answered"', since=since)
    await shown.page.text("Answered", "Nothing waits for an answer")
    assert (await shown.host.api(f"asks/{row['id']}"))["status"] == "answered"
    # A closed ask has a page of its own, from the address alone.
    await shown.go(f"asks?ask={row['id']}")
    await shown.page.text("Closed", "Answered")


async def test_a_run_goes_on_without_an_answer(shown: Shown) -> None:
    row = await ask(shown, "never mind")
    await shown.go(f"asks?ask={row['id']}")
    await shown.page.text("Send never mind?")
    since = len(shown.host.lines)
    await shown.page.click("Go on without an answer")
    await shown.host.line("[INFO] Review decided", '"status":"cancelled"', since=since)
    await shown.page.text("Cancelled, or its run has ended")


async def test_the_page_of_a_link_is_a_form(shown: Shown) -> None:
    row = await ask(shown, "by link")
    await shown.page.open(row["url"])
    await shown.page.text("Send by link?", "Review waits for this answer", "Send the answer")
    for size in (WIDE, PHONE, NARROWEST):
        for scheme in ("light", "dark"):
            await shown.page.shape(*size, scheme)
            assert await violations(shown.page) == []
            assert await shown.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    await shown.page.shape(*WIDE)
    await shown.page.evaluate("document.querySelector('select[name=ok]').value = 'true'")
    since = len(shown.host.lines)
    await shown.page.click("Send the answer")
    await shown.page.arrive("It has been answered. Thank you.")
    await shown.host.line("[INFO] Review decided", '"ok":true', since=since)
    await shown.page.open(row["url"])
    await shown.page.text("It has been answered. Thank you.")


async def test_hostile_titles_and_data_stay_text(shown: Shown) -> None:
    for text in [each for each in HOSTILE if len(each) < 2000][::6]:
        row = await ask(shown, text)
        await shown.go(f"asks?ask={row['id']}")
        await shown.page.text("Send the answer")
        await assert_only_text(shown.page)
        async with shown.host.http.get(row["url"], headers={"Accept": "text/html"}) as response:
            page = await response.text()
        assert page.count("<script") == 0
        assert page.count("<img") == 0
        async with shown.host.http.delete(f"/__polystep/api/asks/{row['id']}", json={}) as response:
            assert response.status == 200


async def test_no_page_breaks_a_rule_of_accessibility(shown: Shown) -> None:
    row = await ask(shown, "look")
    for scheme in ("light", "dark"):
        for size in (WIDE, PHONE, NARROWEST):
            await shown.page.shape(*size, scheme)
            await shown.go(f"asks?ask={row['id']}")
            await shown.page.text("Send the answer")
            assert await violations(shown.page) == [], (scheme, size)
            assert await shown.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    await shown.page.shape(*WIDE)


DRAFT = """
export const config = { type: 'api', name: 'Draft', method: 'POST', path: '/drafts', emits: ['drafted'] }
export const handler = async (req: any, { emit }: any) => {
  await emit({ topic: 'drafted', data: req.body })
  return { status: 202, body: {} }
}
"""
REVIEW = """
import { z } from 'zod'
export const config = { type: 'event', name: 'Review', subscribes: ['drafted'], emits: [] }
const Decision = z.object({ ok: z.boolean(), note: z.string().optional() })
export const handler = async (draft: any, { ask, logger }: any) => {
  const decision = await ask('review', { title: `Send ${draft.text}?`, data: draft, schema: Decision, timeout: '1h' })
  logger.info('decided', { status: decision.status, value: decision.value })
}
"""
