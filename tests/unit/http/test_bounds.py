"""What clients can make the server hold: turns, bytes, connections, sockets, uploads; and who reads nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from polystep.contracts.limits import BODY_BYTES_UNCOUNTED
from polystep.contracts.steps import HttpTrigger, SourceFile, StepSpec
from polystep.contracts.values import JSONObject
from polystep.http import HttpSettings
from polystep.http.load import ByteBudget
from polystep.http.refusals import RequestRefused
from polystep.testing import until
from tests.unit.http.fakes import TOKEN, HttpHarness, api_step, running

GET = api_step("Get", "GET", "/get")
POST = api_step("Post", "POST", "/post")
LARGE = "x" * 20_000_000
"""More than the kernel takes for a client that reads nothing."""
WITHIN_S = 5
SETTINGS = HttpSettings(port=0, token=TOKEN)


def settings(**values: object) -> HttpSettings:
    return HttpSettings(port=0, token=TOKEN, **values)  # type: ignore[arg-type]  # names and types are the tests' own


class Gate:
    """A handler that keeps its requests until the test lets them go."""

    def __init__(self, harness: HttpHarness) -> None:
        self.inside = 0
        self.order: list[object] = []
        self.open = asyncio.Event()
        harness.steps.handler = self._handle

    async def _handle(self, request: JSONObject) -> object:
        self.inside += 1
        self.order.append(request["queryParams"])
        await self.open.wait()
        self.inside -= 1
        return {"status": 200}


@asynccontextmanager
async def connection(
    harness: HttpHarness, read_bytes: int = 2**16
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", harness.port, limit=read_bytes)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


def request(path: str, more: str = "", method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode()


async def test_requests_beyond_the_bound_wait_their_turn_in_order() -> None:
    async with running(GET, settings=settings(runs_max=2)) as harness:
        gate = Gate(harness)
        asked = []
        for number in range(5):
            asked.append(asyncio.create_task(harness.client.get(f"/get?n={number}")))
            await until(lambda number=number: gate.inside + harness.server.load.waiting == number + 1)  # type: ignore[misc]
        assert (gate.inside, harness.server.load.waiting) == (2, 3)
        gate.open.set()
        assert [answer.status for answer in await asyncio.gather(*asked)] == [200] * 5
        assert gate.order == [{"n": str(number)} for number in range(5)]


async def test_a_client_that_leaves_while_it_waits_takes_no_turn() -> None:
    async with running(GET, settings=settings(runs_max=1)) as harness:
        gate = Gate(harness)
        first = asyncio.create_task(harness.client.get("/get?n=1"))
        await until(lambda: gate.inside == 1)
        async with connection(harness) as (_, writer):
            writer.write(request("/get?n=2"))
            await until(lambda: harness.server.load.waiting == 1)
        await until(lambda: harness.server.load.connections == 1)
        third = asyncio.create_task(harness.client.get("/get?n=3"))
        await until(lambda: harness.server.load.waiting == 2)
        gate.open.set()
        assert [(await first).status, (await third).status] == [200, 200]
        assert gate.order == [{"n": "1"}, {"n": "3"}]


async def test_a_slow_language_keeps_no_other_waiting() -> None:
    source = SourceFile("steps/other_step.py", "step", "python", "python")
    other = StepSpec(name="Other", type="api", source=source, trigger=HttpTrigger("GET", "/other"))
    async with running(GET, other, settings=settings(runs_max=1)) as harness:
        gate = Gate(harness)
        first = asyncio.create_task(harness.client.get("/get"))
        await until(lambda: gate.inside == 1)
        second = asyncio.create_task(harness.client.get("/other"))
        await until(lambda: gate.inside == 2)
        gate.open.set()
        await asyncio.gather(first, second)


async def test_a_streamed_answer_needs_no_turn_once_it_has_begun() -> None:
    async with running(GET, settings=settings(runs_max=1)) as harness:
        leave = asyncio.Event()

        async def stream(_: JSONObject) -> object:
            assert harness.steps.answer is not None
            await harness.steps.answer.start(200, {"content-type": "text/event-stream"})
            await leave.wait()
            return None

        harness.steps.handler = stream
        async with harness.client.get("/get") as first, harness.client.get("/get") as second:
            assert [first.status, second.status, harness.server.load.waiting] == [200, 200, 0]
            leave.set()


def test_the_budget_counts_what_is_held_and_gives_all_of_it_back() -> None:
    budget = ByteBudget(100_000)
    with budget.hold() as first, budget.hold() as second:
        first.grow_to(BODY_BYTES_UNCOUNTED)
        assert budget.in_flight == 0
        first.grow_to(50_000)
        first.grow_to(60_000)
        assert budget.in_flight == 60_000
        with pytest.raises(RequestRefused) as refused:
            second.grow_to(40_001)
        assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "1")
        second.grow_to(40_000)
    assert budget.in_flight == 0


async def test_bodies_that_are_still_coming_are_counted_and_bounded() -> None:
    async with running(POST, settings=settings(bytes_in_flight_max=150_000)) as harness:
        part = b"x" * 100_000
        head = request("/post", "Content-Length: 200000\r\n", "POST")
        async with connection(harness) as (_, first), connection(harness) as (reader, second):
            first.write(head + part)
            await until(lambda: harness.server.load.budget.in_flight == len(part))
            second.write(head + part)
            async with asyncio.timeout(WITHIN_S):
                assert (await reader.readline()).startswith(b"HTTP/1.1 503 ")
            assert harness.server.load.budget.in_flight <= 150_000
        await until(lambda: harness.server.load.budget.in_flight == 0)


async def test_large_answers_are_counted_until_their_client_has_them() -> None:
    async with running(GET, settings=settings(bytes_in_flight_max=len(LARGE) + 1000)) as harness:
        harness.steps.result = {"status": 200, "body": LARGE, "headers": {"x-a": "b"}}
        async with connection(harness) as (reader, writer):
            writer.write(request("/get"))
            await until(lambda: harness.server.load.budget.in_flight == len(LARGE))
            # It has not read: the next one finds no room, and a small one does.
            async with harness.client.get("/get") as refused:
                assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
                assert "bytes_in_flight_max" in (await refused.json())["hint"]
                assert "X-Trace-Id" in refused.headers
            harness.steps.result = {"status": 200, "body": "small"}
            assert (await harness.client.get("/get")).status == 200
            async with asyncio.timeout(WITHIN_S):
                head = await reader.readuntil(b"\r\n\r\n")
                assert f"Content-Length: {len(LARGE)}\r\n".encode() in head
                assert b"x-a: b\r\n" in head
                assert await reader.readexactly(len(LARGE)) == LARGE.encode()
            await until(lambda: harness.server.load.budget.in_flight == 0)
            # The connection goes on.
            writer.write(request("/get"))
            async with asyncio.timeout(WITHIN_S):
                assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")


async def test_a_large_answer_to_head_has_only_its_length() -> None:
    async with running(GET) as harness:
        harness.steps.result = {"status": 200, "body": LARGE}
        async with harness.client.head("/get") as answer:
            assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(LARGE)))


@pytest.mark.parametrize("body", [LARGE, "x" * 60_000])
async def test_a_client_that_reads_nothing_is_cut_off_and_what_it_held_is_free(body: str) -> None:
    async with running(GET, settings=settings(write_timeout_s=0.1)) as harness:
        harness.steps.result = {"status": 200, "body": body}
        async with connection(harness, read_bytes=1) as (_, writer):
            for _ in range(1 if body == LARGE else 400):
                writer.write(request("/get"))
            await until(lambda: harness.server.load.connections == 1)
            await until(lambda: harness.server.load.connections == 0)
            await until(lambda: harness.server.load.budget.in_flight == 0)


@pytest.mark.parametrize("moment", ["in its body", "while its handler runs", "in its answer", "in an event stream"])
async def test_a_client_that_leaves_is_no_fault_of_the_host(moment: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with running(GET, POST, settings=SETTINGS) as harness:
        harness.steps.result = {"status": 200, "body": LARGE}
        gate = Gate(harness) if moment == "while its handler runs" else None
        async with connection(harness, read_bytes=1) as (reader, writer):
            if moment == "in its body":
                writer.write(request("/post", "Content-Length: 200000\r\n", "POST") + b"x" * 100_000)
                await until(lambda: harness.server.load.budget.in_flight > 0)
            elif moment == "in an event stream":

                async def stream(_: JSONObject) -> object:
                    assert harness.steps.answer is not None
                    await harness.steps.answer.start(200, {"content-type": "text/event-stream"})
                    while True:
                        await harness.steps.answer.write("x" * 60_000)

                harness.steps.handler = stream
                writer.write(request("/get"))
                await reader.read(1)
            else:
                writer.write(request("/get"))
                await until(lambda: gate.inside == 1 if gate else harness.server.load.budget.in_flight > 0)
        await until(lambda: harness.server.load.connections == 0)
        if gate:
            gate.open.set()
            await until(lambda: gate.inside == 0)
    assert [record for record in caplog.records if record.name.startswith("polystep")] == []


async def test_a_client_that_reads_slowly_gets_all_of_its_answer() -> None:
    async with running(GET, settings=settings(write_timeout_s=0.2)) as harness:
        harness.steps.result = {"status": 200, "body": LARGE}
        async with connection(harness) as (reader, writer):
            writer.write(request("/get", "Connection: close\r\n"))
            got = 0
            async with asyncio.timeout(4 * WITHIN_S):
                while chunk := await reader.read(1_000_000):
                    got += len(chunk)
                    await asyncio.sleep(0.02)
            assert got > len(LARGE)


async def test_a_connection_beyond_the_bound_is_answered_before_it_is_read() -> None:
    async with running(GET, settings=settings(connections_max=2)) as harness:
        async with connection(harness), connection(harness):
            await until(lambda: harness.server.load.connections == 2)
            async with connection(harness) as (reader, _):
                async with asyncio.timeout(WITHIN_S):
                    answer = await reader.read()
                head, _, body = answer.partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 503 ")
                assert b"Retry-After: 1" in head
                assert f"Content-Length: {len(body)}".encode() in head
            assert harness.server.load.connections == 2
        await until(lambda: harness.server.load.connections == 0)
        assert (await harness.client.get("/get")).status == 200


async def test_sockets_are_bounded_in_number() -> None:
    async with running(settings=settings(sockets_max=1)) as harness, harness.client.ws_connect("/"):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await harness.client.ws_connect("/")
        assert refused.value.status == 503


async def test_uploads_are_bounded_in_number(tmp_path: Path) -> None:
    async with running(POST, settings=settings(uploads=tmp_path, uploads_max=1)) as harness:
        begun = "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000\r\n"
        async with connection(harness) as (_, writer):
            writer.write(request("/post", begun, "POST"))
            await until(lambda: harness.server.load.uploads == 1)
            form = aiohttp.FormData({"a": "b"}, default_to_multipart=True)
            async with harness.client.post("/post", data=form) as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        await until(lambda: harness.server.load.uploads == 0)
        form = aiohttp.FormData({"a": "b"}, default_to_multipart=True)
        assert (await harness.client.post("/post", data=form)).status == 200
