"""Clients that leave in the middle, and bodies that nobody reads to their end."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from polystep.contracts.values import JSONObject, JSONValue
from polystep.http import HttpSettings, connections
from polystep.testing import until
from tests.unit.http.fakes import TOKEN, FakeAccess, HttpHarness, api_step, running

POST = api_step("Post", "POST", "/post")
HEAD = "POST /post HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
JSON = f"{HEAD}application/json\r\n"
UPLOAD = f"{HEAD}multipart/form-data; boundary=x\r\n"
FILE = "--x\r\nContent-Disposition: form-data; name=f; filename=a.txt\r\n\r\nabc"
FIELD = "--x\r\nContent-Disposition: form-data; name=f\r\n\r\n"
HANDSHAKE = (
    "GET /any HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
ADMIN = f"POST /__polystep/api/queues/Greet/pause HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
WITHIN_S = 3


class SlowAccess(FakeAccess):
    """Answers when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.open = asyncio.Event(), asyncio.Event()

    async def authenticate(self, headers: JSONObject, url: str) -> JSONValue:
        self.asked.set()
        await self.open.wait()
        return None


@asynccontextmanager
async def leaving(harness: HttpHarness, sent: str, *, reset: bool) -> AsyncIterator[asyncio.StreamReader]:
    """Send a text, and leave at the end of the block: in order, or with a reset."""
    reader, writer = await asyncio.open_connection("127.0.0.1", harness.port)
    writer.write(sent.encode("latin-1"))
    await writer.drain()
    try:
        yield reader
    finally:
        if reset:
            peer: socket.socket = writer.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        writer.close()


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize(
    "sent",
    [
        "POST /po",
        f"{JSON}Content-Length: 1000\r\n\r\n{{",
        f"{JSON}Transfer-Encoding: chunked\r\n\r\n5\r\n[1,2,\r\n",
        f"{JSON}Content-Encoding: gzip\r\nContent-Length: 1000\r\n\r\n{gzip.compress(b'{}')[:12].decode('latin-1')}",
        f"{JSON}Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n",
        f"{UPLOAD}Content-Length: 1000\r\n\r\n{FILE}",
        f"{UPLOAD}Content-Length: 1000\r\n\r\n{FIELD}abc",
        f"{UPLOAD}Transfer-Encoding: chunked\r\n\r\n5\r\n--x\r\n\r\n",
    ],
)
async def test_a_client_that_leaves_in_its_request_is_no_fault_of_the_host(
    sent: str, reset: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "polystep")
    async with running(POST, settings=HttpSettings(port=0, token=TOKEN, uploads=tmp_path)) as harness:
        async with leaving(harness, sent, reset=reset):
            await until(lambda: harness.server.load.connections == 1)
            for _ in range(20):  # until it waits for the rest
                await asyncio.sleep(0)
        await until(lambda: harness.server.load.connections == 0)
    assert_quiet(caplog)
    assert harness.steps.calls == []


@pytest.mark.parametrize("reset", [True, False])
async def test_a_client_that_leaves_in_its_handshake_is_no_fault_of_the_host(
    reset: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "polystep")
    access = SlowAccess()
    async with running(POST, access=access) as harness:
        async with leaving(harness, HANDSHAKE, reset=reset):
            await access.asked.wait()
        await until(lambda: harness.server.load.connections == 0)
        access.open.set()
    assert_quiet(caplog)
    assert "left before its answer" in caplog.text


async def test_a_lost_network_is_no_fault_of_the_host_either(caplog: pytest.LogCaptureFixture) -> None:
    async with running(POST) as harness:
        async with failing(harness, lambda: OSError(113, "No route to host")) as (gate, _):
            pass
        gate.set()
        await until(lambda: harness.server._open == 0)
    assert_quiet(caplog)


@pytest.mark.parametrize("error", [ConnectionResetError("a pipe of ours"), KeyError("ours")])
@pytest.mark.parametrize("leaves", [True, False])
async def test_a_fault_of_the_host_is_logged_and_answered(
    error: Exception, leaves: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(POST) as harness:
        async with failing(harness, lambda: error) as (gate, reader):
            if not leaves:
                gate.set()
                assert (await reader.readline()).startswith(b"HTTP/1.1 500 ")
        gate.set()
        await until(lambda: harness.server._open == 0)
    told = [record.getMessage() for record in caplog.records if record.name == "polystep.http"]
    expected = [] if leaves and isinstance(error, ConnectionError) else ["The host failed to answer POST /post"]
    assert told == expected


@asynccontextmanager
async def failing(
    harness: HttpHarness, error: Callable[[], Exception]
) -> AsyncIterator[tuple[asyncio.Event, asyncio.StreamReader]]:
    """A request whose handler raises when the test lets it; the client leaves at the end of the block."""
    gate, inside = asyncio.Event(), asyncio.Event()

    async def handle(_: JSONObject) -> object:
        inside.set()
        await gate.wait()
        raise error()

    harness.steps.handler = handle
    async with leaving(harness, f"{JSON}Content-Length: 2\r\n\r\n{{}}", reset=True) as reader:
        await inside.wait()
        yield gate, reader
    await until(lambda: harness.server.load.connections == 0)


def assert_quiet(caplog: pytest.LogCaptureFixture) -> None:
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []
    assert [record for record in caplog.records if record.name.startswith("polystep") and record.exc_info] == []


BOMB = gzip.compress(b" " * 2_000_000).decode("latin-1")
LARGE = "x" * 200_000


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (f"{JSON}Content-Length: 900000\r\n\r\n{LARGE}", 413),
        (f"{JSON}Content-Length: 900000\r\nExpect: 100-continue\r\n\r\n", 413),
        (f"{JSON}Transfer-Encoding: chunked\r\n\r\n30d40\r\n{LARGE}\r\n", 413),
        (f"{JSON}Content-Encoding: gzip\r\nContent-Length: 900000\r\n\r\n{BOMB}", 413),
        (f"{JSON}Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n{len(BOMB):x}\r\n{BOMB}\r\n", 413),
        (f"{UPLOAD}Content-Length: 9000000\r\n\r\n{FILE}", 413),
        (f"{UPLOAD}Content-Length: 900000\r\n\r\n{FIELD}{LARGE}", 413),
        (f"{UPLOAD}Transfer-Encoding: chunked\r\n\r\n{len(FIELD + LARGE):x}\r\n{FIELD}{LARGE}\r\n", 413),
        (f"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n{LARGE}", 404),
        ("PUT /post HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 405),
        (f"POST /post HTTP/1.1\r\nHost: elsewhere\r\nContent-Length: 900000\r\n\r\n{LARGE}", 403),
        (f"{ADMIN}Content-Length: 900000\r\n\r\n{LARGE}", 200),
        (f"{ADMIN.replace('Authorization', 'X-Other')}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 403),
    ],
)
async def test_an_answer_before_the_end_of_a_large_body_closes_the_connection(
    sent: str, status: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = HttpSettings(port=0, token=TOKEN, uploads=tmp_path, body_bytes_max=100_000, upload_bytes_max=2_000_000)
    async with running(POST, settings=settings) as harness, asyncio.timeout(WITHIN_S):
        async with leaving(harness, sent, reset=False) as reader:
            answer = await reader.read()  # to the end of the connection, while the client still holds it
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(f"HTTP/1.1 {status} ".encode())
        assert b"\r\nConnection: close" in head
        assert isinstance(json.loads(body), dict)
        await until(lambda: harness.server.load.connections == 0)
    assert harness.steps.calls == []
    assert_quiet(caplog)


async def test_what_is_left_of_such_a_body_is_taken_but_not_read_so_the_client_gets_the_answer() -> None:
    settings = HttpSettings(port=0, token=TOKEN, body_bytes_max=100_000)
    async with running(POST, settings=settings) as harness, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", harness.port)
        writer.write(f"{JSON}Content-Length: 20000000\r\n\r\n".encode())
        for _ in range(20):
            writer.write(b"x" * 1_000_000)
            await writer.drain()
        assert (await reader.read()).startswith(b"HTTP/1.1 413 ")
        # Another request on the same connection is not looked at.
        writer.write(f"{JSON}Content-Length: 2\r\n\r\n{{}}".encode())
        await writer.drain()
        writer.close()
        await until(lambda: harness.server.load.connections == 0)
    assert harness.steps.calls == []


async def test_a_client_that_sends_on_and_on_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REST_BYTES_MAX", 1_000_000)
    async with running(POST, settings=HttpSettings(port=0, token=TOKEN, body_bytes_max=10)) as harness:
        _, writer = await asyncio.open_connection("127.0.0.1", harness.port)
        writer.write(f"{JSON}Content-Length: 900000000\r\n\r\n".encode())
        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(ConnectionError):
                while True:
                    writer.write(b"x" * 100_000)
                    await writer.drain()
        await until(lambda: harness.server.load.connections == 0)


async def test_after_a_small_body_that_nobody_reads_the_connection_is_used_again() -> None:
    unread = "POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n"
    async with running(POST) as harness, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", harness.port)
        writer.write(unread.encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 404 ")
        writer.write(f"hello{JSON}Connection: close\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        assert b"HTTP/1.1 200 OK" in await reader.read()
        writer.close()
