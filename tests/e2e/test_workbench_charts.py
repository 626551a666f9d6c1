"""The charts of the Workbench in a real browser: rates, percentiles, a time that is selected, the same as a table."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.e2e.browser import WAIT_S, browse, chromium
from tests.e2e.hostile import HOSTILE
from tests.e2e.running import Running, make_project
from tests.e2e.workbench import NARROWEST, PHONE, WIDE, Shown, assert_only_text, violations

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

PLOTS = "document.querySelectorAll('[role=img] canvas')"
RUNS = "document.querySelector('[role=img]').ariaLabel"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    files = {"steps/order_step.py": ORDER, "steps/pack_step.py": PACK, "steps/other_step.py": OTHER}
    project = make_project(tmp_path_factory.mktemp("charts"), files)
    async with Running(project) as host, browse(tmp_path_factory.mktemp("profile")) as page:
        await page.open("about:blank")
        await page.shape(*WIDE)
        yield Shown(host, page, project)
        assert page.complaints == []
        own = (host.url, *page.hosts_gone, "about:", "data:", "blob:")
        assert [url for url in page.requests if not url.startswith(own)] == []


async def test_without_runs_the_page_says_what_fills_it(shown: Shown) -> None:
    await shown.go("charts")
    await shown.page.text("Charts", "Nothing ran in this time", "call a route")


async def test_charts_show_what_runs_and_fails(shown: Shown) -> None:
    for number in range(12):
        await shown.host.post("/orders", {"fail": number < 3})
    await shown.host.post("/other", {})
    await _ran(shown, "Pack", 12)
    await shown.go("charts?window=15m")
    await shown.page.text("Runs per minute", "Share that failed", "Wait", "Work", "PlaceOrder", "Pack", "Other")
    await shown.page.until(f"{PLOTS}.length === 4")
    # Something is drawn, in a colour of the theme.
    await shown.page.until(f"{RUNS}.includes('failed at most') && !{RUNS}.includes('ended at most 0')")
    assert await shown.page.evaluate(f"[...{PLOTS}].every(({INKED}))")
    await shown.page.text("the host started at")


async def test_one_step_is_chosen_and_restored_from_the_address(shown: Shown) -> None:
    await shown.go("charts?window=15m&step=Pack&table=on")
    text = await shown.page.text("Begins at", "Wait p50", "Work p50", "25 %")
    assert "PlaceOrder" in text
    totals = {each["step"]: each for each in (await shown.host.api("rates?window=15m"))["steps"]}
    assert (totals["Pack"]["runs"], totals["Pack"]["failed"]) == (12, 3)
    await shown.go("charts?flow=shop")
    await shown.page.until(
        "[...document.querySelectorAll('tbody th')].map((e) => e.innerText).sort().join() === 'Pack,PlaceOrder'"
    )


async def test_a_selected_time_leads_to_its_traces(shown: Shown) -> None:
    await shown.go("charts?window=15m&step=PlaceOrder")
    await shown.page.until(f"{PLOTS}.length === 4")
    await shown.page.drag(".u-over", 0.5, 0.99)
    await shown.page.text("Show its traces", "Show its logs")
    since, until = await shown.page.evaluate(
        "['since', 'until'].map((name) => Number(new URLSearchParams(location.search).get(name)))"
    )
    assert 0 < since < until
    assert (since % 15_000, until % 15_000) == (0, 0)
    href = await shown.page.evaluate(
        "[...document.querySelectorAll('main a')].find((a) => a.innerText.includes('traces')).href"
    )
    assert f"since={since}" in href and f"until={until}" in href and "step=PlaceOrder" in href
    # The selection is part of the address.
    await shown.go(f"charts?window=15m&since={since}&until={until}")
    await shown.page.text("Show its traces")
    await shown.page.press("Escape")
    await shown.page.until("!location.search.includes('since')")


async def test_a_canvas_is_drawn_again_in_the_other_theme(shown: Shown) -> None:
    await shown.go("charts?window=15m")
    await shown.page.until(f"{PLOTS}.length === 4")
    light = await shown.page.evaluate(PICTURE)
    await shown.page.shape(*WIDE, "dark")
    await shown.page.until("document.documentElement.dataset.theme === 'dark'")
    await shown.page.until(f"({PICTURE}) !== {light!r}")
    await shown.page.shape(*WIDE)


async def test_names_in_the_address_stay_text(shown: Shown) -> None:
    for text in HOSTILE[::4]:
        await shown.go(f"charts?step={quote(text)}&flow={quote(text)}&window={quote(text)}")
        await shown.page.text("Charts", "Of")
        await assert_only_text(shown.page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_charts_break_no_rule_of_accessibility(shown: Shown, scheme: str) -> None:
    pages = {"charts?window=15m&step=Pack": "Share that failed", "charts?table=on": "Begins at"}
    for size in (WIDE, PHONE, NARROWEST):
        await shown.page.shape(*size, scheme)
        for number, (path, text) in enumerate(pages.items()):
            await shown.go(path)
            await shown.page.text(text, "Pack")
            if (folder := os.environ.get("WORKBENCH_PICTURES")) and size != NARROWEST:
                await shown.page.screenshot(Path(folder) / f"charts-{number}-{scheme}-{size[0]}.png")
            assert await violations(shown.page) == [], (path, size)
            wide = await shown.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{path} is {wide} px wider than a window of {size[0]} px"
    await shown.page.shape(*WIDE)


async def _ran(shown: Shown, step: str, runs: int) -> None:
    """Return when so many runs of a step are counted."""
    async with asyncio.timeout(WAIT_S):
        while True:
            found = (await shown.host.api(f"rates?window=15m&step={step}"))["total"]["runs"]
            if found >= runs:
                return


INKED = """(canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  return data.some((each, at) => at % 4 === 3 && each > 0)
}"""
PICTURE = f"{PLOTS}[0].toDataURL().slice(-200)"
ORDER = """
config = {
    "type": "api", "name": "PlaceOrder", "method": "POST", "path": "/orders", "emits": ["placed"], "flows": ["shop"],
}

async def handler(req, context):
    await context.emit({"topic": "placed", "data": req["body"]})
    return {"status": 200, "body": {}}
"""
PACK = """
config = {
    "type": "event", "name": "Pack", "subscribes": ["placed"], "emits": [], "flows": ["shop"],
    "infrastructure": {"queue": {"maxRetries": 0}},
}

async def handler(data, context):
    if data["fail"]:
        raise ValueError("it fell down")
"""
OTHER = """
config = {"type": "api", "name": "Other", "method": "POST", "path": "/other", "emits": [], "flows": []}

async def handler(req, context):
    return {"status": 200, "body": {}}
"""
