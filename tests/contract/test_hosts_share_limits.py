"""Several hosts on one store: a step's `concurrency` holds over all of them."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from polystep.bus import QueueBound
from polystep.bus.backlog import COUNT_AGAIN_S
from polystep.bus.settle import SETTLE_PAUSE_S
from polystep.contracts.errors import Overloaded, PolystepError
from polystep.contracts.events import Claim, Delivery, Outcome
from polystep.contracts.limits import LEASE_MS
from polystep.contracts.ports.queue import DeliveryStore
from polystep.contracts.steps import QueuePolicy
from tests.contract.cluster import Cluster, ClusterHost
from tests.contract.deliveries import claim, names, new
from tests.contract.sharing import Sharing
from tests.patience import HANG_S
from tests.unit.bus.harness import DONE, FAILED, event_step, flow, scripted

TWO = event_step("a", queue=QueuePolicy(concurrency=2))


class Counted:
    """A handler that counts the attempts at all hosts, and ends one each time a test says so."""

    def __init__(self) -> None:
        self.running = 0
        self.most = 0
        self.done: list[str] = []
        self._go = asyncio.Semaphore(0)

    async def __call__(self, delivery: Delivery) -> Outcome:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self._go.acquire()
            self.done.append(delivery.data.decode())
            return DONE
        finally:
            self.running -= 1

    def end(self, count: int = 1) -> None:
        for _ in range(count):
            self._go.release()


async def two_hosts(cluster: Cluster, handler: Counted) -> tuple[ClusterHost, ClusterHost]:
    one, two = await cluster.host("one"), await cluster.host("two")
    for host in (one, two):
        host.runner.handlers["a"] = handler
        await host.begin(TWO)
    await cluster.quiet()
    return one, two


async def test_no_more_run_at_once_however_they_are_published(cluster: Cluster) -> None:
    handler = Counted()
    one, two = await two_hosts(cluster, handler)
    for number in range(10):
        await (one, two)[number % 2].publish("a", str(number))
    await cluster.quiet()
    assert handler.running == 2
    for _ in range(10):
        handler.end()
        await cluster.quiet()
    assert (sorted(handler.done), handler.most) == ([*map(str, range(10))], 2)
    assert await one.queue.waiting() == []


async def test_a_slot_that_one_host_frees_is_used_by_the_other(cluster: Cluster) -> None:
    handler = Counted()
    one, two = await two_hosts(cluster, handler)
    await one.publish("a", "1", "2")
    await cluster.quiet()
    assert one.started == ["1", "2"]
    await one.bus.stop(0)  # what it had starts elsewhere, two at once
    await two.publish("a", "3", "4")
    await cluster.quiet()
    assert (handler.running, len(two.started)) == (2, 2)
    handler.end(4)
    await cluster.quiet()
    assert sorted(two.started) == ["1", "2", "3", "4"]


async def test_a_slot_that_a_host_frees_and_cannot_use_is_used_by_another(cluster: Cluster) -> None:
    handler = Counted()
    one, two = await two_hosts(cluster, handler)
    await one.publish("a", "1", "2")
    await cluster.quiet()
    one.bus.replace(flow(event_step("b")))  # its file has gone here; what runs goes on
    await two.publish("a", "3", "4")
    await cluster.quiet()
    assert two.started == []
    handler.end(2)
    await cluster.quiet()
    assert (two.started, handler.running) == (["3", "4"], 2)
    handler.end(2)
    await cluster.quiet()


async def test_a_host_goes_on_by_itself_when_no_other_has_the_step(cluster: Cluster) -> None:
    handler = Counted()
    one, two = await cluster.host("one"), await cluster.host("two")
    one.runner.handlers["a"] = handler
    await one.begin(TWO)
    await two.begin(event_step("b"))
    await cluster.quiet()
    await one.publish("a", *"12345")
    await cluster.quiet()
    for _ in range(5):
        handler.end()
        await cluster.quiet()
    assert (sorted(handler.done), handler.most) == ([*"12345"], 2)


async def test_an_outcome_that_is_stored_late_lets_the_next_one_start(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = Counted()
    one, two = await cluster.host("one"), await cluster.host("two")
    one.runner.handlers["a"] = handler
    await one.begin(event_step("a", queue=QueuePolicy(concurrency=1)))
    await two.begin(event_step("b"))
    await cluster.quiet()
    await one.publish("a", "1", "2")
    await cluster.quiet()
    with monkeypatch.context() as patched:
        patched.setattr(one.queue, "complete", _refuse)
        handler.end()
        await cluster.quiet()
        assert one.started == ["1"]  # its outcome is not stored yet, so it still counts
    await cluster.advance(SETTLE_PAUSE_S)
    assert one.started == ["1", "2"]
    handler.end()
    await cluster.quiet()


async def _refuse(*_: object) -> None:
    raise PolystepError("The disk is full.")


async def test_hosts_that_wait_for_a_limit_ask_nothing(cluster: Cluster) -> None:
    handler = Counted()
    one, two = await two_hosts(cluster, handler)
    await one.publish("a", *"123456")
    await two.publish("a", *"abcdef")
    await cluster.quiet()
    before = cluster.commits
    for _ in range(50):
        await cluster.clock.settle()
    assert cluster.commits == before
    handler.end(12)
    await cluster.quiet()
    assert (len(handler.done), handler.most) == (12, 2)


async def test_attempts_of_a_dead_host_count_until_their_leases_run_out(cluster: Cluster) -> None:
    handler = Counted()
    one, two = await two_hosts(cluster, handler)
    await one.publish("a", "1", "2")
    await cluster.quiet()
    one.die()
    await cluster.clock.settle()
    await two.publish("a", "3")
    await cluster.advance(LEASE_MS / 1000 - 5)
    assert two.started == []
    await cluster.advance(6)
    assert len(two.started) == 2
    handler.end(3)
    await cluster.quiet()
    assert sorted(two.started) == ["1", "2", "3"]


async def test_a_retry_keeps_to_the_limit(cluster: Cluster) -> None:
    handler = Counted()
    one, two = await two_hosts(cluster, handler)
    one.runner.handlers["a"] = scripted(FAILED)
    await one.publish("a", "again")
    await one.observer.ends_count(1)
    one.runner.handlers["a"] = handler
    await two.publish("a", "1", "2", "3")
    await cluster.advance(3)
    assert (handler.running, handler.most) == (2, 2)
    handler.end(4)
    await cluster.quiet()
    assert sorted(handler.done) == ["1", "2", "3", "again"]


async def test_what_other_hosts_have_stored_counts_for_the_bound_of_a_queue(cluster: Cluster) -> None:
    bound = QueueBound(3, 1000)
    one, two = await cluster.host("one", bound=bound), await cluster.host("two", bound=bound)
    handler = Counted()
    for host in (one, two):
        host.runner.handlers["a"] = handler
        await host.begin(TWO)
    await one.publish("a", "1", "2", "3")
    await cluster.advance(COUNT_AGAIN_S + LEASE_MS / 3000)
    with pytest.raises(Overloaded):
        await two.publish("a", "4")
    handler.end(3)
    await cluster.advance(COUNT_AGAIN_S + LEASE_MS / 3000)
    await two.publish("a", "4")


@pytest.mark.parametrize(("running", "started"), [(0, ["a", "b"]), (1, ["a"]), (2, [])])
async def test_what_is_claimed_as_it_is_stored_counts_what_runs(
    deliveries: DeliveryStore, running: int, started: list[str]
) -> None:
    await deliveries.enqueue([new(f"r{number}") for number in range(running)])
    await claim(deliveries, owner="other")
    at_once = Claim(frozenset({0, 1, 2}), "host", 1000 + LEASE_MS, {"step": 2})
    assert names(await deliveries.enqueue([new(name) for name in "abc"], at_once)) == started
    assert len(await claim(deliveries)) == 3 - len(started)


async def test_a_completion_frees_the_slot_for_what_it_emits(deliveries: DeliveryStore) -> None:
    (only,) = await deliveries.enqueue([new("a")], Claim(frozenset({0}), "host", LEASE_MS, {"step": 1}))
    claimed = await deliveries.complete(
        only, [new("b"), new("c")], Claim(frozenset({0, 1}), "host", LEASE_MS, {"step": 1})
    )
    assert claimed is not None
    assert names(claimed) == ["b"]


async def test_a_claim_says_which_steps_their_limit_holds_back(deliveries: DeliveryStore) -> None:
    await deliveries.enqueue([new(name, step=step) for step in ("x", "y") for name in "abc"])
    limits = {"x": 2, "y": 5}
    first = await deliveries.claim({"x": 3, "y": 3}, "host", 1000, LEASE_MS, limits)
    assert names(first.deliveries) == ["a", "b", "a", "b", "c"]
    assert first.held_back == frozenset("x")
    second = await deliveries.claim({"x": 1}, "other", 1000, LEASE_MS, limits)
    assert (names(second.deliveries), second.held_back) == ([], frozenset("x"))
    await deliveries.complete(first.deliveries[0], [])
    third = await deliveries.claim({"x": 1}, "other", 1000, LEASE_MS, limits)
    assert (names(third.deliveries), third.held_back) == (["c"], frozenset())


async def test_a_limit_holds_nothing_back_when_less_is_due_than_it_allows(deliveries: DeliveryStore) -> None:
    """Else nobody asks when the next one is due: it would wait for a look at the store, ten seconds later."""
    await deliveries.enqueue([new("now"), new("later", at_ms=5000)])
    (running,) = (await deliveries.claim({"step": 5}, "other", 1000, LEASE_MS, {"step": 5})).deliveries
    claimed = await deliveries.claim({"step": 5}, "host", 1000, LEASE_MS, {"step": 5})
    assert (names([running]), claimed.deliveries, claimed.held_back) == (["now"], [], frozenset())


class Race:
    """Hosts that store, claim and end deliveries of a limited step as fast as they can."""

    LIMITS: Final = {"step": 2}

    def __init__(self) -> None:
        self.running = 0
        self.most = 0
        self.ended = 0

    async def run(self, queues: list[DeliveryStore], events: int) -> None:
        async with asyncio.timeout(HANG_S), asyncio.TaskGroup() as group:
            for number, queue in enumerate(queues):
                group.create_task(self._work(queue, f"host {number}", events, len(queues) * events))

    async def _work(self, queue: DeliveryStore, owner: str, events: int, total: int) -> None:
        at_once = Claim(frozenset({0}), owner, LEASE_MS, self.LIMITS)
        for number in range(events):
            await self._end(queue, await queue.enqueue([new(f"{owner} {number}")], at_once))
        while self.ended < total:
            await self._end(queue, (await queue.claim({"step": 3}, owner, 1000, LEASE_MS, self.LIMITS)).deliveries)

    async def _end(self, queue: DeliveryStore, claimed: list[Delivery]) -> None:
        self.running += len(claimed)
        self.most = max(self.most, self.running)
        for delivery in claimed:
            self.running -= 1
            assert await queue.complete(delivery, []) is not None
            self.ended += 1


async def test_no_race_of_hosts_exceeds_a_limit(sharing: Sharing) -> None:
    hosts = [await sharing.host(name) for name in ("one", "two", "three")]
    race = Race()
    await race.run([host.queue for host in hosts], 60)
    assert (race.most, await hosts[0].queue.waiting()) == (2, [])
