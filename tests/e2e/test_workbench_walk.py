"""Walks through the Workbench on the tutorial, as a person takes them: with a mouse, with keys alone, on a phone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.browser import Page, browse, chromium
from tests.e2e.running import Running, make_tutorial
from tests.e2e.test_crash import dead_letters
from tests.e2e.workbench import NARROWEST, WIDE, Shown, fill

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

TICKET = {
    "subject": "Cannot log in after password reset",
    "body": "I reset my password but the login page keeps rejecting it. This is blocking my work.",
    "email": "user@example.com",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    project = make_tutorial(tmp_path_factory.mktemp("tutorial"))
    (project / "steps" / "audit_step.py").write_text(AUDIT)
    async with Running(project) as host, browse(tmp_path_factory.mktemp("profile")) as page:
        await page.open("about:blank")
        await page.shape(*WIDE)
        yield Shown(host, page, project)
        assert page.complaints == []
        own = (host.url, *page.hosts_gone, "about:", "data:")
        assert [url for url in page.requests if not url.startswith(own)] == []


async def test_a_ticket_is_followed_from_the_request_to_its_keywords(shown: Shown) -> None:
    page = shown.page
    await shown.go("traces")
    await page.text("No traces yet", "Live")
    ticket = await _post(shown)
    # It comes by itself: the page lies open.
    await page.click("SubmitTicket")
    text = await page.text(
        "POST /tickets",
        "ticket.submitted",
        "TriageTicket",
        "/chat/completions",
        "ExtractKeywords",
        "Keywords extracted",
    )
    story = (
        "POST /tickets",
        "ticket.submitted",
        "TriageTicket",
        "/chat/completions",
        "Ticket triaged",
        "ExtractKeywords",
    )
    positions = [text.index(part) for part in story]
    assert positions == sorted(positions)
    # The logs stand where they were written, and alone they are the same ones.
    trace = str(await page.evaluate("location.pathname.split('/').pop()"))
    await shown.go(f"logs?trace={trace}")
    await page.text("Ticket received", "Ticket triaged", "Keywords extracted", ticket)


async def test_a_value_that_is_edited_is_the_one_that_the_next_step_reads(shown: Shown) -> None:
    page, ticket = shown.page, await _post(shown)
    await shown.go(f"state/tickets?key={ticket}")
    await page.text("priority", "keywords", "Edit")
    await page.click("Edit")
    await page.until("document.querySelector('textarea')?.value.includes('priority')")
    value = json.loads(await page.evaluate("document.querySelector('textarea').value"))
    await fill(page, "Value as JSON", json.dumps({**value, "priority": "edited by hand"}))
    await page.click("Save")
    await page.text("edited by hand", "Delete")
    since = len(shown.host.lines)
    await shown.go("cron?step=DailyDigest")
    await page.text("At 09:00", "Run now")
    await page.click("Run now")
    await shown.host.line("Daily digest generated", '"edited by hand":1', since=since)
    await page.text("Daily digest generated", "cron")


async def test_a_broken_step_says_why_on_every_page_and_its_repair_too(shown: Shown) -> None:
    page, file = shown.page, shown.project / "steps" / "triage-ticket.step.ts"
    whole = file.read_text()
    await shown.go("logs")
    await page.text("Live")
    file.write_text(whole.replace("export const handler", "export const = handler", 1))
    await page.click("1 file does not load")
    await page.text("Does not load", "triage-ticket.step.ts")
    await page.evaluate("document.querySelector('[data-row]').click()")
    await page.text("Syntax error in steps/triage-ticket.step.ts", "export const = handler")
    file.write_text(whole)
    await page.until("!document.body.innerText.includes('does not load')")
    await page.until("!document.body.innerText.includes('Syntax error')")


@pytest.mark.parametrize("size", [WIDE, NARROWEST])
async def test_with_keys_alone_from_the_failure_to_its_replay(shown: Shown, size: tuple[int, int]) -> None:
    page = shown.page
    await page.shape(*size)
    await shown.host.post("/tickets", {**TICKET, "subject": f"no audit {size[0]}"})
    await dead_letters(shown.host, 1)
    # Find the failure.
    await shown.go("steps")
    await page.text("Live")
    await page.press("g", "d")
    await page.text("LookupError: no audit for")
    await page.press("j")
    await page.until("document.activeElement?.dataset.row === '0'")
    await page.press("Enter")
    # Its cause.
    await page.text("steps/audit_step.py:", "raise LookupError", f"no audit {size[0]}")
    # Edit.
    await _tab_to(page, "Edit first")
    await page.press("Enter")
    await page.until("document.querySelector('textarea')?.value.includes('no audit')")
    data = json.loads(await page.evaluate("document.querySelector('textarea').value"))
    await _tab_to(page, "Data of the event")
    await page.chord("a")
    await page.press(*json.dumps({**data, "subject": "fine"}))
    # Replay.
    since = len(shown.host.lines)
    await _tab_to(page, "Replay edited")
    await page.press("Enter")
    await shown.host.line("[INFO] Audit audited", "fine", since=since)
    # Verify: the trace shows the attempt that went well, and nothing is left.
    await page.until("location.pathname.startsWith('/__polystep/traces/')")
    await page.text("Audit", "audited")
    await page.press("g", "d")
    await page.text("No dead letters")
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    await page.shape(*WIDE)


async def test_a_killed_host_comes_back_under_the_open_page(shown: Shown) -> None:
    page, host = shown.page, shown.host
    await shown.go("traces")
    await page.text("SubmitTicket", "Live")
    page.hosts_gone.add(host.url)
    await host.kill()
    await page.text("Stale since", "SubmitTicket")
    async with Running(shown.project, "--port", host.url.rpartition(":")[2]) as again:
        await again.post("/tickets", {**TICKET, "subject": "after the kill"})
        await page.text("Live", "Host restarted")
        # What came meanwhile is counted, and can be followed.
        await page.click("1 new")
        await page.click("SubmitTicket")
        await page.text("POST /tickets", "Audit", "audited")
        await page.open("about:blank")
    page.forget("/health", 503)
    page.forget("/api/", 503)


async def _post(shown: Shown) -> str:
    """Post a ticket; returns its id when its keywords are stored."""
    since = len(shown.host.lines)
    ticket = str((await shown.host.post("/tickets", TICKET))["ticketId"])
    await shown.host.line("Keywords extracted", ticket, since=since)
    return ticket


async def _tab_to(page: Page, name: str) -> None:
    """Press Tab until what has this name has the focus."""
    has_focus = (
        f"((each) => each.ariaLabel === {json.dumps(name)} || each.innerText?.trim() === {json.dumps(name)})"
        "(document.activeElement)"
    )
    await page.text("Live")
    for _ in range(80):
        found: Any = await page.evaluate(has_focus)
        if found:
            return
        await page.press("Tab")
    raise AssertionError(f"Tab never led to {name!r}")


AUDIT = """
config = {
    "type": "event", "name": "Audit", "subscribes": ["ticket.submitted"], "emits": [], "flows": ["ticket-triage"],
    "infrastructure": {"queue": {"maxRetries": 0}},
}

async def handler(data, context):
    ticket = data.get("subject") or ""
    if ticket.startswith("no audit"):
        raise LookupError(f"no audit for {ticket}")
    context.logger.info("audited", {"subject": ticket})
"""
