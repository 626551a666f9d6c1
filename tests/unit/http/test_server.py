"""Taking the port, and stopping."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest

from polystep.contracts.addresses import AddressUnavailable
from polystep.contracts.clock import SystemClock
from polystep.contracts.values import JSONObject
from polystep.http import HttpServer, HttpSettings, ServedProject, ServedStreams
from polystep.testing import FakeClock
from tests.patience import HANG_S
from tests.unit.http.fakes import (
    FakeAccess,
    FakeAdmin,
    FakeDocuments,
    FakeHub,
    FakeProject,
    FakeSteps,
    api_step,
    running,
)

GET = api_step("Show", "GET", "/x")


def server_on(settings: HttpSettings) -> HttpServer:
    return HttpServer(
        settings,
        SystemClock(),
        ServedProject(FakeProject(), FakeSteps(), FakeDocuments(FakeProject())),
        ServedStreams(FakeHub(), FakeAccess()),
        FakeAdmin(),
    )


async def test_a_port_in_use_is_an_error_that_names_the_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(AddressUnavailable) as failed:
            server_on(HttpSettings(port=port)).bind()
    assert failed.value.message.startswith(f"Port {port} on 127.0.0.1 is in use by ")
    assert failed.value.hint == f"Stop it, or choose another port with --port, such as --port {port + 1}."


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", 0), ("127.0.0.1", 99999), ("no-such-name.invalid", 0)])
async def test_an_address_that_is_not_ours_is_an_error_with_a_hint(host: str, port: int) -> None:
    with pytest.raises(AddressUnavailable) as failed:
        server_on(HttpSettings(host=host, port=port)).bind()
    assert failed.value.hint.startswith("Choose ")


async def test_bind_says_the_same_port_twice_and_clients_wait_for_the_start() -> None:
    server = server_on(HttpSettings(port=0))
    port = server.bind()
    assert (server.bind(), port > 0) == (port, True)
    async with aiohttp.ClientSession() as client:
        early = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/__polystep/health"))
        await server.start()
        async with asyncio.timeout(HANG_S):
            assert (await early).status == 200
    await server.stop(0.1)


async def test_stop_may_come_twice_without_start_and_frees_the_port() -> None:
    server = server_on(HttpSettings(port=0))
    await server.stop(0)
    port = server.bind()
    await server.stop(0)
    await server.stop(0)
    again = server_on(HttpSettings(port=port))
    assert again.bind() == port
    await again.start()
    await again.stop(0)
    await again.stop(0)


async def test_a_running_request_is_finished_within_the_grace_and_new_ones_are_refused() -> None:
    async with running(GET) as harness:
        entered, leave = asyncio.Event(), asyncio.Event()

        async def slow(_: JSONObject) -> object:
            entered.set()
            await leave.wait()
            return {"status": 200, "body": "done"}

        harness.steps.handler = slow
        reader, writer = await asyncio.open_connection("127.0.0.1", harness.port)
        async with asyncio.timeout(HANG_S):
            # A kept-alive connection that asks again while the server stops.
            writer.write(b"GET /__polystep/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await reader.readuntil(b'"version":"0.1.0"}')
            first = asyncio.create_task(harness.client.get("/x"))
            await entered.wait()
            stopping = asyncio.create_task(harness.server.stop(10))
            while True:
                try:
                    (await asyncio.open_connection("127.0.0.1", harness.port))[1].close()
                except ConnectionError:
                    break
            writer.write(b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 503 ")
            leave.set()
            answer = await first
            assert (answer.status, await answer.read()) == (200, b"done")
            await stopping
        writer.close()


async def test_a_handler_that_outlasts_the_grace_is_ended() -> None:
    clock = FakeClock()
    steps = FakeSteps()
    server = HttpServer(
        HttpSettings(port=0),
        clock,
        ServedProject(FakeProject(GET), steps, FakeDocuments(FakeProject())),
        ServedStreams(FakeHub(), FakeAccess()),
        FakeAdmin(),
    )
    entered, ended = asyncio.Event(), asyncio.Event()

    async def endless(_: JSONObject) -> object:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return None

    steps.handler = endless
    port = server.bind()
    await server.start()
    async with asyncio.timeout(HANG_S), aiohttp.ClientSession() as client:
        asking = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/x"))
        await entered.wait()
        stopping = asyncio.create_task(server.stop(10))
        await clock.advance(10)
        await stopping
        assert ended.is_set()
        with pytest.raises(aiohttp.ClientError):
            await asking


@pytest.mark.parametrize("sent", [b"", b"GET /x HTTP/1.1\r\nHost: loc"])
async def test_a_connection_that_never_ends_its_headers_is_closed(sent: bytes) -> None:
    async with running(GET, settings=HttpSettings(port=0, keepalive_timeout_s=0.05)) as harness:
        assert await harness.raw(sent) == b""


async def test_answers_do_not_tell_the_versions_of_what_runs() -> None:
    async with running(GET) as harness:
        for path in ("/x", "/nope", "/__polystep/health", "/__polystep/"):
            assert (await harness.client.get(path)).headers["Server"] == "polystep"
        assert b"\r\nServer: polystep\r\n" in await harness.raw(b"garbage\r\n\r\n")
