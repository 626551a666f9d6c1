"""The security defaults, each against a live host: `dev`, and `start` where it differs."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.running import Running, make_project
from tests.patience import HANG_S

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

EVIL = "https://evil.example"
LOCAL_PAGE = "http://localhost:5173"
FRIEND = "https://app.example.com"
TICK = "/__polystep/api/cron/Tick/run"
TOKEN = "a-token-that-the-user-chose"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hosts(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Running]]:
    """A live `dev` and a live `start`."""
    dev_files = {
        ".env": "FROM_FILE=file\nBOTH=file\n",
        "steps/hello.step.ts": HELLO,
        "steps/tick.step.js": TICK_STEP,
        "steps/env.step.ts": ENV_NODE,
        "steps/env_step.py": ENV_PYTHON,
        "steps/notes.stream.ts": NOTES,
    }
    start_files = {
        "polystep.toml": f'[http]\nallowed_origins = ["{FRIEND}"]\nallowed_hosts = ["api.example.com"]\ndocs = false\n',
        "steps/hello.step.ts": HELLO,
        "steps/tick.step.js": TICK_STEP,
        "steps/notes.stream.ts": NOTES,
    }
    environment = {"FROM_SHELL": "shell", "BOTH": "shell", "POLYSTEP_TOKEN": TOKEN, "POLYSTEP_ANYTHING": "x"}
    async with (
        Running(make_project(tmp_path_factory.mktemp("dev"), dev_files), environment=environment) as dev,
        Running(make_project(tmp_path_factory.mktemp("start"), start_files), verb="start") as start,
    ):
        yield {"dev": dev, "start": start}


async def test_what_the_host_keeps_is_for_its_user_alone(hosts: dict[str, Running]) -> None:
    for host in hosts.values():
        home = host.project / ".polystep"
        files = [path for path in home.iterdir() if path.is_file() and not path.is_symlink()]
        assert {"polystep.db", "polystep.db-wal", "polystep.db-shm", "traces.db", "token"} <= {
            each.name for each in files
        }
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in files}
        assert modes == dict.fromkeys(modes, 0o600)
        assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.fixture
def dev(hosts: dict[str, Running]) -> Running:
    return hosts["dev"]


@pytest.fixture
def start(hosts: dict[str, Running]) -> Running:
    return hosts["start"]


async def ask(
    host: Running, method: str, path: str, headers: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str]]:
    """Status and headers of an answer to a client that has no token of its own."""
    async with (
        aiohttp.ClientSession(host.url) as plain,
        plain.request(method, path, headers=headers, allow_redirects=False) as response,
    ):
        await response.read()
        return response.status, response.headers


async def raw(host: Running, request: str) -> str:
    """Send these bytes, as no client library would, and read until the host closes."""
    port = int(host.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode())
    async with asyncio.timeout(HANG_S):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.decode(errors="replace")


@pytest.mark.parametrize("verb", ["dev", "start"])
async def test_a_foreign_host_name_is_refused_everywhere(hosts: dict[str, Running], verb: str) -> None:
    host = hosts[verb]
    for path in ("/hello", "/", "/__polystep/", "/__polystep/health", "/__polystep/api/steps", "/nowhere"):
        assert (await ask(host, "GET", path, {"Host": "evil.example"}))[0] == 403
        assert (await ask(host, "GET", path, {"Host": "127.0.0.1.evil.example"}))[0] == 403
    assert (await ask(host, "POST", TICK, {"Host": "evil.example", "Authorization": f"Bearer {TOKEN}"}))[0] == 403
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with host.socket(headers={"Host": "evil.example"}):
            pass
    assert refused.value.status == 403
    for name in ("localhost", "127.0.0.1:1", "[::1]:3000"):
        assert (await ask(host, "GET", "/hello", {"Host": name}))[0] == 200
    twice = await raw(host, "GET /hello HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert twice.split(" ", 2)[1] == "400"
    absolute = await raw(host, "GET http://evil.example/hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert absolute.split(" ", 2)[1] == "403"


async def test_documents_are_served_under_the_same_rules_and_not_where_they_are_turned_off(
    dev: Running, start: Running
) -> None:
    for path in ("/openapi.json", "/asyncapi.json", "/docs"):
        async with aiohttp.ClientSession() as stranger:
            async with stranger.get(f"{dev.url}{path}") as answer:
                assert answer.status == 200
            async with stranger.get(f"{dev.url}{path}", headers={"Host": "evil.example"}) as answer:
                assert answer.status == 403
            async with stranger.get(f"{start.url}{path}") as answer:
                assert answer.status == 404


async def test_start_answers_to_the_host_names_of_its_config(dev: Running, start: Running) -> None:
    assert (await ask(start, "GET", "/hello", {"Host": "api.example.com"}))[0] == 200
    assert (await ask(dev, "GET", "/hello", {"Host": "api.example.com"}))[0] == 403


@pytest.mark.parametrize(
    ("verb", "origin", "allowed"),
    [
        ("dev", EVIL, False),
        ("dev", "null", False),
        ("dev", "http://localhost.evil.example", False),
        ("dev", FRIEND, False),
        ("dev", LOCAL_PAGE, True),
        ("dev", "http://127.0.0.1:8080", True),
        ("start", EVIL, False),
        ("start", LOCAL_PAGE, False),
        ("start", FRIEND, True),
    ],
)
async def test_cors_is_for_localhost_in_dev_and_for_the_configs_origins(
    hosts: dict[str, Running], verb: str, origin: str, allowed: bool
) -> None:
    host = hosts[verb]
    status, headers = await ask(host, "GET", "/hello", {"Origin": origin})
    assert (status, headers.get("Access-Control-Allow-Origin")) == (200, origin if allowed else None)
    assert "Access-Control-Allow-Credentials" not in headers
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "content-type",
    }
    status, headers = await ask(host, "OPTIONS", "/hello", asked)
    assert (status, headers.get("Access-Control-Allow-Origin")) == ((204, origin) if allowed else (403, None))
    assert headers.get("Access-Control-Allow-Headers") == ("content-type" if allowed else None)
    # Nothing of ours is ever for pages of another origin.
    for method, path in (("GET", "/__polystep/api/state"), ("OPTIONS", TICK), ("POST", TICK)):
        status, headers = await ask(host, method, path, asked)
        assert not any(name.startswith("Access-Control-") for name in headers)
        assert method == "GET" or status in (403, 405)
    # A socket has no CORS, so its origin is checked before the upgrade.
    if allowed:
        async with host.socket(headers={"Origin": origin}) as socket:
            assert not socket.closed
    else:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with host.socket(headers={"Origin": origin}):
                pass
        assert refused.value.status == 403


@pytest.mark.parametrize("verb", ["dev", "start"])
async def test_a_change_needs_the_token_or_our_own_page(hosts: dict[str, Running], verb: str) -> None:
    host = hosts[verb]
    token = {"Authorization": f"Bearer {(host.project / '.polystep' / 'token').read_text()}"}
    refused: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Origin": EVIL},
        {"Origin": LOCAL_PAGE},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        # What a browser marks as another site's doing is refused whatever it carries.
        {"Sec-Fetch-Site": "cross-site", **token},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", **token},
        {"Sec-Fetch-Site": "cross-site", "Origin": host.url},
    ]
    runs_before = len((await host.api("traces"))["traces"])
    for headers in refused:
        assert (await ask(host, "POST", TICK, headers))[0] == 403, headers
    assert len((await host.api("traces"))["traces"]) == runs_before
    for headers in (token, {"Sec-Fetch-Site": "same-origin"}, {"Origin": host.url}):
        assert (await ask(host, "POST", TICK, headers))[0] == 200, headers


@pytest.mark.parametrize("verb", ["dev", "start"])
async def test_another_site_cannot_read_us_but_a_link_to_us_opens(hosts: dict[str, Running], verb: str) -> None:
    host = hosts[verb]
    pages = verb == "dev"  # `start` serves none of its own accord
    for path, status in (("/__polystep/api/state", 403), ("/__polystep/app/theme.js", 403 if pages else 404)):
        cross = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
        assert (await ask(host, "GET", path, cross))[0] == status
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert (await ask(host, "GET", "/__polystep/", link))[0] == (200 if pages else 404)


async def test_the_token_is_the_users_alone_and_stays_out_of_git(dev: Running, start: Running) -> None:
    folder = start.project / ".polystep"
    random_token = (folder / "token").read_text()
    assert len(random_token) >= 40
    assert [stat.S_IMODE((folder / name).stat().st_mode) for name in ("token", "host.json")] == [0o600, 0o600]
    # One that the user has set is taken instead.
    assert (dev.project / ".polystep" / "token").read_text() == TOKEN
    git = await asyncio.create_subprocess_exec(
        "sh", "-c", "git init -q . && git status --porcelain --untracked-files=all",
        cwd=start.project, stdout=asyncio.subprocess.PIPE, env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull},
    )  # fmt: skip
    output, _ = await git.communicate()
    assert git.returncode == 0
    listed = output.decode().splitlines()
    assert "?? polystep.toml" in listed
    assert [line for line in listed if ".polystep" in line] == []


async def test_the_token_never_shows(dev: Running) -> None:
    printed = "\n".join(dev.lines)
    traces = str(await dev.api("traces")) + str(await dev.api("logs?limit=1000"))
    assert TOKEN not in printed + traces
    arguments = Path(f"/proc/{dev.process.pid}/cmdline").read_bytes()
    assert TOKEN.encode() not in arguments


@pytest.mark.parametrize("language", ["ts", "py"])
async def test_steps_see_the_shell_and_the_env_file_but_nothing_of_the_hosts(dev: Running, language: str) -> None:
    environment = (await dev.get(f"/{language}/env"))["environment"]
    assert {name: environment.get(name) for name in ("FROM_FILE", "FROM_SHELL", "BOTH")} == {
        "FROM_FILE": "file",
        "FROM_SHELL": "shell",
        "BOTH": "shell",
    }
    assert environment["PATH"].endswith(os.environ["PATH"])
    assert [name for name in environment if name.startswith("POLYSTEP_")] == []
    assert TOKEN not in environment.values()
    # A Python environment, if one is named, is the project's and not the host's.
    assert environment.get("VIRTUAL_ENV", "").startswith(str(dev.project) if language == "py" else "")


async def test_every_address_needs_a_token(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/hello.step.ts": HELLO})
    refused = [Running(project, "--host", "0.0.0.0", verb=verb) for verb in ("dev", "start")]
    for host in refused:
        await host.launch()
    for host in refused:
        assert await host.ended() == 1
        assert host.lines == [
            (
                "✖ 0.0.0.0 can be reached from other machines. Set POLYSTEP_TOKEN to a secret of your choice: the "
                "admin pages and API ask for it there. Or leave --host away to serve this machine only."
            )
        ]


async def test_a_short_token_is_refused_with_how_to_make_a_good_one(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/hello.step.ts": HELLO})
    host = Running(project, environment={"POLYSTEP_TOKEN": "letmein"})
    await host.launch()
    assert await host.ended() == 1
    (line,) = host.lines
    assert "POLYSTEP_TOKEN has 7 characters, which can be guessed; it needs 16 or more" in line
    assert "secrets.token_urlsafe" in line
    assert "letmein" not in line


@pytest.mark.parametrize("opened", [False, True])
async def test_a_stream_without_a_rule_is_not_served_on_a_public_address(tmp_path: Path, opened: bool) -> None:
    files = {"steps/board.stream.ts": "export const config = { name: 'board', schema: { type: 'object' } }"}
    if opened:
        files["polystep.toml"] = "[streams]\npublic = true\n"
    project = make_project(tmp_path, files)
    async with Running(project, "--host", "0.0.0.0", environment={"POLYSTEP_TOKEN": TOKEN}) as host:
        told = [line for line in host.lines if "these streams have no rule: board" in line]
        assert bool(told) is not opened
        join = {"type": "join", "data": {"streamName": "board", "groupId": "g", "subscriptionId": "s"}}
        async with aiohttp.ClientSession() as stranger, stranger.ws_connect(host.url) as socket:
            await socket.send_json(join)
            event = (await socket.receive_json())["event"]
            assert event["type"] == ("sync" if opened else "event")
        async with host.socket() as socket:  # with the token
            await socket.send_json(join)
            assert (await socket.receive_json())["event"]["type"] == "sync"


async def test_it_listens_on_loopback_only(dev: Running) -> None:
    port = int(dev.url.rpartition(":")[2])
    table = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    listening = [line.split()[1] for line in table.splitlines() if line.split()[3:4] == ["0A"]]
    assert [address for address in listening if address.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]


async def test_a_second_host_of_the_same_project_is_refused(dev: Running) -> None:
    second = Running(dev.project)
    await second.launch()
    assert await second.ended() == 1
    (line,) = second.lines
    assert f"already runs this project at {dev.url} (process {dev.process.pid})" in line
    # The first one is none the worse.
    assert await dev.get("/hello") == {"hello": "world"}
    assert (dev.project / ".polystep" / "token").read_text() == TOKEN


async def test_the_first_page_runs_no_inline_script(dev: Running) -> None:
    host = dev
    for path in ("/", "/__polystep/"):
        async with aiohttp.ClientSession(host.url) as plain, plain.get(path) as response:
            page = await response.text()
            assert (response.status, response.content_type) == (200, "text/html")
            policy = dict(
                part.strip().partition(" ")[::2] for part in response.headers["Content-Security-Policy"].split(";")
            )
            assert (policy["default-src"], policy["script-src"], policy["frame-ancestors"]) == (
                "'none'",
                "'self'",
                "'none'",
            )
            assert "unsafe" not in str(policy)
            assert response.headers["X-Content-Type-Options"] == "nosniff"
        scripts = re.findall(r"<script\b[^>]*>(.*?)</script>", page, re.DOTALL)
        assert set(scripts) == {""}
        assert not re.search(r"\son\w+=|javascript:|<style|\sstyle=", page)
        assert re.findall(r"(?:src|href)=\"(?!/__polystep/|data:,)", page) == []
    status, headers = await ask(host, "GET", "/__polystep/api/steps")
    assert (status, headers["Cache-Control"], headers["X-Content-Type-Options"]) == (200, "no-store", "nosniff")


@pytest.mark.parametrize(
    "path",
    [
        "/__polystep/../../../../../../etc/passwd",
        "/__polystep/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/__polystep/..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/__polystep//etc/passwd",
        "/__polystep/..\\..\\..\\etc\\passwd",
        "/__polystep/%00status.js",
        "/__polystep/../server.py",
        "/.polystep/token",
        "/.env",
        "/steps/hello.step.ts",
        "/%2e%2e/.env",
    ],
)
async def test_no_path_leads_out_of_the_pages_folder(dev: Running, path: str) -> None:
    answer = await raw(dev, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert re.match(r"HTTP/1\.1 40[034] ", answer), answer[:200]
    assert not any(secret in answer for secret in ("root:", TOKEN, "FROM_FILE", "import ", "export const"))


@pytest.mark.parametrize(
    ("request_line", "fields"),
    [
        ("GET /hello HTTP/1.1", {"X-Long": "x" * 20_000}),
        (f"GET /hello?{'x' * 20_000} HTTP/1.1", {}),
        ("GET /hello HTTP/1.1", {f"X-{number}": "x" for number in range(200)}),
        ("GET /hello HTTP/1.1", {"Content-Length": "1, 2"}),
        ("POST /hello HTTP/1.1", {"Content-Length": "5", "Transfer-Encoding": "chunked"}),
    ],
)
async def test_headers_are_bounded_and_strict(dev: Running, request_line: str, fields: dict[str, str]) -> None:
    head = "".join(
        f"{name}: {value}\r\n" for name, value in {"Host": "localhost", "Connection": "close", **fields}.items()
    )
    answer = await raw(dev, f"{request_line}\r\n{head}\r\n")
    assert re.match(r"HTTP/1\.[01] 4(00|13|14|31) ", answer), answer[:200]
    assert await dev.get("/hello") == {"hello": "world"}


async def test_a_stop_takes_the_token_away(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/hello.step.ts": HELLO})
    async with Running(project):
        assert (project / ".polystep" / "token").exists()
    assert [name for name in ("token", "host.json") if (project / ".polystep" / name).exists()] == []


HELLO = """
export const config = { type: 'api', name: 'Hello', path: '/hello', method: 'GET', emits: [] }
export const handler = async () => ({ status: 200, body: { hello: 'world' } })
"""
TICK_STEP = """
export const config = { type: 'cron', name: 'Tick', cron: '0 0 1 1 *', emits: [] }
export const handler = async () => undefined
"""
NOTES = """
export const config = { name: 'notes', schema: null }
"""
ENV_NODE = """
export const config = { type: 'api', name: 'EnvTs', path: '/ts/env', method: 'GET', emits: [] }
export const handler = async () => ({ status: 200, body: { environment: { ...process.env } } })
"""
ENV_PYTHON = """
import os

config = {"type": "api", "name": "EnvPy", "path": "/py/env", "method": "GET", "emits": []}

async def handler(req, context):
    return {"status": 200, "body": {"environment": dict(os.environ)}}
"""
