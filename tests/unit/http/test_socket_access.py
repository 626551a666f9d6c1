"""The project's rules at the upgrade of a WebSocket and at every join."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from polystep.contracts.ports.streams import AccessRefused
from polystep.contracts.values import JSONObject, JSONValue
from tests.patience import HANG_S
from tests.unit.http.fakes import FakeAccess, HttpHarness, running
from tests.unit.http.test_sockets import Socket, join, received

DENIED = {"type": "error", "data": {"code": "STREAM_ACCESS_DENIED", "message": "Access denied"}}


@asynccontextmanager
async def connected(
    access: FakeAccess, path: str = "/", protocols: tuple[str, ...] = ()
) -> AsyncIterator[tuple[HttpHarness, Socket]]:
    async with running(access=access) as harness, harness.client.ws_connect(path, protocols=protocols) as socket:
        yield harness, socket


@pytest.mark.parametrize(
    ("status", "message", "retry"), [(401, "Authentication failed", None), (503, "Authentication unavailable", "2")]
)
async def test_a_refused_socket_is_answered_and_never_opened(status: int, message: str, retry: str | None) -> None:
    async with running(access=FakeAccess(refusal=AccessRefused(status, message))) as harness:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await harness.client.ws_connect("/")
        headers = refused.value.headers
        assert headers is not None
        assert (refused.value.status, headers.get("Retry-After")) == (status, retry)
        assert harness.hub.rooms == {}


async def test_the_rule_gets_headers_in_lower_case_and_the_url_as_it_was_sent() -> None:
    async with connected(FakeAccess(), "/any?authToken=a%20b", protocols=("Authorization", "token")) as (
        harness,
        socket,
    ):
        ((headers, url),) = harness.access.authenticated
        assert url == "/any?authToken=a%20b"
        assert headers["sec-websocket-protocol"] == "Authorization,token"
        assert socket.protocol == "Authorization"


async def test_every_join_is_asked_with_the_context_of_the_upgrade() -> None:
    async with connected(FakeAccess(context={"user": "ada"})) as (harness, socket):
        harness.access.context = {"user": "eve"}
        await socket.send_json(join("g"))
        await socket.send_json(join("g", "missing"))
        await socket.send_json(join("g2"))
        await received(socket, 2)
        context = {"user": "ada"}
        assert harness.access.joins == [
            ("chat", "g", None, context),
            ("chat", "g", "missing", context),
            ("chat", "g2", None, context),
        ]


async def test_a_denied_join_is_an_error_event_and_follows_nothing() -> None:
    async def own_group(context: JSONValue, group: str, _: str | None) -> bool:
        return group == context

    async with connected(FakeAccess(context="mine", allows=own_group)) as (harness, socket):
        await socket.send_json(join("theirs", "a"))
        (refused,) = await received(socket)
        assert refused == {
            "timestamp": 1001,
            "streamName": "chat",
            "groupId": "theirs",
            "id": "a",
            "event": {"type": "event", "event": DENIED},
        }
        await socket.send_json(join("mine"))
        await received(socket)
        harness.hub.change("create", "theirs", "a", {"id": "a"})
        harness.hub.change("create", "mine", "a", {"id": "a"})
        (frame,) = await received(socket)
        assert isinstance(frame, dict)
        assert frame["groupId"] == "mine"


async def test_a_client_that_leaves_while_its_join_is_asked_follows_nothing() -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(*_: object) -> bool:
        asked.set()
        await answer.wait()
        return True

    async with connected(FakeAccess(allows=slow)) as (harness, socket):
        await socket.send_json(join("g"))
        await asked.wait()
        closing = asyncio.create_task(socket.close())
        answer.set()
        await closing
        async with asyncio.timeout(HANG_S):
            await harness.hub.forgotten.wait()
        assert not any(harness.hub.rooms.values())


async def test_a_socket_that_is_authenticated_while_the_server_stops_is_not_opened() -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    class Slow(FakeAccess):
        async def authenticate(self, headers: JSONObject, url: str) -> JSONValue:
            if url == "/slow":
                asked.set()
                await answer.wait()
            return None

    async with running(access=Slow()) as harness, harness.client.ws_connect("/") as before:
        opening = asyncio.create_task(_open(harness, "/slow"))
        await asked.wait()
        stopping = asyncio.create_task(harness.server.stop(5))
        # The sockets that are open are closed now.
        assert (await before.receive()).type is aiohttp.WSMsgType.CLOSE
        answer.set()
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await opening
        assert refused.value.status == 503
        await stopping


async def _open(harness: HttpHarness, path: str) -> Socket:
    return await harness.client.ws_connect(path)
