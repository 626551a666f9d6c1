"""Answers that are sent piece by piece, over a real connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from polystep.contracts.errors import InvalidParams, RunCancelled, StepFailed
from polystep.contracts.ports.http import ResponseStream
from polystep.contracts.values import JSONObject, JSONValue
from polystep.http.streamed import KEEP_ALIVE_S
from polystep.testing import FakeClock
from tests.patience import HANG_S
from tests.unit.http.fakes import HttpHarness, api_step, running

GET = api_step("Live", "GET", "/live")
SSE: JSONObject = {"content-type": "text/event-stream"}


def answering(harness: HttpHarness, work: Callable[[ResponseStream], Awaitable[None]]) -> None:
    """Let the handler of the next request answer by `work`."""

    async def handle(_: JSONObject) -> object:
        assert harness.steps.answer is not None
        await work(harness.steps.answer)
        return None

    harness.steps.handler = handle


def sending(harness: HttpHarness, headers: JSONValue, *chunks: JSONValue, status: JSONValue = 200) -> None:
    async def work(answer: ResponseStream) -> None:
        await answer.start(status, headers)
        for chunk in chunks:
            await answer.write(chunk)

    answering(harness, work)


@pytest.mark.parametrize(
    ("headers", "chunks", "content_type", "body"),
    [
        (None, ("a", "é"), "text/plain; charset=utf-8", "aé".encode()),
        (None, (b"\x00", b"\xff"), "application/octet-stream", b"\x00\xff"),
        (None, ({"a": 1}, [2]), "application/x-ndjson", b'{"a":1}\n[2]\n'),
        ({"Content-Type": "text/csv"}, ("a,b\n", "c,d\n"), "text/csv", b"a,b\nc,d\n"),
        (None, (), "text/plain; charset=utf-8", b""),
    ],
)
async def test_chunks_are_sent_as_they_are_and_tell_the_content_type(
    headers: JSONValue, chunks: tuple[JSONValue, ...], content_type: str, body: bytes
) -> None:
    async with running(GET) as harness:
        sending(harness, headers, *chunks, status=201)
        async with harness.client.get("/live", headers={"Origin": "https://elsewhere.example"}) as response:
            assert (response.status, response.headers["Content-Type"]) == (201, content_type)
            assert response.headers["Transfer-Encoding"] == "chunked"
            assert (len(response.headers["X-Trace-Id"]), response.headers["Server"]) == (32, "polystep")
            assert await response.read() == body


@pytest.mark.parametrize(
    ("chunk", "event"),
    [
        ("token", "data: token\n\n"),
        ("two\nlines\r\nthree", "data: two\ndata: lines\ndata: three\n\n"),
        ("\n\n", "data: \ndata: \ndata: \n\n"),
        ("", "data: \n\n"),
        # A text is data, whatever it looks like: it may hold what a stranger wrote.
        ("data: ready made\n\n", "data: data: ready made\ndata: \ndata: \n\n"),
        ("event: x\ndata: 1\n\n", "data: event: x\ndata: data: 1\ndata: \ndata: \n\n"),
        ("a\rid: 7", "data: a\ndata: id: 7\n\n"),
        (": a comment\n\n", "data: : a comment\ndata: \ndata: \n\n"),
        (b"a\nretry: 1", "data: a\ndata: retry: 1\n\n"),
        ("data: not whole", "data: data: not whole\n\n"),
        ({"a": 1}, 'data: {"a":1}\n\n'),
        (
            {"event": "done", "id": 7, "retry": 1000, "data": {"n": 1}},
            'event: done\nid: 7\nretry: 1000\ndata: {"n":1}\n\n',
        ),
        ({"event": "a\nb", "data": "x"}, "event: a b\ndata: x\n\n"),
        ({"data": 1, "other": 2}, 'data: {"data":1,"other":2}\n\n'),
        (b"bytes", "data: bytes\n\n"),
        (None, "data: null\n\n"),
    ],
)
async def test_an_event_stream_makes_events_of_values(chunk: JSONValue, event: str) -> None:
    async with running(GET) as harness:
        sending(harness, SSE, chunk)
        async with harness.client.get("/live") as response:
            assert await response.text() == event
            assert (response.headers["Cache-Control"], response.headers["X-Accel-Buffering"]) == ("no-cache", "no")


async def test_every_chunk_reaches_the_client_before_the_next_is_made() -> None:
    seen = asyncio.Event()

    async def work(answer: ResponseStream) -> None:
        await answer.start(200, SSE)
        await answer.write("one")
        await seen.wait()
        await answer.write("two")

    async with running(GET) as harness, asyncio.timeout(HANG_S):
        answering(harness, work)
        async with harness.client.get("/live") as response:
            assert await response.content.readuntil(b"\n\n") == b"data: one\n\n"
            seen.set()
            assert await response.content.readuntil(b"\n\n") == b"data: two\n\n"


async def test_a_silent_event_stream_is_kept_alive_by_comments() -> None:
    clock, held = FakeClock(), asyncio.Event()

    async def work(answer: ResponseStream) -> None:
        await answer.start(200, SSE)
        await held.wait()

    async with running(GET, clock=clock) as harness, asyncio.timeout(HANG_S):
        answering(harness, work)
        async with harness.client.get("/live") as response:
            await clock.settle()
            await clock.advance(KEEP_ALIVE_S)
            assert await response.content.readuntil(b"\n\n") == b": keep-alive\n\n"
            held.set()
            assert await response.content.read() == b""


async def test_a_slow_client_slows_the_handler_down() -> None:
    written = 0

    async def work(answer: ResponseStream) -> None:
        nonlocal written
        await answer.start(200, None)
        for _ in range(1000):
            await answer.write(b"x" * 65_536)
            written += 1

    async with running(GET) as harness, asyncio.timeout(HANG_S):
        answering(harness, work)
        async with harness.client.get("/live") as response:
            await response.content.readexactly(65_536)
            for _ in range(50):
                await asyncio.sleep(0)
            assert written < 400  # what the buffers of two sockets hold, and not all there is
            assert len(await response.read()) == 999 * 65_536
    assert written == 1000


async def test_a_client_that_leaves_ends_the_run() -> None:
    ended = asyncio.Event()

    async def work(answer: ResponseStream) -> None:
        await answer.start(200, SSE)
        await answer.write("one")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as stop:
            assert stop.args == ("the client left",)
            assert answer.client_left
            ended.set()
            raise

    async with running(GET) as harness, asyncio.timeout(HANG_S):
        answering(harness, work)
        response = await harness.client.get("/live")
        await response.content.readuntil(b"\n\n")
        response.close()
        await ended.wait()
        harness.steps.handler = None
        async with harness.client.get("/live") as next_response:
            assert next_response.status == 200


async def test_a_client_that_left_before_the_start_ends_the_run_too(caplog: pytest.LogCaptureFixture) -> None:
    asked, left, refused = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work(answer: ResponseStream) -> None:
        asked.set()
        await left.wait()
        try:
            await answer.start(200, SSE)
        except (RunCancelled, asyncio.CancelledError):
            refused.set()
            raise

    async with running(GET) as harness, asyncio.timeout(HANG_S):
        answering(harness, work)
        reader, writer = await asyncio.open_connection("127.0.0.1", harness.port)
        writer.write(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await asked.wait()
        writer.transport.abort()
        assert await reader.read() == b""
        for _ in range(20):
            await asyncio.sleep(0)
        left.set()
        await refused.wait()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_failure_after_the_start_cuts_the_answer_off() -> None:
    async def work(answer: ResponseStream) -> None:
        await answer.start(200, None)
        await answer.write("half")
        raise StepFailed("broke")

    async with running(GET) as harness:
        answering(harness, work)
        raw = await harness.raw(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert raw.endswith(b"4\r\nhalf\r\n")  # no last chunk: the client knows that something is missing


async def test_a_failure_before_the_start_is_an_ordinary_500() -> None:
    async def work(_: ResponseStream) -> None:
        raise StepFailed("broke")

    async with running(GET) as harness:
        answering(harness, work)
        async with harness.client.get("/live") as response:
            assert (response.status, (await response.json())["error"]) == (500, "Internal server error")


async def test_head_gets_the_headers_and_ends_the_handler() -> None:
    refused: list[Exception] = []

    async def work(answer: ResponseStream) -> None:
        await answer.start(200, SSE)
        try:
            await answer.write("one")
        except RunCancelled as error:
            refused.append(error)

    async with running(GET) as harness:
        answering(harness, work)
        async with harness.client.head("/live") as response:
            assert (response.status, response.headers["Content-Type"]) == (200, "text/event-stream")
    assert len(refused) == 1


@pytest.mark.parametrize(
    ("status", "headers"), [(99, None), ("200", None), (200, {"a b": "c"}), (200, ["x"]), (200, {"x": "a\nb"})]
)
async def test_what_http_cannot_carry_is_refused_at_the_start(status: JSONValue, headers: JSONValue) -> None:
    refused: list[Exception] = []

    async def work(answer: ResponseStream) -> None:
        try:
            await answer.start(status, headers)
        except InvalidParams as error:
            refused.append(error)
            raise

    async with running(GET) as harness:
        answering(harness, work)
        async with harness.client.get("/live") as response:
            assert response.status == 500
    assert len(refused) == 1


async def test_an_answer_starts_once_and_writes_after_its_start() -> None:
    async def work(answer: ResponseStream) -> None:
        with pytest.raises(InvalidParams, match="Start the answer"):
            await answer.write("early")
        await answer.start(200, None)
        with pytest.raises(InvalidParams, match="started its answer already"):
            await answer.start(200, None)

    async with running(GET) as harness:
        answering(harness, work)
        async with harness.client.get("/live") as response:
            assert response.status == 200
