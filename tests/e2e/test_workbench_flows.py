"""Flows in the Workbench, in a real browser: what is drawn and says what, the path of a trace, and places that stay."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.e2e.browser import WAIT_S, Page, browse, chromium
from tests.e2e.hostile import HOSTILE
from tests.e2e.model import Model, serve_model
from tests.e2e.running import Running, make_project, make_tutorial
from tests.e2e.test_tutorial import TICKET
from tests.e2e.workbench import NARROWEST, PHONE, WIDE, Shown, assert_only_text, violations

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

FLOW = "flows/ticket-triage"
STEPS_OF_LARGE = 300
LAYOUTS = "performance.getEntriesByName('layout').map((each) => each.duration)"


@dataclass(frozen=True)
class Tutorial(Shown):
    """The tutorial on a live host, with a model that answers when a test lets it."""

    model: Model


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tutorial]:
    chromium()
    project = make_tutorial(tmp_path_factory.mktemp("flows"))
    async with (
        serve_model() as model,
        Running(project, environment=model.environment) as host,
        browse(tmp_path_factory.mktemp("profile")) as page,
    ):
        await page.open("about:blank")
        await page.shape(*WIDE)
        yield Tutorial(host, page, project, model)
        assert page.complaints == []
        own = (host.url, *page.hosts_gone, "about:", "data:")
        assert [url for url in page.requests if not url.startswith(own)] == []


async def test_the_only_flow_is_drawn_at_once_and_all_of_it_is_text(shown: Tutorial) -> None:
    await shown.go("flows")
    await shown.page.text("SubmitTicket", "POST /tickets", "TriageTicket", "ticket.submitted", "TypeScript")
    await shown.page.text("ExtractKeywords", "ticket.triaged", "Python", "DailyDigest", "0 9 * * *")
    await shown.page.text("digest.ready", "No step subscribes to it", "React Flow")
    assert await shown.page.evaluate("location.pathname") == "/__polystep/flows/ticket-triage"
    await shown.page.click("Flows")
    await shown.page.until("document.querySelectorAll('.react-flow__node').length === 5")
    await shown.go("flows?all=on")
    await shown.page.text("ticket-triage", "4 steps")


async def test_a_ticket_is_seen_on_the_graph_and_moves_no_node(shown: Tutorial) -> None:
    shown.model.open.clear()
    await shown.go(FLOW)
    await shown.page.text("TriageTicket", "Idle", "Live")
    await counted(shown.host, "ticket-triage")
    before = await places(shown.page)
    since = len(shown.host.lines)
    await shown.host.post("/tickets", TICKET)
    # The step of the request may be seen at work before.
    await shown.page.until(
        "[...document.querySelectorAll('.react-flow__node')]"
        ".some((n) => n.innerText.includes('TriageTicket') && n.innerText.includes('1 running'))"
    )
    shown.model.open.set()
    await shown.host.line("Keywords extracted", since=since)
    await shown.page.until("!document.body.innerText.includes('running')")
    await shown.page.until(
        "/1\\/(min|\\d+ s)/.test(document.querySelector('.react-flow__edgelabel-renderer').innerText)"
    )
    # How long it took, and what a screen reader hears.
    await shown.page.until(
        "[...document.querySelectorAll('.react-flow__node')].some((n) => /TriageTicket[^]*p95 /.test(n.innerText))"
    )
    assert await places(shown.page) == before


async def test_the_path_of_a_trace_is_painted_with_durations(shown: Tutorial) -> None:
    trace = await shown.trace_of("SubmitTicket", "completed")
    await shown.go(f"traces/{trace}")
    await shown.page.click("On the graph")
    await shown.page.text("Path of trace", "Open the trace: 3 runs", "Not in this trace")
    await shown.page.until("document.querySelectorAll('path[data-state=taken]').length === 2")
    await shown.page.until(
        "[...document.querySelectorAll('.react-flow__node')]"
        ".filter((node) => /Done · .*(ms|s)$/m.test(node.innerText)).length === 3"
    )
    assert await shown.page.evaluate("location.pathname + location.search") == f"/__polystep/{FLOW}?trace={trace}"
    await shown.go(f"{FLOW}?trace={trace}")
    await shown.page.text("Path of trace", "Done ·")
    await shown.page.click("Open the trace")
    await shown.page.text("Logs of this trace", "POST /tickets")


async def test_a_file_that_does_not_load_is_drawn_with_the_reason_and_moves_no_node(shown: Tutorial) -> None:
    await shown.go(FLOW)
    await shown.page.text("SubmitTicket", "Live")
    before = await places(shown.page)
    broken = shown.project / "steps" / "broken.step.ts"
    broken.write_text("export const config = { type: 'api', name: }\n")
    try:
        await shown.page.text("broken.step.ts", "Does not load")
        await shown.page.until("document.querySelectorAll('.react-flow__node').length === 6")
        after = await places(shown.page)
        assert {key: after[key] for key in before} == before
        await shown.go(f"{FLOW}?step=steps/broken.step.ts")
        await shown.page.text("Syntax error in steps/broken.step.ts:1:44", "> 1 | export const config")
    finally:
        broken.unlink()
    await shown.page.until("document.querySelectorAll('.react-flow__node').length === 5")


async def test_a_step_has_its_runs_its_source_and_doors_beside_it(shown: Tutorial) -> None:
    await shown.go(f"{FLOW}?step=TriageTicket")
    await shown.page.text("Last traces", "SubmitTicket", "Source", "emits: ['ticket.triaged']", "Config", "retriesMax")
    assert await href(shown.page, "Emit to this") == "/__polystep/emit?topic=ticket.submitted"
    marked = await shown.page.evaluate(
        "[...document.querySelectorAll('aside pre > span[class]')].map((e) => e.innerText.trim())"
    )
    assert "emits: ['ticket.triaged']," in marked
    await shown.page.click("Path")
    await shown.page.text("Path of trace")
    await shown.page.press("Escape")
    await shown.page.until("!document.querySelector('aside')")
    await shown.page.press("Escape")
    await shown.page.until("location.search === ''")
    await shown.go(f"{FLOW}?step=SubmitTicket")
    await shown.page.text("Last traces", "Try it")
    assert await href(shown.page, "Try it") == "/__polystep/endpoints?step=SubmitTicket"


async def test_the_same_graph_is_a_table_and_a_step_is_found_by_key(shown: Tutorial) -> None:
    await shown.go("traces")
    await shown.page.text("SubmitTicket")
    await shown.page.press("g", "f")
    await shown.page.text("ExtractKeywords", "React Flow")
    await shown.page.press("L")
    text = await shown.page.text("Comes from", "Leads to", "No step subscribes to it", "ExtractKeywords")
    assert text.index("SubmitTicket") < text.rindex("ticket.submitted")
    assert await shown.page.evaluate("location.search") == "?view=table"
    assert await shown.page.evaluate("document.querySelectorAll('tbody tr').length") == 5
    await shown.page.press("/")
    await shown.page.until("document.activeElement.type === 'search'")
    await shown.page.press(*"python")
    await shown.page.until("document.querySelectorAll('tbody tr').length === 1")
    await shown.page.press("Enter")
    await shown.page.text("Extracts top keywords from a ticket using native Python")
    assert "step=ExtractKeywords" in await shown.page.evaluate("location.search")
    await shown.page.evaluate("document.activeElement.blur()")
    await shown.page.press("L")
    await shown.page.until(
        "document.querySelector('.react-flow__node.selected')?.innerText.includes('ExtractKeywords')"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_breaks_a_rule_of_accessibility(shown: Tutorial, scheme: str) -> None:
    trace = await shown.trace_of("SubmitTicket", "completed")
    pages = {
        f"{FLOW}?trace={trace}": "Done ·",
        f"{FLOW}?view=table&step=topic:digest.ready": "No step subscribes to it",
    }
    for size in (WIDE, PHONE, NARROWEST):
        await shown.page.shape(*size, scheme)
        for path, text in pages.items():
            await shown.go(path)
            await shown.page.text(text)
            assert await violations(shown.page) == [], (path, size)
            wide = await shown.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{path} is {wide} px wider than a window of {size[0]} px"
    await shown.page.shape(*WIDE)


async def test_a_node_that_was_dragged_is_there_again_after_a_restart(shown: Tutorial, tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/first_step.py": FIRST, "steps/second_step.py": SECOND})
    motia = [{"id": "shop", "config": {"steps/first_step.py": {"x": 40, "y": 300}}}]
    (project / "motia-workbench.json").write_text(json.dumps(motia))
    async with Running(project) as host:
        shown.page.hosts_gone.add(host.url)
        await shown.page.open(f"{host.url}/__polystep/flows/shop")
        await shown.page.text("First", "Second", "Live")
        # What Motia has kept is used, and the step that it does not know is beside the one that leads to it.
        assert await places(shown.page) == {"steps/first_step.py": [40, 300], "steps/second_step.py": [406, 300]}
        await drag(shown.page, "steps/second_step.py", 60, -90)
        moved = await places(shown.page)
        kept = await kept_as(host, {key: {"x": x, "y": y} for key, (x, y) in moved.items()})
        await shown.page.open("about:blank")
    assert kept["nodes"] == json.loads((project / "polystep-workbench.json").read_text())["flows"]["shop"]
    async with Running(project) as host:
        shown.page.hosts_gone.add(host.url)
        await shown.page.open(f"{host.url}/__polystep/flows/shop")
        await shown.page.text("First", "Second", "Live")
        assert await places(shown.page) == moved
        # Somebody else has moved a node meanwhile: both are kept.
        version = (await host.api("flows/shop/layout"))["version"]
        theirs = {**kept["nodes"], "steps/first_step.py": {"x": 7, "y": 7}}
        await host.http.put(
            "/__polystep/api/flows/shop/layout", json={"nodes": theirs, "version": version}, raise_for_status=True
        )
        await drag(shown.page, "steps/second_step.py", 0, 50)
        x, y = (await places(shown.page))["steps/second_step.py"]
        await kept_as(host, {"steps/first_step.py": {"x": 7, "y": 7}, "steps/second_step.py": {"x": x, "y": y}})
        shown.page.forget("layout", 409)
        # A file that a merge has left broken is not overwritten.
        (project / "polystep-workbench.json").write_text("<<<<<<< ours\n")
        await shown.page.open(f"{host.url}/__polystep/flows/shop")
        await shown.page.text("polystep-workbench.json is no JSON", "First")
        await shown.page.open("about:blank")


async def test_hostile_names_stay_text(shown: Tutorial, tmp_path: Path) -> None:
    files = {
        f"steps/h{at}_step.py": HOSTILE_STEP.replace("NAME", json.dumps(text[:80])).replace(
            "TOPIC", json.dumps(text[:80])
        )
        for at, text in enumerate(HOSTILE)
        if text.isascii() and text.isprintable() and text.strip() == text and text
    }
    async with Running(make_project(tmp_path, files)) as host:
        shown.page.hosts_gone.add(host.url)
        for view in ("", "&view=table"):
            await shown.page.open(f"{host.url}/__polystep/flows/{quote('<b>', safe='')}?q={view}")
            await shown.page.text("<b>", "No step subscribes to it")
            await assert_only_text(shown.page)
        names = [node["step"] for node in (await host.api("flows/*"))["nodes"]]
        assert len(names) >= 5
        for name in names[:4]:
            await shown.page.open(f"{host.url}/__polystep/flows/{quote('<b>', safe='')}?step={quote(name)}")
            await shown.page.text("Last traces")
            await assert_only_text(shown.page)
        await shown.page.open("about:blank")


async def test_of_300_steps_those_in_sight_are_drawn_and_none_moves(shown: Tutorial, tmp_path: Path) -> None:
    files = {"steps/start_step.py": START}
    files |= {f"steps/s{at}_step.py": MIDDLE.format(at=at, source=(at - 1) // 2) for at in range(1, STEPS_OF_LARGE)}
    async with Running(make_project(tmp_path, files)) as host:
        shown.page.hosts_gone.add(host.url)
        await shown.page.open(f"{host.url}/__polystep/flows/large")
        await shown.page.text("Start", "Live", "React Flow")
        await counted(host, "large")
        before = await places(shown.page)
        assert len(before) > 10
        (layout_ms,) = await shown.page.evaluate(LAYOUTS)
        sys.stdout.write(f"\nlayout of {STEPS_OF_LARGE} steps {layout_ms:.0f} ms, in a worker\n")
        # The browser has kept it.
        await shown.page.open("about:blank")
        await shown.page.open(f"{host.url}/__polystep/flows/large")
        await shown.page.text("Start", "Live", "React Flow")
        assert await places(shown.page) == before
        assert await shown.page.evaluate(LAYOUTS) == []
        await host.post("/start", {})
        await shown.page.until("/\\d\\/(min|\\d+ s)/.test(document.body.innerText)")
        after = await places(shown.page)
        assert {key: after[key] for key in before if key in after} == {
            key: place for key, place in before.items() if key in after
        }
        await shown.page.evaluate("document.querySelector('[aria-label=\"Zoom in\"]').focus()")
        for _ in range(14):
            await shown.page.press("+")
        await shown.page.until("document.querySelectorAll('.react-flow__node').length < 60")
        await shown.page.press("L")
        # Half of the steps emit what nobody takes.
        await shown.page.until(f"document.querySelectorAll('tbody tr').length === {STEPS_OF_LARGE * 3 // 2}")
        await shown.page.open("about:blank")


async def places(page: Page) -> dict[str, list[int]]:
    """Left and top of every node that is drawn, in the graph's own pixels."""
    await page.until("document.querySelector('.react-flow__node')")
    found: dict[str, list[int]] = await page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('.react-flow__node')].map((node) =>"
        " [node.dataset.id, node.style.transform.match(/-?[\\d.]+/g).map((each) => Math.round(Number(each)))]))"
    )
    return found


async def drag(page: Page, key: str, right: int, down: int) -> None:
    """Drag a node by the mouse; returns when it is let go somewhere else."""
    start = (await places(page))[key]
    x, y = await page.evaluate(
        f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])"
        f"(document.querySelector('.react-flow__node[data-id={json.dumps(key)}]').getBoundingClientRect())"
    )
    for kind, dx, dy in (("Moved", 0, 0), ("Pressed", 0, 0), ("Moved", right // 2, down // 2), ("Moved", right, down)):
        await mouse(page, kind, x + dx, y + dy)
    await page.until(
        f"document.querySelector('.react-flow__node.dragging[data-id={json.dumps(key)}]')"
        f"?.style.transform.match(/-?[\\d.]+/g).map((each) => Math.round(each)).join() !== '{start[0]},{start[1]}'"
    )
    await mouse(page, "Released", x + right, y + down)
    await page.until("!document.querySelector('.react-flow__node.dragging')")


async def mouse(page: Page, kind: str, x: float, y: float) -> None:
    held: dict[str, Any] = {"button": "left", "buttons": 1, "clickCount": 1}
    params = {"type": f"mouse{kind}", "x": x, "y": y, **held}
    await page._send("Input.dispatchMouseEvent", params)


async def kept_as(host: Running, nodes: Any) -> Any:
    """The layout of the flow `shop`, once these places are kept in the file of the project."""
    async with asyncio.timeout(WAIT_S):
        while (found := await host.api("flows/shop/layout"))["nodes"] != nodes:
            pass
    assert found["file"] == "polystep-workbench.json"
    return found


async def counted(host: Running, flow: str) -> None:
    """Wait until the host counts events, as it does while a page follows the flows."""
    async with asyncio.timeout(WAIT_S):
        while (await host.api(f"flows/{flow}/counts"))["countedS"] is None:
            pass


async def href(page: Page, text: str) -> Any:
    return await page.evaluate(
        "[...document.querySelectorAll('aside a')]"
        f".find((link) => link.innerText === {json.dumps(text)}).getAttribute('href')"
    )


FIRST = """
config = {"type": "api", "name": "First", "method": "POST", "path": "/first", "emits": ["next"], "flows": ["shop"]}
async def handler(req, context):
    return {"status": 200, "body": {}}
"""
SECOND = """
config = {"type": "event", "name": "Second", "subscribes": ["next"], "emits": [], "flows": ["shop"]}
async def handler(data, context):
    pass
"""
HOSTILE_STEP = """
config = {"type": "event", "name": NAME, "description": NAME, "subscribes": [TOPIC], "emits": ["to " + TOPIC],
          "flows": ["<b>"]}
async def handler(data, context):
    pass
"""
START = """
config = {"type": "api", "name": "Start", "method": "POST", "path": "/start", "emits": ["t0"], "flows": ["large"]}
async def handler(req, context):
    await context.emit({"topic": "t0", "data": {}})
    return {"status": 200, "body": {}}
"""
MIDDLE = """
config = {{"type": "event", "name": "S{at}", "subscribes": ["t{source}"], "emits": ["t{at}"], "flows": ["large"]}}
async def handler(data, context):
    pass
"""
