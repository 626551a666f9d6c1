"""The status page in a real browser: it shows what happens, it can act, and it breaks no rule of its own policy."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.browser import Page, browse, chromium
from tests.e2e.running import Running, make_project
from tests.e2e.test_crash import dead_letters

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

HOSTILE = "<img src=x onerror=\"document.title='stolen'\">"


@dataclass(frozen=True)
class Shown:
    """A live host and a browser that looks at it."""

    host: Running
    page: Page
    project: Path

    async def tab(self, name: str) -> None:
        """Open the page at one of its tabs, as a bookmark would."""
        await self.page.open("about:blank")
        await self.page.open(f"{self.host.url}/__polystep/#{name}")


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
        yield Shown(host, page, project)
        assert page.complaints == []


async def test_the_first_page_shows_every_step_and_why_a_file_is_not_running(shown: Shown) -> None:
    await shown.page.open(f"{shown.host.url}/")
    text = await shown.page.text("degraded", "POST /orders", "order.placed", "0 3 * * *", "board", "steps/pack_step.py")
    # A broken file stands with the reason, before all that works.
    assert "No module named 'no_such_package'" in text
    assert "broken.step.ts:1" in text
    assert text.index("steps/broken_step.py") < text.index("POST /orders")
    assert await shown.page.evaluate("document.title") == "polystep"


async def test_a_request_becomes_a_trace_whose_details_tell_the_story(shown: Shown) -> None:
    await shown.tab("traces")
    await shown.page.text("No traces yet")
    assert await shown.host.post("/orders", {"item": HOSTILE, "fail": False}) == {"ok": True}
    # It comes by itself: the page asks again while it is seen.
    await shown.page.click("PlaceOrder")
    text = await shown.page.text("← Traces", "Packed", "completed")
    assert text.index("PlaceOrder") < text.index("Pack\n")
    shown_as_json = json.dumps({"item": HOSTILE, "fail": False}, separators=(",", ":"))
    for part in (
        f"state set orders / last {shown_as_json}",
        f"emit order.placed → Pack {shown_as_json}",
        "info Order placed",
    ):
        assert part in text
    # What a client sent is text here, whatever it looks like.
    assert await shown.page.evaluate("document.querySelectorAll('img').length") == 0
    assert await shown.page.evaluate("document.title") == "polystep"
    await shown.page.click("← Traces")
    await shown.page.text("2 runs")


async def test_logs_show_level_step_and_fields(shown: Shown) -> None:
    await shown.host.post("/orders", {"item": HOSTILE, "fail": False})
    await shown.host.line("[INFO] Pack Packed", "img")
    await shown.tab("logs")
    text = await shown.page.text("Order placed", "Packed")
    assert json.dumps(HOSTILE) in text
    assert await shown.page.evaluate("document.querySelectorAll('img').length") == 0


async def test_a_dead_letter_can_be_replayed_from_the_page(shown: Shown) -> None:
    await shown.host.post("/orders", {"item": "vase", "fail": True})
    await dead_letters(shown.host, 1)
    await shown.tab("dead-letters")
    await shown.page.text("Pack", "1 attempt", "ValueError: it fell down")
    (shown.project / "mended").touch()
    await shown.page.click("Replay")
    await shown.host.line("Packed", "vase")
    assert (await shown.host.api("dead-letters"))["deadLetters"] == []


async def test_a_cron_step_can_be_fired_from_the_page(shown: Shown) -> None:
    await shown.tab("cron")
    await shown.page.text("Nightly", "0 3 * * *")
    await shown.page.click("Run now")
    await shown.host.line("[INFO] Nightly the night is quiet")


async def test_a_reload_shows_by_itself(shown: Shown) -> None:
    await shown.tab("steps")
    await shown.page.text("broken_step.py")
    (shown.project / "steps" / "broken_step.py").write_text(MENDED)
    text = await shown.page.text("GET /mended")
    assert "no_such_package" not in text


async def test_the_page_says_so_when_the_host_is_gone(shown: Shown, tmp_path: Path) -> None:
    async with Running(make_project(tmp_path, {"steps/nightly.step.js": NIGHTLY})) as other:
        await shown.page.open(f"{other.url}/")
        await shown.page.text("Nightly", "ready")
        shown.page.hosts_gone.add(other.url)
    await shown.page.text("The server does not answer. Trying again.", "unreachable")
    await shown.page.open("about:blank")
    # The browser itself notes each request that found nobody; nothing else may be said.
    assert shown.page.complaints == []


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
