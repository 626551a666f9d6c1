"""Sign-in to the Workbench: its page, its cookie, and how a session ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from typing import Any

import aiohttp
import pytest
import yarl

from polystep.contracts.limits import GUESSES_FREE, SESSIONS_MAX
from polystep.http import HttpSettings
from polystep.http.sessions import Sessions
from polystep.testing import FakeClock
from tests.unit.http.fakes import TOKEN, HttpHarness, running

HOUR_S = 3600.0
LOCKED = HttpSettings(port=0, token=TOKEN, require_token_for_reads=True, session_s=12 * HOUR_S)
OFF = HttpSettings(port=0, token=TOKEN, workbench=False)
BROWSER = {"Accept": "text/html,*/*", "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}
OWN = {"Sec-Fetch-Site": "same-origin"}
REPLAY = "/__polystep/api/dead-letters/7/replay"
STEPS = "/__polystep/api/steps"
SESSION = "/__polystep/session"
LIVE = "/__polystep/live"
ADDRESS = "/__polystep/traces/6b0d9f41f72c?span=a%2Fb&from=1"


class Slowed(FakeClock):
    """Tells when a number of guesses wait."""

    def __init__(self) -> None:
        super().__init__()
        self.guesses = 0
        self.four_wait = asyncio.Event()

    async def sleep(self, delay_s: float) -> None:
        self.guesses += 1
        if self.guesses == 4:
            self.four_wait.set()
        await super().sleep(delay_s)


class Browser:
    """A client that keeps its cookie as a browser does."""

    def __init__(self, harness: HttpHarness) -> None:
        self.harness = harness
        self.cookie = ""
        self.sent = ""
        """The last `Set-Cookie`."""

    async def ask(self, method: str, path: str, headers: Mapping[str, str] = {}, **more: Any) -> tuple[int, Any, str]:
        cookie = {"Cookie": self.cookie} if self.cookie else {}
        async with self.harness.client.request(
            method, yarl.URL(path, encoded=True), headers={**cookie, **headers}, allow_redirects=False, **more
        ) as answer:
            self.sent = answer.headers.get("Set-Cookie", "")
            if self.sent:
                [found] = SimpleCookie(self.sent).values()
                self.cookie = f"{found.key}={found.value}" if found.value else ""
            return answer.status, answer.headers, await answer.text()

    async def sign_in(self, token: str = TOKEN, path: str = ADDRESS, **headers: str) -> tuple[int, Any, str]:
        return await self.ask("POST", path, {**BROWSER, **OWN, **headers}, data={"token": token})


@asynccontextmanager
async def browsing(clock: FakeClock | None = None, settings: HttpSettings = LOCKED) -> AsyncIterator[Browser]:
    async with running(settings=settings, clock=clock) as harness:
        yield Browser(harness)


async def test_a_page_asks_for_the_token_at_its_own_address_and_leads_back_to_it() -> None:
    async with browsing() as browser:
        status, headers, text = await browser.ask("GET", ADDRESS, BROWSER)
        assert (status, headers["Cache-Control"]) == (401, "no-store")
        assert '<form method="post">' in text
        assert "<script" not in text
        # The form has no other address than that of the page, so there is none that a link could name.
        assert "action=" not in text
        assert "form-action 'self'" in headers["Content-Security-Policy"]
        status, headers, _ = await browser.sign_in()
        assert (status, headers["Location"]) == (303, ADDRESS)
        assert (await browser.ask("GET", ADDRESS, BROWSER))[0] == 200
        assert (await browser.ask("GET", STEPS, OWN))[0] == 200
        assert (await browser.ask("POST", REPLAY, OWN))[0] == 200


async def test_the_style_of_the_sign_in_is_sent_to_everybody_and_nothing_else() -> None:
    async with browsing() as browser:
        assert (await browser.ask("GET", "/__polystep/door.css"))[0] == 200
        for path in ("/__polystep/", "/__polystep/app/theme.js", STEPS, "/__polystep/sign-in"):
            assert (await browser.ask("GET", path))[0] == 401


async def test_the_cookie_is_strict_hidden_from_scripts_ends_and_is_not_the_token() -> None:
    async with browsing() as browser:
        await browser.sign_in()
        assert TOKEN not in browser.sent
        [cookie] = SimpleCookie(browser.sent).values()
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/__polystep/")
        assert (cookie["max-age"], cookie["secure"]) == ("43200", "")
        first = cookie.value
        await browser.sign_in()
        assert first not in browser.sent


@pytest.mark.parametrize(
    ("headers", "is_secure"),
    [({}, False), ({"X-Forwarded-Proto": "https"}, True), ({"Host": "admin.example.com"}, True)],
)
async def test_the_cookie_stays_on_tls_where_the_browser_came_over_it(headers: dict[str, str], is_secure: bool) -> None:
    settings = HttpSettings(port=0, token=TOKEN, require_token_for_reads=True, admin_origin="https://admin.example.com")
    async with browsing(settings=settings) as browser:
        assert (await browser.sign_in(**headers))[0] == 303
        assert ("Secure" in browser.sent) is is_secure


async def test_a_wrong_token_is_told_and_many_are_slowed_and_refused() -> None:
    clock = Slowed()
    async with browsing(clock) as browser:
        for _ in range(GUESSES_FREE):
            status, _, text = await browser.sign_in("wrong")
            assert (status, browser.sent) == (401, "")
            assert 'role="alert">This is not the token' in text
        waiting = [asyncio.create_task(Browser(browser.harness).sign_in("wrong")) for _ in range(4)]
        await asyncio.wait_for(clock.four_wait.wait(), 30)
        status, headers, text = await browser.sign_in("wrong")
        assert (status, "Too many wrong tokens" in text) == (429, True)
        assert int(headers["Retry-After"]) >= 1
        # The right token is not held up by those that guess.
        assert (await browser.sign_in())[0] == 303
        await clock.advance(60)
        assert [status for status, _, _ in await asyncio.gather(*waiting)] == [401] * 4


async def test_a_session_is_over_after_its_time_and_its_sockets_are_closed() -> None:
    clock = FakeClock()
    async with browsing(clock) as browser:
        await browser.sign_in()
        headers = {"Cookie": browser.cookie, "Origin": browser.harness.url, **OWN}
        async with browser.harness.client.ws_connect(LIVE, headers=headers) as socket:
            await socket.receive_json(timeout=5)
            await clock.advance(12 * HOUR_S - 1)
            assert (await browser.ask("GET", STEPS, OWN))[0] == 200
            await clock.advance(1)
            assert (await browser.ask("GET", STEPS, OWN))[0] == 401
            assert (await browser.ask("GET", ADDRESS, BROWSER))[0] == 401
            await clock.advance(5)
            while (message := await socket.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
                pass
            assert (message.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, 1008)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await browser.harness.client.ws_connect(LIVE, headers=headers)
        assert refused.value.status == 401


async def test_signing_out_ends_the_session_on_the_host_too() -> None:
    async with browsing() as browser:
        told = '{"needed":true,"signedIn":false,"leftS":0}'
        assert (await browser.ask("GET", SESSION))[2] == told
        await browser.sign_in()
        assert '"signedIn":true' in (await browser.ask("GET", SESSION))[2]
        kept = browser.cookie
        assert (await browser.ask("DELETE", SESSION, {"Sec-Fetch-Site": "cross-site"}))[0] == 403
        assert (await browser.ask("DELETE", SESSION))[0] == 403
        assert (await browser.ask("DELETE", SESSION, OWN))[0] == 204
        assert browser.cookie == ""
        browser.cookie = kept
        assert (await browser.ask("GET", STEPS, OWN))[0] == 401
        assert (await browser.ask("DELETE", SESSION, OWN))[0] == 401


@pytest.mark.parametrize(
    ("headers", "data", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, {"token": TOKEN}, 403),
        ({"Sec-Fetch-Site": "same-site"}, {"token": TOKEN}, 403),
        ({"Origin": "http://evil.example"}, {"token": TOKEN}, 403),
        ({"Content-Type": "text/plain"}, f"token={TOKEN}", 415),
        ({"Content-Type": "application/json"}, f'{{"token": "{TOKEN}"}}', 415),
        ({}, {"token": "x" * 9000}, 413),
        ({}, {"other": TOKEN}, 401),
        ({}, {"token": ""}, 401),
        ({}, {f"a{at}": "1" for at in range(50)}, 401),
        ({}, {"token": f" {TOKEN}\n"}, 303),
    ],
)
async def test_only_the_form_of_the_own_page_signs_in(headers: dict[str, str], data: Any, status: int) -> None:
    async with browsing() as browser:
        assert (await browser.ask("POST", ADDRESS, headers, data=data))[0] == status
        assert bool(browser.cookie) is (status == 303)


async def test_every_address_after_the_sign_in_is_one_of_this_server() -> None:
    async with browsing() as browser:
        for path in ("/__polystep//evil.example/", "/__polystep/\\\\evil.example", "/__polystep/?to=//evil.example"):
            _, headers, _ = await browser.sign_in(path=path)
            assert headers["Location"].startswith("/__polystep/")


async def test_a_link_of_another_site_is_tried_again_with_the_cookie() -> None:
    async with browsing() as browser:
        from_elsewhere = {**BROWSER, "Sec-Fetch-Site": "cross-site"}
        status, headers, _ = await browser.ask("GET", ADDRESS, from_elsewhere)
        assert (status, headers["Refresh"]) == (401, "0")
        assert "Refresh" not in (await browser.ask("GET", ADDRESS, {**BROWSER, **OWN}))[1]


async def test_the_session_of_a_name_that_steps_use_counts_for_nothing() -> None:
    async with browsing() as browser:
        await browser.sign_in()
        host = {"Host": f"localhost:{browser.harness.port}"}
        assert (await browser.ask("GET", STEPS, host))[0] == 401
        status, _, _ = await Browser(browser.harness).sign_in(**host)
        assert status == 403


async def test_without_a_need_nobody_signs_in() -> None:
    async with browsing(settings=HttpSettings(port=0, token=TOKEN)) as browser:
        assert (await browser.ask("GET", ADDRESS, BROWSER))[0] == 200
        assert (await browser.sign_in())[0] == 405
        assert '"needed":false' in (await browser.ask("GET", SESSION))[2]


async def test_where_the_workbench_is_off_its_pages_say_so_and_the_api_works() -> None:
    async with browsing(settings=OFF) as browser:
        for path in ("/__polystep/", ADDRESS, "/__polystep/app/theme.js", "/__polystep/x"):
            status, headers, text = await browser.ask("GET", path, BROWSER)
            assert (status, "The Workbench is off" in text, "[workbench]" in text) == (404, True, True)
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
            status, _, text = await browser.ask("GET", path)
            assert (status, "Workbench off" in text, "enabled = true" in text) == (404, True, True)
            assert (await browser.sign_in(path=path))[0] == 404
        assert (await browser.ask("GET", f"/__polystep/?token={TOKEN}", BROWSER))[0] == 404
        assert (await browser.ask("GET", "/__polystep/door.css"))[0] == 200
        assert (await browser.ask("GET", STEPS))[0] == 200
        assert (await browser.ask("POST", REPLAY, {"Authorization": f"Bearer {TOKEN}"}))[0] == 200
        # The root is that of the steps alone.
        status, _, text = await browser.ask("GET", "/", BROWSER)
        assert (status, "Workbench" in text) == (404, False)


async def test_sessions_are_bounded_and_the_oldest_ends() -> None:
    clock = FakeClock()
    sessions = Sessions(clock, HOUR_S)
    first, *rest = [sessions.begin() for _ in range(SESSIONS_MAX + 1)]
    assert sessions.left_s(first) == 0
    assert [sessions.left_s(each) for each in rest] == [HOUR_S] * SESSIONS_MAX
    assert sessions.left_s("") == sessions.left_s("forged") == 0
    await clock.advance(HOUR_S)
    last = sessions.begin()
    assert [each for each in (*rest, last) if sessions.left_s(each)] == [last]
