"""Where the Workbench begins: what a project with steps shows at once, and an empty one up to its first trace."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.browser import browse, chromium
from tests.e2e.running import Running, make_project
from tests.e2e.test_crash import dead_letters
from tests.e2e.workbench import NARROWEST, PHONE, WIDE, Shown, assert_only_text, violations

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

HOSTILE = "<img src=x onerror=\"document.title='stolen'\">"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    files = {
        "steps/order.step.ts": ORDER,
        "steps/pack_step.py": PACK,
        "steps/broken.step.ts": "export const config = { type: 'api', name: }\n",
        "steps/broken_step.py": "import no_such_package\n",
        "steps/nightly.step.js": NIGHTLY,
        "steps/board.stream.ts": "export const config = { name: 'board', schema: null }\n",
    }
    project = make_project(tmp_path_factory.mktemp("page"), files)
    async with Running(project) as host, browse(tmp_path_factory.mktemp("profile")) as page:
        await page.open("about:blank")
        await page.shape(*WIDE)
        yield Shown(host, page, project)
        assert page.complaints == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def empty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    project = make_project(tmp_path_factory.mktemp("empty"), {})
    async with Running(project) as host, browse(tmp_path_factory.mktemp("profile")) as page:
        await page.open("about:blank")
        await page.shape(*WIDE)
        yield Shown(host, page, project)
        assert page.complaints == []
        assert [url for url in page.requests if not url.startswith((host.url, "about:", "data:"))] == []


@pytest.mark.parametrize("path", ["/", "/__polystep/"])
async def test_the_root_leads_to_the_first_page_of_a_project_with_steps(shown: Shown, path: str) -> None:
    await shown.page.open("about:blank")
    await shown.page.open(f"{shown.host.url}{path}")
    await shown.page.until(f"location.href.startsWith('{shown.host.url}/__polystep/') && location.pathname.length > 13")
    await shown.page.text("2 files do not load", "Live")
    assert "start" not in await shown.page.evaluate("location.pathname")
    assert "polystep" in await shown.page.evaluate("document.title")


async def test_every_step_is_listed_and_why_a_file_is_not_running_before_all_that_works(shown: Shown) -> None:
    await shown.go("")
    await shown.page.click("2 files do not load")
    text = await shown.page.text("POST /orders", "order.placed", "0 3 * * *", "board", "steps/pack_step.py")
    assert text.index("steps/broken_step.py") < text.index("POST /orders")
    for file, reason in (
        ("broken_step.py", "No module named 'no_such_package'"),
        ("broken.step.ts", "broken.step.ts:1"),
    ):
        await shown.go("steps")
        await shown.page.click(file)
        await shown.page.text("Does not load", reason)


async def test_the_help_says_how_the_host_is(shown: Shown) -> None:
    await shown.go("steps")
    await shown.page.text("Live")
    await shown.page.press("?")
    await shown.page.text("The host is degraded: a file does not load", "polystep 0.", "3 steps")
    await shown.page.press("Escape")


async def test_a_request_becomes_a_trace_whose_details_tell_the_story(shown: Shown) -> None:
    await shown.go("traces")
    await shown.page.text("No traces yet")
    assert await shown.host.post("/orders", {"item": HOSTILE, "fail": False}) == {"ok": True}
    # It comes by itself: the page follows the live feed.
    await shown.page.click("PlaceOrder")
    text = await shown.page.text("Pack", "Done", "state set", "orders / last", "order.placed", "Order placed", "Packed")
    assert text.index("PlaceOrder") < text.index("order.placed") < text.index("Packed")
    # The row of the log line shows its fields.
    row = "[...document.querySelectorAll('[role=row]')].find((each) => each.innerText.includes('Order placed'))"
    await shown.page.until(f"((each) => each ? (each.click(), true) : false)({row})")
    await shown.page.text(json.dumps(HOSTILE))
    # What a client sent is text here, whatever it looks like.
    await assert_only_text(shown.page)
    await shown.page.click("Traces")
    await shown.page.text("2 runs")


async def test_logs_show_level_step_and_fields(shown: Shown) -> None:
    await shown.host.post("/orders", {"item": HOSTILE, "fail": False})
    await shown.host.line("[INFO] Pack Packed", "img")
    await shown.go("logs")
    await shown.page.text("Order placed", "Packed", "PlaceOrder")
    await shown.page.click("Order placed")
    await shown.page.text(json.dumps(HOSTILE))
    await assert_only_text(shown.page)


async def test_a_dead_letter_can_be_replayed_as_it_is(shown: Shown) -> None:
    await shown.host.post("/orders", {"item": "vase", "fail": True})
    await dead_letters(shown.host, 1)
    await shown.go("dead-letters")
    await shown.page.click("ValueError: it fell down")
    await shown.page.text("Pack", "1 attempt")
    (shown.project / "mended").touch()
    since = len(shown.host.lines)
    await shown.page.evaluate(
        "[...document.querySelectorAll('aside button')].find((b) => b.innerText.trim() === 'Replay').click()"
    )
    await shown.host.line("Packed", "vase", since=since)
    assert (await shown.host.api("dead-letters"))["deadLetters"] == []


async def test_a_cron_step_can_be_fired(shown: Shown) -> None:
    await shown.go("cron")
    await shown.page.text("Nightly", "0 3 * * *")
    await shown.page.click("Nightly")
    since = len(shown.host.lines)
    await shown.page.click("Run now")
    await shown.host.line("[INFO] Nightly the night is quiet", since=since)


async def test_a_reload_shows_by_itself(shown: Shown) -> None:
    await shown.go("steps")
    await shown.page.text("broken_step.py", "2 files do not load")
    (shown.project / "steps" / "broken_step.py").write_text(MENDED)
    text = await shown.page.text("GET /mended", "1 file does not load")
    assert "no_such_package" not in text


async def test_an_empty_project_comes_to_its_first_trace(empty: Shown) -> None:
    folder = str((empty.project / "steps").resolve())
    await empty.go("")
    await empty.page.text("First steps", "This project has no steps yet", folder, "steps/hello.step.ts", "Create it")
    assert await empty.page.evaluate("location.pathname") == "/__polystep/start"
    await empty.page.click("Python")
    await empty.page.text("steps/hello_step.py", "steps/greet_step.py")
    # The language is in the address; looking has written nothing.
    assert "language=python" in await empty.page.evaluate("location.search")
    assert not list((empty.project / "steps").glob("*_step.py")) if (empty.project / "steps").exists() else True
    await _done(empty, 0)
    await empty.page.click("Create it")
    await empty.page.text("Hello answers POST /hello")
    await _done(empty, 2)
    await empty.page.click("Try it")
    await empty.page.text("Hello", "Greet", "Open the trace")
    await _done(empty, 4)
    # The ticks are facts: a new tab has them too.
    await empty.go("start")
    await _done(empty, 4)
    await empty.page.click("Open the trace")
    await empty.page.text("POST /hello", "hello.said", "Greet", "Good to see you, world")


async def test_nothing_is_written_over_a_file(empty: Shown) -> None:
    (empty.project / "steps" / "hello.step.js").write_text("// mine\n")
    (empty.project / "steps" / "hello_step.py").unlink()
    (empty.project / "steps" / "greet_step.py").unlink()
    await empty.go("start?language=javascript")
    await empty.page.text("steps/hello.step.js is there already, and nothing is overwritten")
    assert await empty.page.evaluate(
        "[...document.querySelectorAll('button')].find((b) => b.innerText.trim() === 'Create it').disabled"
    )
    assert (empty.project / "steps" / "hello.step.js").read_text() == "// mine\n"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_breaks_a_rule_of_accessibility(empty: Shown, scheme: str) -> None:
    for size in (WIDE, PHONE, NARROWEST):
        await empty.page.shape(*size, scheme)
        await empty.go("start?language=ruby")
        await empty.page.text("steps/hello_step.rb")
        assert await violations(empty.page) == [], size
        assert await empty.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    await empty.page.shape(*WIDE)


async def _done(shown: Shown, count: int) -> None:
    """Wait until as many of the four facts are ticked."""
    await shown.page.until(f"document.querySelectorAll('li[data-done=true]').length === {count}")


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
from pathlib import Path

config = {
    "type": "event", "name": "Pack", "subscribes": ["order.placed"], "emits": [], "flows": ["shop"],
    "infrastructure": {"queue": {"maxRetries": 0}},
}

async def handler(data, context):
    if data["fail"] and not Path("mended").exists():
        raise ValueError("it fell down")
    context.logger.info("Packed", {"item": data["item"]})
"""
NIGHTLY = """
export const config = { type: 'cron', name: 'Nightly', cron: '0 3 * * *', emits: [] }
export const handler = async ({ logger }) => { logger.info('the night is quiet') }
"""
MENDED = """
config = {"type": "api", "name": "Mended", "path": "/mended", "method": "GET", "emits": []}

async def handler(req, context):
    return {"status": 200, "body": {}}
"""
