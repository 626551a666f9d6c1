"""Idempotency keys of requests: one of several requests with a key runs, whatever host they reach."""

from __future__ import annotations

from contextlib import suppress

import pytest

from polystep.contracts import limits
from polystep.contracts.errors import RunEnded
from polystep.contracts.journal import JournalEntry, SentEmit
from polystep.contracts.ports.queue import QueueStore
from polystep.contracts.request_keys import KeptResponse, KeyedRequest, KeyedRun, KeyRefusal, SentBy
from polystep.testing import FakeClock
from tests.contract.cluster import Cluster
from tests.contract.deliveries import claim, names, new

REQUEST = KeyedRequest("Make", "key", b"client", b"print")
OTHER = REQUEST._replace(fingerprint=b"other")
RESPONSE = KeptResponse(201, (("location", "/a"), ("content-type", "text/plain")), b"made", "t" * 32)
ENTRY = JournalEntry("paid", "once", 7, b"value")
MARK = SentEmit(b"mark", "topic")
LEASE_MS, TTL_MS = 30_000, 3_600_000


async def begin(
    queue: QueueStore, clock: FakeClock, request: KeyedRequest = REQUEST, run_id: str = "run", owner: str = "one"
) -> KeyedRun | KeptResponse | KeyRefusal:
    now_ms = clock.now_ms()
    return await queue.requests.begin(request, run_id, owner, now_ms + LEASE_MS, now_ms + TTL_MS)


async def run(queue: QueueStore, clock: FakeClock, request: KeyedRequest = REQUEST, run_id: str = "run") -> KeyedRun:
    begun = await begin(queue, clock, request, run_id)
    assert isinstance(begun, KeyedRun)
    return begun


async def test_the_first_request_runs_and_the_others_get_its_response(queue: QueueStore, clock: FakeClock) -> None:
    first = await run(queue, clock)
    assert (first.run_id, first.token, list(first.journal.entries)) == ("run", 1, [])
    assert await begin(queue, clock) == "running"
    assert await begin(queue, clock, OTHER) == "other_request"
    assert await queue.requests.end(first, RESPONSE, clock.now_ms() + TTL_MS)
    assert await begin(queue, clock) == RESPONSE
    assert await begin(queue, clock, OTHER) == "other_request"
    # Step, key and client are the scope; what has ended, ends no more.
    for scope in (REQUEST._replace(step="B"), REQUEST._replace(key="b"), REQUEST._replace(client=b"b")):
        assert (await run(queue, clock, scope, scope.step + scope.key)).token == 1
    assert not await queue.requests.end(first, None, 0)
    assert not await queue.requests.free(first)
    assert await begin(queue, clock) == RESPONSE


async def test_a_response_that_is_not_kept_is_said_to_be_so(queue: QueueStore, clock: FakeClock) -> None:
    await queue.requests.end(await run(queue, clock), None, clock.now_ms() + TTL_MS)
    assert await begin(queue, clock) == "not_kept"


async def test_a_failed_run_is_tried_again_with_what_it_has_kept(queue: QueueStore, clock: FakeClock) -> None:
    first = await run(queue, clock)
    assert await queue.requests.keep(first, ENTRY)
    await queue.requests.enqueue(SentBy(first, MARK), [new("a")])
    await queue.requests.enqueue(SentBy(first, MARK), [new("b")])
    assert await queue.requests.free(first)
    again = await run(queue, clock, run_id="unused")
    assert (again.run_id, again.token) == ("run", 2)
    assert (list(again.journal.entries), again.journal.sent) == ([ENTRY], {MARK: 2})
    assert names(await claim(queue)) == ["a", "b"]
    # With another body it is another request: what was kept for the first is no business of its run.
    await queue.requests.free(again)
    other = await run(queue, clock, OTHER, "other run")
    assert (other.run_id, other.token, list(other.journal.entries)) == ("other run", 1, [])
    assert list((await queue.journal.read("run")).entries) == []


async def test_a_run_whose_lease_ran_out_is_taken_over_and_keeps_nothing_more(
    queue: QueueStore, clock: FakeClock
) -> None:
    first = await run(queue, clock)
    await clock.advance(LEASE_MS / 1000 - 1)
    await queue.requests.renew([first], "one", clock.now_ms() + LEASE_MS)
    await clock.advance(2)
    assert await begin(queue, clock) == "running"
    await clock.advance(LEASE_MS / 1000)
    assert await begin(queue, clock, OTHER, "other") == "other_request"
    second = await run(queue, clock)
    assert (second.run_id, second.token) == ("run", 2)
    assert not await queue.requests.keep(first, ENTRY)
    with pytest.raises(RunEnded):
        await queue.requests.enqueue(SentBy(first, MARK), [new("late")])
    assert not await queue.requests.end(first, RESPONSE, clock.now_ms() + TTL_MS)
    assert not await queue.requests.free(first)
    assert await claim(queue) == []
    await queue.requests.keep(second, ENTRY)
    assert await queue.requests.end(second, RESPONSE, clock.now_ms() + TTL_MS)
    assert list((await queue.journal.read("run")).entries) == []


async def test_a_key_is_forgotten_when_its_time_is_over(queue: QueueStore, clock: FakeClock) -> None:
    await queue.requests.end(await run(queue, clock), RESPONSE, clock.now_ms() + TTL_MS)
    await clock.advance(TTL_MS / 1000 - 1)
    assert await begin(queue, clock) == RESPONSE
    await clock.advance(1)
    assert await begin(queue, clock, OTHER, "new") == KeyedRun(OTHER, "new", 1)
    # One that runs stays, however long.
    held = await run(queue, clock, REQUEST._replace(key="long"), "long")
    await queue.requests.renew([held], "one", clock.now_ms() + 10 * TTL_MS)
    await clock.advance(2 * TTL_MS / 1000)
    assert await begin(queue, clock, REQUEST._replace(key="long")) == "running"


async def test_those_that_ended_first_are_forgotten_first_when_there_are_too_many(
    queue: QueueStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REQUEST_KEYS_MAX", 3)

    async def ended(key: str, body: bytes = b"") -> None:
        made = await run(queue, clock, REQUEST._replace(key=key), key)
        await queue.requests.end(made, RESPONSE._replace(body=body), clock.now_ms() + TTL_MS)
        await clock.advance(0.001)

    running = await run(queue, clock, REQUEST._replace(key="running"), "running")
    for key in "abcd":
        await ended(key)
    assert await begin(queue, clock, REQUEST._replace(key="d")) == RESPONSE._replace(body=b"")
    assert isinstance(await begin(queue, clock, REQUEST._replace(key="a"), "a again"), KeyedRun)
    assert await queue.requests.free(running)
    # The bytes of all responses are bounded too.
    monkeypatch.setattr(limits, "REQUEST_KEYS_MAX", 100)
    monkeypatch.setattr(limits, "KEPT_RESPONSES_BYTES_MAX", 25)
    for key in "xyz":
        await ended(key, b"0123456789")
    assert isinstance(await begin(queue, clock, REQUEST._replace(key="x"), "x again"), KeyedRun)
    assert isinstance(await begin(queue, clock, REQUEST._replace(key="z")), KeptResponse)


async def test_one_of_two_hosts_runs_a_request(cluster: Cluster) -> None:
    one, two = [await cluster.host(name) for name in ("one", "two")]
    ran = 0
    for number in range(20):
        request = REQUEST._replace(key=f"key {number}")
        asked = [host.bus.requests.begin(request, TTL_MS) for host in (one, two)]
        begun = [await each for each in asked]
        ran += sum(isinstance(each, KeyedRun) for each in begun)
        assert "running" in begun
    assert ran == 20


async def test_a_host_takes_over_what_another_ran_when_its_lease_is_over(cluster: Cluster) -> None:
    one, two = [await cluster.host(name) for name in ("one", "two")]
    for host in (one, two):
        await host.begin()
    first = await one.bus.requests.begin(REQUEST, TTL_MS)
    assert isinstance(first, KeyedRun)
    # Its lease is kept up for as long as it lives.
    for _ in range(7):
        await cluster.advance(10)
    assert await two.bus.requests.begin(REQUEST, 10 * TTL_MS) == "running"
    one.die()
    for _ in range(4):
        await cluster.advance(10)
    second = await two.bus.requests.begin(REQUEST, 10 * TTL_MS)
    assert isinstance(second, KeyedRun)
    assert (second.run_id, second.token) == (first.run_id, 2)
    await two.bus.requests.end(second, RESPONSE, TTL_MS)
    assert two.bus.requests.held == {}
    with suppress(RunEnded):
        await two.bus.publish([new("late")], SentBy(first, MARK))
    assert await two.bus.requests.begin(REQUEST, TTL_MS) == RESPONSE
