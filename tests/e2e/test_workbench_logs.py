"""The log of the Workbench in a real browser: a hundred thousand lines, filters of the host, following and pausing."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from polystep.contracts.trace import LogLine
from polystep.stores import SqliteTraceStore, open_traces
from tests.e2e.browser import WAIT_S, browse, chromium
from tests.e2e.hostile import HOSTILE
from tests.e2e.running import Running, make_project
from tests.e2e.workbench import NARROWEST, PHONE, WIDE, Shown, assert_only_text, violations

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

OLD_LINES = 99_000
OLD_MS = 1_796_000_000_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    project = make_project(tmp_path_factory.mktemp("logs"), {"steps/talk_step.py": TALK, "steps/hum_step.py": HUM})
    async with Running(project) as host, browse(tmp_path_factory.mktemp("profile")) as page:
        await page.open("about:blank")
        await page.shape(*WIDE)
        yield Shown(host, page, project)
        assert page.complaints == []
        own = (host.url, *page.hosts_gone, "about:", "data:", "blob:")
        assert [url for url in page.requests if not url.startswith(own)] == []


async def test_an_empty_log_says_why(shown: Shown) -> None:
    await shown.go("logs?level=error")
    await shown.page.text("Logs", "Following")
    # The host's own lines of the start may be there: then something is kept, and nothing matches.
    text = await shown.page.text("ogs yet" if not (await shown.host.api("logs?limit=1"))["logs"] else "Nothing matches")
    assert "None of the lines" in text or "What steps print" in text


async def test_lines_come_by_themselves_and_a_pause_counts_them(shown: Shown) -> None:
    await say(shown, "first words", "second words")
    await shown.go("logs?step=Talk")
    await shown.page.text("first words", "second words", "Following")
    await say(shown, "third words")
    await shown.page.text("third words")
    await shown.page.click("Following")
    await shown.page.text("Paused")
    await say(shown, "fourth words", "fifth words")
    await shown.page.text("Paused · 2 new")
    await shown.page.press("End")
    await shown.page.text("Following", "fifth words")


async def test_opening_a_line_pauses_and_shows_all_of_it(shown: Shown) -> None:
    await say(shown, "with fields", item="a vase", count=3)
    await shown.go("logs?step=Talk")
    await shown.page.click("with fields")
    await shown.page.text("Paused", "Fields", "item a vase", "count 3", "Only this trace")
    # A chip is a filter of the host; the address holds it.
    await say(shown, "other fields", item="a jug", count=3)
    await shown.page.click("item a vase")
    await shown.page.until("location.search.includes('item%3Da+vase')")
    await shown.page.until("!document.body.innerText.includes('other fields')")
    await shown.page.press("Escape")
    await shown.page.until("!document.querySelector('aside')")
    await shown.page.text("with fields")


async def test_a_line_leads_to_its_span(shown: Shown) -> None:
    await shown.go("logs?q=%22with+fields%22")
    await shown.page.click("with fields")
    await shown.page.click("Show in its trace")
    await shown.page.text("Talk", "Message", "with fields")


async def test_filters_are_restored_from_the_address_and_applied_on_the_host(shown: Shown) -> None:
    await say(shown, "quiet poll", level="debug")
    await say(shown, "loud failure", level="error", code="E 17")
    await shown.host.post("/hum", {"texts": ["humming"]})
    cases = {
        "level=warn": (["loud failure"], ["quiet poll", "humming"]),
        "step=Hum": (["humming"], ["loud failure"]),
        "flow=music": (["humming"], ["loud failure"]),
        "q=words+-third": (["first words", "fourth words"], ["third words", "humming"]),
        "q=%22code%3DE+17%22": (["loud failure"], ["humming"]),
        f"since={2**42}": (["Nothing matches", "Clear the filter"], ["humming"]),
        "q=nothing-such": (["Nothing matches"], ["humming"]),
    }
    for query, (there, missing) in cases.items():
        await shown.go(f"logs?{query}")
        text = await shown.page.text(*there)
        assert [each for each in missing if each in text] == [], query
    asked = [url for url in shown.page.requests if "/api/logs?" in url]
    assert any("minLevel=warn" in url for url in asked) and any("flow=music" in url for url in asked)
    await shown.page.click("Clear the filter")
    await shown.page.text("humming", "loud failure")


async def test_a_line_that_does_not_match_is_not_told_of(shown: Shown) -> None:
    await shown.go("logs?level=error&q=failure")
    await shown.page.text("loud failure")
    before = len([url for url in shown.page.requests if "/api/logs?" in url])
    await say(shown, "no failure", level="info")
    await say(shown, "another failure", level="error")
    await shown.page.text("another failure")
    asked = [url for url in shown.page.requests if "/api/logs?" in url][before:]
    assert len(asked) <= 2
    assert all("text=failure" in url for url in asked)


async def test_repeated_lines_are_folded_on_wish(shown: Shown) -> None:
    await say(shown, *["again"] * 7, "and on")
    await shown.go("logs?step=Talk&q=again")
    await shown.page.text("again")
    await shown.page.click("Fold")
    await shown.page.text("\N{MULTIPLICATION SIGN}7", "again")
    assert await shown.page.evaluate("location.search") == "?step=Talk&q=again&fold=on"
    await say(shown, "again", "again")
    await shown.page.text("\N{MULTIPLICATION SIGN}9")


async def test_terminal_colours_are_colours_of_the_page(shown: Shown) -> None:
    await say(shown, "\x1b[31mred words\x1b[0m plain <b>bold</b>\x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07")
    await shown.go("logs?q=red+words")
    await shown.page.text("red words plain <b>bold</b>link")
    part = "document.querySelector('[data-colour=failed]')"
    assert await shown.page.evaluate(f"{part}.textContent") == "red words"
    assert await shown.page.evaluate("document.querySelectorAll('[data-line] b, [data-line] a').length") == 0


async def test_the_download_holds_the_filter_and_not_the_screen(shown: Shown) -> None:
    await shown.go("logs?q=words&step=Talk")
    await shown.page.text("first words")
    path = await shown.page.evaluate("document.querySelector('a[download]').getAttribute('href')")
    async with shown.host.http.get(path) as answer:
        assert answer.headers["Content-Disposition"].startswith("attachment")
        lines = [json.loads(each) for each in (await answer.text()).splitlines()]
    assert [each["message"] for each in lines if "words" in each["message"]][:3] == [
        "first words",
        "second words",
        "third words",
    ]
    assert {each["step"] for each in lines} == {"Talk"}


async def test_hostile_lines_stay_text(shown: Shown) -> None:
    for text in HOSTILE:
        await say(shown, text or "empty", field=text)
    await shown.go("logs")
    await shown.page.text("Following")
    await assert_only_text(shown.page)
    lines = (await shown.host.api(f"logs?step=Talk&limit={len(HOSTILE)}"))["logs"]
    for line in lines[::5]:
        await shown.go(f"logs?line={line['id']}")
        await shown.page.text("Fields")
        await assert_only_text(shown.page)
    for text in (HOSTILE[0], '"><script>', "-", '"', "' OR 1=1 --", "\\"):
        await shown.go(f"logs?q={quote(text)}&step={quote(text)}&trace={quote(text)}")
        await shown.page.text("Nothing matches")
        await assert_only_text(shown.page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_log_breaks_no_rule_of_accessibility(shown: Shown, scheme: str) -> None:
    line = (await shown.host.api("logs?text=fields"))["logs"][0]["id"]
    pages = {
        "logs?fold=on&step=Talk&q=again": "\N{MULTIPLICATION SIGN}9",
        f"logs?line={line}": "Only this trace",
        "logs?q=no-such": "Nothing matches",
    }
    for size in (WIDE, PHONE, NARROWEST):
        await shown.page.shape(*size, scheme)
        for number, (path, text) in enumerate(pages.items()):
            await shown.go(path)
            await shown.page.text(text)
            if (folder := os.environ.get("WORKBENCH_PICTURES")) and size != NARROWEST:
                await shown.page.screenshot(Path(folder) / f"logs-{number}-{scheme}-{size[0]}.png")
            assert await violations(shown.page) == [], (path, size)
            wide = await shown.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{path} is {wide} px wider than a window of {size[0]} px"
    await shown.page.shape(*WIDE)


async def test_a_hundred_thousand_lines_are_in_the_page_and_few_rows(shown: Shown, tmp_path: Path) -> None:
    project = make_project(tmp_path / "many", {"steps/talk_step.py": TALK})
    (project / ".polystep").mkdir()
    database = open_traces(project / ".polystep" / "traces.db")
    await database.start()
    store = SqliteTraceStore(database)
    for first in range(0, OLD_LINES, 9000):
        numbers = range(first, min(first + 9000, OLD_LINES))
        await store.write(
            [LogLine(OLD_MS + n, "info", f"old line {n}", None, None, None, None, "host") for n in numbers]
        )
    await database.stop()
    async with Running(project) as host:
        shown.page.hosts_gone.add(host.url)
        there = Shown(host, shown.page, project)
        await there.go("logs?q=line")
        await shown.page.text(f"old line {OLD_LINES - 1}", "1,000 lines from", "scroll up for older ones")
        await shown.page.evaluate(SCROLL_TO_THE_FIRST)
        await shown.page.text("old line 0", f"{OLD_LINES:,} lines from", "the first that match", "Paused")
        for share in (0.25, 0.5, 0.8):
            await shown.page.evaluate(f"{LIST}.scrollTop = Math.round({share} * {LIST}.scrollHeight / 24) * 24")
            await shown.page.text(f"old line {round(share * OLD_LINES) + 3}")
            assert await shown.page.evaluate("document.querySelectorAll('[data-line]').length") <= 80
        # What a reader reads stands still, whatever comes at the end.
        top = await shown.page.evaluate(TOP_LINE)
        for _ in range(3):
            await there.host.post("/talk", {"lines": [{"level": "info", "text": "new line", "fields": {}}] * 600})
        await shown.page.until("/Paused · 1,[0-9]+\\+? new/.test(document.body.innerText)")
        assert await shown.page.evaluate(TOP_LINE) == top
        await shown.page.press("End")
        await shown.page.text("Following", "new line")
        count = re.search(r"([\d,]+) lines? from", await shown.page.text("lines from"))
        assert count is not None
        assert 0 < int(count[1].replace(",", "")) <= 100_000
        await shown.page.open("about:blank")


async def say(shown: Shown, *texts: str, level: str = "info", **fields: Any) -> None:
    """Let a step log lines; returns when the last of them is kept."""
    lines = [{"level": level, "text": text, "fields": fields} for text in texts]
    before = (await shown.host.api("logs?step=Talk&limit=1"))["logs"]
    await shown.host.post("/talk", {"lines": lines})
    after = before[0]["id"] if before else 0
    async with asyncio.timeout(60):
        while len((await shown.host.api(f"logs?step=Talk&after={after}"))["logs"]) < len(texts):
            pass


LIST = "document.querySelector('[role=list][tabindex]')"
TOP_LINE = f"""(() => {{
  const top = {LIST}.getBoundingClientRect().top
  const found = [...document.querySelectorAll('[data-line]')].find((each) => each.getBoundingClientRect().top >= top)
  return [found.innerText, found.getBoundingClientRect().top - top]
}})()"""
SCROLL_TO_THE_FIRST = f"""new Promise((done, failed) => {{
  const end = setTimeout(() => failed(new Error('no first line: ' + document.body.innerText)), {WAIT_S * 1000})
  const look = () => {{
    if (document.body.innerText.includes('the first that match')) {{
      {LIST}.scrollTop = 0
      clearTimeout(end)
      done(true)
      return
    }}
    {LIST}.scrollTop = {LIST}.scrollTop < 2400 ? {LIST}.scrollTop - 24 : 1200
    requestAnimationFrame(look)
  }}
  look()
}})"""
TALK = """
config = {"type": "api", "name": "Talk", "method": "POST", "path": "/talk", "emits": [], "flows": ["speech"]}

async def handler(req, context):
    for line in req["body"]["lines"]:
        getattr(context.logger, line["level"])(line["text"], line["fields"])
    return {"status": 200, "body": {}}
"""
HUM = """
config = {"type": "api", "name": "Hum", "method": "POST", "path": "/hum", "emits": [], "flows": ["music"]}

async def handler(req, context):
    for text in req["body"]["texts"]:
        context.logger.info(text)
    return {"status": 200, "body": {}}
"""
