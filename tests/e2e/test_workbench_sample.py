"""The approval of the sample: a reply that a model has drafted is sent when a person has said so, and not before."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.browser import browse, chromium
from tests.e2e.model import ANSWER, serve_model
from tests.e2e.running import ROOT, Running, make_project
from tests.e2e.workbench import WIDE, Shown

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    project = make_project(tmp_path_factory.mktemp("sample"), {"polystep.toml": "[durable]\nhold_s = 0\n"})
    shutil.copytree(ROOT / "steps", project / "steps")
    async with (
        serve_model() as model,
        Running(project, environment=model.environment) as host,
        browse(tmp_path_factory.mktemp("profile")) as page,
    ):
        await page.open("about:blank")
        await page.shape(*WIDE)
        yield Shown(host, page, project)
        assert page.complaints == []


async def proposed(shown: Shown, subject: str) -> tuple[str, Any]:
    """Let the draft of a new ticket be proposed; returns the ticket's id and the ask."""
    email = f"{subject}@example.com"
    ticket = (await shown.host.post("/tickets", {"subject": subject, "body": "It is broken.", "email": email}))[
        "ticketId"
    ]
    await shown.host.line("[INFO] ExtractKeywords", ticket)
    assert await shown.host.post(f"/tickets/{ticket}/reply", status=202) == {"ticketId": ticket, "status": "proposed"}
    while True:
        for each in (await shown.host.api("asks"))["asks"]:
            if each["data"]["subject"] == subject:
                assert each["data"]["draftReply"] == ANSWER["draftReply"]
                return ticket, each


async def test_a_reply_is_sent_once_a_person_agrees_in_the_workbench(shown: Shown) -> None:
    ticket, _ = await proposed(shown, "login")
    assert not any("To login@example.com" in line for line in shown.host.lines)
    await shown.go("asks")
    await shown.page.click("Send this reply to login@example.com?")
    await shown.page.text("It is broken.", ANSWER["draftReply"], "SendReply", "Send the answer")
    await shown.page.evaluate(CHOOSE)
    await shown.page.click("Send the answer")
    await shown.host.line("To login@example.com: Re: login:", ANSWER["draftReply"])
    await shown.host.line("[INFO] SendReply Reply sent", ticket)
    stored = (await shown.host.api(f"state/tickets/{ticket}"))["value"]
    assert stored["reply"] == ANSWER["draftReply"]
    assert stored["keywords"]
    assert "has been replied to" in (await shown.host.post(f"/tickets/{ticket}/reply", status=409))["error"]


async def test_a_reply_is_changed_and_sent_by_the_link(shown: Shown) -> None:
    ticket, row = await proposed(shown, "export")
    await shown.page.open(row["url"])
    await shown.page.text("Send this reply to export@example.com?", "SendReply waits for this answer")
    await shown.page.evaluate("document.querySelector('select[name=send]').value = 'true'")
    await shown.page.evaluate("document.querySelector('[name=text]').value = 'Try again now.'")
    await shown.page.click("Send the answer")
    await shown.page.arrive("It has been answered. Thank you.")
    await shown.host.line("To export@example.com: Re: export: Try again now.")
    await shown.host.line("[INFO] SendReply Reply sent", ticket)


async def test_nothing_is_sent_where_a_person_declines_or_no_ticket_is(shown: Shown) -> None:
    ticket, row = await proposed(shown, "billing")
    await shown.host.post(f"/__polystep/api/asks/{row['id']}", {"value": {"send": False}})
    await shown.host.line("[INFO] SendReply Reply not sent", ticket, '"status":"answered"')
    assert not any("To billing@example.com" in line for line in shown.host.lines)
    assert "No ticket none" in (await shown.host.post("/tickets/none/reply", status=404))["error"]


CHOOSE = """(() => {
  const field = document.querySelector('select[aria-label="send" i]')
  const { set } = Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, 'value')
  set.call(field, 'true')
  field.dispatchEvent(new Event('change', { bubbles: true }))
})()"""
