"""The Workbench of `polystep start`: off until the project says so, and then behind a sign-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.browser import Page, browse, chromium
from tests.e2e.running import Running, make_project

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

TOKEN = "a-token-that-the-user-chose"
HELLO = """
export const config = { type: 'api', name: 'Hello', path: '/hello', method: 'GET', emits: [] }
export const handler = async (_: unknown, { logger }: any) => { logger.info('hello'); return { status: 200, body: {} } }
"""
ON = "[workbench]\nenabled = true\n"
BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}


@dataclass(frozen=True)
class Locked:
    """A live `polystep start` with its Workbench on, and a browser."""

    host: Running
    page: Page

    def at(self, path: str) -> str:
        return f"{self.host.url}/__polystep/{path}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def locked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Locked]:
    chromium()
    project = make_project(tmp_path_factory.mktemp("locked"), {"polystep.toml": ON, "steps/hello.step.ts": HELLO})
    host = Running(project, verb="start", environment={"POLYSTEP_TOKEN": TOKEN})
    async with host, browse(tmp_path_factory.mktemp("profile")) as page:
        await host.get("/hello")
        yield Locked(host, page)


async def test_start_serves_no_workbench_until_the_project_says_so(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    project = make_project(tmp_path_factory.mktemp("off"), {"steps/hello.step.ts": HELLO})
    async with Running(project, verb="start") as host, aiohttp.ClientSession(host.url) as stranger:
        for path in ("", "traces", "app/theme.js"):
            async with stranger.get(f"/__polystep/{path}", headers=BROWSER) as answer:
                text = await answer.text()
                assert (answer.status, "The Workbench is off" in text, "enabled = true" in text) == (404, True, True)
        async with stranger.get("/") as answer:
            assert answer.status == 404
        # What programs use is there as before.
        async with stranger.get("/__polystep/api/steps") as answer:
            assert answer.status == 200
        async with stranger.post("/__polystep/api/dead-letters/replay", headers={"Sec-Fetch-Site": "none"}) as answer:
            assert answer.status == 403
        assert (await host.command("steps"))[0] == 0
        await host.line("Workbench  off", "[workbench]")


async def test_without_a_session_nothing_is_told_but_the_probes(locked: Locked) -> None:
    async with aiohttp.ClientSession(locked.host.url) as stranger:
        for path in ("", "traces", "state", "app/theme.js", "openapi.json", "api/steps", "api/traces", "live"):
            async with stranger.get(f"/__polystep/{path}") as answer:
                assert answer.status == 401, path
        for path in ("alive", "health", "session", "door.css"):
            async with stranger.get(f"/__polystep/{path}") as answer:
                assert answer.status == 200, path
        for headers in ({}, {"Sec-Fetch-Site": "same-origin"}, {"Cookie": "polystep_session=forged"}):
            async with stranger.post("/__polystep/api/emit", json={}, headers=headers) as answer:
                assert answer.status == 401
        async with stranger.get("/__polystep/health") as answer:
            assert "failing" not in await answer.json()
    assert (await locked.host.command("steps"))[0] == 0


async def test_the_address_survives_the_sign_in_and_the_page_is_live(locked: Locked) -> None:
    page = locked.page
    await page.open("about:blank")
    await page.open(locked.at("logs?q=hello"))
    await page.text("Sign in to the Workbench", "POLYSTEP_TOKEN")
    await _enter(page, "not the token")
    await page.arrive("This is not the token of this host.")
    await _enter(page, TOKEN)
    await page.arrive("Following", "Live")
    assert await page.evaluate("location.pathname + location.search") == "/__polystep/logs?q=hello"
    # No script can read the cookie, and the token is in no place where one could find it.
    assert await page.evaluate("document.cookie") == ""
    assert TOKEN not in await page.evaluate("JSON.stringify({...localStorage, ...sessionStorage}) + location.href")
    await locked.host.get("/hello")
    assert [each for each in page.complaints if "401" not in each] == []


async def test_signing_out_ends_what_the_open_page_may_do(locked: Locked) -> None:
    page = locked.page
    await page.click("Sign out")
    await page.arrive("Sign in to the Workbench")
    assert await page.evaluate("location.pathname") == "/__polystep/logs"
    assert await page.evaluate("fetch('/__polystep/api/steps').then((answer) => answer.status)") == 401


async def test_a_page_whose_session_is_over_says_so_and_comes_back(locked: Locked) -> None:
    page = locked.page
    await page.open("about:blank")
    await page.open(locked.at("traces?q=Hello"))
    await _enter(page, TOKEN)
    await page.arrive("Hello", "Live")
    # The session ends while the page is open, as it does after its time.
    ended = "fetch('/__polystep/session', { method: 'DELETE' }).then((answer) => answer.status)"
    assert await page.evaluate(ended) == 204
    await page.text("Signed out", "Sign in")
    # What was shown stays.
    await page.text("Hello")
    await page.click("Sign in")
    await _enter(page, TOKEN)
    await page.arrive("Hello", "Live")
    assert await page.evaluate("location.search") == "?q=Hello"


async def _enter(page: Page, token: str) -> None:
    """Type a token into the form, and send it as a click does."""
    await page.arrive("Sign in to the Workbench")
    await page.evaluate("document.querySelector('#token').focus()")
    await page.press(*token)
    await page.press("Enter")
