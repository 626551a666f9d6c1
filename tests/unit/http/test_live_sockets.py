"""The sockets of the live feed: who may follow it, what they say and what they get."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from polystep.contracts.limits import LIVE_SOCKETS_MAX, LIVE_SUBJECTS_MAX
from polystep.contracts.trace import LogLine
from polystep.http import HttpSettings, follow_live
from polystep.http import live_sockets as live_sockets_module
from tests.unit.http.fakes import TOKEN, HttpHarness, running

LIVE = "/__polystep/live"
LINE = LogLine(1, "info", "m", None, "A", None, None, "logger")


async def receive(socket: aiohttp.ClientWebSocketResponse) -> Any:
    return await socket.receive_json(timeout=5)


async def follow(harness: HttpHarness, socket: aiohttp.ClientWebSocketResponse, *subjects: str) -> list[Any]:
    await socket.send_json({"subscribe": list(subjects)})
    return [await receive(socket) for _ in subjects]


async def test_a_client_gets_notices_of_what_it_subscribes_to() -> None:
    async with running() as harness, harness.client.ws_connect(LIVE) as socket:
        feed = harness.admin.live
        assert await receive(socket) == {"epoch": feed.epoch, "seq": 0, "beatS": 5.0}
        assert await follow(harness, socket, "logs", "other") == [
            {"epoch": feed.epoch, "seq": 0, "subject": "logs", "changes": []},
            {"epoch": feed.epoch, "seq": 0, "subject": "other", "error": "There is no such subject."},
        ]
        await feed.write([LINE])
        notice = await receive(socket)
        assert (notice["seq"], notice["changes"]) == (1, [{"level": "info", "step": "A", "count": 1}])
        await socket.send_json({"unsubscribe": ["logs"], "subscribe": ["steps"]})
        assert (await receive(socket))["subject"] == "steps"
        await feed.write([LINE])
        harness.admin.revision = 2
        assert (await receive(socket))["changes"] == [{"revision": 2}]
        harness.admin.recorder.left.clear()
        await socket.close()
        await asyncio.wait_for(harness.admin.recorder.left.wait(), 5)
        assert harness.admin.recorder.sinks == {}


async def test_the_gate_and_the_origin_come_before_the_upgrade() -> None:
    settings = HttpSettings(port=0, token=TOKEN, require_token_for_reads=True)
    async with running(settings=settings) as harness:
        for headers, status in (
            ({}, 401),
            ({"Authorization": f"Bearer {TOKEN}", "Origin": "http://evil.example"}, 403),
            ({"Authorization": f"Bearer {TOKEN}", "Origin": harness.url, "Sec-Fetch-Site": "cross-site"}, 403),
        ):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await harness.client.ws_connect(LIVE, headers=headers)
            assert refused.value.status == status, headers
        async with harness.client.ws_connect(LIVE, headers={"Authorization": f"Bearer {TOKEN}"}) as socket:
            assert "epoch" in await receive(socket)
        answer = await harness.client.get(LIVE, headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status == 426


@pytest.mark.parametrize(
    ("message", "code"),
    [("[]", 1008), ('{"subscribe": "logs"}', 1008), ('{"subscribe": [1]}', 1008), ("{", 1007), (b"{}", 1003),
     (f'{{"subscribe": ["{"x" * 1201}"]}}', 1008), (" " * 70_000, 1009)],
)  # fmt: skip
async def test_a_bad_message_closes_its_socket_alone(message: str | bytes, code: int) -> None:
    async with (
        running() as harness,
        harness.client.ws_connect(LIVE) as other,
        harness.client.ws_connect(LIVE) as socket,
    ):
        await receive(socket)
        await (socket.send_bytes(message) if isinstance(message, bytes) else socket.send_str(message))
        assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == code
        await receive(other)
        assert (await follow(harness, other, "logs"))[0]["subject"] == "logs"


async def test_subjects_and_sockets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_sockets_module, "LIVE_SOCKETS_MAX", 1)
    assert LIVE_SOCKETS_MAX > 1
    async with running() as harness, harness.client.ws_connect(LIVE) as socket:
        await receive(socket)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await harness.client.ws_connect(LIVE)
        assert refused.value.status == 503
        answers = await follow(harness, socket, *(f"trace:{number}" for number in range(LIVE_SUBJECTS_MAX + 1)))
        assert ["error" in each for each in answers] == [False] * LIVE_SUBJECTS_MAX + [True]


async def test_a_heartbeat_comes_while_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_sockets_module, "LIVE_BEAT_S", 0.01)
    async with running() as harness, harness.client.ws_connect(LIVE) as socket:
        await receive(socket)
        assert (await receive(socket))["beat"] is True


async def test_a_stop_closes_the_sockets() -> None:
    async with running() as harness, harness.client.ws_connect(LIVE) as socket:
        await receive(socket)
        stopping = asyncio.create_task(harness.server.stop(1))
        assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 1001
        await stopping


async def test_the_client_of_the_command_line_yields_notices() -> None:
    async with running() as harness:
        notices = follow_live(harness.url, TOKEN, ["logs"])
        assert await anext(notices) == {"epoch": harness.admin.live.epoch, "seq": 0, "subject": "logs", "changes": []}
        await harness.admin.live.write([LINE])
        assert (await anext(notices))["changes"] == [{"level": "info", "step": "A", "count": 1}]
        await notices.aclose()  # type: ignore[attr-defined]  # an async generator
