"""The Workbench in colours of the reader's own, and with more contrast: what is drawn can be seen."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.browser import browse, chromium
from tests.e2e.running import Running
from tests.e2e.workbench import WIDE, Shown, violations
from tests.e2e.workbench_pages import PAGES, make_full

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

DRAWN = """(() => {
  const canvas = getComputedStyle(document.body).backgroundColor
  const seen = (colour) => colour !== canvas && colour !== 'rgba(0, 0, 0, 0)' && colour !== 'transparent'
  const all = (found, read) => found.length > 0 && [...found].every((each) => seen(read(getComputedStyle(each))))
  return { all }
})()"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    async with (
        Running(make_full(tmp_path_factory.mktemp("full"), broken=False)) as host,
        browse(tmp_path_factory.mktemp("profile")) as page,
    ):
        await page.open("about:blank")
        await page.shape(*WIDE)
        yield Shown(host, page, host.project)


async def _until_seen(shown: Shown, selector: str, style: str) -> None:
    """Wait until a selector finds something, and all of it has a colour that the page behind it has not."""
    found = f"document.querySelectorAll({selector!r})"
    await shown.page.until(f"{DRAWN}.all({found}, (style) => style[{style!r}])")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_what_is_drawn_is_seen_in_forced_colors(shown: Shown, scheme: str) -> None:
    page = shown.page
    await page.media({"forced-colors": "active", "prefers-color-scheme": scheme})
    await shown.go(await PAGES["/traces/$id"].address(shown.host))
    await page.text(*PAGES["/traces/$id"].texts, "Live")
    assert await page.evaluate("matchMedia('(forced-colors: active)').matches")
    # Bars of runs, the icon of each status, and the frame of the selected row.
    await _until_seen(shown, "[role=row] span[data-kind]", "backgroundColor")
    await _until_seen(shown, '[role=row][aria-selected="true"]', "outlineColor")
    assert (
        await page.evaluate("getComputedStyle(document.querySelector('[role=row][aria-selected=true]')).outlineStyle")
        == "solid"
    )
    assert await violations(page) == []
    await page.press("Tab")
    focused = "getComputedStyle(document.activeElement)"
    assert await page.evaluate(f"[{focused}.outlineStyle, {focused}.outlineWidth]") == ["solid", "3px"]
    await shown.go("traces")
    await page.text("Failed", "Live")
    await _until_seen(shown, "main svg", "color")
    await shown.go(await PAGES["/flows/$flow"].address(shown.host))
    await page.text(*PAGES["/flows/$flow"].texts, "Live")
    await page.until("document.querySelector('.react-flow__edge path')")
    await _until_seen(shown, ".react-flow__edge path[marker-end], .react-flow__edge-path", "stroke")
    await _until_seen(shown, 'nav a[aria-current="page"]', "outlineColor")
    await shown.go("charts?window=15m")
    await page.until("document.querySelector('canvas')")
    # A line is drawn on the canvas in some colour that is there.
    await page.until("""[...document.querySelectorAll('canvas')].some((each) => {
      const { data } = each.getContext('2d').getImageData(0, 0, each.width, each.height)
      return data.some((value, at) => at % 4 === 3 && value > 200)
    })""")


async def test_more_contrast_is_given_to_who_asks_for_it(shown: Shown) -> None:
    page = shown.page
    quiet, text = (
        f"getComputedStyle(document.documentElement).getPropertyValue('{name}').trim()"
        for name in ("--text-2", "--text")
    )
    await page.media({"prefers-contrast": "no-preference"})
    await shown.go("traces")
    await page.text("Failed", "Live")
    assert await page.evaluate(quiet) != await page.evaluate(text)
    await page.media({"prefers-contrast": "more"})
    assert await page.evaluate(quiet) == await page.evaluate(text)
    await page.press("Tab")
    assert await page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
    assert await violations(page) == []
