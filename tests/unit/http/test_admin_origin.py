"""The admin pages have an origin of their own: what browsers may ask for, by the name that they use."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from polystep.http import HttpSettings
from polystep.http.admin_origin import AdminOrigin
from polystep.http.answers import step_answer
from tests.unit.http.fakes import TOKEN, HttpHarness, api_step, running

PAGE = api_step("Page", "GET", "/page")
REPLAY = "/__polystep/api/dead-letters/7/replay"
STEPS = "/__polystep/api/steps"
OPEN = HttpSettings(port=0, token=TOKEN)
PUBLIC = HttpSettings(
    port=0,
    token=TOKEN,
    require_token_for_reads=True,
    allowed_hosts=("app.example.com",),
    admin_origin="https://admin.example.com",
)
FROM_PAGE = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
OPENED = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


async def ask(
    harness: HttpHarness, path: str, name: str, headers: Mapping[str, str], method: str = "GET"
) -> tuple[int, Mapping[str, str]]:
    """Ask at a name of the server, as a browser would that resolves it."""
    host = name if name.endswith(".com") else f"{name}:{harness.port}"
    sent = {**headers, "Host": host}
    async with harness.client.request(method, path, headers=sent, allow_redirects=False) as answer:
        return answer.status, answer.headers.copy()


@pytest.mark.parametrize("path", [STEPS, "/__polystep/", "/__polystep/app/theme.js", "/__polystep/health"])
@pytest.mark.parametrize("name", ["localhost", "app.localhost", "[::1]"])
async def test_a_page_at_a_name_of_the_steps_gets_nothing_of_the_admin_surface(name: str, path: str) -> None:
    async with running(settings=OPEN) as harness:
        assert (await ask(harness, path, name, FROM_PAGE))[0] == 403
        assert (await ask(harness, path, name, {"Origin": f"http://{name}:{harness.port}"}))[0] == 403
        assert (await ask(harness, path, "127.0.0.1", FROM_PAGE))[0] == 200


async def test_a_page_at_a_name_of_the_steps_changes_nothing() -> None:
    async with running(settings=OPEN) as harness:
        assert (await ask(harness, REPLAY, "localhost", FROM_PAGE, "POST"))[0] == 403
        assert (await ask(harness, REPLAY, "localhost", OPENED, "POST"))[0] == 403
        assert (await ask(harness, REPLAY, "127.0.0.1", FROM_PAGE, "POST"))[0] == 200


@pytest.mark.parametrize("path", ["/", "/__polystep/", "/__polystep/api/traces?limit=5&x=%26"])
async def test_who_opens_it_at_localhost_is_sent_to_its_address(path: str) -> None:
    async with running(settings=OPEN) as harness:
        status, headers = await ask(harness, path, "localhost", OPENED)
        assert (status, headers["Location"]) == (302, f"http://127.0.0.1:{harness.port}{path}")
        # The port is the one of the request: a tunnel may have another.
        async with harness.client.get(path, headers={**OPENED, "Host": "localhost:9"}, allow_redirects=False) as answer:
            assert answer.headers["Location"] == f"http://127.0.0.1:9{path}"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
async def test_clients_that_are_no_browser_may_use_any_name(name: str) -> None:
    async with running(settings=OPEN) as harness:
        assert (await ask(harness, STEPS, name, {}))[0] == 200
        assert (await ask(harness, REPLAY, name, BEARER, "POST"))[0] == 200
        status, headers = await ask(harness, "/", name, {})
        assert (status, headers["Location"]) == (302, "/__polystep/")


async def test_a_name_that_strangers_may_reach_needs_the_token_for_reads() -> None:
    async with running(settings=HttpSettings(port=0, token=TOKEN, allowed_hosts=("tunnel.example.com",))) as harness:
        assert (await ask(harness, STEPS, "tunnel.example.com", {}))[0] == 401
        assert (await ask(harness, STEPS, "tunnel.example.com", BEARER))[0] == 200
        assert (await ask(harness, STEPS, "tunnel.example.com", OPENED))[0] == 403


async def test_on_a_public_address_the_session_counts_at_the_admin_origin_alone() -> None:
    async with running(PAGE, settings=PUBLIC) as harness:
        opened = f"/__polystep/?token={TOKEN}"
        status, headers = await ask(harness, opened, "admin.example.com", OPENED)
        cookie = headers["Set-Cookie"]
        assert (status, "Secure" in cookie, "HttpOnly" in cookie, "SameSite=Strict" in cookie) == (
            303,
            True,
            True,
            True,
        )
        session = {"Cookie": cookie.partition(";")[0]}
        assert (await ask(harness, STEPS, "admin.example.com", {**FROM_PAGE, **session}))[0] == 200
        assert (await ask(harness, STEPS, "127.0.0.1", {**FROM_PAGE, **session}))[0] == 200
        # Also where a browser says nothing of the page, as without TLS.
        for browser in (FROM_PAGE, OPENED, {"Origin": "https://app.example.com"}, {}):
            assert (await ask(harness, STEPS, "app.example.com", {**browser, **session}))[0] in (401, 403)
            assert (await ask(harness, REPLAY, "app.example.com", {**browser, **session}, "POST"))[0] in (401, 403)
            status, headers = await ask(harness, opened, "app.example.com", browser)
            assert (status, "Set-Cookie" in headers) == (403, False)


@pytest.mark.parametrize(
    ("kind", "sandboxed"),
    [
        ("text/html", True),
        ("TEXT/HTML; charset=utf-8", True),
        ("application/xhtml+xml", True),
        ("image/svg+xml", True),
        ("text/xml", True),
        ("unknown/unknown", True),
        ("", True),
        ("multipart/x-mixed-replace; boundary=a", True),
        ("text/plain", False),
        ("image/png", False),
        ("application/json", False),
    ],
)
async def test_pages_of_steps_have_an_origin_of_their_own_at_the_admin_origin(kind: str, sandboxed: bool) -> None:
    async with running(PAGE, settings=OPEN) as harness:
        harness.steps.result = {
            "status": 200,
            "headers": {"content-type": kind, "content-security-policy": "img-src 'none'"},
            "body": "<script>alert(1)</script>",
        }
        async with harness.client.get("/page", headers=OPENED) as answer:
            policies = answer.headers.getall("Content-Security-Policy")
            assert policies[0] == "img-src 'none'"
            assert [policy.startswith("sandbox allow-scripts ") for policy in policies[1:]] == [True] * sandboxed
            assert "allow-same-origin" not in str(policies)
            assert kind.startswith("application/json") or answer.headers["X-Content-Type-Options"] == "nosniff"
        status, headers = await ask(harness, "/page", "localhost", OPENED)
        assert (status, headers["Content-Security-Policy"]) == (200, "img-src 'none'")


async def test_the_console_says_once_where_pages_belong(caplog: pytest.LogCaptureFixture) -> None:
    async with running(PAGE, settings=OPEN) as harness:
        harness.steps.result = {"status": 200, "body": "<html></html>"}
        for _ in range(3):
            await ask(harness, "/page", "127.0.0.1", OPENED)
        said = [record.getMessage() for record in caplog.records]
        assert len(said) == 1
        assert f"http://localhost:{harness.port}" in said[0]


async def test_service_workers_of_steps_stay_away_from_the_admin_origin() -> None:
    async with running(PAGE, settings=OPEN) as harness:
        worker = {"Service-Worker": "script", "Sec-Fetch-Dest": "serviceworker"}
        assert (await ask(harness, "/page", "127.0.0.1", worker))[0] == 403
        assert (await ask(harness, "/page", "localhost", worker))[0] == 200


@pytest.mark.parametrize(
    ("host", "admin_origin", "url"),
    [
        ("127.0.0.1", "", "http://127.0.0.1:3000/__polystep/"),
        ("localhost", "", "http://127.0.0.1:3000/__polystep/"),
        ("0.0.0.0", "", "http://127.0.0.1:3000/__polystep/"),
        ("::1", "", "http://[::1]:3000/__polystep/"),
        ("0.0.0.0", "https://admin.example.com", "https://admin.example.com/__polystep/"),
    ],
)
def test_every_address_has_an_admin_url(host: str, admin_origin: str, url: str) -> None:
    assert AdminOrigin(HttpSettings(host=host, admin_origin=admin_origin)).url(3000) == url


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<!doctype html><p>x", "html"),
        ("\ufeff \n<!DOCTYPE  HTML>", "html"),
        ("<html lang=en>", "html"),
        ("<HTML>", "html"),
        ("<h1>x</h1>", "plain"),
        ("<htmlx>", "plain"),
        ("hello <html>", "plain"),
        ("<script>alert(1)</script>", "plain"),
        ("", "plain"),
    ],
)
def test_a_text_is_a_page_only_when_it_begins_as_one(text: str, kind: str) -> None:
    answer = step_answer({"status": 200, "body": text})
    assert answer.headers["Content-Type"] == f"text/{kind}; charset=utf-8"
