"""Endpoints and Emit in the Workbench, in a real browser: from a form to the trace that it caused."""

from __future__ import annotations

import ast
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.e2e.browser import browse, chromium
from tests.e2e.hostile import HOSTILE
from tests.e2e.model import serve_model
from tests.e2e.running import Running, make_project, make_tutorial
from tests.e2e.workbench import NARROWEST, PHONE, WIDE, Shown, assert_only_text, choose, fill, violations

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    project = make_tutorial(tmp_path_factory.mktemp("endpoints"))
    files = {"kinds_step.py": KINDS, "join_step.py": JOIN, "echo_step.py": ECHO, "audit_step.py": AUDIT}
    files |= {"hostile_step.py": HOSTILE_STEP, "lines.stream.ts": LINES, "forever_step.py": SSE}
    make_project(project, {f"steps/{name}": text for name, text in files.items()})
    async with (
        serve_model() as model,
        Running(project, environment=model.environment) as host,
        browse(tmp_path_factory.mktemp("profile")) as page,
    ):
        await page.open("about:blank")
        await page.shape(*WIDE)
        yield Shown(host, page, project)
        assert page.complaints == []
        assert [url for url in page.requests if not url.startswith((host.url, "about:", "data:", "blob:"))] == []


async def test_a_ticket_is_posted_by_the_form_and_followed_to_its_trace(shown: Shown) -> None:
    await shown.go("endpoints")
    await shown.page.text("ticket-triage", "/tickets", "Choose an endpoint")
    await shown.page.click("SubmitTicket")
    await shown.page.text("Fits the schema", "Nothing is sent yet")
    await fill(shown.page, "subject", "Cannot log in after password reset")
    await fill(shown.page, "body", "The login page keeps rejecting my new password. This is blocking my work.")
    await fill(shown.page, "email", "ann@example.com")
    await shown.page.text("Fits the schema")
    await _press(shown, "Send")
    text = await shown.page.text("status", "received", "first byte", "application/json", "Open the trace", "Sent from")
    assert "SubmitTicket" in text
    # The runs that it caused come by themselves.
    await shown.page.text("TriageTicket", "ExtractKeywords")
    await shown.page.click("Open the trace")
    await shown.page.text("POST /tickets", "ticket.submitted", "TriageTicket", "ExtractKeywords")
    # Back on the page, draft and history are those of this tab.
    await shown.page.evaluate("history.back()")
    await shown.page.text("Sent from this tab", "Use again")
    assert await _field(shown, "email") == "ann@example.com"
    stored = await shown.page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }])")
    assert "ann@example.com" not in stored


async def test_a_wrong_body_is_named_by_its_path_before_and_after_it_is_sent(shown: Shown) -> None:
    await shown.go("endpoints?step=SubmitTicket&as=json")
    await fill(shown.page, "Body as JSON", '{"subject": 7, "body": "b"}')
    await shown.page.text("This does not fit the schema", "body.email is required", "body.subject")
    await _press(shown, "Send")
    await shown.page.text("400 Bad request", "What the host refused", "email")
    await fill(shown.page, "Body as JSON", "{")
    await shown.page.text("The body is no JSON")
    assert await _disabled(shown, "Send")
    # The other face says that it cannot show it, and loses nothing.
    await _press(shown, "Form")
    await shown.page.text("The JSON cannot be read")
    await _press(shown, "JSON")
    await fill(
        shown.page, "Body as JSON", '{"subject": "s", "body": "b", "email": "a@b.example", "more": 9007199254740993}'
    )
    await shown.page.text("Fits the schema")
    await _press(shown, "Form")
    await fill(shown.page, "subject", "changed")
    await _press(shown, "JSON")
    await shown.page.until("document.querySelector('textarea').value.includes('9007199254740993')")


async def test_numbers_go_out_and_come_back_as_they_are_written(shown: Shown) -> None:
    await shown.go("endpoints?step=Echo&as=json")
    await fill(shown.page, "Body as JSON", '{"whole": 1.0, "far": 9007199254740993}')
    await _press(shown, "Send")
    await shown.page.text("200 OK", "whole: 1.0", 'far: "9007199254740993"')


async def test_parameters_headers_and_copies_as_programs(shown: Shown) -> None:
    await shown.go("endpoints?step=Kinds&tab=parameters")
    await shown.page.text("The path needs a value for kind", "json, text, html, image or bytes")
    assert await _disabled(shown, "Send")
    await fill(shown.page, "Value of kind", "json")
    await fill(shown.page, "Value of limit", "many")
    await shown.page.text("queryParams.limit")
    await fill(shown.page, "Value of limit", "3")
    await shown.page.text("GET /kinds/json?limit=3", "Ready")
    await _press(shown, "Headers")
    await shown.page.click("Add a header")
    await fill(shown.page, "Name of header 1", "Authorization")
    await fill(shown.page, "Value of Authorization", "Bearer it's a s3cret")
    await shown.page.evaluate("navigator.clipboard.writeText = async (text) => { window.__copied = text }")
    copied = await _copy(shown, "Copy as curl")
    assert "'Authorization: Bearer it'\\''s a s3cret'" in copied
    assert f"'{shown.host.url}/kinds/json?limit=3'" in copied
    copied = await _copy(shown, "Copy as fetch (JavaScript)")
    assert f'await fetch("{shown.host.url}/kinds/json?limit=3", {{' in copied
    copied = await _copy(shown, "Copy as httpx (Python)")
    call = next(each for each in ast.walk(ast.parse(copied)) if isinstance(each, ast.Call))
    assert [ast.literal_eval(each) for each in call.args] == ["GET", f"{shown.host.url}/kinds/json?limit=3"]
    assert ast.literal_eval(call.keywords[0].value) == [("Authorization", "Bearer it's a s3cret")]
    await _press(shown, "Send")
    await shown.page.text("200 OK", "Bearer it's a s3cret", "limit: 3")
    await shown.page.click("Headers (")
    # The history keeps no secret.
    await shown.page.click("Use again")
    await shown.page.until("document.querySelector('[aria-label=\"Value of Authorization\"]').value === ''")
    await shown.page.evaluate(
        "document.querySelector('[aria-label=\"Part of the response\"] button:last-child').click()"
    )
    await shown.page.text("x-trace-id", "content-type")


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("text", ["plain words"]),
        ("html", ["<h1>not a heading</h1>"]),
        ("bytes", ["The body is no text", "Download the bytes"]),
        ("image", ["image/png", "Download the bytes"]),
    ],
)
async def test_a_body_is_shown_by_its_type_and_html_as_text(shown: Shown, kind: str, wanted: list[str]) -> None:
    await shown.go("endpoints?step=Kinds&tab=parameters")
    await fill(shown.page, "Value of kind", kind)
    await shown.page.text(f"/kinds/{kind}")
    await _press(shown, "Send")
    await shown.page.text("200 OK", *wanted)
    if kind == "image":
        await shown.page.until("document.querySelector('img')?.naturalWidth === 1")
    else:
        await assert_only_text(shown.page)


async def test_a_stream_of_events_and_an_item_of_a_stream_lead_on(shown: Shown) -> None:
    await shown.go("endpoints?step=Events")
    await _press(shown, "Send")
    await shown.page.text("2 events of a stream", "tick", "first", "second")
    await shown.go("endpoints?step=Join")
    await _press(shown, "Send")
    await shown.page.text("Live item in lines")
    await shown.page.click("Live item in lines")
    await shown.page.text("room 1", "hello")


async def test_all_of_it_is_restored_from_the_address(shown: Shown) -> None:
    await shown.go("endpoints?step=SubmitTicket&tab=schemas&q=ticket")
    text = await shown.page.text("SubmitTicket", "Body", "properties", "Response 200")
    assert "/kinds" not in text
    await shown.go("emit?topic=ticket.submitted&step=TriageTicket&as=json")
    await shown.page.text("TriageTicket alone", "does not get it")
    await shown.page.until("document.querySelector('textarea').value.includes('ticketId')")
    # A link alone sends nothing.
    assert "Emitted from this tab" not in await shown.page.text("Nothing is emitted yet")
    await shown.go("endpoints?step=NoSuchStep")
    await shown.page.text("There is no such endpoint")


async def test_an_event_is_checked_for_each_subscriber_and_emitted_to_all_or_one(shown: Shown) -> None:
    await shown.go("emit")
    await shown.page.text("ticket.submitted", "nobody consumes it", "Choose a topic")
    await shown.page.click("ticket.submitted")
    await shown.page.text("TriageTicket", "Audit", "Form of")
    await choose(shown, "Form of", "Audit")
    await shown.page.until("location.search.includes('form=Audit')")
    await _press(shown, "JSON")
    await fill(
        shown.page,
        "Data as JSON",
        '{"ticketId": "t1", "subject": "s", "body": "b", "email": "e@x.example", "level": 7}',
    )
    await shown.page.text("Audit cannot take this", "level", "Does not fit")
    await _press(shown, "Emit")
    await shown.page.text("Validation failed", "Refused")
    await choose(shown, "For", "TriageTicket")
    await shown.page.text("does not get it")
    await _press(shown, "Emit")
    await shown.page.text("Stored for TriageTicket.", "Open the trace", "Stored")
    await shown.page.click("Open the trace")
    await shown.page.text("TriageTicket", "ticket.submitted")
    shown.page.forget("/api/events", 400)


async def test_copies_are_numbered_checked_and_counted(shown: Shown) -> None:
    await shown.go("emit?topic=ticket.submitted&step=Audit&as=json")
    await fill(shown.page, "Data as JSON", '{"ticketId": "t{{i}}", "number": {{i}}}')
    await shown.page.text("Copies, 1 to 1,000")
    await fill(shown.page, "Copies, 1 to 1,000", "1001")
    await shown.page.text("Give a whole number from 1 to 1,000.")
    assert await _disabled(shown, "Emit")
    await fill(shown.page, "Copies, 1 to 1,000", "40")
    # The first of them is shown as it goes out, and checked.
    await shown.page.text("The first of 40", 'ticketId: "t1"', "number: 1", "Valid JSON", "Fits")
    await _press(shown, "Emit 40")
    await shown.page.text("40 of 40 accepted", "The first 5 traces:", "First trace")
    assert "refused" not in await shown.page.text("Emitted from this tab")
    await shown.page.click("First trace")
    await shown.page.text("Audit", "ticket.submitted")
    # The words of a copy that does not fit name its number; the others are emitted.
    await shown.go("emit?topic=ticket.submitted&step=Audit&as=json")
    await fill(shown.page, "Data as JSON", '{"ticketId": "t", "number": {{i}}}')
    await fill(shown.page, "Copies, 1 to 1,000", "102")
    await _press(shown, "Emit 102")
    await shown.page.text("100 of 102 accepted, 2 refused", "Copy 101:")
    shown.page.forget("/api/events", 400)


async def test_a_topic_that_nobody_consumes_says_so(shown: Shown) -> None:
    await shown.go("emit?topic=" + quote("no such/topic"))
    await shown.page.text("no such/topic", "Nobody consumes this topic", "Nobody would get it")
    assert await _disabled(shown, "Emit")


async def test_hostile_names_values_and_answers_stay_text(shown: Shown) -> None:
    await shown.go("endpoints?step=Hostile")
    await shown.page.text("Sample from the schema")
    await assert_only_text(shown.page)
    assert await violations(shown.page) == []
    await _press(shown, "Send")
    await shown.page.text("Open the trace")
    await assert_only_text(shown.page)
    await shown.go("endpoints?q=" + quote(HOSTILE[4]) + "&step=" + quote(HOSTILE[0]))
    await shown.page.text("Nothing matches", "There is no such endpoint")
    await assert_only_text(shown.page)
    for topic in (HOSTILE[0], HOSTILE[2], "__proto__"):
        await shown.go("emit?topic=" + quote(topic))
        await shown.page.text("Nobody consumes this topic", topic)
        await assert_only_text(shown.page)
    await shown.go("emit?topic=hostile")
    await shown.page.text("Hostile emits it")
    await assert_only_text(shown.page)


async def test_by_keyboard_alone_a_request_is_sent(shown: Shown) -> None:
    await shown.go("traces")
    await shown.page.text("Live")
    await shown.page.press("g", "e")
    await shown.page.text("Choose an endpoint")
    await shown.page.press("/")
    await shown.page.until("document.activeElement.type === 'search'")
    await fill(shown.page, "Path, step, flow", "echo")
    await shown.page.until("document.querySelectorAll('nav[aria-label=Endpoints] button').length === 1")
    await shown.page.press("Tab", "Enter")
    await shown.page.text("takes any", "Nothing is sent yet")
    for _ in range(40):
        if await shown.page.evaluate("document.activeElement.innerText?.trim() === 'Send'"):
            break
        await shown.page.press("Tab")
    await shown.page.press("Enter")
    await shown.page.text("200 OK")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_breaks_a_rule_of_accessibility(shown: Shown, scheme: str) -> None:
    pages = {
        "endpoints": "/tickets",
        "endpoints?step=SubmitTicket": "Fits the schema",
        "endpoints?step=Kinds&tab=parameters": "The path needs a value",
        "endpoints?step=SubmitTicket&tab=schemas": "Response 200",
        "emit": "ticket.submitted",
        "emit?topic=ticket.submitted": "Form of",
    }
    for size in (WIDE, PHONE, NARROWEST):
        await shown.page.shape(*size, scheme)
        for path, text in pages.items():
            await shown.go(path)
            await shown.page.text(text)
            assert await violations(shown.page) == [], (path, size)
            wide = await shown.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{path} is {wide} px wider than a window of {size[0]} px"
    await shown.page.shape(*WIDE)


async def _press(shown: Shown, words: str) -> None:
    """Press the button of exactly these words, once it can be."""
    await shown.page.until(
        f"(window.__button = [...document.querySelectorAll('main button')].find((each) => "
        f"each.innerText.replace(/\\s*\\(.*/, '').trim() === {json.dumps(words)})) && !window.__button.disabled"
    )
    await shown.page.evaluate("window.__button.click(); delete window.__button")


async def _copy(shown: Shown, label: str) -> str:
    await shown.page.evaluate(f"document.querySelector({json.dumps(f'[aria-label={json.dumps(label)}]')}).click()")
    return str(await shown.page.evaluate("window.__copied"))


async def _disabled(shown: Shown, words: str) -> Any:
    button = f"[...document.querySelectorAll('main button')].find((b) => b.innerText.trim() === {json.dumps(words)})"
    return await shown.page.evaluate(f"{button}.disabled")


async def _field(shown: Shown, label: str) -> Any:
    return await shown.page.evaluate(
        f"[...document.querySelectorAll('input[type=text]')].find((f) => f.ariaLabel === {json.dumps(label)}).value"
    )


KINDS = f"""
import base64

config = {{
    "type": "api", "name": "Kinds", "method": "GET", "path": "/kinds/:kind", "emits": [], "flows": ["kinds"],
    "pathParams": [{{"name": "kind", "description": "json, text, html, image or bytes"}}],
    "queryParams": [{{"name": "limit", "schema": {{"type": "integer", "minimum": 1}}}}],
}}

async def handler(req, context):
    kind = req["pathParams"]["kind"]
    bodies = {{
        "json": ("application/json", {{"sent": req["headers"].get("authorization"), **req["queryParams"]}}),
        "text": ("text/plain", "plain words"),
        "html": ("text/html", "<h1>not a heading</h1><script>window.__hostile=1</script>"),
        "image": ("image/png", base64.b64decode("{PIXEL}")),
        "bytes": ("application/octet-stream", bytes(range(256))),
    }}
    media, body = bodies[kind]
    return {{"status": 200, "headers": {{"content-type": media}}, "body": body}}
"""
ECHO = """
config = {"type": "api", "name": "Echo", "method": "POST", "path": "/echo", "emits": []}

async def handler(req, context):
    whole, far = req["body"].get("whole", 1), req["body"].get("far", 1)
    return {"status": 200, "body": {"whole": whole, "far": str(far)}}
"""
AUDIT = """
config = {
    "type": "event", "name": "Audit", "subscribes": ["ticket.submitted"], "emits": [],
    "input": {
        "type": "object",
        "properties": {"level": {"type": "string"}, "number": {"type": "integer", "maximum": 100}},
    },
}

async def handler(data, context):
    pass
"""
LINES = """
export const config = { name: 'lines', schema: null, baseConfig: { storageType: 'default' } }
"""
JOIN = """
config = {"type": "api", "name": "Join", "method": "POST", "path": "/join", "emits": []}

async def handler(req, context):
    item = await context.streams.lines.set("room 1", "one", {"text": "hello"})
    return {"status": 200, "body": item}
"""
SSE = """
config = {"type": "api", "name": "Events", "method": "GET", "path": "/events", "emits": []}

async def handler(req, context):
    text = "event: tick\\ndata: first\\n\\ndata: second\\n\\n"
    return {"status": 200, "headers": {"content-type": "text/event-stream"}, "body": text}
"""
HOSTILE_STEP = f"""
HOSTILE = {HOSTILE!r}
MEMBERS = {{text[:80] or "empty": {{"type": "string", "description": text, "default": text}} for text in HOSTILE}}

config = {{
    "type": "api", "name": "Hostile", "method": "POST", "path": "/hostile", "emits": ["hostile"],
    "description": HOSTILE[1], "flows": [HOSTILE[2]],
    "bodySchema": {{"type": "object", "properties": MEMBERS}},
}}

async def handler(req, context):
    return {{"status": 200, "headers": {{"x-text": "<img src=x>"}}, "body": dict(enumerate(HOSTILE))}}
"""
