"""Odd names of flows, streams and groups of the state: each page is reached by its link, and by a typed address."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.browser import browse, chromium
from tests.e2e.running import Running, make_project
from tests.e2e.workbench import WIDE, Shown, assert_only_text

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

ODD = [
    "..",
    ".",
    "a/b",
    "/lead",
    "../up",
    "100%",
    "%2F",
    "a%20b",
    "a b",
    "a+b",
    "größe",
    "?x=1#y",
    "[1]",
    "true",
    '"q"',
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    async with (
        Running(make_odd(tmp_path_factory.mktemp("odd"))) as host,
        browse(tmp_path_factory.mktemp("profile")) as page,
    ):
        await page.open("about:blank")
        await page.shape(*WIDE)
        await host.post("/fill", {"names": ODD})
        yield Shown(host, page, host.project)


def make_odd(folder: Path) -> Path:
    streams = {
        f"steps/s{at}.stream.ts": f"export const config = {{ name: {json.dumps(name)}, schema: null }}\n"
        for at, name in enumerate(ODD)
    }
    return make_project(folder, {"steps/fill_step.py": FILL.replace("NAMES", repr(ODD)), **streams})


@pytest.mark.parametrize(("page", "inside"), [("flows?all=on", "Fill"), ("streams", "odd"), ("state", "key of ")])
async def test_each_name_of_a_list_leads_to_its_page(shown: Shown, page: str, inside: str) -> None:
    await shown.go(page)
    await shown.page.text(*ODD)
    links = await shown.page.evaluate(
        "[...document.querySelectorAll('main li a, main [role=listitem] a')]"
        ".map((a) => [a.innerText.split('\\n')[0], a.href])"
    )
    found = {name: address for name, address in links if name in ODD}
    assert sorted(found) == sorted(ODD)
    for name, address in found.items():
        await shown.page.open("about:blank")
        await shown.page.open(address)
        await shown.page.until(f"document.querySelector('h1')?.innerText === {json.dumps(name)}")
        await shown.page.text(f"{inside}{name}" if inside == "key of " else inside, "Live")
        await assert_only_text(shown.page)
    assert shown.page.complaints == []


@pytest.mark.parametrize(
    ("address", "name"), [("state/a/b", "a/b"), ("state/100%", "100%"), ("streams/a/b", "a/b"), ("flows/100%", "100%")]
)
async def test_a_name_may_be_typed_as_it_is(shown: Shown, address: str, name: str) -> None:
    await shown.go(address)
    await shown.page.until(f"document.querySelector('h1')?.innerText === {json.dumps(name)}")
    assert shown.page.complaints == []


FILL = """
config = {
    "type": "api", "name": "Fill", "method": "POST", "path": "/fill", "emits": [], "flows": NAMES,
}

async def handler(req, context):
    for name in req["body"]["names"]:
        await context.state.set(name, f"key of {name}", name)
        await context.streams[name].set("odd", name, {"name": name})
    return {"status": 200, "body": {}}
"""
