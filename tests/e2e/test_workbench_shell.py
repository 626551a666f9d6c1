"""The frame of the Workbench: the palette, the keys, what a reader sets, and the connection in words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.browser import Page, browse, chromium
from tests.e2e.running import Running, make_project
from tests.e2e.workbench import NARROWEST, WIDE, Shown, assert_only_text, fill, violations

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

FIND = "Find a command, page, step or trace"
ITEMS = "[...document.querySelectorAll('[role=option]')].map((each) => each.innerText.replaceAll('\\n', ' '))"
FIRST = "document.querySelector('[role=option][data-highlighted]')?.innerText ?? ''"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    project = make_project(tmp_path_factory.mktemp("shell"), {"steps/order.step.ts": ORDER, "steps/b.stream.ts": BOARD})
    async with Running(project) as host, browse(tmp_path_factory.mktemp("profile")) as page:
        await host.post("/orders", {})
        await page.open("about:blank")
        await page.shape(*WIDE)
        yield Shown(host, page, project)
        assert page.complaints == []
        own = (host.url, *page.hosts_gone, "about:", "data:")
        assert [url for url in page.requests if not url.startswith(own)] == []


@pytest.mark.parametrize(
    ("text", "found", "path", "search"),
    [
        ("go to logs", "Go to Logs", "logs", ""),
        ("placeord", "PlaceOrder", "steps", "?step=PlaceOrder"),
        ("post /ord", "POST /orders", None, None),
        ("order.placed", "order.placed", None, None),
        ("board", "board", "streams/board", ""),
        ("drawer 1", "drawer 1", "state/drawer%201", ""),
        ("drawer 1/k", "drawer 1/key", "state/drawer%201", "?key=key"),
    ],
)
async def test_the_palette_finds_everything_by_its_name(
    shown: Shown, text: str, found: str, path: str | None, search: str | None
) -> None:
    await shown.go("traces")
    await shown.page.text("PlaceOrder", "Live")
    await _find(shown.page, text, found)
    await shown.page.press("Enter")
    await shown.page.until(f"!document.querySelector('[aria-label={json.dumps(FIND)}]')")
    if path is not None:
        await shown.page.until(f"location.pathname + location.search === {json.dumps(f'/__polystep/{path}{search}')}")


async def test_the_palette_finds_a_trace_by_the_beginning_of_its_id(shown: Shown) -> None:
    trace = await shown.trace_of("PlaceOrder", "completed")
    await shown.go("logs")
    await shown.page.text("Live")
    await _find(shown.page, trace[:8], trace)
    await shown.page.press("Enter")
    await shown.page.until(f"location.pathname.endsWith('/traces/{trace}')")


async def test_the_palette_begins_with_what_was_used_last_and_does_what_the_view_can(shown: Shown) -> None:
    await shown.go("traces")
    await shown.page.text("PlaceOrder", "Live")
    await _find(shown.page, "theme dark", "Theme: dark")
    await shown.page.press("Enter")
    await shown.page.until("document.documentElement.dataset.theme === 'dark'")
    await _find(shown.page, "rows coarse", "Rows: coarse")
    await shown.page.press("Enter")
    await shown.page.until("document.querySelector('[data-row]')?.offsetHeight >= 43")
    await _find(shown.page, "search", "Search")
    await shown.page.press("Enter")
    await shown.page.until("document.activeElement?.tagName === 'INPUT'")
    await _open(shown.page)
    await shown.page.until(f"({ITEMS})[0]?.startsWith('Search')")
    await shown.page.press("Escape")
    await _find(shown.page, "theme system", "Theme: system")
    await shown.page.press("Enter")
    await _find(shown.page, "rows by", "Rows: by the pointer")
    await shown.page.press("Enter")
    await shown.page.until("document.documentElement.dataset.theme === 'light'")


async def test_palette_keys_and_sheet_show_the_same_actions(shown: Shown) -> None:
    for path in ("traces", "logs", "queues", "dead-letters", "cron", "state", "streams", "steps"):
        await shown.go(path)
        await shown.page.text("Live")
        await shown.page.evaluate("document.activeElement?.blur()")
        await shown.page.press("?")
        await shown.page.text("Show the keys", "Find anything")
        sheet = await shown.page.evaluate(
            "[...document.querySelectorAll('dialog[open] li')].map((each) => each.firstChild.textContent + ' ' + "
            "each.querySelector('kbd').textContent)"
        )
        await shown.page.press("Escape")
        await shown.page.until("!document.querySelector('dialog[open]')")
        await _open(shown.page)
        offered = " | ".join(await shown.page.evaluate(ITEMS))
        assert [each for each in sheet if each not in offered] == [], path
        await shown.page.press("Escape")
        await shown.page.until("!document.querySelector('[role=listbox]')")


async def test_single_letter_keys_stay_off_and_never_fire_while_somebody_types(shown: Shown) -> None:
    await shown.go("traces")
    await shown.page.text("PlaceOrder", "Live")
    await shown.page.press("/", "g", "l")
    await shown.page.until("document.activeElement.value === 'gl'")
    await shown.page.evaluate("document.activeElement.blur()")
    await _find(shown.page, "single-letter", "Turn single-letter keys off")
    await shown.page.press("Enter")
    await shown.go("traces")
    await shown.page.text("Live")
    await shown.page.press("g", "l", "?")
    assert await shown.page.evaluate("location.pathname.endsWith('/traces') && !document.querySelector('dialog[open]')")
    # Keys with a modifier still work, and lead back.
    await _find(shown.page, "single-letter", "Turn single-letter keys on")
    await shown.page.press("Enter")
    await shown.page.until("!document.querySelector('[role=listbox]')")
    await shown.page.press("g", "l")
    await shown.page.until("location.pathname.endsWith('/logs')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_palette_breaks_no_rule_of_accessibility(shown: Shown, scheme: str) -> None:
    for size in (WIDE, NARROWEST):
        await shown.page.shape(*size, scheme)
        await shown.go("traces")
        await shown.page.text("Live")
        await _find(shown.page, "placeorder", "PlaceOrder")
        assert await violations(shown.page) == [], size
        await assert_only_text(shown.page)
    await shown.page.shape(*WIDE)


async def test_times_are_shown_by_how_long_ago_they_were_until_the_key_is_pressed_again(shown: Shown) -> None:
    first = "document.querySelector('[data-row] time').innerText"
    await shown.go("traces")
    await shown.page.text("PlaceOrder", "Live")
    await shown.page.press("u")
    await shown.page.until(f"/^[0-9]+ (s|min) ago$/.test({first})")
    # The time itself stays at hand, and the choice holds for the next page.
    assert (await shown.page.evaluate("document.querySelector('[data-row] time').title")).endswith("Z")
    await shown.go("logs")
    await shown.page.text("placed", "ago")
    await shown.page.press("u")
    await shown.page.until("!document.querySelector('main').innerText.includes(' ago')")


async def test_one_place_tells_a_screen_reader_what_came(shown: Shown) -> None:
    await shown.go("traces")
    await shown.page.text("PlaceOrder", "Live")
    await shown.page.press("j")
    await shown.host.post("/orders", {"item": "announced"})
    await shown.page.text("1 new")
    news = "document.querySelector('[role=status][aria-label=News]').innerText"
    await shown.page.until(f"{news}.includes('Traces: 1 new')")


async def test_a_killed_host_is_told_in_words_and_nothing_is_missed(shown: Shown, tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/order.step.ts": ORDER})
    async with Running(project) as host:
        port = host.url.rpartition(":")[2]
        await host.post("/orders", {"item": "before"})
        await shown.page.open("about:blank")
        await shown.page.open(f"{host.url}/__polystep/logs")
        await shown.page.text("placed before", "Live")
        shown.page.hosts_gone.add(host.url)
        await host.kill()
        await shown.page.text("Stale since", "Reconnecting", "Retry now", "placed before")
        async with Running(project, "--port", port) as again:
            # What happens before the page is back is not missed.
            await again.post("/orders", {"item": "meanwhile"})
            await shown.page.text("Live", "Host restarted", "placed meanwhile")
            await again.post("/orders", {"item": "after"})
            await shown.page.text("placed after")
            await shown.page.open("about:blank")
    # While the new host starts it says so.
    shown.page.forget("/health", 503)
    shown.page.forget("/api/", 503)


async def _open(page: Page) -> None:
    # One that still closes would take the keys.
    await page.until(f"!document.querySelector('[aria-label={json.dumps(FIND)}]')")
    await page.chord("k")
    await page.until(f"document.activeElement?.ariaLabel === {json.dumps(FIND)}")


async def _find(page: Page, text: str, found: str) -> None:
    """Open the palette and type; returns when the first of what it finds is this."""
    await _open(page)
    await fill(page, FIND, text)
    await page.until(f"({FIRST}).includes({json.dumps(found)})")


ORDER = """
export const config = { type: 'api', name: 'PlaceOrder', path: '/orders', method: 'POST', emits: ['order.placed'] }
export const handler = async (req: any, { emit, logger, state }: any) => {
  logger.info(`placed ${req.body.item}`)
  await state.set('drawer 1', 'key', { item: 1 })
  await emit({ topic: 'order.placed', data: {} })
  return { status: 200, body: {} }
}
"""
BOARD = "export const config = { name: 'board', schema: null }\n"
