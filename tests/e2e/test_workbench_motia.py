"""What projects bring for Motia's Workbench, seen in ours: feature cards beside the source of a step."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.browser import browse, chromium
from tests.e2e.running import Running, make_project
from tests.e2e.workbench import WIDE, Shown

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

LIT = "[...document.querySelectorAll('mark')].map((each) => each.textContent.trim())"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    files = {"src/shop/order.step.ts": ORDER, "tutorial/shop/order.step.ts-features.json": json.dumps(CARDS)}
    async with (
        Running(make_project(tmp_path_factory.mktemp("motia"), files)) as host,
        browse(tmp_path_factory.mktemp("profile")) as page,
    ):
        await page.open("about:blank")
        await page.shape(*WIDE)
        yield Shown(host, page, host.project)
        assert page.complaints == []
        assert [url for url in page.requests if not url.startswith((host.url, "about:", "data:"))] == []


@pytest.mark.parametrize("address", ["steps?step=PlaceOrder", "flows/shop?step=PlaceOrder"])
async def test_a_card_lights_its_lines_and_brings_them_into_sight(shown: Shown, address: str) -> None:
    page = shown.page
    await shown.go(address)
    await page.text("Where it listens", "Lines 2\u20133", "Read more at example.org")
    assert await page.evaluate(LIT) == []
    await page.evaluate(
        "[...document.querySelectorAll('li button')].find((b) => b.innerText.includes('The end')).click()"
    )
    await page.until(f"JSON.stringify({LIT}) === '[\"// the end\"]'")
    await page.until(
        "(() => { const line = document.querySelector('mark').getBoundingClientRect(),"
        " box = document.querySelector('[aria-label=Source]').getBoundingClientRect();"
        " return line.top >= box.top && line.bottom <= box.bottom && box.bottom > 0 && box.top < innerHeight })()"
    )


async def test_cards_that_are_wrong_are_said_and_mended_without_a_reload_of_the_page(shown: Shown) -> None:
    page = shown.page
    file = shown.project / CARDS_FILE
    await shown.go("steps?step=PlaceOrder")
    await page.text("Where it listens")
    file.write_text('[{"title": "Beside it", "lines": ["900"]}, ')
    await page.text("Feature cards to look at", "It is not JSON")
    found = [each for each in (await shown.host.api("steps"))["findings"] if each["file"] == CARDS_FILE]
    assert found == [{"kind": "project", "severity": "warning", "file": CARDS_FILE, "message": NOT_JSON}]
    file.write_text('[{"title": "Beside it", "lines": ["900"]}]')
    await page.text("Beside it", "Line 900", 'Card 1, "Beside it", is about line 900, and the file has 47.')
    file.unlink()
    await page.text("Where it listens")
    await page.until("!document.body.innerText.includes('to look at')")


CARDS_FILE = "src/shop/order.step.ts-features.json"
NOT_JSON = "It is not JSON: unexpected end of data, in line 1."
CARDS = [
    {"title": "Where it listens", "description": "Path.", "lines": ["2-3"], "link": "https://example.org/x"},
    {"title": "The end", "lines": [47]},
]
ORDER = f"""export const config = {{
  type: 'api', name: 'PlaceOrder',
  path: '/orders', method: 'POST', emits: [], flows: ['shop'],
}}
export const handler = async () => ({{ status: 200, body: {{}} }})
{"// between" + chr(10) * 41}// the end
"""
