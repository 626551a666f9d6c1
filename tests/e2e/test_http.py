"""HTTP steps of all three languages on one live host: what goes in, what comes out, and every way it can fail."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
import pytest_asyncio
from yarl import URL

from tests.e2e.running import Running, make_project

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

LANGUAGES = ("ts", "js", "py")
MEBIBYTE = 1024 * 1024


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    files = {
        "requirements.txt": "pydantic>=2\n",
        "steps/echo_ts.step.ts": node_steps("EchoTs", "/ts/echo/:first/:second"),
        "steps/echo_js.step.js": node_steps("EchoJs", "/js/echo/:first/:second").replace(": any", ""),
        "steps/echo_step.py": ECHO_PYTHON,
        "steps/mirror_ts.step.ts": MIRROR_NODE.replace("LANG", "ts"),
        "steps/mirror_js.step.js": MIRROR_NODE.replace("LANG", "js").replace(": any", ""),
        "steps/mirror_step.py": MIRROR_PYTHON,
        "steps/answer_ts.step.ts": ANSWER_NODE.replace("LANG", "ts"),
        "steps/answer_js.step.js": ANSWER_NODE.replace("LANG", "js").replace(": any", ""),
        "steps/answer_step.py": ANSWER_PYTHON,
        "steps/order.step.ts": ORDER,
        "steps/order_step.py": ORDER_PYTHON,
        "steps/meet_step.py": MEET,
    }
    async with Running(make_project(tmp_path_factory.mktemp("http"), files)) as running:
        yield running


async def failed_run(host: Running, trace_id: str) -> Any:
    """The only run of a trace."""
    trace = await host.api(f"traces/{trace_id}")
    (run,) = trace["runs"]
    return run


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_handler_gets_the_decoded_path_the_query_the_headers_and_the_body(host: Running, language: str) -> None:
    path = URL(f"/{language}/echo/a%2Fb%20c/%C3%BC%25?tag=x&tag=y&q=1%202&empty=&plus=a+b", encoded=True)
    sent = {"text": "grüße 🎉", "list": [1, 2.5, None, True], "big": 9007199254740991}
    headers = {"X-Test": "one", "Cookie": "a=1"}
    async with host.http.post(host.url + str(path), json=sent, headers=headers) as response:
        answer = await response.json()
        assert (response.status, response.headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    assert answer == {
        "body": sent,
        "rawBody": json.dumps(sent),
        "pathParams": {"first": "a/b c", "second": "ü%"},
        "queryParams": {"tag": ["x", "y"], "q": "1 2", "empty": "", "plus": "a b"},
        "header": "one",
        "cookie": "a=1",
    }


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("sent_type", "sent", "received"),
    [
        ("text/plain; charset=utf-8", "grüße".encode(), "grüße"),
        ("text/plain; charset=iso-8859-1", "grüße".encode("latin-1"), "grüße"),
        ("application/x-www-form-urlencoded", b"a=1&b=x+y&a=2", {"a": ["1", "2"], "b": "x y"}),
        ("application/json", b"", {}),
        ("application/json", b"[1,2]", [1, 2]),
        ("application/octet-stream", b"\x00\xff\x80", {"$bytes": base64.b64encode(b"\x00\xff\x80").decode()}),
    ],
)
async def test_a_body_is_read_by_its_content_type(
    host: Running, language: str, sent_type: str, sent: bytes, received: object
) -> None:
    headers = {"Content-Type": sent_type}
    async with host.http.post(f"/{language}/echo/1/2", data=sent, headers=headers) as response:
        assert ((await response.json())["body"], response.status) == (received, 200)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_bytes_come_back_as_they_were_sent(host: Running, language: str) -> None:
    sent = bytes(range(256)) * 2000
    headers = {"Content-Type": "application/octet-stream"}
    async with host.http.post(f"/{language}/mirror", data=sent, headers=headers) as response:
        assert (response.status, response.headers["Content-Type"]) == (200, "image/png")
        assert await response.read() == sent


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("kind", "status", "content_type", "body"),
    [
        ("text", 200, "text/plain; charset=utf-8", "<b>grüße</b>".encode()),
        ("plain", 201, "text/plain", b"plain"),
        ("bytes", 200, "application/octet-stream", b"\x00\x01\xff"),
        ("list", 200, "application/json; charset=utf-8", b"[1,null]"),
        ("null", 200, "application/json; charset=utf-8", b"null"),
        ("float", 200, "application/json; charset=utf-8", b"1"),
    ],
)
async def test_an_answer_has_its_status_and_the_content_type_of_its_body(
    host: Running, language: str, kind: str, status: int, content_type: str, body: bytes
) -> None:
    async with host.http.get(f"/{language}/answer/{kind}") as response:
        got = (response.status, response.headers["Content-Type"], await response.read())
        assert got == (status, content_type, body)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_date_in_an_answer_is_iso_text(host: Running, language: str) -> None:
    answer = await host.get(f"/{language}/answer/date")
    assert datetime.fromisoformat(answer["at"]) == datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_list_repeats_a_header_and_204_has_no_body(host: Running, language: str) -> None:
    async with host.http.get(f"/{language}/answer/headers") as response:
        assert response.headers.getall("Set-Cookie") == ["a=1; Path=/", "b=2; HttpOnly"]
        assert (response.headers["X-Number"], response.headers["Location"]) == ("5", "/elsewhere")
        assert (response.status, await response.read()) == (202, b'{"ok":true}')
    async with host.http.get(f"/{language}/answer/nothing") as response:
        assert (response.status, await response.read()) == (204, b"")
        assert "Content-Type" not in response.headers


@pytest.mark.parametrize("language", LANGUAGES)
async def test_head_answers_like_get_without_the_body(host: Running, language: str) -> None:
    async with host.http.head(f"/{language}/answer/text") as response:
        assert (response.status, await response.read()) == (200, b"")
        assert response.headers["Content-Length"] == str(len("<b>grüße</b>".encode()))
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("language", ("ts", "py"))
async def test_middleware_wraps_the_handler_from_the_outside_in(host: Running, language: str) -> None:
    assert await host.post(f"/{language}/order", {}) == {"seen": ["outer", "inner"], "after": ["inner", "outer"]}
    # It can also answer alone: the handler does not run.
    assert await host.post(f"/{language}/order", {"stop": True}, status=401) == {"error": "stopped"}


@pytest.mark.parametrize(
    ("language", "name", "place"),
    [
        ("ts", "TypeError", "answer_ts.step.ts"),
        ("js", "TypeError", "answer_js.step.js"),
        ("py", "KeyError", "answer_step.py"),
    ],
)
async def test_a_handler_that_throws_is_a_500_whose_trace_tells_all(
    host: Running, language: str, name: str, place: str
) -> None:
    async with host.http.get(f"/{language}/answer/throw") as response:
        answer = await response.json()
        assert (response.status, response.headers["X-Trace-Id"]) == (500, answer["traceId"])
    assert answer == {"error": "Internal server error", "traceId": answer["traceId"]}
    run = await failed_run(host, answer["traceId"])
    error = run["attempts"][0]["error"]
    assert (run["status"], error["name"], error["code"]) == ("failed", name, "step_failed")
    assert "no such thing" in error["message"]
    assert place in error["stack"]
    await host.line(f"Answer{language.title()}: {name}", "no such thing")
    # The user's message is for the user, not for the client.
    assert "no such thing" not in json.dumps(answer)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("kind", "path"),
    [("huge", "result.body.items[1].id"), ("nan", "result.body.ratio"), ("cycle", "result.body.self")],
)
async def test_a_value_that_no_language_shares_is_refused_by_its_path(
    host: Running, language: str, kind: str, path: str
) -> None:
    answer = await host.get(f"/{language}/answer/{kind}", status=500)
    assert answer == {"error": "Internal server error", "traceId": answer["traceId"]}
    await host.line(f"Answer{language.title()}", path)
    run = await failed_run(host, answer["traceId"])
    assert path in run["attempts"][0]["error"]["message"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("rubbish", "It returned a str"),
        ("none", "It returned nothing"),
        ("badstatus", "Its `status` is 'fine'"),
        ("badheader", "The header X-Bad holds a line break"),
    ],
)
async def test_rubbish_from_a_handler_is_a_500_and_the_console_says_what_to_change(
    host: Running, language: str, kind: str, said: str
) -> None:
    since = len(host.lines)
    answer = await host.get(f"/{language}/answer/{kind}", status=500)
    assert answer == {"error": "Internal server error", "traceId": answer["traceId"]}
    await host.line(f"Answer{language.title()}: its answer cannot be sent", since=since)
    await host.line(said, since=since)
    logs = (await host.api(f"logs?traceId={answer['traceId']}"))["logs"]
    assert [(log["level"], log["step"]) for log in logs] == [("error", f"Answer{language.title()}")]
    assert said in logs[0]["message"]


async def test_what_no_step_claims_is_a_json_404_or_405(host: Running) -> None:
    answer = await host.get("/nowhere", status=404)
    assert answer == {
        "error": "Not found",
        "method": "GET",
        "path": "/nowhere",
        "hint": answer["hint"],
        "traceId": answer["traceId"],
    }
    assert "POST /ts/echo/:first/:second" in answer["hint"]
    async with host.http.delete("/ts/mirror") as response:
        body = await response.json()
        assert (response.status, response.headers["Allow"]) == (405, "POST")
        assert (body["error"], body["hint"]) == ("Method not allowed", "Use POST.")


@pytest.mark.parametrize(
    ("sent", "issue"),
    [
        (b'{"a":', {"path": [], "code": "invalid_json"}),
        (b'{"a":1e400}', {"path": [], "code": "invalid_json"}),
        (b'{"a":NaN}', {"path": [], "code": "invalid_json"}),
        (b'"\xff"', {"path": [], "code": "invalid_json"}),
        (b"[" * 101 + b"]" * 101, {"path": [], "code": "too_deep"}),
    ],
)
async def test_malformed_json_is_a_400_that_says_where(host: Running, sent: bytes, issue: dict[str, object]) -> None:
    headers = {"Content-Type": "application/json"}
    async with host.http.post("/py/echo/1/2", data=sent, headers=headers) as response:
        answer = await response.json()
        assert response.status == 400
    assert answer == {"error": "Malformed JSON", "issues": answer["issues"], "traceId": answer["traceId"]}
    assert [{key: each[key] for key in issue} for each in answer["issues"]] == [issue]


async def test_a_body_over_the_limit_is_a_413_and_one_of_the_limit_passes(host: Running) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    async with host.http.post("/py/mirror", data=BytesIO(b"x" * MEBIBYTE), headers=headers) as response:
        assert (response.status, len(await response.read())) == (200, MEBIBYTE)
    async with host.http.post("/py/mirror", data=BytesIO(b"x" * (MEBIBYTE + 1)), headers=headers) as response:
        answer = await response.json()
        assert (response.status, answer["error"]) == (413, "Payload too large")

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b"x" * (MEBIBYTE // 16)

    async with host.http.post("/py/mirror", data=chunks(), headers=headers) as response:
        assert response.status == 413


async def test_validation_comes_before_the_handler_and_lists_every_issue(host: Running) -> None:
    # In the words of each language's own library: Zod and pydantic.
    for language, codes in (("ts", ("invalid_type", "too_small")), ("py", ("bool_parsing", "greater_than_equal"))):
        answer = await host.post(f"/{language}/order", {"stop": "perhaps", "count": -1}, status=400)
        assert answer == {"error": "Validation failed", "issues": answer["issues"], "traceId": answer["traceId"]}
        found = {(tuple(issue["path"]), issue["code"]) for issue in answer["issues"]}
        assert found == {(("stop",), codes[0]), (("count",), codes[1])}
        assert all(isinstance(issue["message"], str) and issue["message"] for issue in answer["issues"])
        run = await failed_run(host, answer["traceId"])
        assert (run["status"], run["operations"], run["attempts"][0]["error"]["issues"]) == (
            "rejected",
            [],
            answer["issues"],
        )


@pytest.mark.parametrize("language", LANGUAGES)
async def test_thirty_requests_at_once_do_not_mix(host: Running, language: str) -> None:
    async def one(number: int) -> Any:
        return await host.post(f"/{language}/echo/{number}/x?n={number}", {"number": number})

    answers = await asyncio.gather(*(one(number) for number in range(30)))
    assert [(each["pathParams"]["first"], each["queryParams"]["n"], each["body"]["number"]) for each in answers] == [
        (str(number), str(number), number) for number in range(30)
    ]


async def test_a_plain_python_function_is_a_handler_too_and_does_not_hold_its_neighbours(host: Running) -> None:
    # Both wait for each other in threads: one after the other would never end.
    answers = [*await asyncio.gather(host.post("/py/meet", {}), host.post("/py/meet", {}))]
    assert answers == [{"met": True}, {"met": True}]


async def test_a_callers_traceparent_names_the_trace(host: Running) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    async with host.http.get("/ts/answer/trace", headers=headers) as response:
        assert await response.json() == {"traceId": trace_id}
        assert response.headers["X-Trace-Id"] == trace_id


def node_steps(name: str, path: str) -> str:
    """An echo step; without the type it is JavaScript."""
    return ECHO_NODE.replace("NAME", name).replace("PATH", path)


ECHO_NODE = """
export const config = { type: 'api', name: 'NAME', path: 'PATH', method: 'POST', emits: [] }
export const handler = async (req: any) => ({
  status: 200,
  body: {
    body: req.body, rawBody: req.rawBody, pathParams: req.pathParams, queryParams: req.queryParams,
    header: req.headers['x-test'], cookie: req.headers.cookie,
  },
})
"""
ECHO_PYTHON = """
config = {"type": "api", "name": "EchoPy", "path": "/py/echo/:first/:second", "method": "POST", "emits": []}

async def handler(req, context):
    return {
        "status": 200,
        "body": {
            "body": req["body"], "rawBody": req.get("rawBody"),
            "pathParams": req.path_params, "queryParams": req.query_params,
            "header": req["headers"].get("x-test"), "cookie": req["headers"].get("cookie"),
        },
    }
"""
MIRROR_NODE = """
export const config = { type: 'api', name: 'MirrorLANG', path: '/LANG/mirror', method: 'POST', emits: [] }
export const handler = async (req: any) => {
  const body = Buffer.from(req.body)
  return { status: 200, headers: { 'Content-Type': 'image/png' }, body }
}
"""
MIRROR_PYTHON = """
config = {"type": "api", "name": "MirrorPy", "path": "/py/mirror", "method": "POST", "emits": []}

def handler(req, context):
    return {"status": 200, "headers": {"Content-Type": "image/png"}, "body": bytearray(req.body)}
"""
ANSWER_NODE = """
const name = 'LANG' === 'ts' ? 'AnswerTs' : 'AnswerJs'
export const config = { type: 'api', name, path: '/LANG/answer/:kind', method: 'GET', emits: [] }
const cycle: any = {}
cycle.self = cycle
const answers: any = {
  text: { status: 200, body: '<b>grüße</b>' },
  plain: { status: 201, headers: { 'content-type': 'text/plain' }, body: 'plain' },
  bytes: { status: 200, body: new Uint8Array([0, 1, 255]) },
  list: { status: 200, body: [1, null] },
  null: { status: 200, body: null },
  date: { status: 200, body: { at: new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 678)) } },
  float: { status: 200, body: 1.0 },
  headers: {
    status: 202,
    headers: { 'Set-Cookie': ['a=1; Path=/', 'b=2; HttpOnly'], 'X-Number': 5, Location: '/elsewhere' },
    body: { ok: true },
  },
  nothing: { status: 204, body: { dropped: true } },
  huge: { status: 200, body: { items: [{ id: 1 }, { id: 2n ** 53n }] } },
  nan: { status: 200, body: { ratio: 0 / 0 } },
  cycle: { status: 200, body: cycle },
  rubbish: 'rubbish',
  none: undefined,
  badstatus: { status: 'fine' },
  badheader: { status: 200, headers: { 'X-Bad': 'a\\r\\nX-Injected: b' } },
}
export const handler = async (req: any, ctx: any) => {
  const { kind } = req.pathParams
  if (kind === 'throw') throw new TypeError('no such thing')
  return kind === 'trace' ? { status: 200, body: { traceId: ctx.traceId } } : answers[kind]
}
"""
ANSWER_PYTHON = """
from datetime import datetime, timezone

config = {"type": "api", "name": "AnswerPy", "path": "/py/answer/:kind", "method": "GET", "emits": []}

CYCLE = {}
CYCLE["self"] = CYCLE
ANSWERS = {
    "text": {"status": 200, "body": "<b>grüße</b>"},
    "plain": {"status": 201, "headers": {"content-type": "text/plain"}, "body": "plain"},
    "bytes": {"status": 200, "body": b"\\x00\\x01\\xff"},
    "list": {"status": 200, "body": (1, None)},
    "null": {"status": 200, "body": None},
    "date": {"status": 200, "body": {"at": datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=timezone.utc)}},
    "float": {"status": 200, "body": 1},
    "headers": {
        "status": 202,
        "headers": {"Set-Cookie": ["a=1; Path=/", "b=2; HttpOnly"], "X-Number": 5, "Location": "/elsewhere"},
        "body": {"ok": True},
    },
    "nothing": {"status": 204, "body": {"dropped": True}},
    "huge": {"status": 200, "body": {"items": [{"id": 1}, {"id": 2**53}]}},
    "nan": {"status": 200, "body": {"ratio": float("nan")}},
    "cycle": {"status": 200, "body": CYCLE},
    "rubbish": "rubbish",
    "none": None,
    "badstatus": {"status": "fine"},
    "badheader": {"status": 200, "headers": {"X-Bad": "a\\r\\nX-Injected: b"}},
}

async def handler(req, context):
    kind = req.path_params["kind"]
    if kind == "throw":
        raise KeyError("no such thing")
    return ANSWERS[kind]
"""
ORDER = """
import { z } from 'zod'

const around = (name: string) => async (req: any, _: any, next: any) => {
  req.seen = [...(req.seen ?? []), name]
  if (req.body.stop) return { status: 401, body: { error: 'stopped' } }
  const response = await next()
  response.body.after.push(name)
  return response
}
export const config = {
  type: 'api', name: 'OrderTs', path: '/ts/order', method: 'POST', emits: [],
  bodySchema: z.object({ stop: z.boolean().optional(), count: z.number().min(0).optional() }),
  middleware: [around('outer'), around('inner')],
}
export const handler = async (req: any) => ({ status: 200, body: { seen: req.seen, after: [] } })
"""
ORDER_PYTHON = """
from pydantic import BaseModel, Field

class Body(BaseModel):
    stop: bool = False
    count: int = Field(default=0, ge=0)

def around(name):
    async def middleware(req, context, next_fn):
        req["seen"] = [*req.get("seen", []), name]
        if req.body.get("stop"):
            return {"status": 401, "body": {"error": "stopped"}}
        response = await next_fn()
        response["body"]["after"].append(name)
        return response

    return middleware

config = {
    "type": "api", "name": "OrderPy", "path": "/py/order", "method": "POST", "emits": [],
    "bodySchema": Body,
    "middleware": [around("outer"), around("inner")],
}

async def handler(req, context):
    return {"status": 200, "body": {"seen": req["seen"], "after": []}}
"""
MEET = """
import threading

config = {"type": "api", "name": "Meet", "path": "/py/meet", "method": "POST", "emits": []}
both = threading.Barrier(2, timeout=20)

def handler(req, context):
    both.wait()
    return {"status": 200, "body": {"met": True}}
"""
