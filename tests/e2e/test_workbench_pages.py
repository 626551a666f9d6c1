"""Every page of the Workbench, by the table of its routes: accessible, of the right width, silent, and only text."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.browser import browse, chromium
from tests.e2e.hostile import HOSTILE
from tests.e2e.running import ROOT, Running
from tests.e2e.screenshots import BYTES_MAX, FOLDER, SCHEMES, SIZES, name_of, take
from tests.e2e.workbench import NARROWEST, PHONE, WIDE, Shown, assert_only_text, violations
from tests.e2e.workbench_pages import PAGES, make_full, make_hostile

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

ROUTER = ROOT / "host" / "workbench" / "src" / "router.tsx"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    async with (
        Running(make_full(tmp_path_factory.mktemp("full"))) as host,
        browse(tmp_path_factory.mktemp("profile")) as page,
    ):
        await page.open("about:blank")
        yield Shown(host, page, host.project)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hostile(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    async with (
        Running(make_hostile(tmp_path_factory.mktemp("hostile"))) as host,
        browse(tmp_path_factory.mktemp("profile")) as page,
    ):
        await page.open("about:blank")
        await page.shape(*WIDE)
        yield Shown(host, page, host.project)


@pytest.mark.asyncio(loop_scope="function")
async def test_the_table_here_has_every_route() -> None:
    routes = set(re.findall(r"\bpath: '(/[^']*)'", ROUTER.read_text()))
    assert routes == set(PAGES), "tests/e2e/workbench_pages.py names each route of the Workbench, with an address of it"


@pytest.mark.parametrize("route", PAGES)
async def test_a_page_is_accessible_fits_and_is_silent(shown: Shown, route: str) -> None:
    page, known = shown.page, PAGES[route]
    address = await known.address(shown.host)
    for scheme, size in (("light", WIDE), ("dark", WIDE), ("light", PHONE), ("dark", NARROWEST)):
        await page.shape(*size, scheme)
        await shown.go(address)
        await page.text(*known.texts, "Live")
        assert await page.evaluate("document.documentElement.dataset.theme") == scheme
        assert await violations(page) == [], (scheme, size)
        wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{address} is {wide} px wider than a window of {size[0]} px"
    # Neither the content policy nor anything else has a complaint, and nothing was asked of another machine.
    assert page.complaints == []
    assert [url for url in page.requests if not url.startswith((shown.host.url, "about:", "data:"))] == []


@pytest.mark.parametrize("route", PAGES)
async def test_hostile_names_and_payloads_stay_text(hostile: Shown, route: str) -> None:
    page = hostile.page
    for address in await PAGES[route].hostile_addresses(hostile.host):
        await hostile.go(address)
        await page.text("Live")
        await page.until("!document.querySelector('main [aria-busy=true]')")
        await assert_only_text(page)
    assert page.complaints == []
    assert [url for url in page.requests if not url.startswith((hostile.host.url, "about:", "data:"))] == []


async def test_the_pictures_show_every_page_in_both_themes_and_sizes(shown: Shown, tmp_path: Path) -> None:
    named = {name_of(route, scheme, size) for route in PAGES for scheme in SCHEMES for size in SIZES}
    kept = {path.name: path.stat().st_size for path in FOLDER.glob("*.webp")}
    assert (set(kept), sum(kept.values()) <= BYTES_MAX) == (named, True), "`make screenshots` writes them"
    # The command still works, shown on one page.
    names = await take(tmp_path, shown.host, shown.page, ["/traces"])
    assert {path.read_bytes()[8:12] for path in tmp_path.iterdir()} == {b"WEBP"}
    assert len(names) == 4


@pytest.mark.asyncio(loop_scope="function")
async def test_the_corpus_is_large_and_of_different_kinds() -> None:
    assert len(set(HOSTILE)) >= 60
    whole = "\0".join(HOSTILE)
    for kind in ("<script", "javascript:", "\x1b[", "\u202e", "__proto__", "{{", "${", "9007199254740993"):
        assert kind in whole
