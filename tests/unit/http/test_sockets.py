"""WebSockets against the frames that the stock stream clients read."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import orjson
import pytest

from polystep.contracts.errors import Overloaded
from polystep.contracts.events import StreamChange
from polystep.contracts.limits import SOCKET_FRAMES_MAX, SOCKET_MESSAGE_BYTES_MAX, SOCKET_SUBSCRIPTIONS_MAX
from polystep.contracts.values import JSONObject, JSONValue
from polystep.http import HttpSettings, outbox
from polystep.http import socket_client as socket_client_module
from polystep.http.socket_frames import change_frame, text_frame
from tests.patience import HANG_S
from tests.unit.http.fakes import HttpHarness, api_step, running

Socket = aiohttp.ClientWebSocketResponse


def join(group: str, id: str | None = None, stream: str = "chat", subscription: str = "s1") -> JSONObject:
    data: JSONObject = {"streamName": stream, "groupId": group, "subscriptionId": subscription}
    return {"type": "join", "data": data if id is None else {**data, "id": id}}


def leave(group: str, id: str | None = None, subscription: str = "s1") -> JSONObject:
    return {**join(group, id, subscription=subscription), "type": "leave"}


def frame(timestamp: int, group: str, event: JSONObject, id: str | None = None, stream: str = "chat") -> JSONObject:
    head: JSONObject = {"timestamp": timestamp, "streamName": stream, "groupId": group}
    return {**head, **({} if id is None else {"id": id}), "event": event}


async def received(socket: Socket, count: int = 1) -> list[JSONValue]:
    async with asyncio.timeout(HANG_S):
        return [await socket.receive_json() for _ in range(count)]


async def closed_with(socket: Socket) -> tuple[object, str]:
    async with asyncio.timeout(HANG_S):
        message = await socket.receive()
    assert message.type is aiohttp.WSMsgType.CLOSE, message
    return message.data, message.extra or ""


@asynccontextmanager
async def connected(path: str = "/", protocols: tuple[str, ...] = ()) -> AsyncIterator[tuple[HttpHarness, Socket]]:
    async with running() as harness, harness.client.ws_connect(path, protocols=protocols) as socket:
        yield harness, socket


@pytest.mark.parametrize("path", ["/", "/any/path", "/__motia%20x?token=1"])
async def test_a_group_join_syncs_its_items_and_then_every_change(path: str) -> None:
    async with connected(path) as (harness, socket):
        harness.hub.items["chat", "g", "a"] = {"id": "a", "n": 1}
        await socket.send_json(join("g"))
        assert await received(socket) == [frame(1001, "g", {"type": "sync", "data": [{"id": "a", "n": 1}]})]
        harness.hub.change("create", "g", "b", {"id": "b"})
        harness.hub.change("update", "g", "b", {"id": "b", "n": 2})
        harness.hub.change("delete", "g", "b", {"id": "b", "n": 2})
        harness.hub.change("event", "g", None, {"type": "typing", "data": {"who": "me"}})
        harness.hub.change("create", "other", "b", {"id": "b"})
        harness.hub.change("event", "g", "b", {"type": "read", "data": None})
        assert await received(socket, 5) == [
            frame(1002, "g", {"type": "create", "data": {"id": "b"}}, "b"),
            frame(1003, "g", {"type": "update", "data": {"id": "b", "n": 2}}, "b"),
            frame(1004, "g", {"type": "delete", "data": {"id": "b", "n": 2}}, "b"),
            frame(1005, "g", {"type": "event", "event": {"type": "typing", "data": {"who": "me"}}}),
            frame(1007, "g", {"type": "event", "event": {"type": "read", "data": None}}, "b"),
        ]


async def test_an_empty_group_syncs_an_empty_list_and_a_missing_item_not_at_all() -> None:
    async with connected() as (harness, socket):
        await socket.send_json(join("g", "missing"))
        await socket.send_json(join("g2"))
        assert await received(socket) == [frame(1002, "g2", {"type": "sync", "data": []})]
        harness.hub.change("create", "g", "missing", {"id": "missing"})
        assert await received(socket) == [frame(1003, "g", {"type": "create", "data": {"id": "missing"}}, "missing")]


async def test_an_item_subscriber_gets_its_own_stream_group_and_item_alone() -> None:
    async with connected() as (harness, socket):
        harness.hub.items["chat", "g", "a"] = {"id": "a"}
        await socket.send_json(join("g", "a"))
        assert await received(socket) == [frame(1001, "g", {"type": "sync", "data": {"id": "a"}}, "a")]
        harness.hub.change("update", "other-tenant", "a", {"id": "a"})
        harness.hub.change("update", "g", "b", {"id": "b"})
        harness.hub.change("event", "g", None, {"type": "x", "data": 1})
        harness.hub.change("update", "g", "a", {"id": "a", "n": 1}, stream="closed")
        harness.hub.change("update", "g", "a", {"id": "a", "n": 2})
        assert await received(socket) == [frame(1006, "g", {"type": "update", "data": {"id": "a", "n": 2}}, "a")]


async def test_one_change_is_one_frame_for_a_socket_that_follows_the_item_and_its_group() -> None:
    async with connected() as (harness, socket):
        await socket.send_json(join("g"))
        await socket.send_json(join("g", "a"))
        await received(socket)
        harness.hub.snapshot_begun.clear()
        await socket.send_json(join("g", "nope"))
        await harness.hub.snapshot_begun.wait()
        for number in range(2):
            harness.hub.change("update", "g", "a", {"id": "a", "n": number})
        frames = await received(socket, 2)
        assert [each["event"]["data"]["n"] for each in frames] == [0, 1]  # type: ignore[index, call-overload]


async def test_a_group_that_is_too_large_for_a_join_is_an_error_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polystep.http.socket_snapshots.SNAPSHOT_BYTES_MAX", 100)
    async with connected() as (harness, socket):
        for number in range(10):
            harness.hub.items["chat", "g", str(number)] = {"id": str(number), "text": "x" * 10}
        await socket.send_json(join("g"))
        (refused,) = await received(socket)
        data = refused["event"]["event"]["data"]  # type: ignore[index, call-overload]
        assert data["code"] == "STREAM_FRAME_TOO_LARGE"  # type: ignore[index, call-overload]
        assert 'The group "g" of stream chat takes more than 100 bytes' in str(data)
        assert harness.hub.rooms == {("chat", "g", None): {}}
        await socket.send_json(join("g", "3"))
        assert await received(socket) == [
            frame(1002, "g", {"type": "sync", "data": {"id": "3", "text": "x" * 10}}, "3")
        ]


async def test_a_group_of_several_parts_is_one_sync_frame() -> None:
    async with connected() as (harness, socket):
        items: list[JSONObject] = [{"id": str(number)} for number in range(5)]
        for item in items:
            harness.hub.items["chat", "g", str(item["id"])] = {**item}
        await socket.send_json(join("g"))
        assert await received(socket) == [frame(1001, "g", {"type": "sync", "data": [*items]})]


async def test_changes_during_a_snapshot_come_after_its_sync_and_none_is_lost() -> None:
    async with connected() as (harness, socket):
        harness.hub.gate = asyncio.Event()
        await socket.send_json(join("g"))
        async with asyncio.timeout(HANG_S):
            await harness.hub.snapshot_begun.wait()
        harness.hub.change("create", "g", "a", {"id": "a"})
        harness.hub.change("update", "g", "a", {"id": "a", "n": 1})
        harness.hub.gate.set()
        frames = await received(socket, 3)
        assert frames == [
            frame(1001, "g", {"type": "sync", "data": []}),
            frame(1002, "g", {"type": "create", "data": {"id": "a"}}, "a"),
            frame(1003, "g", {"type": "update", "data": {"id": "a", "n": 1}}, "a"),
        ]


async def test_a_snapshot_that_fails_is_an_error_event_and_the_socket_stays() -> None:
    async with connected() as (harness, socket):
        harness.hub.failure = Overloaded("The store is busy.")
        await socket.send_json(join("g"))
        error: JSONObject = {"type": "error", "data": {"code": "STREAM_OVERLOADED", "message": "The store is busy."}}
        assert await received(socket) == [frame(1001, "g", {"type": "event", "event": error})]
        assert harness.hub.rooms == {("chat", "g", None): {}}
        harness.hub.failure = None
        await socket.send_json(join("g"))
        assert await received(socket) == [frame(1002, "g", {"type": "sync", "data": []})]


@pytest.mark.parametrize(
    ("stream", "code", "message"),
    [
        ("nope", "STREAM_NOT_FOUND", "Stream nope not found"),
        ("closed", "STREAM_ACCESS_DENIED", "Access denied"),
    ],
)
async def test_a_refused_join_is_one_error_event(stream: str, code: str, message: str) -> None:
    async with connected() as (harness, socket):
        await socket.send_json(join("g", "i", stream=stream))
        error: JSONObject = {"type": "error", "data": {"code": code, "message": message}}
        assert await received(socket) == [frame(1001, "g", {"type": "event", "event": error}, "i", stream)]
        assert harness.hub.rooms == {}


async def test_a_room_is_left_with_its_last_subscription() -> None:
    async with connected() as (harness, socket):
        for subscription in ("s1", "s2", "s2"):
            await socket.send_json(join("g", subscription=subscription))
        await received(socket, 3)
        await socket.send_json(leave("g", subscription="s1"))
        await socket.send_json(leave("g", subscription="unknown"))
        await socket.send_json(leave("nowhere"))
        await socket.send_json(join("g2"))
        await received(socket)
        harness.hub.change("create", "g", "a", {"id": "a"})
        assert len(await received(socket)) == 1
        assert not harness.hub.unsubscribed.is_set()
        await socket.send_json(leave("g", subscription="s2"))
        async with asyncio.timeout(HANG_S):
            await harness.hub.unsubscribed.wait()
        assert harness.hub.rooms["chat", "g", None] == {}


async def test_a_client_that_goes_is_forgotten() -> None:
    async with connected() as (harness, socket):
        await socket.send_json(join("g"))
        await received(socket)
        await socket.close()
        async with asyncio.timeout(HANG_S):
            await harness.hub.forgotten.wait()
        assert harness.hub.rooms == {("chat", "g", None): {}}


async def test_other_message_types_are_ignored() -> None:
    async with connected() as (_, socket):
        await socket.send_json({"type": "ping"})
        await socket.send_json({"type": "event", "data": 1})
        await socket.send_json(join("g"))
        assert len(await received(socket)) == 1


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("{", 1007, "not JSON: "),
        ("[]", 1008, 'a message is an object with a "type"'),
        ('{"type":1}', 1008, 'a message is an object with a "type"'),
        ('{"type":"join"}', 1008, 'a join needs "data" with streamName and groupId'),
        ('{"type":"join","data":{"streamName":"chat"}}', 1008, "groupId of a join must be text"),
        ('{"type":"leave","data":{"streamName":"chat","groupId":1}}', 1008, "groupId of a leave must be text"),
        ('{"type":"join","data":{"streamName":"chat","groupId":"g","id":1}}', 1008, "id of a join must be text"),
        (f'{{"type":"{"x" * SOCKET_MESSAGE_BYTES_MAX}"}}', 1009, "a message holds at most 65536 bytes"),
    ],
)
async def test_a_bad_message_closes_its_socket_with_a_reason_and_no_other(text: str, code: int, reason: str) -> None:
    async with connected() as (harness, socket), harness.client.ws_connect("/") as neighbour:
        await socket.send_str(text)
        closed, why = await closed_with(socket)
        assert closed == code
        assert why.startswith(reason)
        await neighbour.send_json(join("g"))
        assert len(await received(neighbour)) == 1


async def test_binary_messages_close_the_socket() -> None:
    async with connected() as (_, socket):
        await socket.send_bytes(b"x")
        assert await closed_with(socket) == (1003, "send JSON as text, not binary")


async def test_text_that_is_not_utf8_closes_the_socket() -> None:
    async with connected() as (_, socket):
        await socket.send_frame(b"\xff\xfe", aiohttp.WSMsgType.TEXT)
        assert (await closed_with(socket))[0] == 1007


async def test_a_message_far_over_the_limit_is_not_even_read() -> None:
    async with connected() as (_, socket):
        await socket.send_str("x" * (5 * SOCKET_MESSAGE_BYTES_MAX))
        assert (await closed_with(socket))[0] == 1009


async def test_subscriptions_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    async with connected() as (harness, socket):
        for number in range(SOCKET_SUBSCRIPTIONS_MAX + 1):
            await socket.send_json(join("g", f"i{number}"))
        error: JSONObject = {
            "type": "error",
            "data": {"code": "TOO_MANY_SUBSCRIPTIONS", "message": "One socket holds at most 1000 subscriptions"},
        }
        (answer,) = await received(socket)
        assert isinstance(answer, dict)
        assert answer["event"] == {"type": "event", "event": error}
        assert len(harness.hub.rooms) == SOCKET_SUBSCRIPTIONS_MAX
        # Once for each socket, on the console.
        await socket.send_json(join("g", "one more"))
        await received(socket)
        (warning,) = [record.getMessage() for record in caplog.records if "subscriptions" in record.getMessage()]
        assert warning.startswith("A WebSocket client asked for more than 1000 subscriptions")


async def test_the_first_offered_subprotocol_is_taken() -> None:
    async with connected(protocols=("Authorization", "a-token")) as (_, socket):
        assert socket.protocol == "Authorization"


ORIGINS = HttpSettings(port=0, allowed_origins=("https://app.example.com",))


@pytest.mark.parametrize(
    ("settings", "origin", "allowed"),
    [
        (ORIGINS, None, True),
        (ORIGINS, "SELF", True),
        (ORIGINS, "https://app.example.com", True),
        (ORIGINS, "http://localhost:5173", False),
        (HttpSettings(port=0, dev=True), "http://localhost:5173", True),
        (HttpSettings(port=0, dev=True), "https://evil.com", False),
        (ORIGINS, "null", False),
    ],
)
async def test_the_origin_is_checked_before_the_upgrade(
    settings: HttpSettings, origin: str | None, allowed: bool
) -> None:
    async with running(settings=settings) as harness:
        headers = {} if origin is None else {"Origin": harness.url if origin == "SELF" else origin}
        if allowed:
            async with harness.client.ws_connect("/", headers=headers) as socket:
                await socket.send_json(join("g"))
                assert len(await received(socket)) == 1
            return
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await harness.client.ws_connect("/", headers=headers)
        assert refused.value.status == 403


async def test_a_path_that_a_step_claims_is_a_socket_too_and_ours_is_none() -> None:
    async with running(api_step("Home", "GET", "/home")) as harness:
        async with harness.client.ws_connect("/home") as socket:
            assert not socket.closed
        for path in ("/__polystep/", "/__polystep/api/steps"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await harness.client.ws_connect(path)
            assert refused.value.status == 200
        assert harness.steps.calls == []


async def test_a_broken_handshake_is_a_400_in_json() -> None:
    async with running() as harness:
        answer = await harness.client.get("/", headers={"Upgrade": "websocket", "Connection": "Upgrade"})
        assert (answer.status, (await answer.json())["error"]) == (400, "Bad WebSocket handshake")


async def test_a_slow_client_is_bounded_and_told_why() -> None:
    big = "x" * 100_000
    async with running() as harness:
        slow = sockets.socket()
        slow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", harness.port))
        slow.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=slow, limit=2**10)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        async with asyncio.timeout(HANG_S):
            await reader.readuntil(b"\r\n\r\n")
            payload = orjson.dumps(join("g"))
            assert len(payload) < 126
            writer.write(b"\x81" + bytes([0x80 | len(payload)]) + b"\0\0\0\0" + payload)
            await harness.hub.subscribed.wait()
            await harness.hub.snapshot_begun.wait()
            sent = 0
            while not harness.hub.forgotten.is_set() and sent < 3 * SOCKET_FRAMES_MAX:
                harness.hub.change("event", "g", None, {"type": "x", "data": big})
                sent += 1
                if sent % 100 == 0:
                    await asyncio.sleep(0)
            # What it has not read is cut off, not kept: its memory is given back although it never reads.
            await harness.hub.forgotten.wait()
        writer.close()
        assert harness.hub.rooms == {("chat", "g", None): {}}


async def test_the_reason_of_an_overflow_has_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "DIRECT_BYTES_MAX", 0)
    async with connected() as (harness, socket):
        await socket.send_json(join("g"))
        await received(socket)
        for number in range(SOCKET_FRAMES_MAX + 1):  # without a pause for the writer: none can leave
            harness.hub.change("event", "g", None, {"type": "x", "data": number})
        code, reason = await closed_with(socket)
        assert code == 1008
        assert reason.startswith(f"too slow: {SOCKET_FRAMES_MAX + 1} frames (")
        assert reason.endswith(f"bytes) waiting, at most {SOCKET_FRAMES_MAX} may")


async def test_frames_that_waited_arrive_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "DIRECT_BYTES_MAX", 40_000)
    async with connected() as (harness, socket):
        await socket.send_json(join("g"))
        await received(socket)
        for number in range(900):
            harness.hub.change("event", "g", None, {"type": "x", "data": [number, "y" * 2000]})
        frames = await received(socket, 900)
        assert [each["event"]["event"]["data"][0] for each in frames] == list(range(900))  # type: ignore[index, call-overload]


async def test_a_change_is_encoded_once_for_all_its_subscribers(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[StreamChange] = []

    def counting(change: StreamChange) -> bytes:
        encoded.append(change)
        return change_frame(change)

    monkeypatch.setattr(socket_client_module, "change_frame", counting)
    async with connected() as (harness, first), harness.client.ws_connect("/") as second:
        for socket in (first, second):
            await socket.send_json(join("g"))
            await received(socket)
        harness.hub.change("create", "g", "a", {"id": "a"})
        assert await received(first) == await received(second)
        assert len(encoded) == 1


async def test_stopping_closes_sockets_with_going_away() -> None:
    async with connected() as (harness, socket):
        await socket.send_json(join("g"))
        await received(socket)
        stopping = asyncio.create_task(harness.server.stop(5))
        assert await closed_with(socket) == (1001, "the server is stopping")
        async with asyncio.timeout(HANG_S):
            await stopping


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_frames_of_every_length_have_the_right_head(length: int) -> None:
    head = text_frame(b"x" * length)[: -length or None]
    expected = {0: b"\x81\x00", 125: b"\x81\x7d", 126: b"\x81\x7e\x00\x7e", 65_535: b"\x81\x7e\xff\xff"}
    assert head == expected.get(length, b"\x81\x7f" + (65_536).to_bytes(8, "big"))
