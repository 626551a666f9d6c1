"""A trace of 100,000 rows and 20,000 traces in a real browser: few rows mounted, all of it reached, nothing moves.

The figures are printed, and stand in docs/workbench.md; no test hangs on how fast a machine is.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
import pytest_asyncio

from polystep.contracts.trace import AttemptEnded, AttemptStarted, LogLine, RunQueued, SpanEnded, TraceRecord
from polystep.stores import SqliteTraceStore, open_durable, open_traces
from polystep.wire import pack
from tests.e2e.browser import browse, chromium
from tests.e2e.running import Running, make_project
from tests.e2e.workbench import NARROWEST, PHONE, WIDE, Shown, assert_only_text, violations

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

LARGE, LONG = "1a" * 16, "2b" * 16
RUNS, SPANS, LINES = 100, 899, 100
"""Each run with its operations and lines: 100,000 rows."""
TRACES = 20_000
KEYS = 100_000
LARGE_BYTES = 30 * 2**20
FACTS = 20
STEP = (
    'config = {"type": "api", "name": "Hello", "method": "GET", "path": "/hello"}\n\n\nasync def handler(req, ctx):\n'
    '    ctx.logger.info("hello")\n    return {"status": 200, "body": "hello"}\n'
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    project = make_project(tmp_path_factory.mktemp("scale"), {"steps/hello_step.py": STEP})
    await fill(project)
    async with Running(project) as host, browse(tmp_path_factory.mktemp("profile")) as page:
        page.hosts_gone.add(host.url)
        await page.open("about:blank")
        await page.shape(*WIDE)
        yield Shown(host, page, project)
        assert page.complaints == []
        own = (host.url, "about:", "data:", "blob:")
        assert [url for url in page.requests if not url.startswith(own)] == []


async def fill(project: Path) -> None:
    """Write the traces through the store, as a host would have."""
    (project / ".polystep").mkdir()
    database = open_traces(project / ".polystep" / "traces.db")
    await database.start()
    store = SqliteTraceStore(database)
    batch: list[TraceRecord] = []
    for record in records():
        batch.append(record)
        if len(batch) == 5000:
            await store.write(batch)
            batch = []
    await store.write(batch)
    await database.stop()
    await fill_state(project)


async def fill_state(project: Path) -> None:
    """Write keys, and a value that no frame of the protocol holds."""
    database = open_durable(project / ".polystep" / "polystep.db")
    await database.start()

    def write(connection: apsw.Connection) -> None:
        rows = ((f"k{number:06d}", pack(number)) for number in range(KEYS))
        connection.executemany("INSERT INTO state VALUES ('many', ?, ?)", rows)
        connection.execute("INSERT INTO state VALUES ('many', 'large', ?)", (pack("x" * LARGE_BYTES),))

    await database.write(write)
    await database.stop()


def records() -> Iterator[TraceRecord]:
    # Within the days for which traces are kept.
    now_ms = int(time.time() * 1000) - 600_000
    for number in range(TRACES - 2):
        trace_id, run_id = f"{number:032x}", f"{number:016x}"
        status = "failed" if number % 1000 == 7 else "completed"
        yield RunQueued(run_id, trace_id, None, "Hello", "api", HTTP, now_ms + number)
        yield AttemptStarted(run_id, trace_id, 1, now_ms + number)
        yield AttemptEnded(
            run_id, trace_id, 1, now_ms + number + 3, 3.0, status, status, ERROR if status == "failed" else None, None
        )
    yield from long_trace(LONG, now_ms + TRACES, RUNS + 20, 1)
    yield from long_trace(LARGE, now_ms + TRACES + 10, RUNS, 2)


def long_trace(trace_id: str, begin_ms: int, runs: int, salt: int) -> Iterator[TraceRecord]:
    """A request that leads to runs that lead to runs; the last one fails after a wait."""
    for number in range(runs):
        run_id = f"{salt:08x}{number:08x}"
        parent = f"{salt:08x}{(number - 1) // 3:08x}" if number else None
        late = 60_000 if number == runs - 1 else 0
        queued_ms = begin_ms + number * 20 + late
        yield RunQueued(
            run_id,
            trace_id,
            parent,
            f"Step{number % 7}",
            "event" if number else "api",
            EVENT if number else HTTP,
            queued_ms,
        )
        yield AttemptStarted(run_id, trace_id, 1, queued_ms + 4)
        for at in range(SPANS):
            data = json.dumps(
                {"operation": "set", "group": "orders", "key": f"order-{number}-{at}", "value": {"n": at}}
            )
            yield SpanEnded(run_id, trace_id, 1, f"{number:08x}{at:08x}", "state", queued_ms + 5 + at * 0.7, 0.4, data)
        for at in range(LINES):
            yield LogLine(
                queued_ms + 6 + at * 6,
                "info",
                f"line {at} of run {number}",
                None,
                f"Step{number % 7}",
                trace_id,
                run_id,
                "logger",
            )
        status = "failed" if number == runs - 1 else "completed"
        yield AttemptEnded(
            run_id, trace_id, 1, queued_ms + 650, 646.0, status, status, ERROR if status == "failed" else None, None
        )


HTTP = '{"kind":"http","method":"GET","path":"/hello"}'
EVENT = '{"kind":"event","topic":"work.done","data":{"n":1}}'
ERROR = '{"name":"ValueError","message":"it fell down","stack":"","frame":""}'


async def mounted(shown: Shown) -> int:
    return int(await shown.page.evaluate("document.querySelectorAll('[role=treegrid] [role=row]').length"))


async def rows(shown: Shown) -> str:
    """What the mounted rows say."""
    return str(await shown.page.evaluate("document.querySelector('[role=treegrid]').innerText"))


async def count_is(shown: Shown, count: int) -> None:
    await shown.page.until(f"document.querySelector('[role=treegrid]')?.ariaRowCount === '{count}'")


async def test_a_trace_of_100_000_rows_opens_by_a_click_and_is_all_there(shown: Shown) -> None:
    await shown.go("traces")
    await shown.page.text("Step0", "100 runs")
    heap = await used_heap(shown)
    took = await shown.page.evaluate(f"""new Promise((done) => {{
      const begin = performance.now()
      document.querySelector('[data-trace="{LARGE}"]').click()
      const look = () => document.querySelector('[role=treegrid] [role=row]')
        ? done(performance.now() - begin) : requestAnimationFrame(look)
      look()
    }})""")
    await count_is(shown, 100_000)
    assert await mounted(shown) <= 80
    assert "too long" not in await shown.page.text("Step0", "GET /hello", "state set")
    say(f"first rows {took:.0f} ms, heap {(await used_heap(shown) - heap) / 2**20:.1f} MiB more")
    # The last row, by its place alone.
    await shown.page.evaluate(
        "(() => { const box = document.querySelector('[role=treegrid]'); box.scrollTop = box.scrollHeight })()"
    )
    await shown.page.until("[...document.querySelectorAll('[role=row]')].some((row) => row.ariaRowIndex === '100000')")
    assert await mounted(shown) <= 80


async def test_rows_are_closed_opened_searched_and_restored_from_the_address(shown: Shown) -> None:
    await shown.go(f"traces/{LARGE}")
    await count_is(shown, 100_000)
    await shown.page.press("W")
    await count_is(shown, 1)
    await shown.page.press("E")
    await count_is(shown, 100_000)
    await shown.page.press("1")
    await count_is(shown, 1003)
    took = await shown.page.evaluate("""new Promise((done) => {
      const begin = performance.now()
      document.querySelector('[role=row] button').click()
      const look = () => document.querySelector('[role=treegrid]').ariaRowCount === '1'
        ? done(performance.now() - begin) : requestAnimationFrame(look)
      look()
    })""")
    say(f"close a row {took:.0f} ms")
    # From a search to the run, its panel, and all of it again from the address alone.
    await shown.go(f"traces/{LARGE}?q=order-57-898")
    await shown.page.text("order-57-898")
    level = await shown.page.evaluate("[...document.querySelectorAll('[role=row]')].at(-1).ariaLevel")
    await shown.page.evaluate("[...document.querySelectorAll('[role=row]')].at(-1).click()")
    await shown.page.text("What it did", '"order-57-898"')
    address = await shown.page.evaluate("location.href")
    assert "span=" in address
    await shown.page.open("about:blank")
    await shown.page.open(address.replace("q=order-57-898", ""))
    await shown.page.text("What it did", '"order-57-898"')
    await shown.page.until("document.querySelector('[aria-selected=true]')")
    selected = await shown.page.evaluate("document.querySelector('[aria-selected=true]').ariaLevel")
    assert selected == level
    assert await shown.page.evaluate("Number(document.querySelector('[aria-selected=true]').ariaSetSize)") >= 999


async def test_the_next_failure_idle_times_and_the_critical_path(shown: Shown) -> None:
    await shown.go(f"traces/{LARGE}")
    await count_is(shown, 100_000)
    # One run came a minute late: the page says so, and shortens the wait when asked.
    await shown.page.text("of which nothing worked for", "Shorten it")
    await shown.page.press("i")
    await shown.page.text("Show it at its length")
    assert "idle=on" in await shown.page.evaluate("location.search")
    await shown.page.press("c")
    await shown.page.text("It took so long because of 5 runs")
    await shown.page.press("e")
    await shown.page.text("it fell down", "Failed")
    await shown.page.press("P")
    await shown.page.until("document.querySelector('[aria-selected=true]')?.ariaLevel === '4'")
    await shown.page.press("s")
    await shown.page.text("Times by step", "Longest", "Step6")


async def test_zoom_and_scroll_paint_no_more_rows(shown: Shown) -> None:
    await shown.go(f"traces/{LARGE}")
    await count_is(shown, 100_000)
    await shown.page.press("+", "+")
    await shown.page.until("location.search.includes('from=') && location.search.includes('to=')")
    await shown.page.press("a")
    await shown.page.until("!location.search.includes('from=')")
    frames = await shown.page.evaluate("""new Promise((done) => {
      const box = document.querySelector('[role=treegrid]')
      const lane = document.querySelector('[data-lane]').getBoundingClientRect()
      const [times, rows] = [[], []]
      let before = performance.now()
      const turn = (now) => {
        times.push(now - before)
        before = now
        rows.push(document.querySelectorAll('[role=treegrid] [role=row]').length)
        if (times.length > 120) return done({ times: times.slice(1), rows: Math.max(...rows) })
        if (times.length % 2) box.scrollTop += 400
        else box.dispatchEvent(new WheelEvent('wheel', {
          deltaY: -20, ctrlKey: true, clientX: lane.left + 200, bubbles: true, cancelable: true,
        }))
        requestAnimationFrame(turn)
      }
      requestAnimationFrame(turn)
    })""")
    assert frames["rows"] <= 80
    times = sorted(frames["times"])
    late = times[int(len(times) * 0.95)]
    say(f"frames p50 {times[len(times) // 2]:.1f} ms, p95 {late:.1f} ms, {frames['rows']} rows")
    await shown.page.until("location.search.includes('from=')")
    # A part of the minimap that is drawn over is shown alone.
    await shown.go(f"traces/{LARGE}?from=0&to=3000")
    await shown.page.text("Whole trace", "of 1 min")
    await shown.page.click("Whole trace")
    await shown.page.until("!location.search.includes('from=')")


async def test_a_trace_beyond_the_bound_says_what_is_left_out(shown: Shown) -> None:
    await shown.go(f"traces/{LONG}")
    await count_is(shown, 100_000)
    await shown.page.text(
        "too long to be shown whole", "20,000 operations and log lines", "beyond the first 100,000 rows"
    )
    assert await mounted(shown) <= 80


async def test_the_host_answers_others_while_it_reads(shown: Shown) -> None:
    answer = await shown.host.api(f"traces/{LARGE}/skeleton")
    assert (answer["rowCount"], answer["leftOut"]) == (100_000, 0)
    assert len(json.dumps(answer, separators=(",", ":"))) <= 4 * 2**20
    since = await shown.host.api(f"traces/{LARGE}/skeleton?after={answer['cursor']}")
    assert since["rowCount"] == 0


async def test_20_000_traces_are_listed_filtered_and_stay_where_they_are(shown: Shown) -> None:
    await shown.go("traces")
    await shown.page.text("Step0", "Hello")
    seen = await shown.page.evaluate("document.querySelectorAll('[data-trace]').length")
    assert 24 <= seen <= 80
    await shown.go("traces?status=failed&step=Hello")
    found = await shown.host.api("traces?status=failed&step=Hello")
    count = len(found["traces"])
    assert 1 <= count <= 20
    await shown.page.until(f"document.querySelectorAll('[data-trace]').length === {count}")
    await shown.go(f"traces?q={LARGE[:8]}")
    await shown.page.until("document.querySelectorAll('[data-trace]').length === 1")


@pytest.mark.parametrize("size", [WIDE, PHONE, NARROWEST], ids=str)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_breaks_a_rule_of_accessibility(shown: Shown, scheme: str, size: tuple[int, int]) -> None:
    pages = {
        f"traces/{LARGE}?idle=on&path=on": "It took so long",
        f"traces/{LARGE}?steps=on&from=0&to=3000": "Longest",
    }
    await shown.page.shape(*size, scheme)
    for path, text in pages.items():
        await shown.go(path)
        await shown.page.text(text)
        assert await violations(shown.page) == [], (path, size)
        await assert_only_text(shown.page)
    await shown.page.shape(*WIDE)


async def test_a_hundred_thousand_keys_and_a_value_of_30_mib_leave_the_page_alive(shown: Shown) -> None:
    await shown.go("state")
    await shown.page.text("many", f"{KEYS + 1:,}")
    began = len(shown.page.requests)
    await shown.go("state/many?key=large")
    await shown.page.text("too large to show here", "Download", "30.0 MiB", "The first 500 keys")
    assert not [url for url in shown.page.requests[began:] if url.endswith("/state/many/large")]
    say(f"scroll of 500 of {KEYS:,} keys: {await scrolled(shown, '[role=list]')}")
    assert await shown.page.evaluate("document.querySelectorAll('[data-row]').length") <= 80
    # The last key is found by its beginning, and by its place.
    await shown.go("state/many?prefix=k09999")
    await shown.page.text("k099990", "k099999")
    await shown.go("state/many?prefix=k099")
    await shown.page.text("The first 500 keys", "k099000")
    await shown.page.click("Next")
    await shown.page.text("500 more keys", "k099500")
    # The file is sent by the host, and the page goes on meanwhile.
    size = await shown.page.evaluate(
        "fetch('/__polystep/api/state/many/large').then((answer) => answer.blob()).then((blob) => blob.size)"
    )
    assert size > LARGE_BYTES


async def test_a_fact_is_on_screen_soon(shown: Shown) -> None:
    """From the answer of a request to its row in the list, and to the count on the graph."""
    await shown.go("traces?follow=on")
    await shown.page.text("Live")
    await shown.page.until("document.querySelector('[data-trace]')")
    shown_ms = [await until_shown(shown, "document.querySelector('[data-trace]').dataset.trace") for _ in range(FACTS)]
    say(f"fact to row: {quantiles(shown_ms)}")
    await shown.go("flows/-")
    await shown.page.text("Hello", "React Flow", "Live")
    await shown.page.until("document.querySelector('.react-flow__node').innerText.includes('p95')")


async def test_a_page_is_live_again_soon_after_its_host_was_killed(shown: Shown) -> None:
    page = shown.page
    await shown.go("traces")
    await page.text("Hello", "Live")
    await shown.host.kill()
    await page.text("Stale since")
    async with Running(shown.project, "--port", shown.host.url.rpartition(":")[2]):
        up = time.monotonic()
        await page.text("Live", "Host restarted")
        say(f"live {time.monotonic() - up:.2f} s after the host was up")
        await page.open("about:blank")
    page.forget("/health", 503)
    page.forget("/api/", 503)


def say(figures: str) -> None:
    """Print what was measured; `pytest -s` shows it."""
    sys.stdout.write(f"\n{figures}\n")


async def scrolled(shown: Shown, selector: str) -> str:
    """Scroll a list to its end, frame by frame; returns how long frames took."""
    times = await shown.page.evaluate(f"""new Promise((done) => {{
      const isLong = (each) => each.scrollHeight > each.clientHeight
      const box = [...document.querySelectorAll({json.dumps(selector)})].find(isLong)
      const times = []
      let before = performance.now()
      const turn = (now) => {{
        times.push(now - before)
        before = now
        box.scrollTop += 120
        if (times.length > 120) return done(times.slice(1))
        requestAnimationFrame(turn)
      }}
      requestAnimationFrame(turn)
    }})""")
    return f"frames {quantiles(times)}"


async def until_shown(shown: Shown, what: str) -> float:
    """Call the step; returns the milliseconds from its answer until the first row is of another trace."""
    before = await shown.page.evaluate(what)
    watching = asyncio.create_task(
        shown.page.evaluate(f"""new Promise((done) => {{
      const look = () => {{ if ({what} !== {json.dumps(before)}) {{ observer.disconnect(); done(Date.now()) }} }}
      const observer = new MutationObserver(look)
      observer.observe(document.body, {{ subtree: true, childList: true, attributes: true }})
      look()
    }})""")
    )
    async with shown.host.http.get("/hello") as answer:
        assert answer.status == 200
    answered = time.time() * 1000
    return float(await watching) - answered


def quantiles(values: list[float]) -> str:
    ranked = sorted(values)
    return f"p50 {ranked[len(ranked) // 2]:.1f} ms, p95 {ranked[int(len(ranked) * 0.95)]:.1f} ms"


async def used_heap(shown: Shown) -> float:
    await shown.page._send("HeapProfiler.collectGarbage", {})
    answer: dict[str, Any] = await shown.page._send("Runtime.getHeapUsage", {})
    return float(answer["usedSize"])
