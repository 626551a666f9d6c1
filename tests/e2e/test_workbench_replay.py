"""Replay, comparison, calls of models and errors in the Workbench, in a real browser on the tutorial's own files."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.browser import browse, chromium
from tests.e2e.hostile import HOSTILE
from tests.e2e.model import serve_model
from tests.e2e.running import Running, make_tutorial
from tests.e2e.workbench import NARROWEST, PHONE, WIDE, Shown, assert_only_text, choose, fill, violations

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

TICKET = {"subject": "Cannot log in", "body": "The login page keeps rejecting my password.", "email": "a@example.com"}
FAIL = """
import { deep } from './lib/deep.ts'
export const config = { type: 'api', name: 'Fail', method: 'POST', path: '/fail', emits: [] }
export const handler = async (req) => {
  deep(req.body.text)
  return { status: 200 }
}
"""
DEEP = """
export function deep(text: string): void {
  throw new RangeError(text)
}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    folder = tmp_path_factory.mktemp("replay")
    project = make_tutorial(folder)
    (project / "steps/lib").mkdir()
    (project / "steps/lib/deep.ts").write_text(DEEP)
    (project / "steps/fail.step.ts").write_text(FAIL)
    editor, opened = folder / "editor", folder / "opened"
    editor.write_text(f'#!/bin/sh\nprintf "%s|" "$@" > {opened}\n')
    editor.chmod(0o755)
    environment = {"POLYSTEP_EDITOR": f"{editor} {{file}} {{line}}"}
    profile = tmp_path_factory.mktemp("profile")
    async with (
        serve_model() as model,
        Running(project, environment={**model.environment, **environment}) as host,
        browse(profile) as page,
    ):
        await page.open("about:blank")
        await page.shape(*WIDE)
        yield Shown(host, page, project)
        assert page.complaints == []
        assert [url for url in page.requests if not url.startswith((host.url, "about:", "data:", "blob:"))] == []


async def _ticket(shown: Shown) -> dict[str, Any]:
    """Post a ticket; its whole trace, once all three steps are done."""
    await shown.host.post("/tickets", TICKET)
    async with asyncio.timeout(60):
        while True:
            trace_id = await shown.trace_of("SubmitTicket", "completed")
            trace: dict[str, Any] = await shown.host.api(f"traces/{trace_id}")
            if trace["runCount"] == 3:
                return trace


async def _choose(shown: Shown, trace_id: str) -> None:
    row = f"document.querySelector('[data-trace=\"{trace_id}\"]')"
    await shown.page.until(f"{row} !== null")
    await shown.page.evaluate(f"{row}.click()")


async def _model_call(shown: Shown, trace_id: str) -> str:
    """The address of the row of a model's call."""
    await shown.go(f"traces/{trace_id}")
    row = "[...document.querySelectorAll('[data-span]')].find((each) => each.innerText.includes('gpt-4o-mini'))"
    await shown.page.until(f"{row} !== undefined")
    return f"traces/{trace_id}?span={await shown.page.evaluate(f'{row}.dataset.span')}"


async def test_a_ticket_is_followed_to_the_model_with_its_tokens(shown: Shown) -> None:
    trace = await _ticket(shown)
    call = next(each for run in trace["runs"] for each in run["operations"] if each["type"] == "http")
    assert (call["attributes"]["model"], call["attributes"]["tokensIn"]) == ("gpt-4o-mini", 1)
    await shown.go(await _model_call(shown, trace["traceId"]))
    text = await shown.page.text("Conversation", "gpt-4o-mini", "1 in", "1 out", "2 tokens in all", "stop", "unknown")
    assert "1 model call: 1 tokens in, 1 out · cost unknown" in text
    await shown.page.click("As request")
    assert TICKET["subject"] in text
    assert "draftReply" in text
    assert "sk-test" not in text
    assert "tokens a second" in text
    await assert_only_text(shown.page)
    await shown.page.click("As Markdown")
    await shown.page.until("document.querySelector('li[data-role] p + div > p')")
    await shown.page.text(TICKET["subject"])
    await assert_only_text(shown.page)
    await shown.page.click("As Markdown")


async def test_a_request_is_run_again_edited_and_both_traces_know(shown: Shown) -> None:
    trace = await _ticket(shown)
    root = trace["runs"][0]
    await shown.go(f"traces/{trace['traceId']}?span={root['runId']}")
    await shown.page.click("Run again, with this or another input")
    await shown.page.text("Headers that are secret were not kept")
    field = "document.querySelector('textarea[aria-label=\"Input of the new run\"]')"
    given = json.loads(await shown.page.evaluate(f"{field}.value"))
    assert (given["method"], given["path"], given["body"]) == ("POST", "/tickets", TICKET)
    # What breaks the schema is refused by its path, before anything runs.
    broken = {**given, "body": {**TICKET, "email": 7}}
    await fill(shown.page, "Input of the new run", json.dumps(broken))
    await shown.page.text("body.email", "was", "now")
    await shown.page.click("Run again edited")
    await shown.page.text("Validation failed", "email:")
    edited = {**given, "body": {**TICKET, "subject": "Another subject"}}
    await fill(shown.page, "Input of the new run", json.dumps(edited))
    await shown.page.text("body.subject")
    await shown.page.click("Run again edited")
    await shown.page.text("Replay of", "edited", "Compare both")
    again = (await shown.page.evaluate("location.pathname")).rpartition("/")[2]
    assert again != trace["traceId"]
    found = await shown.host.api(f"traces/{again}")
    assert (found["replayOf"], found["runs"][0]["trigger"]["body"]["subject"]) == (trace["traceId"], "Another subject")
    await shown.go(f"traces/{trace['traceId']}")
    await shown.page.click("Replayed 1")
    await shown.page.text(again[-8:], "Compare")
    await shown.go("traces")
    await shown.page.text(f"replay of {trace['traceId'][-8:]}", "replayed 1")
    shown.page.forget("/replay", 400)


async def test_with_keys_a_run_is_run_again_and_its_logs_are_one_key_away_and_back(shown: Shown) -> None:
    page = shown.page
    await shown.host.post("/fail", {"text": "for the keys"}, status=500)
    trace = await shown.trace_of("Fail", "failed")
    run = (await shown.host.api(f"traces/{trace}"))["runs"][0]["runId"]
    await shown.go(f"traces/{trace}")
    await page.text("Fail", "Next failure", "Live")
    # At least 24 rows are in sight, of a trace and of the list.
    assert await page.evaluate(_ROWS_IN_SIGHT.format(list="[role=treegrid]")) >= 24
    await page.press("r")
    editor = "document.activeElement?.ariaLabel === 'Input of the new run'"
    await page.until(editor)
    assert await page.evaluate("location.search") == f"?span={run}&again=on"
    address = await page.evaluate("location.href")
    await page.open("about:blank")
    await page.open(address)
    await page.until(editor)
    await page.click("Cancel")
    await page.until("!location.search.includes('again')")
    await page.press("l")
    await page.text("Show the trace", "for the keys")
    assert await page.evaluate("location.search") == f"?trace={trace}&run={run}"
    await page.press("l")
    await page.until(f"location.pathname.endsWith('{trace}') && location.search === '?span={run}'")
    # Escape goes up one level: out of the panel, then to the list.
    await page.until("document.querySelector('aside') !== null")
    await page.press("Escape")
    await page.until("document.querySelector('aside') === null")
    await page.press("Escape")
    await page.text("Began with")
    assert await page.evaluate(_ROWS_IN_SIGHT.format(list="[data-row]")) >= 24


async def test_the_source_of_a_run_and_its_emits_are_at_hand(shown: Shown) -> None:
    page, trace = shown.page, await _ticket(shown)
    await shown.go(f"traces/{trace['traceId']}?span={trace['runs'][0]['runId']}")
    await page.click("Source of SubmitTicket")
    await page.text("as it is now", "ticket.submitted", "export const config")
    traces = len((await shown.host.api("traces"))["traces"])
    row = "[...document.querySelectorAll('[data-span]')].find((each) => /^emit/.test(each.innerText.trim()))"
    await page.until(f"{row} !== undefined")
    await page.evaluate(f"{row}.click()")
    await page.click("Emit again, with this or other data")
    await page.until("location.pathname.endsWith('/emit') && location.search === '?topic=ticket.submitted'")
    await page.text("TriageTicket")
    await page.click("JSON")
    await page.until("document.querySelector('main textarea') !== null")
    given = json.loads(await page.evaluate("document.querySelector('main textarea').value"))
    emit = next(each for each in trace["runs"][0]["operations"] if each["type"] == "emit")
    assert given == emit["data"]
    assert len((await shown.host.api("traces"))["traces"]) == traces


_ROWS_IN_SIGHT = """(() => {{
  const row = document.querySelector('[role=treegrid] [data-span], [data-row]')
  let box = document.querySelector('{list}')
  while (getComputedStyle(box).overflowY !== 'auto') box = box.parentElement
  const head = row.closest('[role=row], [role=listitem]').offsetTop
  return Math.floor((box.clientHeight - head) / row.closest('[role=row], [role=listitem]').offsetHeight)
}})()"""


async def test_two_traces_are_compared_from_the_list_and_from_the_address(shown: Shown) -> None:
    traces = [each for each in (await shown.host.api("traces"))["traces"] if each["name"] == "SubmitTicket"]
    after, before = traces[0]["traceId"], traces[1]["traceId"]
    await shown.go("traces")
    await shown.page.click("Compare two")
    await shown.page.text("Choose the first trace of two")
    await _choose(shown, before)
    await shown.page.text(f"Choose the trace to compare with {before[-8:]}")
    await _choose(shown, after)
    await shown.page.text("Compare traces", "SubmitTicket", "TriageTicket", "ExtractKeywords", "changed")
    await shown.go(f"compare/{before}/{after}?row=r0&differ=on")
    await shown.page.text(
        "Times",
        "Difference",
        "Usual",
        "completed run",
        "body.subject",
        "Cannot log in",
        "Another subject",
        "Show before",
    )


async def test_an_error_shows_its_code_and_is_opened_in_the_editor(shown: Shown) -> None:
    await shown.host.post("/fail", {"text": HOSTILE[0]}, status=500)
    trace_id = await shown.trace_of("Fail", "failed")
    run = (await shown.host.api(f"traces/{trace_id}"))["runs"][0]
    await shown.go(f"traces/{trace_id}?span={run['runId']}")
    text = await shown.page.text(
        "steps/lib/deep.ts:3", "throw new RangeError(text)", "steps/fail.step.ts:5", "Open in editor"
    )
    assert "^" in text
    assert "File changed since" not in text
    await assert_only_text(shown.page)
    await shown.page.click("Open in editor")
    await shown.page.text("Opened in editor")
    opened = shown.project.parent / "opened" if (shown.project.parent / "opened").exists() else shown.project / "opened"
    assert opened.read_text() == f"{(shown.project / 'steps/lib/deep.ts').resolve()}|3|"
    later = (shown.project / "steps/lib/deep.ts").stat().st_mtime + 3600
    os.utime(shown.project / "steps/lib/deep.ts", (later, later))
    await shown.go(f"traces/{trace_id}?span={run['runId']}")
    await shown.page.text("File changed since")


async def test_the_editor_opens_nothing_for_others(shown: Shown) -> None:
    url = f"{shown.host.url}/__polystep/api/editor"
    opened = shown.project / "opened" if (shown.project / "opened").exists() else shown.project.parent / "opened"
    before = opened.stat().st_mtime_ns
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    async with shown.host.http.post(url, json={"step": "Fail"}, headers=foreign) as answer:
        assert answer.status == 403
    async with shown.host.http.get(url, params={"step": "Fail"}) as answer:
        assert answer.status == 405
    for given in ({"step": "../../etc/passwd"}, {"step": "/etc/passwd"}, {"runId": "none"}, {"runId": "x", "frame": 7}):
        async with shown.host.http.post(url, json=given) as answer:
            assert answer.status == 404, given
    for wrong in ({}, {"step": "Fail", "runId": "x"}, {"file": "/etc/passwd"}):
        async with shown.host.http.post(url, json=wrong) as answer:
            assert answer.status == 400, wrong
    assert opened.stat().st_mtime_ns == before


async def test_a_step_shows_its_source_schemas_and_doors(shown: Shown) -> None:
    await shown.go("steps?step=SubmitTicket")
    await shown.page.text(
        "POST /tickets", "Schema of the body", "Source", "Traces with this step", "Open in editor", "Config"
    )
    await shown.page.click("Open in editor")
    await shown.page.text("Opened in editor")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_breaks_a_rule_of_accessibility(shown: Shown, scheme: str) -> None:
    traces = (await shown.host.api("traces"))["traces"]
    tickets = [each["traceId"] for each in traces if each["name"] == "SubmitTicket"]
    failed = next(each["traceId"] for each in traces if each["name"] == "Fail")
    error = (await shown.host.api(f"traces/{failed}"))["runs"][0]["runId"]
    pages = {
        f"compare/{tickets[1]}/{tickets[0]}?row=r0": "body.subject",
        await _model_call(shown, tickets[1]): "Conversation",
        f"traces/{failed}?span={error}": "Open in editor",
        "traces?with=choose": "Choose the first trace",
        "steps?step=SubmitTicket": "Schema of the body",
    }
    shots = os.environ.get("POLYSTEP_SHOTS")
    for size in (WIDE, PHONE, NARROWEST):
        await shown.page.shape(*size, scheme)
        for number, (path, text) in enumerate(pages.items()):
            await shown.go(path)
            await shown.page.text(text)
            if shots and size != NARROWEST:
                from pathlib import Path

                await shown.page.screenshot(Path(shots) / f"{number}-{size[0]}-{scheme}.png")
            assert await violations(shown.page) == [], (path, size)
            wide = await shown.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{path} is {wide} px wider than a window of {size[0]} px"
    await shown.page.shape(*WIDE)


async def test_only_the_step_is_run_again_and_what_it_emits_is_not_sent(shown: Shown) -> None:
    trace = await _ticket(shown)
    root = trace["runs"][0]
    await shown.go(f"traces/{trace['traceId']}?span={root['runId']}")
    await shown.page.click("Run again, with this or another input")
    await shown.page.text("Only SubmitTicket: its events are not sent")
    await choose(shown, "What runs", "only")
    await shown.page.text("It shows what the run emits; no event is sent.")
    await shown.page.click("Run again")
    await shown.page.until(f"!location.pathname.endsWith({json.dumps(trace['traceId'])})")
    await shown.page.text("Replay of", "SubmitTicket", "emit")
    again = (await shown.page.evaluate("location.pathname")).rpartition("/")[2]
    found = await shown.host.api(f"traces/{again}")
    assert ([run["step"] for run in found["runs"]], found["replayOf"]) == (["SubmitTicket"], trace["traceId"])
