"""The user's routes over a real connection."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import tracemalloc
import zlib

import pytest

from polystep.contracts.errors import (
    HostStopping,
    Issue,
    Overloaded,
    PolystepError,
    RunCancelled,
    RunnerGone,
    RunTimedOut,
    StepFailed,
)
from polystep.contracts.values import JSONObject
from polystep.http import HttpSettings
from polystep.http.inflating import Inflater
from tests.patience import HANG_S
from tests.unit.http.fakes import RequiresSubject, api_step, running

POST = api_step("Submit", "POST", "/tickets")
GET = api_step("Show", "GET", "/tickets/:id")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


async def test_a_handler_gets_the_request_as_motia_shapes_it() -> None:
    async with running(api_step("Put", "PUT", "/t/:id")) as harness:
        await harness.client.put(
            "/t/a%2Fb?x=1&y=2&x=3", json={"n": 1}, headers=[("X-Two", "a"), ("X-Two", "b"), ("X-Latin", "é")]
        )
        headers = harness.steps.request.pop("headers")
        assert harness.steps.request == {
            "body": {"n": 1},
            "pathParams": {"id": "a/b"},
            "queryParams": {"x": ["1", "3"], "y": "2"},
            "rawBody": '{"n": 1}',
        }
        assert isinstance(headers, dict)
        assert (headers["x-two"], headers["x-latin"], headers["content-type"]) == ("a, b", "é", "application/json")


async def test_a_request_without_a_body_has_an_empty_one() -> None:
    async with running(GET) as harness:
        await harness.client.get("/tickets/1")
        assert (harness.steps.request["body"], harness.steps.request["rawBody"]) == ({}, "")


async def test_header_bytes_that_are_not_utf8_are_read_as_latin1() -> None:
    async with running(GET) as harness:
        await harness.raw(b"GET /tickets/1 HTTP/1.1\r\nHost: localhost\r\nX-A: \xe9\r\nConnection: close\r\n\r\n")
        headers = harness.steps.request["headers"]
        assert isinstance(headers, dict)
        assert headers["x-a"] == "é"


@pytest.mark.parametrize(
    ("result", "status", "content_type", "body"),
    [
        ({"status": 201, "body": {"a": 1}}, 201, "application/json; charset=utf-8", b'{"a":1}'),
        ({"status": 200.0, "body": [1, None]}, 200, "application/json; charset=utf-8", b"[1,null]"),
        ({"status": 200, "body": None}, 200, "application/json; charset=utf-8", b"null"),
        ({"status": 200, "body": 7}, 200, "application/json; charset=utf-8", b"7"),
        ({"status": 200, "body": "<b>é</b>"}, 200, "text/plain; charset=utf-8", "<b>é</b>".encode()),
        ({"status": 200, "body": "a,b", "headers": {"content-type": "text/csv"}}, 200, "text/csv", b"a,b"),
        ({"status": 200, "body": {}, "headers": {"Content-Type": "application/problem+json"}}, 200,
         "application/problem+json", b"{}"),
        ({"status": 200, "body": b"\x00\x01"}, 200, "application/octet-stream", b"\x00\x01"),
        ({"status": 200, "body": {"b": b"\x00"}}, 200, "application/json; charset=utf-8", b'{"b":{"$bytes":"AA=="}}'),
        ({"status": 204, "body": {"a": 1}}, 204, None, b""),
        ({"status": 304}, 304, None, b""),
    ],
)  # fmt: skip
async def test_an_answer_becomes_a_response(
    result: JSONObject, status: int, content_type: str | None, body: bytes
) -> None:
    async with running(GET) as harness:
        harness.steps.result = result
        answer = await harness.client.get("/tickets/1")
        assert (answer.status, answer.headers.get("Content-Type"), await answer.read()) == (status, content_type, body)


async def test_an_absent_body_is_empty() -> None:
    async with running(GET) as harness:
        harness.steps.result = {"status": 202}
        answer = await harness.client.get("/tickets/1")
        assert (answer.status, await answer.read()) == (202, b"")


async def test_header_lists_repeat_and_framing_stays_the_servers() -> None:
    async with running(GET) as harness:
        harness.steps.result = {
            "status": 200,
            "headers": {
                "Set-Cookie": ["a=1", "b=2"],
                "X-N": 5,
                "Content-Length": "999",
                "Transfer-Encoding": "chunked",
            },
            "body": "hi",
        }
        answer = await harness.client.get("/tickets/1")
        assert await answer.read() == b"hi"
        assert answer.headers.getall("Set-Cookie") == ["a=1", "b=2"]
        assert (answer.headers["X-N"], answer.headers["Content-Length"]) == ("5", "2")


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (None, "It returned nothing"),
        ([], "It returned a list"),
        ({}, "Its `status` is None"),
        ({"status": "200"}, "Its `status` is '200'"),
        ({"status": True}, "Its `status` is True"),
        ({"status": 99}, "Its `status` is 99"),
        ({"status": 600}, "Its `status` is 600"),
        ({"status": 101}, "Its `status` is 101"),
        ({"status": 200, "headers": ["a"]}, "Its `headers` are not an object"),
        ({"status": 200, "headers": {"a b": "x"}}, "The header name 'a b' is not allowed"),
        ({"status": 200, "headers": {"X": "a\r\nSet-Cookie: x"}}, "The header X holds a line break"),
        ({"status": 200, "headers": {"X": None}}, "The header X is a NoneType"),
    ],
)
async def test_an_answer_http_cannot_carry_is_a_500_and_is_reported_with_a_hint(result: object, reason: str) -> None:
    async with running(GET) as harness:
        harness.steps.result = result
        answer = await harness.client.get("/tickets/1")
        assert (answer.status, await answer.json()) == (
            500,
            {"error": "Internal server error", "traceId": answer.headers["X-Trace-Id"]},
        )
    ((step, trace_id, message),) = harness.steps.refused
    assert (step, trace_id) == ("Show", answer.headers["X-Trace-Id"])
    assert message.startswith(reason)


@pytest.mark.parametrize(
    ("error", "status", "body", "retry_after"),
    [
        (StepFailed("secret detail"), 500, {"error": "Internal server error"}, None),
        (PolystepError("x"), 500, {"error": "Internal server error"}, None),
        (RunTimedOut("x"), 504, {"error": "Step timed out"}, None),
        (Overloaded("x"), 503, {"error": "Service overloaded"}, "1"),
        (RunnerGone("x"), 503, {"error": "Step interrupted"}, "1"),
        (HostStopping("x"), 503, {"error": "Server stopping"}, "1"),
        (RunCancelled("x"), 503, {"error": "Step cancelled"}, "1"),
    ],
)
async def test_a_failed_run_is_answered_without_its_details(
    error: PolystepError, status: int, body: JSONObject, retry_after: str | None
) -> None:
    async with running(GET) as harness:
        harness.steps.result = error
        answer = await harness.client.get("/tickets/1")
        trace_id = answer.headers["X-Trace-Id"]
        assert (answer.status, await answer.json()) == (status, {**body, "traceId": trace_id})
        assert answer.headers.get("Retry-After") == retry_after


async def test_a_body_that_breaks_its_schema_never_reaches_the_handler() -> None:
    async with running(POST) as harness:
        harness.project.validators["Submit"] = RequiresSubject()
        answer = await harness.client.post("/tickets", json={"body": "x"})
        trace_id = answer.headers["X-Trace-Id"]
        issue = Issue(("subject",), "is required", "required")
        assert answer.status == 400
        assert await answer.json() == {
            "error": "Validation failed",
            "issues": [{"path": ["subject"], "message": "is required", "code": "required"}],
            "traceId": trace_id,
        }
        assert harness.steps.calls == []
        ((step, request, rejected_trace, issues),) = harness.steps.rejected
        assert (step, request["body"], rejected_trace, issues) == ("Submit", {"body": "x"}, trace_id, [issue])
        assert (await harness.client.post("/tickets", json={"subject": "x"})).status == 200


async def test_malformed_json_is_a_400_with_issues_and_the_trace_id() -> None:
    async with running(POST) as harness:
        answer = await harness.client.post("/tickets", data=b"{", headers={"Content-Type": "application/json"})
        body = await answer.json()
        assert (answer.status, body["error"], body["traceId"]) == (400, "Malformed JSON", answer.headers["X-Trace-Id"])
        assert body["issues"][0]["code"] == "invalid_json"
        assert harness.steps.calls == []


@pytest.mark.parametrize(
    ("traceparent", "kept"),
    [
        (f"00-{TRACE}-00f067aa0ba902b7-01", True),
        (f"cc-{TRACE}-00f067aa0ba902b7-01-future", True),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", False),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", False),
        ("garbage", False),
    ],
)
async def test_a_valid_traceparent_names_the_trace(traceparent: str, kept: bool) -> None:
    async with running(GET) as harness:
        answer = await harness.client.get("/tickets/1", headers={"traceparent": traceparent})
        trace_id = answer.headers["X-Trace-Id"]
        assert harness.steps.calls[0][2] == trace_id
        assert (trace_id == TRACE) is kept
        assert len(trace_id) == 32
        assert int(trace_id, 16)


async def test_unknown_paths_and_methods_are_json() -> None:
    async with running(POST, settings=HttpSettings(port=0, dev=True)) as harness:
        answer = await harness.client.get("/nope%20x?q=1")
        assert (answer.status, await answer.json()) == (
            404,
            {
                "error": "Not found",
                "method": "GET",
                "path": "/nope%20x",
                "hint": "Routes: POST /tickets.",
                "traceId": answer.headers["X-Trace-Id"],
            },
        )
        answer = await harness.client.delete("/tickets")
        body = await answer.json()
        assert (answer.status, answer.headers["Allow"], body["error"]) == (405, "POST", "Method not allowed")


async def test_the_routes_are_not_told_outside_of_dev() -> None:
    async with running(POST) as harness:
        assert (await (await harness.client.get("/nope")).json())["hint"] == "No step claims this path."


@pytest.mark.parametrize("path", ["/tickets/%ff", "/tickets/%zz", "/%"])
async def test_broken_percent_encoding_is_a_400(path: str) -> None:
    async with running(GET) as harness:
        answer = await harness.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert json.loads(answer.split(b"\r\n\r\n")[1])["error"] == "Malformed URL"


@pytest.mark.parametrize(
    ("path", "id"),
    [("/tickets/..", ".."), ("/tickets/%2e%2e", ".."), ("/tickets/%00", "\0"), ("/tickets/a%2F..", "a/..")],
)
async def test_odd_segments_are_only_text(path: str, id: str) -> None:
    async with running(GET) as harness:
        answer = await harness.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert harness.steps.request["pathParams"] == {"id": id}


async def test_head_runs_the_get_step_and_sends_no_body() -> None:
    async with running(GET) as harness:
        answer = await harness.client.head("/tickets/1")
        assert (answer.status, await answer.read(), answer.headers["Content-Length"]) == (200, b"", "11")


async def test_routes_follow_the_project() -> None:
    async with running(GET) as harness:
        harness.project.replace(POST)
        assert (await harness.client.get("/tickets/1")).status == 404
        assert (await harness.client.post("/tickets", json={})).status == 200


SMALL = HttpSettings(port=0, body_bytes_max=1000, body_timeout_s=0.2)


async def test_a_body_over_the_limit_is_refused_before_it_is_read() -> None:
    async with running(POST, settings=SMALL) as harness:
        head = b"POST /tickets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n"
        answer = await harness.raw(head, until_closed=False)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert harness.steps.calls == []


async def test_a_chunked_body_is_cut_off_at_the_limit() -> None:
    async def chunks() -> object:
        for _ in range(100):
            yield b"x" * 100

    async with running(POST, settings=SMALL) as harness:
        answer = await harness.client.post("/tickets", data=chunks(), headers={"Content-Type": "text/plain"})
        assert (answer.status, (await answer.json())["error"]) == (413, "Payload too large")
        ok = await harness.client.post("/tickets", data=b"x" * 1000, headers={"Content-Type": "text/plain"})
        assert ok.status == 200


async def test_compressed_bodies_are_inflated_within_the_limit() -> None:
    async with running(POST) as harness:
        packed = {"Content-Type": "application/json"}
        for encoding, data in (("gzip", gzip.compress(b'{"a":1}')), ("deflate", zlib.compress(b'{"a":1}'))):
            answer = await harness.client.post("/tickets", data=data, headers={**packed, "Content-Encoding": encoding})
            assert (answer.status, harness.steps.request["body"]) == (200, {"a": 1})


async def test_a_zip_bomb_is_refused_without_being_inflated() -> None:
    bomb = gzip.compress(b"\0" * 64_000_000, compresslevel=9)
    assert len(bomb) < 300_000
    async with running(POST) as harness:
        tracemalloc.start()
        try:
            headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
            answer = await harness.client.post("/tickets", data=bomb, headers=headers)
            assert answer.status == 413
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()


async def test_what_is_left_of_a_body_that_was_refused_is_not_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    inflated = 0
    whole = Inflater.feed

    def counted(inflater: Inflater, data: bytes) -> bytes:
        nonlocal inflated
        inflated += len(data)
        return whole(inflater, data)

    monkeypatch.setattr(Inflater, "feed", counted)
    bomb = gzip.compress(b"\0" * 300_000_000, compresslevel=9)
    head = f"POST /tickets HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    async with running(POST, settings=HttpSettings(port=0)) as harness:
        answer = await harness.raw(head.encode() + bomb)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"Connection: close" in answer
        # aiohttp itself inflates nothing, and what follows the refusal is thrown away as it came.
        assert inflated < len(bomb)


@pytest.mark.parametrize(
    ("encoding", "data", "status"),
    [
        ("gzip", gzip.compress(b'{"a":', mtime=0) + gzip.compress(b"1}", mtime=0), 200),
        ("GZIP", gzip.compress(b'{"a":1}', mtime=0), 200),
        ("identity", b'{"a":1}', 200),
        ("deflate", zlib.compress(b'{"a":1}', wbits=-15), 200),
        ("gzip", gzip.compress(b'{"a":1}', mtime=0)[:-4], 400),
        ("br", b"x", 415),
        ("gzip, gzip", gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0), 415),
    ],
)
async def test_bodies_are_inflated_by_their_encoding(encoding: str, data: bytes, status: int) -> None:
    async with running(POST) as harness:
        headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
        async with harness.client.post("/tickets", data=data, headers=headers) as answer:
            assert answer.status == status, await answer.text()
        if status == 200:
            assert harness.steps.request["body"] == {"a": 1}


async def test_a_broken_compression_is_a_400() -> None:
    async with running(POST) as harness:
        headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
        answer = await harness.client.post("/tickets", data=b"not gzip at all", headers=headers)
        assert (answer.status, harness.steps.calls) == (400, [])
        assert answer.headers["Content-Type"].startswith("application/json")


async def test_a_body_that_does_not_arrive_is_a_408() -> None:
    async with running(POST, settings=SMALL) as harness:
        head = b"POST /tickets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc"
        answer = await harness.raw(head, until_closed=False)
        assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_client_that_asks_first_is_told_to_continue() -> None:
    async with running(POST) as harness:
        reader, writer = await asyncio.open_connection("127.0.0.1", harness.port)
        writer.write(
            b"POST /tickets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n"
            b"Expect: 100-continue\r\nConnection: close\r\n\r\n"
        )
        async with asyncio.timeout(HANG_S):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"hi")
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()
        assert harness.steps.request["body"] == "hi"


async def test_a_request_beyond_the_bound_that_waits_in_vain_is_told_to_come_back() -> None:
    async with running(GET, settings=HttpSettings(port=0, runs_max=1, turn_wait_s=0.05)) as harness:
        entered, leave = asyncio.Event(), asyncio.Event()

        async def slow(_: JSONObject) -> object:
            entered.set()
            await leave.wait()
            return {"status": 200}

        harness.steps.handler = slow
        first = asyncio.create_task(harness.client.get("/tickets/1"))
        async with asyncio.timeout(HANG_S):
            await entered.wait()
            answer = await harness.client.get("/tickets/2")
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
            leave.set()
            assert (await first).status == 200


async def test_a_handler_goes_on_when_its_client_leaves() -> None:
    async with running(GET) as harness:
        entered, leave, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def slow(_: JSONObject) -> object:
            entered.set()
            await leave.wait()
            done.set()
            return {"status": 200}

        harness.steps.handler = slow
        _, writer = await asyncio.open_connection("127.0.0.1", harness.port)
        writer.write(b"GET /tickets/1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(HANG_S):
            await entered.wait()
            writer.close()
            await writer.wait_closed()
            leave.set()
            await done.wait()


async def test_a_fault_of_ours_is_json_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "polystep.http")
    async with running(GET) as harness:
        harness.steps.result = RuntimeError("a bug")
        answer = await harness.client.get("/tickets/1", headers={"Accept": "text/html"})
        assert (answer.status, await answer.json()) == (500, {"error": "Internal server error"})
    assert "The host failed to answer GET /tickets/1" in caplog.text


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"NOT HTTP AT ALL\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nbad header\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 20_000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: a\r\n" * 200 + b"\r\n", b"400"),
    ],
)
async def test_what_is_not_a_request_is_answered_in_json(request_bytes: bytes, status: bytes) -> None:
    async with running(GET) as harness:
        answer = await harness.raw(request_bytes)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 " + status) or head.startswith(b"HTTP/1.0 " + status)
        assert "error" in json.loads(body)


DEV = HttpSettings(port=0, dev=True, allowed_origins=("https://app.example.com",))


@pytest.mark.parametrize(
    ("settings", "origin", "allowed"),
    [
        (DEV, "http://localhost:5173", True),
        (DEV, "http://127.0.0.1", True),
        (DEV, "http://[::1]:8080", True),
        (DEV, "https://app.example.com", True),
        (DEV, "https://evil.example.com", False),
        (DEV, "http://localhost.evil.com", False),
        (DEV, "null", False),
        (HttpSettings(port=0), "http://localhost:5173", False),
        (HttpSettings(port=0, allowed_origins=("*",)), "https://any.example.com", True),
    ],
)
async def test_only_pages_of_allowed_origins_may_read_answers(
    settings: HttpSettings, origin: str, allowed: bool
) -> None:
    async with running(GET, settings=settings) as harness:
        for path in ("/tickets/1", "/nope"):
            answer = await harness.client.get(path, headers={"Origin": origin})
            assert answer.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
            readable = answer.headers.get("Access-Control-Expose-Headers")
            assert readable == ("X-Trace-Id, Retry-After, Idempotent-Replayed" if allowed else None)
            assert answer.headers.get("Vary") == ("Origin" if allowed else None)
        preflight = await harness.client.options(
            "/tickets/1",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": "x-a, x-b",
            },
        )
        assert preflight.status == (204 if allowed else 403)
        if allowed:
            assert preflight.headers["Access-Control-Allow-Methods"] == "GET, HEAD"
            assert preflight.headers["Access-Control-Allow-Headers"] == "x-a, x-b"
            assert preflight.headers["Access-Control-Max-Age"] == "600"


async def test_a_step_that_claims_options_answers_it() -> None:
    async with running(api_step("Options", "OPTIONS", "/x")) as harness:
        harness.steps.result = {"status": 299}
        headers = {"Origin": "https://a.example.com", "Access-Control-Request-Method": "GET"}
        assert (await harness.client.options("/x", headers=headers)).status == 299


async def test_a_handlers_own_cors_and_vary_headers_stay() -> None:
    async with running(GET, settings=DEV) as harness:
        harness.steps.result = {"status": 200, "headers": {"access-control-allow-origin": "*", "Vary": "Accept"}}
        answer = await harness.client.get("/tickets/1", headers={"Origin": "http://localhost"})
        assert answer.headers.getall("Access-Control-Allow-Origin") == ["*"]
        assert answer.headers.getall("Vary") == ["Accept", "Origin"]


async def test_an_unclaimed_path_is_a_503_while_the_steps_still_load() -> None:
    async with running(GET) as harness:
        harness.project.ready = False
        answer = await harness.client.get("/not-yet-known")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert await answer.json() == {
            "error": "Starting",
            "hint": "The steps are loading.",
            "traceId": answer.headers["X-Trace-Id"],
        }
