"""The defaults that keep other sites, other names and other programs out."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
import pytest
import yarl

from polystep.contracts.addresses import is_loopback
from polystep.http import HttpSettings
from polystep.http.origins import HostNames
from polystep.http.static_files import SECURITY_HEADERS, StaticFiles
from tests.unit.http.fakes import TOKEN, HttpHarness, api_step, running

ROOT = api_step("Root", "GET", "/hello")
BEARER = {"Authorization": f"Bearer {TOKEN}"}
OPEN = HttpSettings(port=0, token=TOKEN)
GUARDED = HttpSettings(port=0, token=TOKEN, require_token_for_reads=True)
REPLAY = "/__polystep/api/dead-letters/7/replay"


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("LOCALHOST:3000", True),
        ("localhost.", True),
        ("127.0.0.1:1", True),
        ("[::1]:3000", True),
        ("app.localhost", True),
        ("api.example.com", True),
        ("a.b.wild.example.org", True),
        ("wild.example.org", True),
        ("evil.com", False),
        ("localhost.evil.com", False),
        ("evillocalhost", False),
        ("127.0.0.1.evil.com", False),
        ("192.168.1.5", False),
        ("localhost:99:1", False),
        ("localhost@evil.com", False),
        ("evil.com#localhost", False),
        ("", False),
        ("[::1", False),
    ],
)
def test_a_loopback_server_answers_to_its_own_names(host: str, allowed: bool) -> None:
    names = HostNames(HttpSettings(allowed_hosts=("API.example.com", "*.wild.example.org")))
    assert names.allows(host) is allowed
    assert names.allows(host) is allowed  # also once it is remembered


def test_a_server_on_every_address_answers_to_addresses_but_not_to_names() -> None:
    names = HostNames(HttpSettings(host="0.0.0.0"))
    assert [names.allows(host) for host in ("192.168.1.5:3000", "[2001:db8::1]", "evil.com")] == [True, True, False]
    assert HostNames(HttpSettings(host="box.lan")).allows("box.lan:3000")


def test_only_addresses_of_this_machine_are_loopback() -> None:
    given = ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "0.0.0.0", "::", "192.168.0.1", "box.lan"]
    assert [is_loopback(host) for host in given] == [True] * 5 + [False] * 4


@pytest.mark.parametrize(
    "path", ["/", "/hello", "/__polystep/", "/__polystep/health", "/__polystep/api/steps", "/nope"]
)
async def test_every_path_refuses_a_foreign_host_name(path: str) -> None:
    async with running(ROOT) as harness:
        answer = await harness.client.get(path, headers={"Host": "evil.com"})
        assert (answer.status, await answer.json()) == (
            403,
            {
                "error": "Host not allowed",
                "hint": "Add 'evil.com' to `[http] allowed_hosts` to let clients use this name.",
            },
        )
        assert harness.steps.calls == []


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("GET /hello HTTP/1.1", 400),
        ("GET /hello HTTP/1.0", 400),
        ("GET /hello HTTP/1.1\r\nHost: localhost\r\nHost: evil.com", 400),
        ("GET http://evil.com/hello HTTP/1.1\r\nHost: localhost", 403),
        ("GET http://localhost/hello HTTP/1.1\r\nHost: localhost", 200),
        ("OPTIONS * HTTP/1.1\r\nHost: localhost", 400),
    ],
)
async def test_a_request_must_say_once_and_truly_whom_it_is_for(lines: str, status: int) -> None:
    async with running(ROOT) as harness:
        answer = await harness.raw(f"{lines}\r\nConnection: close\r\n\r\n".encode())
        head, _, body = answer.partition(b"\r\n\r\n")
        assert int(head.split(b" ")[1]) == status
        assert json.loads(body)


async def test_a_websocket_is_refused_a_foreign_host_name_before_the_upgrade() -> None:
    async with running(ROOT) as harness:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await harness.client.ws_connect("/", headers={"Host": "evil.com"})
        assert refused.value.status == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        (BEARER, 200),
        ({"Authorization": "Bearer wrong"}, 403),
        ({"Authorization": f"Basic {TOKEN}"}, 403),
        ({"Authorization": "Bearer "}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-site", "Origin": "SELF"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", **BEARER}, 403),
        ({"Origin": "SELF"}, 200),
        ({"Origin": "http://localhost:1"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_changes_need_the_token_or_the_hosts_own_page(headers: dict[str, str], status: int) -> None:
    async with running(settings=OPEN) as harness:
        sent = {name: harness.url if value == "SELF" else value for name, value in headers.items()}
        answer = await harness.client.post(REPLAY, headers=sent)
        assert answer.status == status
        assert "error" in await answer.json() or status == 200


async def test_without_a_token_no_bearer_is_right() -> None:
    async with running(settings=HttpSettings(port=0)) as harness:
        for given in ("Bearer", "Bearer ", "Bearer x"):
            assert (await harness.client.post(REPLAY, headers={"Authorization": given})).status == 403


@pytest.mark.parametrize("path", ["/__polystep/", "/__polystep/app/theme.js", "/__polystep/api/steps"])
async def test_reads_need_the_token_off_loopback(path: str) -> None:
    async with running(settings=GUARDED) as harness:
        answer = await harness.client.get(path)
        assert (answer.status, (await answer.json())["error"]) == (401, "Token required")
        assert (await harness.client.get(path, headers={"Authorization": "Bearer x"})).status == 401
        assert (await harness.client.get(path, headers=BEARER)).status == 200
        assert (await harness.client.get("/__polystep/health")).status == 200
        # The page's own script is no proof off loopback: anybody who can reach the port has "the page".
        assert (await harness.client.post(REPLAY, headers={"Sec-Fetch-Site": "same-origin"})).status == 401


async def test_the_token_in_the_address_becomes_a_strict_cookie_and_leaves_the_address() -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    async with running(settings=GUARDED) as harness, aiohttp.ClientSession(harness.url, cookie_jar=jar) as browser:
        wrong = await browser.get("/__polystep/?token=wrong", allow_redirects=False)
        assert wrong.status == 401
        opened = await browser.get(f"/__polystep/?token={TOKEN}", allow_redirects=False)
        assert (opened.status, opened.headers["Location"]) == (303, "/__polystep/")
        cookie = opened.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "Path=/__polystep/" in cookie
        assert TOKEN not in cookie
        assert (await browser.get("/__polystep/")).status == 200
        assert (await browser.get("/__polystep/api/steps")).status == 200
        assert (await browser.post(REPLAY)).status == 403
        assert (await browser.post(REPLAY, headers={"Sec-Fetch-Site": "same-origin"})).status == 200
        jar.clear()
        jar.update_cookies({"polystep_session": "forged"}, yarl.URL(harness.url))
        assert (await browser.get("/__polystep/api/steps")).status == 401


async def test_other_sites_may_link_to_the_page_but_not_read_the_api() -> None:
    async with running() as harness:
        cross = {"Sec-Fetch-Site": "cross-site"}
        assert (await harness.client.get("/__polystep/", headers={**cross, "Sec-Fetch-Mode": "navigate"})).status == 200
        assert (
            await harness.client.get("/__polystep/api/steps", headers={**cross, "Sec-Fetch-Mode": "cors"})
        ).status == 403


@pytest.mark.parametrize("path", ["/__polystep/", "/__polystep/health", "/__polystep/api/steps", "/__polystep/nope"])
async def test_the_admin_side_never_has_cors_headers(path: str) -> None:
    settings = HttpSettings(port=0, dev=True, allowed_origins=("*",), token=TOKEN)
    async with running(settings=settings) as harness:
        headers = {"Origin": "http://localhost:5173", "Access-Control-Request-Method": "GET"}
        for answer in (
            await harness.client.get(path, headers=headers),
            await harness.client.options(path, headers=headers),
        ):
            assert [name for name in answer.headers if name.lower().startswith("access-control")] == []


async def test_an_encoded_prefix_does_not_reach_the_admin_side() -> None:
    async with running(settings=GUARDED) as harness:
        for path in ("/%5F_polystep/api/steps", "/__polystep%2Fapi/steps", "//__polystep/api/steps"):
            answer = await harness.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            assert answer.startswith(b"HTTP/1.1 404 ")


async def test_everything_of_ours_carries_the_strict_headers() -> None:
    async with running() as harness:
        for path in ("/", "/__polystep/", "/__polystep/app/theme.js", "/__polystep/health", "/__polystep/api/nope"):
            answer = await harness.client.get(path)
            assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
        policy = SECURITY_HEADERS["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert (await harness.client.get("/__polystep/api/steps")).headers["Cache-Control"] == "no-store"


def test_static_files_never_leave_their_folder(tmp_path: Path) -> None:
    root = tmp_path / "static"
    root.mkdir()
    (root / "index.html").write_text("page")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "static-secret").write_text("secret")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "loop").symlink_to(root / "loop")
    files = StaticFiles(root)
    assert files.find("") == files.find("index.html") == root.resolve() / "index.html"
    for path in (
        "../secret",
        "%2e%2e/secret",
        "..%2fsecret",
        "../static-secret",
        "link",
        "loop",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "index.html%00",
        "..%5csecret",
        ".",
        "a" * 5000,
    ):
        assert files.find(path) is None, path


async def raw_get(harness: HttpHarness, path: str) -> bytes:
    return await harness.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())


async def test_path_tricks_against_the_static_files_are_404() -> None:
    async with running() as harness:
        for path in ("/__polystep/../server.py", "/__polystep/..%2fserver.py", "/__polystep/%2e%2e/server.py"):
            assert (await raw_get(harness, path)).startswith(b"HTTP/1.1 404 ")


async def test_the_page_is_served_without_inline_code_and_at_the_root_when_it_is_free() -> None:
    async with running() as harness:
        page = await (await harness.client.get("/__polystep/")).text()
        assert page == await (await harness.client.get("/")).text()
        assert "<script>" not in page
        assert " style=" not in page
        assert " onclick=" not in page
        harness.project.replace(api_step("Home", "GET", "/"))
        assert await (await harness.client.get("/")).json() == {"ok": True}


async def test_the_page_at_the_root_moves_below_its_cookie_when_a_token_is_needed() -> None:
    async with running(settings=GUARDED) as harness:
        answer = await harness.client.get("/", allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (302, "/__polystep/")


CROSS = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
EVIL = {**CROSS, "Origin": "https://evil.example"}
FRIEND = {**CROSS, "Origin": "https://app.example.com"}


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", EVIL, 403),
        ("DELETE", EVIL, 403),
        ("POST", {**CROSS, "Origin": "null"}, 403),
        ("POST", CROSS, 403),
        ("GET", EVIL, 200),
        ("POST", FRIEND, 200),
        ("POST", {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:5173"}, 200),
        ("POST", {"Sec-Fetch-Site": "same-origin", "Origin": "SELF"}, 200),
        ("POST", {"Sec-Fetch-Site": "none"}, 200),
        ("POST", {"Origin": "https://evil.example"}, 200),
        ("POST", {}, 200),
    ],
)
async def test_in_development_pages_of_other_sites_change_nothing(
    method: str, headers: dict[str, str], status: int
) -> None:
    steps = [api_step(name, name.upper(), "/things") for name in ("post", "get", "delete")]
    dev = HttpSettings(port=0, dev=True, allowed_origins=("https://app.example.com",))
    async with running(*steps, settings=dev) as harness:
        sent = {name: harness.url if value == "SELF" else value for name, value in headers.items()}
        answer = await harness.client.request(method, "/things", headers=sent)
        assert (answer.status, len(harness.steps.calls)) == (status, 1 if status == 200 else 0)
    async with running(*steps, settings=HttpSettings(port=0)) as harness:
        # In production other sites are the rule: a page there may post a form.
        assert (await harness.client.request(method, "/things", headers=EVIL)).status == 200


async def test_the_console_says_once_for_an_origin_what_lets_it_in(caplog: pytest.LogCaptureFixture) -> None:
    async with running(ROOT, settings=HttpSettings(port=0, dev=True)) as harness:
        for origin in (
            "https://a.example",
            "https://b.example",
            "https://a.example",
            harness.url,
            "http://localhost:1",
        ):
            await harness.client.get("/hello", headers={"Origin": origin})
        said = [record.getMessage() for record in caplog.records]
        assert [f'allowed_origins = ["https://{name}.example"]' in line for name, line in zip("ab", said, strict=True)]
        for number in range(50):
            await harness.client.get("/hello", headers={"Origin": f"https://{number}.example"})
        assert len(caplog.records) == 20
