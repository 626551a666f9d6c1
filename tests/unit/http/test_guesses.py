"""Wrong admin tokens are slowed and logged, in bounded memory; the right one is not."""

from __future__ import annotations

import asyncio
import logging

import aiohttp
import pytest

from polystep.contracts.limits import (
    GUESS_DELAY_MAX_S,
    GUESSES_FREE,
    GUESSES_KEPT_S,
    GUESSES_WAITING_MAX,
    GUESSING_ADDRESSES_MAX,
)
from polystep.contracts.ports.streams import AccessRefused
from polystep.http import HttpSettings
from polystep.http.guesses import Guesses
from polystep.http.refusals import RequestRefused
from polystep.testing import FakeClock
from tests.unit.http.fakes import TOKEN, FakeAccess, running
from tests.unit.http.test_sockets import join, received

PUBLIC = HttpSettings(port=0, token=TOKEN, require_token_for_reads=True, streams_need_rule=True)
DENIED = {"type": "error", "data": {"code": "STREAM_ACCESS_DENIED", "message": "Access denied"}}


class Delays(FakeClock):
    """Notes how long was slept, and goes on at once."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, delay_s: float) -> None:
        self.slept.append(delay_s)


async def test_the_first_wrong_tokens_are_free_and_then_each_takes_twice_as_long() -> None:
    clock = Delays()
    guesses = Guesses(clock)
    for _ in range(GUESSES_FREE + 7):
        await guesses.slow("192.0.2.1")
    assert clock.slept == [1, 2, 4, 8, 16, GUESS_DELAY_MAX_S, GUESS_DELAY_MAX_S]
    await guesses.slow("192.0.2.2")
    assert len(clock.slept) == 7
    await clock.advance(GUESSES_KEPT_S + 1)
    await guesses.slow("192.0.2.1")
    assert len(clock.slept) == 7


async def test_all_addresses_of_one_ipv6_network_are_one_client() -> None:
    clock = Delays()
    guesses = Guesses(clock)
    for number in range(GUESSES_FREE + 1):
        await guesses.slow(f"2001:db8::{number}")
    assert clock.slept == [1]


async def test_too_many_guesses_at_once_are_refused() -> None:
    guesses = Guesses(FakeClock())
    for _ in range(GUESSES_FREE):
        await guesses.slow("192.0.2.1")
    waiting = [asyncio.create_task(guesses.slow("192.0.2.1")) for _ in range(GUESSES_WAITING_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(RequestRefused) as refused:
        await guesses.slow("192.0.2.1")
    assert (refused.value.status, int(refused.value.headers["Retry-After"]) >= 1) == (429, True)
    for task in waiting:
        task.cancel()


async def test_guesses_are_logged_less_and_less_often_and_forgotten_beyond_a_bound(
    caplog: pytest.LogCaptureFixture,
) -> None:
    guesses = Guesses(Delays())
    with caplog.at_level(logging.WARNING, "polystep.http"):
        for _ in range(9):
            await guesses.slow("192.0.2.1")
    assert [record.args[0] for record in caplog.records if isinstance(record.args, tuple)] == [1, 2, 4, 8]
    for number in range(GUESSING_ADDRESSES_MAX + 5):
        await guesses.slow(f"10.0.{number // 256}.{number % 256}")
    assert len(guesses._guessers) == GUESSING_ADDRESSES_MAX


async def test_wrong_tokens_of_requests_are_slowed_and_the_right_one_is_not() -> None:
    clock = Delays()
    async with running(settings=PUBLIC, clock=clock) as harness:
        path = "/__polystep/api/steps"
        for _ in range(GUESSES_FREE + 1):
            assert (await harness.client.get(path, headers={"Authorization": "Bearer wrong"})).status == 401
        assert (await harness.client.get("/__polystep/?token=wrong")).status == 401
        assert (await harness.client.get("/__polystep/health", headers={"Authorization": "Bearer wrong"})).status == 200
        assert clock.slept == [1, 2, 4]
        assert (await harness.client.get(path, headers={"Authorization": f"Bearer {TOKEN}"})).status == 200
        assert (await harness.client.get(path)).status == 401
        assert clock.slept == [1, 2, 4]


@pytest.mark.parametrize("way", ["bearer", "protocol", "query"])
@pytest.mark.parametrize(("token", "joins"), [(TOKEN, True), ("wrong", False), (None, False)])
async def test_a_public_stream_without_a_rule_needs_the_token(way: str, token: str | None, joins: bool) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token and way == "bearer" else {}
    protocols = ("Authorization", token) if token and way == "protocol" else ()
    path = f"/?authToken={token}" if token and way == "query" else "/"
    async with (
        running(settings=PUBLIC) as harness,
        harness.client.ws_connect(path, headers=headers, protocols=protocols) as socket,
    ):
        await socket.send_json(join("g"))
        (frame,) = await received(socket)
        assert isinstance(frame, dict)
        expected = {"type": "sync", "data": []} if joins else {"type": "event", "event": DENIED}
        assert frame["event"] == expected


async def test_a_public_stream_with_a_rule_is_its_own_matter(caplog: pytest.LogCaptureFixture) -> None:
    access = FakeAccess(guarded={"chat"})
    async with (
        running(settings=PUBLIC, access=access) as harness,
        harness.client.ws_connect("/?authToken=jwt") as socket,
    ):
        for stream in ("chat", "closed", "closed"):
            await socket.send_json(join("g", stream=stream))
        chat, *others = await received(socket, 3)
        assert isinstance(chat, dict)
        assert chat["event"] == {"type": "sync", "data": []}
        assert [each["event"] for each in others if isinstance(each, dict)] == [{"type": "event", "event": DENIED}] * 2
    assert [each for each in caplog.messages if "Joins of the stream closed are refused" in each] != []


async def test_with_a_rule_of_the_project_the_token_of_a_client_is_no_guess() -> None:
    clock = Delays()
    access = FakeAccess(guarded={"", "chat"})
    async with running(settings=PUBLIC, access=access, clock=clock) as harness:
        for _ in range(GUESSES_FREE + 2):
            async with harness.client.ws_connect("/?authToken=jwt"):
                pass
        assert clock.slept == []


async def test_while_the_rule_is_not_loaded_the_token_of_a_client_is_no_guess() -> None:
    clock = Delays()
    access = FakeAccess(refusal=AccessRefused(503, "Authentication unavailable"))
    async with running(settings=PUBLIC, access=access, clock=clock) as harness:
        for _ in range(GUESSES_FREE + 2):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await harness.client.ws_connect("/?authToken=jwt")
            assert refused.value.status == 503
        assert clock.slept == []
