"""The Workbench in a real browser, on a real host: what it shows, that it stays still, and that all of it is text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.browser import WAIT_S, Page, browse, chromium
from tests.e2e.hostile import HOSTILE
from tests.e2e.running import Running, make_project
from tests.e2e.workbench import NARROWEST, PHONE, WIDE, Shown, assert_only_text, fill, violations

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    files = {
        "steps/order.step.ts": ORDER,
        "steps/pack_step.py": PACK,
        "steps/hostile_step.py": HOSTILE_STEP,
        "steps/broken.step.ts": "export const config = { type: 'api', name: }\n",
        "steps/nightly.step.js": NIGHTLY,
        "steps/many.step.ts": MANY,
        "steps/fan.step.ts": FAN,
        "steps/leaf.step.ts": LEAF,
    }
    project = make_project(tmp_path_factory.mktemp("workbench"), files)
    async with Running(project) as host, browse(tmp_path_factory.mktemp("profile")) as page:
        yield Shown(host, page, project)
        assert page.complaints == []
        own = (host.url, *page.hosts_gone, "about:", "data:")
        assert [url for url in page.requests if not url.startswith(own)] == []


async def test_without_anything_each_page_says_what_fills_it(shown: Shown) -> None:
    await shown.page.open("about:blank")
    await shown.page.shape(*WIDE)
    await shown.go("traces")
    await shown.page.text("No traces yet", "Call a route of one of your steps", "Live", "1 file does not load")
    await shown.go("logs")
    await shown.page.text("Logs", "Following")


async def test_new_traces_are_counted_and_shown_on_demand(shown: Shown) -> None:
    await _order(shown, "vase 1")
    await shown.go("traces")
    await shown.page.text("PlaceOrder", "Done", "2 runs")
    before = await _rows(shown.page)
    await _order(shown, "vase 2")
    await shown.page.text("1 new")
    assert await _rows(shown.page) == before
    await shown.page.click("1 new")
    await shown.page.until("document.querySelectorAll('[data-trace]').length === 2")
    assert (await _rows(shown.page))[1:] == before


async def test_the_list_is_restored_from_its_address(shown: Shown) -> None:
    await _order(shown, "jug", fail=True)
    await shown.go("traces?status=failed")
    text = await shown.page.text("Failed", "PlaceOrder")
    assert "Done" not in text.partition("Began at")[2]
    await shown.go("traces?q=no-such-thing")
    await shown.page.text("Nothing matches", "Clear the filters")


async def test_a_trace_tells_the_story_and_its_row_the_details(shown: Shown) -> None:
    trace = await shown.trace_of("PlaceOrder", "failed")
    await shown.go(f"traces/{trace}")
    text = await shown.page.text("PlaceOrder", "POST /orders", "order.placed", "Attempt 2", "orders / last")
    positions = [text.index(part) for part in ("POST /orders", "state set", "Pack", "Attempt 1", "Attempt 2")]
    assert positions == sorted(positions)
    await shown.page.click("Next failure")
    await shown.page.click("Next failure")
    await shown.page.text(
        "ValueError: it fell down", "steps/pack_step.py:", 'raise ValueError("it fell down")', "Input"
    )
    # All of it again, from the address alone.
    address = await shown.page.evaluate("location.href")
    await shown.page.open("about:blank")
    await shown.page.open(address)
    await shown.page.text("steps/pack_step.py:", "Input", "jug")


async def test_only_failures_with_all_above_them(shown: Shown) -> None:
    await shown.go(f"traces/{await shown.trace_of('PlaceOrder', 'failed')}?errors=on")
    text = await shown.page.text("PlaceOrder", "Pack", "Attempt 1")
    assert "state set" not in text


async def test_a_trace_that_is_not_kept_has_a_page_that_says_so(shown: Shown) -> None:
    await shown.go(f"traces/{'0' * 32}")
    await shown.page.text("This trace is not kept", "All traces")
    shown.page.forget("0" * 32)


async def test_an_address_without_a_page_has_one_that_leads_on(shown: Shown) -> None:
    await shown.go("nonsense/deep")
    await shown.page.text("There is no page at this address", "Traces")
    shown.page.forget("nonsense")
    async with shown.host.http.get("/__polystep/nonsense", headers={"Accept": "text/html"}) as response:
        assert response.status == 404
    await shown.host.get("/__polystep/nonsense", 404)


async def test_logs_follow_pause_and_filter_by_address(shown: Shown) -> None:
    await shown.go("logs")
    await shown.page.text("Order placed", "Packed", "Following")
    await shown.page.click("Following")
    await _order(shown, "late vase")
    await shown.page.text("Paused · 2 new")
    await shown.go("logs?level=error&step=Pack&q=fell%20-nothing")
    text = await shown.page.text("it fell down", "Pack")
    assert "Order placed" not in text
    await shown.page.click("ValueError: it fell down")
    await shown.page.text("Stack", "Show in its trace")
    await shown.page.click("Show in its trace")
    await shown.page.text("Message", "ValueError: it fell down", "Attempt 1")


async def test_steps_show_what_does_not_load_first_and_change_by_themselves(shown: Shown) -> None:
    await shown.go("steps")
    text = await shown.page.text("broken.step.ts", "Does not load", "POST /orders", "0 3 * * *", "order.placed")
    assert text.index("broken.step.ts") < text.index("PlaceOrder")
    await shown.go("steps?step=steps/broken.step.ts")
    await shown.page.text("Syntax error in steps/broken.step.ts:1:44", "> 1 | export const config")
    (shown.project / "steps" / "broken.step.ts").write_text(MENDED)
    await shown.page.text("GET /mended")
    assert "does not load" not in (await shown.page.text("Mended")).lower()


async def test_a_queue_shows_what_waits_and_a_step_can_be_paused_and_resumed(shown: Shown) -> None:
    await shown.go("queues")
    await shown.page.text("Pack", "Nightly", "Ready", "Retrying")
    await shown.page.evaluate("document.querySelector('[aria-label=\"Pause Pack\"]').click()")
    await shown.page.text("Paused", "Resume")
    await shown.host.post("/orders", {"item": "waits", "fail": False})
    await shown.page.until("document.querySelector('td[data-label=Ready]').textContent === '1'")
    since = len(shown.host.lines)
    await shown.page.click("Resume")
    await shown.host.line("[INFO] Pack Packed", "waits", since=since)
    await shown.page.until("document.querySelector('td[data-label=Ready]').textContent === '0'")


async def test_a_dead_letter_is_replayed_edited_and_leads_to_its_trace(shown: Shown) -> None:
    await _order(shown, "bowl", fail=True)
    await shown.go("dead-letters")
    await shown.page.text("ValueError: it fell down", "order.placed")
    await shown.page.click("ValueError: it fell down")
    await shown.page.text("steps/pack_step.py:9", "bowl", "Show in its trace")
    await shown.page.click("Edit first")
    await fill(shown.page, "Data of the event", '{"item": "mended bowl", "fail": false')
    await shown.page.until("document.querySelector('[aria-invalid=true]')")
    await fill(shown.page, "Data of the event", '{"item": "mended bowl", "fail": false}')
    since = len(shown.host.lines)
    await shown.page.click("Replay edited")
    await shown.host.line("[INFO] Pack Packed", "mended bowl", since=since)
    await shown.page.text("Traces", "PlaceOrder", "Attempt 3")


async def test_a_run_is_run_again_with_another_input_in_a_trace_of_its_own(shown: Shown) -> None:
    await _order(shown, "plate")
    trace = await shown.trace_of("PlaceOrder", "completed")
    run = (await shown.host.api(f"traces/{trace}"))["runs"][1]["runId"]
    await shown.go(f"traces/{trace}?span={run}")
    await shown.page.text("plate", "Run again, with this or another input")
    await shown.page.click("Run again, with this or another input")
    await shown.page.until("document.querySelector('textarea')?.value.includes('plate')")
    await fill(shown.page, "Input of the new run", '{"item": "another plate", "fail": false}')
    since = len(shown.host.lines)
    await shown.page.click("Run again edited")
    await shown.host.line("[INFO] Pack Packed", "another plate", since=since)
    await shown.page.until(f"!location.pathname.includes('{trace}')")
    await shown.page.text("Pack", "order.placed", "Done")


async def test_cron_shows_the_next_times_and_runs_now(shown: Shown) -> None:
    await shown.go("cron?step=Nightly")
    await shown.page.text("0 3 * * *", "At 03:00", "Fires next", "It has not fired yet")
    since = len(shown.host.lines)
    await shown.page.click("Run now")
    await shown.host.line("[INFO] Nightly the night is quiet", since=since)
    await shown.page.text("the night is quiet", "cron")
    await shown.go("cron?step=Nightly")
    text = await shown.page.text("Last ticks", "Done")
    assert "It has not fired yet" not in text


async def test_by_keyboard_alone_from_a_failure_to_its_cause(shown: Shown) -> None:
    await shown.go("steps")
    await shown.page.until("document.querySelector('[data-row=\"0\"]')")
    await shown.page.press("g", "t")
    await shown.page.text("Began at")
    await shown.page.press("/")
    await shown.page.press(*"place")
    await shown.page.until("location.search === '?q=place'")
    await shown.page.evaluate("document.activeElement.blur()")
    await shown.go("traces?status=failed")
    await shown.page.until("document.querySelector('[data-row=\"0\"]')")
    await shown.page.press("j")
    await shown.page.until("document.activeElement.dataset.row === '0'")
    await shown.page.press("Enter")
    await shown.page.text("Next failure")
    await shown.page.press("e", "e")
    await shown.page.text("ValueError: it fell down", "Input")
    await shown.page.press("Escape")
    await shown.page.until("!document.querySelector('aside')")
    await shown.page.press("?")
    await shown.page.text("Keys", "Next failure", "Go to Logs")
    await shown.page.press("Escape")
    await shown.page.until("!document.querySelector('dialog').open")


async def test_hostile_strings_stay_text_in_every_view(shown: Shown) -> None:
    await shown.host.post("/hostile", {"texts": HOSTILE})
    await shown.host.line("[INFO] Hostile all heard")
    trace = await shown.trace_of("Hostile", "completed")
    answer = await shown.host.api(f"traces/{trace}")
    run = answer["runs"][0]
    spans = [f"{run['runId']}.l{line['id']}" for line in run["logs"]]
    for path in (
        "traces",
        "logs",
        f"logs?trace={trace}&line={run['logs'][1]['id']}",
        "steps",
        "queues",
        "dead-letters",
        f"traces/{trace}",
    ):
        await shown.go(path)
        await shown.page.text("Live")
        await assert_only_text(shown.page)
    # Each value in the panel of its row: one page, walked through by its address.
    for span in (run["runId"], spans[0], spans[1], spans[10], spans[-2], spans[-1]):
        await shown.go(f"traces/{trace}?span={span}")
        await shown.page.until("document.querySelector('aside')")
        await assert_only_text(shown.page)
    await shown.go(f"traces/{trace}?span={spans[1]}")
    assert HOSTILE[1] in await shown.page.text(HOSTILE[1])


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_breaks_a_rule_of_accessibility(shown: Shown, scheme: str) -> None:
    await _order(shown, "glass", fail=True)
    trace = await shown.trace_of("PlaceOrder", "failed")
    line = (await shown.host.api("logs?level=error"))["logs"][0]["id"]
    run = (await shown.host.api(f"traces/{trace}"))["runs"][1]["runId"]
    letter = (await shown.host.api("dead-letters"))["deadLetters"][0]["id"]
    pages = {
        "traces": "Began at",
        f"traces/{trace}?span={run}.a1": "Input",
        f"logs?line={line}": "Message",
        "steps?step=PlaceOrder": "Config",
        "traces?q=no-such-thing": "Nothing matches",
        "queues": "Pause",
        f"dead-letters?letter={letter}": "Edit first",
        "cron?step=Nightly": "Last ticks",
    }
    for size in (WIDE, PHONE, NARROWEST):
        await shown.page.shape(*size, scheme)
        for path, text in pages.items():
            await shown.go(path)
            # A phone has no column of times: its list is there with the button of its filters.
            await shown.page.text(text if size == WIDE or text != "Began at" else "Filters")
            assert await shown.page.evaluate("document.documentElement.dataset.theme") == scheme
            assert await violations(shown.page) == [], (path, size)
            wide = await shown.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{path} is {wide} px wider than a window of {size[0]} px"
    await shown.page.shape(*WIDE)


async def test_a_long_trace_mounts_the_rows_in_sight(shown: Shown) -> None:
    await shown.host.post("/many", {"count": 900})
    trace = await shown.trace_of("Many", "completed")
    await shown.go(f"traces/{trace}")
    await shown.page.text("Many", "POST /many")
    rows = await shown.page.evaluate("document.querySelectorAll('[role=row]').length")
    assert 20 < rows <= 80
    total = await shown.page.evaluate("Number(document.querySelector('[role=treegrid]').getAttribute('aria-rowcount'))")
    assert total > 900
    await shown.page.evaluate("document.querySelector('[role=treegrid]').scrollTop = 1e6")
    await shown.page.text("many / 899")
    assert await shown.page.evaluate("document.querySelectorAll('[role=row]').length") <= 80


async def test_a_trace_of_some_thousand_rows_is_shown_whole(shown: Shown) -> None:
    since = len(shown.host.lines)
    await shown.host.post("/fan", {"events": 12, "each": 500})
    await shown.host.line("[INFO] Leaf done", count=12, since=since)
    trace = str((await shown.host.api("traces?limit=1"))["traces"][0]["traceId"])
    await shown.go(f"traces/{trace}")
    await shown.page.until("Number(document.querySelector('[role=treegrid]')?.ariaRowCount) > 6012")
    assert "too long" not in await shown.page.text("Fan")
    assert await shown.page.evaluate("document.querySelectorAll('[role=row]').length") <= 80


async def test_traces_and_lines_are_deleted_when_that_was_confirmed(shown: Shown) -> None:
    await _order(shown, "to be deleted")
    await shown.go("traces")
    await shown.page.text("PlaceOrder")
    await shown.page.click("Delete…")
    await shown.page.text("They are removed from the project, for everybody.")
    await shown.page.click("Cancel")
    assert (await shown.host.api("traces?limit=1"))["traces"]
    await shown.page.click("Delete…")
    await shown.page.click("Delete for good")
    await shown.page.text("No traces yet")
    assert ((await shown.host.api("traces"))["traces"], (await shown.host.api("logs"))["logs"]) == ([], [])


async def test_the_page_says_so_when_the_host_is_gone_and_comes_back_by_itself(shown: Shown, tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/order.step.ts": ORDER, "steps/pack_step.py": PACK})
    host = Running(project)
    async with host:
        port = host.url.rpartition(":")[2]
        await host.post("/orders", {"item": "vase", "fail": False})
        await shown.page.open(f"{host.url}/__polystep/traces")
        await shown.page.text("PlaceOrder", "Live")
        shown.page.hosts_gone.add(host.url)
        await host.kill()
        await shown.page.text("Stale since", "Retry now", "PlaceOrder")
        again = Running(project, "--port", port)
        async with again:
            await shown.page.text("Live")
            await again.post("/orders", {"item": "jug", "fail": False})
            await shown.page.text("1 new")
        await shown.page.open("about:blank")
    # While the new host starts it says so.
    shown.page.forget("/health", 503)


async def _order(shown: Shown, item: object, *, fail: bool = False) -> None:
    since = len(shown.host.lines)
    await shown.host.post("/orders", {"item": item, "fail": fail})
    await shown.host.line("in the dead letters now" if fail else "[INFO] Pack Packed", since=since)
    async with asyncio.timeout(WAIT_S):
        # The line comes a moment before the end of its run.
        while (await shown.host.api("traces?limit=1"))["traces"][0]["status"] == "running":
            pass


async def _rows(page: Page) -> Any:
    return await page.evaluate("[...document.querySelectorAll('[data-trace]')].map((each) => each.dataset.trace)")


ORDER = """
export const config = {
  type: 'api', name: 'PlaceOrder', path: '/orders', method: 'POST', emits: ['order.placed'], flows: ['shop'],
}
export const handler = async (req: any, { emit, logger, state }: any) => {
  logger.info('Order placed', { item: req.body.item })
  await state.set('orders', 'last', req.body)
  await emit({ topic: 'order.placed', data: req.body })
  return { status: 200, body: { ok: true } }
}
"""
PACK = """
config = {
    "type": "event", "name": "Pack", "subscribes": ["order.placed"], "emits": [], "flows": ["shop"],
    "infrastructure": {"queue": {"maxRetries": 1}},
}

async def handler(data, context):
    if data["fail"]:
        raise ValueError("it fell down")
    context.logger.info("Packed", {"item": data["item"]})
"""
HOSTILE_STEP = """
config = {"type": "api", "name": "Hostile", "method": "POST", "path": "/hostile", "emits": []}

async def handler(req, context):
    for text in req["body"]["texts"]:
        context.logger.info(text, {"field": text, "nested": {"__proto__": text, text[:60]: [text]}})
        await context.state.set("hostile", text[:200] or "empty", {"value": text})
    context.logger.info("all heard")
    return {"status": 200, "body": {"texts": req["body"]["texts"]}}
"""
MANY = """
export const config = { type: 'api', name: 'Many', path: '/many', method: 'POST', emits: [] }
export const handler = async (req: any, { state }: any) => {
  for (let at = 0; at < req.body.count; at++) await state.get('many', String(at))
  return { status: 200, body: {} }
}
"""
FAN = """
export const config = { type: 'api', name: 'Fan', path: '/fan', method: 'POST', emits: ['fan'] }
export const handler = async (req: any, { emit }: any) => {
  for (let at = 0; at < req.body.events; at++) await emit({ topic: 'fan', data: { each: req.body.each } })
  return { status: 200, body: {} }
}
"""
LEAF = """
export const config = { type: 'event', name: 'Leaf', subscribes: ['fan'], emits: [] }
export const handler = async (input: any, { state, logger }: any) => {
  for (let at = 0; at < input.each; at++) await state.get('fan', String(at))
  logger.info('done')
}
"""
NIGHTLY = """
export const config = { type: 'cron', name: 'Nightly', cron: '0 3 * * *', emits: [] }
export const handler = async ({ logger }) => { logger.info('the night is quiet') }
"""
MENDED = """
export const config = { type: 'api', name: 'Mended', path: '/mended', method: 'GET', emits: [] }
export const handler = async () => ({ status: 200, body: {} })
"""
