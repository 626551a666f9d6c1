"""A request to the project's own routes: what is told of its response, also of one that never ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from polystep.contracts.operations import OperationRefused
from polystep.operations.own_request import OwnAnswer, OwnRequest, send
from polystep.testing import FakeClock

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def _served(answer: Answer) -> AsyncIterator[str]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            await answer(writer)
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def _ask(answer: Answer, timeout_s: float = 60.0) -> OwnAnswer:
    async with _served(answer) as url:
        return await send(OwnRequest(url, "GET", "/x", {}, None), FakeClock(), timeout_s)


async def test_a_whole_response_is_told_with_its_size_and_headers_of_one_name_together() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Type: application/json\r\n\r\n[1.0]"
        )

    found = await _ask(answer)
    assert (found.status, found.body, found.size_bytes, found.cut, found.ended) == (200, [1.0], 5, False, True)
    assert found.headers["set-cookie"] == "a=1, b=2"


async def test_of_a_stream_that_does_not_end_what_has_arrived_is_told() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head + b"9\r\ndata: 1\n\n\r\n")
        await writer.drain()
        await asyncio.Event().wait()

    found = await _ask(answer, timeout_s=0.5)
    assert (found.body, found.cut, found.ended) == ("data: 1\n\n", True, False)


async def test_without_a_head_in_time_there_is_no_response() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        await asyncio.Event().wait()

    with pytest.raises(OperationRefused, match=r"no response within 0\.2 s"):
        await _ask(answer, timeout_s=0.2)
