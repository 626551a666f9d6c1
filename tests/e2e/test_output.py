"""What steps log, print and call: on the console and stored, with step and trace where the language can tell."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from tests.e2e.running import Running, make_project
from tests.e2e.test_tutorial import completed_trace
from tests.patience import HANG_S

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

SECRET = "correct-horse-battery-staple"
"""The value of a variable in `.env` whose name says that it is one."""


@dataclass(frozen=True)
class Live:
    """The host under test, and the server that its steps call."""

    host: Running
    server_url: str
    project: Path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    files = {
        ".env": f"PAYMENT_API_KEY={SECRET}\n",
        "requirements.txt": "httpx\n",
        "steps/print_ts.step.ts": PRINT_NODE.replace("NAME", "PrintTs").replace("PATH", "/ts/print"),
        "steps/print_js.step.js": PRINT_NODE.replace("NAME", "PrintJs").replace("PATH", "/js/print"),
        "steps/print_step.py": PRINT_PYTHON,
        "steps/log.step.ts": LOG_NODE,
        "steps/log_step.py": LOG_PYTHON,
        "steps/together.step.ts": TOGETHER_NODE,
        "steps/together_step.py": TOGETHER_PYTHON,
        "steps/call.step.ts": CALL_NODE,
        "steps/call_step.py": CALL_PYTHON,
    }
    project = make_project(tmp_path_factory.mktemp("output"), files)
    async with serve_anything() as server_url, Running(project) as host:
        yield Live(host, server_url, project)


@contextlib.asynccontextmanager
async def serve_anything() -> AsyncIterator[str]:
    """A server that answers every path; `/status/:n` with that status."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"ok": True}, status=int(request.match_info.get("status", "200")))

    app = web.Application()
    app.router.add_route("*", "/status/{status}", answer)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


async def stored(host: Running, *messages: str) -> dict[str, Any]:
    """The newest stored log line of each message; waits until all are there (output of child processes comes late)."""
    async with asyncio.timeout(HANG_S):
        while True:
            logs = (await host.api("logs?limit=1000"))["logs"]
            found = {log["message"]: log for log in reversed(logs) if log["message"] in messages}
            if len(found) == len(messages):
                return found


@pytest.mark.parametrize(
    ("path", "step", "levels"),
    [
        (
            "/ts/print",
            "PrintTs",
            {
                "PrintTs console.log { a: 1 }": "info",
                "PrintTs console.debug": "debug",
                "PrintTs console.warn": "warn",
                "PrintTs console.error": "error",
                "PrintTs stdout one": "info",
                "PrintTs stdout two": "info",
                "PrintTs stderr": "error",
                "PrintTs after an await": "info",
                "PrintTs no line end": "info",
            },
        ),
        (
            "/js/print",
            "PrintJs",
            {"PrintJs console.log { a: 1 }": "info", "PrintJs stdout two": "info", "PrintJs no line end": "info"},
        ),
        (
            "/py/print",
            "PrintPy",
            {
                "PrintPy print {'a': 1}": "info",
                "PrintPy stdout one": "info",
                "PrintPy stdout two": "info",
                "PrintPy stderr": "warn",
                "PrintPy logging": "warn",
                "PrintPy in a thread": "info",
                "PrintPy no line end": "info",
            },
        ),
    ],
)
async def test_what_a_handler_prints_belongs_to_its_step_and_trace(
    live: Live, path: str, step: str, levels: dict[str, str]
) -> None:
    async with live.host.http.post(path) as response:
        assert (response.status, await response.json()) == (200, {"printed": True})
        trace_id = response.headers["X-Trace-Id"]
    logs = await stored(live.host, *levels)
    assert {message: (log["level"], log["step"], log["traceId"]) for message, log in logs.items()} == {
        message: (level, step, trace_id) for message, level in levels.items()
    }
    for message, level in levels.items():
        await live.host.line(f"{trace_id[-8:]} [{level.upper()}] {step} {message}")
    # A trace has its own output too.
    trace = await live.host.api(f"traces/{trace_id}")
    assert set(levels) <= {log["message"] for log in trace["runs"][0]["logs"]}


@pytest.mark.parametrize(
    ("path", "runner", "messages"),
    [
        ("/ts/print", "node stdout", ["PrintTs descriptor 1", "PrintTs child process"]),
        ("/py/print", "python stdout", ["PrintPy descriptor 1", "PrintPy child process"]),
    ],
)
async def test_what_goes_around_the_language_is_kept_without_a_run_and_harms_nothing(
    live: Live, path: str, runner: str, messages: list[str]
) -> None:
    assert await live.host.post(path) == {"printed": True}
    logs = await stored(live.host, *messages)
    assert {message: (log["level"], log["step"], log["traceId"]) for message, log in logs.items()} == dict.fromkeys(
        messages, ("info", None, None)
    )
    for message in messages:
        await live.host.line(f"[INFO] {runner} {message}")
    assert await live.host.post(path) == {"printed": True}


async def test_what_is_printed_at_import_is_kept_without_a_run(live: Live) -> None:
    messages = ("PrintTs at import", "PrintJs at import", "PrintPy at import", "PrintPy logging at import")
    logs = await stored(live.host, *messages)
    assert {message: (log["step"], log["traceId"]) for message, log in logs.items()} == dict.fromkeys(
        messages, (None, None)
    )
    for message in messages:
        await live.host.line(message)


async def test_long_and_binary_output_is_cut_and_mended_never_fatal(live: Live) -> None:
    for path in ("/ts/print?flood=1", "/py/print?flood=1"):
        assert await live.host.post(path) == {"printed": True}
    logs = (await live.host.api("logs?limit=1000"))["logs"]
    assert max(len(log["message"]) for log in logs) <= 16_384
    assert len([log for log in logs if log["message"].startswith("xxxxxxxx")]) >= 2
    assert [log["step"] for log in logs if "\ufffd binary" in log["message"]] == ["PrintPy", "PrintTs"]


async def test_loggers_keep_levels_fields_and_errors(live: Live) -> None:
    for path, name, step in (("/ts/log", "RangeError", "LogTs"), ("/py/log", "ValueError", "LogPy")):
        since = len(live.host.lines)
        async with live.host.http.post(path) as response:
            assert response.status == 200
            trace_id = response.headers["X-Trace-Id"]
        logs = [*reversed((await live.host.api(f"logs?traceId={trace_id}"))["logs"])]
        assert [(log["level"], log["message"], log["step"]) for log in logs[:4]] == [
            ("debug", "a debug line", step),
            ("info", "an info line", step),
            ("warn", "a warn line", step),
            ("error", "it broke", step),
        ]
        assert logs[1]["fields"] == {"count": 3, "nested": {"list": [1, None]}, "at": logs[1]["fields"]["at"]}
        assert logs[1]["fields"]["at"].startswith("2026-01-02T03:04:05")
        error = logs[3]["fields"]["error"]
        assert (error["name"], error["message"]) == (name, "out of range")
        # What is beside it is not in it again.
        assert "steps/log" in error["stack"] and f"{name}: out of range" not in error["stack"]
        await live.host.line(f"[INFO] {step} an info line", '"count":3', since=since)
        await live.host.line(f"[ERROR] {step} it broke", since=since)
        await live.host.line(f"  │ error: {name}: out of range", since=since)


async def test_secrets_are_kept_out_of_logs_traces_and_the_console(live: Live) -> None:
    for path, step in (("/ts/log", "LogTs"), ("/py/log", "LogPy")):
        since = len(live.host.lines)
        body = {"password": "hunter2hunter2", "note": f"my key is {SECRET}"}
        async with live.host.http.post(path, json=body) as response:
            # The step itself sees what it was sent, and its client what it answers.
            assert await response.json() == {"received": body}
            trace_id = response.headers["X-Trace-Id"]
        await live.host.line(f"[INFO] {step} the key is [redacted]", since=since)
        logs = (await live.host.api(f"logs?traceId={trace_id}"))["logs"]
        trace = await completed_trace(live.host, trace_id)
        (secret_line,) = [log for log in logs if log["message"].startswith("the key is")]
        assert (secret_line["message"], secret_line["fields"]) == (
            "the key is [redacted]",
            {
                "password": "[redacted]",
                "headers": {"authorization": "[redacted]"},
                "url": "https://x.test/?key=[redacted]",
            },
        )
        assert trace["runs"][0]["trigger"]["body"] == {"password": "[redacted]", "note": "my key is [redacted]"}
        assert SECRET not in str(logs) + str(trace)
        assert "hunter2hunter2" not in str(logs) + str(trace)
        printed = "\n".join(live.host.lines[since:])
        assert SECRET not in printed
        assert "hunter2hunter2" not in printed
        (state,) = [each for each in trace["runs"][0]["operations"] if each["type"] == "state"]
        assert state["value"] == {"token": "[redacted]", "key": "[redacted]"}
    # State itself is the user's data: it is kept as it is.
    assert (await live.host.api("state/secrets/one"))["value"] == {"token": "t0ps3cr3t", "key": SECRET}
    for file in ("traces.db", "traces.db-wal"):
        path_on_disk = live.project / ".polystep" / file
        assert not path_on_disk.exists() or SECRET.encode() not in path_on_disk.read_bytes()


@pytest.mark.parametrize(
    ("language", "calls"),
    [
        ("ts", [("GET", "/fetch", 200), ("POST", "/status/503", 503), ("PUT", "/node-http", 200)]),
        ("py", [("GET", "/urllib", 200), ("POST", "/httpx", 200), ("PUT", "/status/404", 404)]),
    ],
)
async def test_outgoing_calls_are_in_the_trace_with_status_and_time_but_without_their_query(
    live: Live, language: str, calls: list[tuple[str, str, int]]
) -> None:
    body = {"url": live.server_url, "refused": f"http://127.0.0.1:{closed_port()}/refused"}
    async with live.host.http.post(f"/{language}/call", json=body) as response:
        assert (response.status, await response.json()) == (200, {"statuses": [status for _, _, status in calls]})
        trace_id = response.headers["X-Trace-Id"]
    trace = await completed_trace(live.host, trace_id)
    spans = [each for each in trace["runs"][0]["operations"] if each["type"] == "http"]
    where = live.server_url.removeprefix("http://")
    assert [(each["name"], each["attributes"]) for each in spans[:3]] == [
        (f"{method} {where}{path}", {"method": method, "url": f"{live.server_url}{path}", "status": status})
        for method, path, status in calls
    ]
    assert all(each["duration_ms"] > 0 and each["start_ms"] > 0 for each in spans)
    # A call that cannot connect is an operation too, with its error.
    (refused,) = spans[3:]
    assert (refused["attributes"]["url"], refused["attributes"].get("status")) == (body["refused"], None)
    assert isinstance(refused["error"], str) and refused["error"]
    assert "hidden" not in str(trace)


async def test_a_secret_in_an_error_is_kept_out_too(live: Live) -> None:
    for path, step in (("/ts/log?fail=1", "LogTs"), ("/py/log?fail=1", "LogPy")):
        since = len(live.host.lines)
        answer = await live.host.post(path, {}, status=500)
        await live.host.line(f"Trace {answer['traceId']}", since=since)
        logs = (await live.host.api(f"logs?traceId={answer['traceId']}"))["logs"]
        trace = await live.host.api(f"traces/{answer['traceId']}")
        error = trace["runs"][0]["attempts"][0]["error"]
        assert (trace["runs"][0]["step"], error["message"]) == (step, "declined: [redacted]")
        assert SECRET not in str(answer) + str(logs) + str(trace) + "\n".join(live.host.lines[since:])


@pytest.mark.parametrize("language", ["ts", "py"])
async def test_what_runs_print_at_the_same_time_does_not_mix(live: Live, language: str) -> None:
    async def one(number: int) -> tuple[str, int]:
        async with live.host.http.post(f"/{language}/together", json={"number": number}) as response:
            assert response.status == 200
            return response.headers["X-Trace-Id"], number

    for trace_id, number in await asyncio.gather(*(one(number) for number in range(20))):
        logs = [*reversed((await live.host.api(f"logs?traceId={trace_id}"))["logs"])]
        assert [log["message"] for log in logs] == [f"{number} begins", f"{number} half a line", f"{number} ends"]


async def test_a_secret_that_comes_with_a_changed_env_file_is_one_too(live: Live) -> None:
    fresh = "a-fresh-secret-from-an-edit"
    generation = (await live.host.get("/__polystep/health"))["generation"]
    (live.project / ".env").write_text(f"PAYMENT_API_KEY={fresh}\n")
    async with asyncio.timeout(HANG_S):
        while (await live.host.get("/__polystep/health"))["generation"] == generation:
            pass
    since = len(live.host.lines)
    async with live.host.http.post("/ts/log", json={}) as response:
        assert response.status == 200
        trace_id = response.headers["X-Trace-Id"]
    await live.host.line("[INFO] LogTs the key is", since=since)
    logs = (await live.host.api(f"logs?traceId={trace_id}"))["logs"]
    assert fresh not in str(logs) + "\n".join(live.host.lines[since:])


PRINT_NODE = """
import { execFileSync, spawnSync } from 'node:child_process'
import { writeSync } from 'node:fs'

console.log('NAME at import')
export const config = { type: 'api', name: 'NAME', path: 'PATH', method: 'POST', emits: [] }
export const handler = async (req) => {
  if (req.queryParams.flood) {
    console.log('x'.repeat(100_000))
    process.stdout.write(Buffer.from([0xff, ...Buffer.from(' binary\\n')]))
    for (let number = 0; number < 200; number++) console.log(`flood ${number}`)
    return { status: 200, body: { printed: true } }
  }
  console.log('NAME console.log', { a: 1 })
  console.debug('NAME console.debug')
  console.warn('NAME console.warn')
  console.error('NAME console.error')
  process.stdout.write('NAME stdout one\\nNAME std')
  process.stdout.write('out two\\n')
  process.stderr.write('NAME stderr\\n')
  await new Promise((resolve) => setTimeout(resolve, 1))
  console.info('NAME after an await')
  writeSync(1, 'NAME descriptor 1\\n')
  spawnSync('echo', ['NAME child process'], { stdio: 'inherit' })
  process.stdout.write('NAME no line end')
  return { status: 200, body: { printed: true } }
}
"""
PRINT_PYTHON = """
import asyncio
import logging
import os
import subprocess
import sys

print("PrintPy at import")
logging.getLogger("shop").warning("PrintPy logging at import")
config = {"type": "api", "name": "PrintPy", "path": "/py/print", "method": "POST", "emits": []}

async def handler(req, context):
    if req.query_params.get("flood"):
        print("x" * 100_000)
        sys.stdout.buffer.write(b"\\xff binary\\n")
        for number in range(200):
            print(f"flood {number}")
        return {"status": 200, "body": {"printed": True}}
    print("PrintPy print", {"a": 1})
    sys.stdout.write("PrintPy stdout one\\nPrintPy std")
    sys.stdout.write("out two\\n")
    print("PrintPy stderr", file=sys.stderr)
    logging.getLogger("shop").warning("PrintPy %s", "logging")
    await asyncio.to_thread(print, "PrintPy in a thread")
    os.write(1, b"PrintPy descriptor 1\\n")
    subprocess.run(["echo", "PrintPy child process"], check=True)
    sys.stdout.write("PrintPy no line end")
    return {"status": 200, "body": {"printed": True}}
"""
LOG_NODE = """
export const config = { type: 'api', name: 'LogTs', path: '/ts/log', method: 'POST', emits: [] }
export const handler = async (req: any, { logger, state }: any) => {
  if (req.queryParams.fail) throw new Error(`declined: ${process.env.PAYMENT_API_KEY}`)
  logger.debug('a debug line')
  logger.info('an info line', { count: 3, nested: { list: [1, null] }, at: new Date(Date.UTC(2026, 0, 2, 3, 4, 5)) })
  logger.warn('a warn line')
  logger.error('it broke', { error: new RangeError('out of range') })
  const key = process.env.PAYMENT_API_KEY
  logger.info(`the key is ${key}`, {
    password: 'hunter2hunter2', headers: { authorization: `Bearer ${key}` }, url: `https://x.test/?key=${key}`,
  })
  console.log('printed', key)
  await state.set('secrets', 'one', { token: 't0ps3cr3t', key })
  return { status: 200, body: { received: req.body } }
}
"""
LOG_PYTHON = """
import os
from datetime import datetime, timezone

config = {"type": "api", "name": "LogPy", "path": "/py/log", "method": "POST", "emits": []}

async def handler(req, context):
    if req.query_params.get("fail"):
        raise RuntimeError(f"declined: {os.environ['PAYMENT_API_KEY']}")
    log = context.logger
    log.debug("a debug line")
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    log.info("an info line", {"count": 3, "nested": {"list": (1, None)}, "at": at})
    log.warn("a warn line")
    try:
        raise ValueError("out of range")
    except ValueError as error:
        log.error("it broke", {"error": error})
    key = os.environ["PAYMENT_API_KEY"]
    headers = {"authorization": f"Bearer {key}"}
    log.info(f"the key is {key}", {"password": "hunter2hunter2", "headers": headers, "url": f"https://x.test/?key={key}"})
    print("printed", key)
    await context.state.set("secrets", "one", {"token": "t0ps3cr3t", "key": key})
    return {"status": 200, "body": {"received": req.body}}
"""
TOGETHER_NODE = """
export const config = { type: 'api', name: 'TogetherTs', path: '/ts/together', method: 'POST', emits: [] }
const turn = () => new Promise((resolve) => setTimeout(resolve, 5))
export const handler = async (req: any) => {
  const { number } = req.body
  console.log(`${number} begins`)
  await turn()
  process.stdout.write(`${number} half `)
  await turn()
  process.stdout.write('a line\\n')
  await turn()
  console.log(`${number} ends`)
  return { status: 200, body: {} }
}
"""
TOGETHER_PYTHON = """
import asyncio
import sys

config = {"type": "api", "name": "TogetherPy", "path": "/py/together", "method": "POST", "emits": []}

async def handler(req, context):
    number = req.body["number"]
    print(f"{number} begins")
    await asyncio.sleep(0.005)
    sys.stdout.write(f"{number} half ")
    await asyncio.sleep(0.005)
    sys.stdout.write("a line\\n")
    await asyncio.sleep(0.005)
    print(f"{number} ends")
    return {"status": 200, "body": {}}
"""
CALL_NODE = """
import http from 'node:http'

export const config = { type: 'api', name: 'CallTs', path: '/ts/call', method: 'POST', emits: [] }
const put = (url: string) => new Promise<number>((resolve, reject) => {
  const request = http.request(url, { method: 'PUT' }, (response) => {
    response.resume()
    response.on('end', () => { resolve(response.statusCode ?? 0) })
  })
  request.on('error', reject)
  request.end('{}')
})
export const handler = async (req: any) => {
  const { url, refused } = req.body
  const one = await fetch(`${url}/fetch?token=hidden`)
  await one.text()
  const two = await fetch(`${url}/status/503`, { method: 'POST', body: '{}' })
  await two.text()
  const three = await put(`${url}/node-http?token=hidden`)
  await fetch(`${refused}?token=hidden`).catch(() => null)
  return { status: 200, body: { statuses: [one.status, two.status, three] } }
}
"""
CALL_PYTHON = """
import asyncio
import urllib.request

import httpx

config = {"type": "api", "name": "CallPy", "path": "/py/call", "method": "POST", "emits": []}

def by_urllib(url):
    with urllib.request.urlopen(url) as response:
        response.read()
        return response.status

async def handler(req, context):
    url = req.body["url"]
    one = await asyncio.to_thread(by_urllib, f"{url}/urllib?token=hidden")
    async with httpx.AsyncClient() as client:
        two = await client.post(f"{url}/httpx?token=hidden", json={})
        with httpx.Client() as plain:
            three = plain.put(f"{url}/status/404", content=b"{}")
        try:
            await client.get(req.body["refused"] + "?token=hidden")
        except httpx.HTTPError:
            pass
    return {"status": 200, "body": {"statuses": [one, two.status_code, three.status_code]}}
"""
