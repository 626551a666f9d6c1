"""The page at `/docs` in a real browser: it shows the routes, sends a request, and asks no other server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.e2e.browser import Page, browse, chromium
from tests.e2e.running import Running, make_project

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

HOSTILE = "<img src=x onerror=document.title='stolen'>"

GREET = f"""
export const config = {{
  type: 'api', name: 'Greet', method: 'POST', path: '/greet/:name', emits: [], flows: ['greetings'],
  description: "Says hello. {HOSTILE}",
  bodySchema: {{ type: 'object', properties: {{ loud: {{ type: 'boolean', example: true }} }}, required: ['loud'] }},
  responseSchema: {{ 200: {{ type: 'object', properties: {{ said: {{ type: 'string' }} }} }} }},
}}
export const handler = async (req) => ({{ status: 200, body: {{ said: `HELLO ${{req.pathParams.name}}` }} }})
"""


@dataclass(frozen=True)
class Shown:
    """A live host and a browser that looks at it."""

    host: Running
    page: Page


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    files = {"steps/greet.step.js": GREET, "package.json": '{"name": "greeter", "type": "module"}'}
    project = make_project(tmp_path_factory.mktemp("docs"), files)
    async with Running(project) as host, browse(tmp_path_factory.mktemp("profile")) as page:
        yield Shown(host, page)
        # Nothing broke the content policy, nothing was asked of elsewhere.
        assert page.complaints == []


async def test_the_page_shows_routes_and_links_both_documents(shown: Shown) -> None:
    await shown.page.open(f"{shown.host.url}/docs")
    text = await shown.page.text("greeter", "greetings", "/greet/{name}", "Says hello.")
    assert "AsyncAPI" in text
    links = await shown.page.evaluate("[...document.querySelectorAll('nav a')].map((each) => each.pathname)")
    assert links == ["/openapi.json", "/asyncapi.json"]
    # What a step says of itself is text or harmless markup, and never runs.
    assert await shown.page.evaluate("document.title") == "greeter API"


async def test_a_request_can_be_tried_from_the_page(shown: Shown) -> None:
    await shown.page.open(f"{shown.host.url}/docs")
    await shown.page.click("/greet/{name}")
    await shown.page.text("Execute", "Edit Value")
    await shown.page.evaluate(FILL)
    await shown.page.click("Execute")
    await shown.page.text("HELLO Ada", "x-trace-id")


async def test_everything_came_from_the_host(shown: Shown) -> None:
    asked = await shown.page.evaluate("performance.getEntriesByType('resource').map((each) => each.name)")
    assert f"{shown.host.url}/openapi.json" in asked
    assert [url for url in asked if not url.startswith((f"{shown.host.url}/", "data:"))] == []


# What a keyboard would cause. React compares with the value that it last set itself; Swagger UI waits for more to be
# typed, or for the focus to go.
FILL = """(() => {
  const input = document.querySelector('[data-param-name="name"] input')
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(input, 'Ada')
  input.dispatchEvent(new Event('input', { bubbles: true }))
  input.dispatchEvent(new FocusEvent('focusout', { bubbles: true }))
})()"""
