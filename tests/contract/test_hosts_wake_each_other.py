"""Several hosts on one store: what one has stored starts at another."""

from __future__ import annotations

import pytest

from polystep.contracts.events import Outcome
from polystep.contracts.limits import LEASE_MS
from tests.contract.cluster import Cluster
from tests.unit.bus.harness import FAILED, event_step, gate, scripted


async def test_an_event_starts_at_the_host_that_has_its_step(cluster: Cluster) -> None:
    one, two = await cluster.host("one"), await cluster.host("two")
    await one.begin(event_step("a"), kept=[("b", "made")])
    await two.begin(event_step("b", "made"))
    await cluster.quiet()
    await one.publish("made", "x")
    await two.observer.ends_count(1)
    assert (one.started, two.started) == ([], ["x"])


async def test_what_finds_no_slot_starts_at_another_host(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polystep.bus.claims.RUNNING_MAX", 2)
    one, two = await cluster.host("one"), await cluster.host("two")
    opened, wait = gate()
    for host in (one, two):
        host.runner.handlers["a"] = wait
        await host.begin(event_step("a"))
    await cluster.quiet()
    await one.publish("a", *"1234")
    await two.runner.started_count(2)
    assert (len(one.started), len(two.started)) == (2, 2)
    opened.set()
    await two.observer.ends_count(2)
    await one.observer.ends_count(2)
    assert sorted(one.started + two.started) == [*"1234"]


async def test_what_a_stopping_host_releases_starts_elsewhere_at_once(cluster: Cluster) -> None:
    one, two = await cluster.host("one"), await cluster.host("two")
    one.runner.handlers["a"] = gate()[1]
    await one.begin(event_step("a"))
    await one.publish("a", "x")
    await one.runner.started_count(1)
    await two.begin(event_step("a"))
    await cluster.quiet()
    assert two.started == []
    await one.bus.stop()
    await two.observer.ends_count(1)
    assert [(each.data, each.attempt, each.failures) for each in two.runner.started] == [(b"x", 2, 0)]


async def test_a_key_goes_on_where_another_host_left_it(cluster: Cluster) -> None:
    one, two = await cluster.host("one"), await cluster.host("two")
    opened, one.runner.handlers["a"] = gate()
    await one.begin(event_step("a"))
    await one.publish("a", "1", key="k")
    await one.runner.started_count(1)
    await two.begin(event_step("a"))
    await two.publish("a", "2", "3", key="k")
    await cluster.quiet()
    assert two.started == []
    opened.set()
    await cluster.quiet()
    assert sorted(one.started + two.started) == ["1", "2", "3"]
    assert await two.queue.waiting() == []


async def test_a_retry_that_a_dead_host_has_stored_comes_in_its_time(cluster: Cluster) -> None:
    one, two = await cluster.host("one"), await cluster.host("two")
    one.runner.handlers["a"] = scripted(*[FAILED] * 3)
    await one.begin(event_step("a"))
    await two.begin(event_step("a"))
    await one.publish("a", "x")
    await one.observer.ends_count(1)
    await cluster.quiet()
    one.die()
    await cluster.advance(LEASE_MS / 3000 + 1)
    assert two.started == ["x"]


async def test_a_lost_wake_up_costs_a_few_seconds(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = await cluster.host("one"), await cluster.host("two")
    await one.begin(event_step("a"), kept=[("b", "made")])
    await two.begin(event_step("b", "made"))
    await cluster.quiet()
    monkeypatch.setattr(one.queue.wakeups, "announce", lambda **_: None)
    await one.publish("made", "x")
    await cluster.quiet()
    assert two.started == []
    await cluster.advance(LEASE_MS / 3000 + 1)
    assert two.started == ["x"]


async def test_hosts_at_rest_ask_nothing_of_each_other(cluster: Cluster) -> None:
    one, two = await cluster.host("one"), await cluster.host("two")
    for host in (one, two):
        await host.begin(event_step("a"))
    await one.publish("a", "x")
    await one.observer.ends_count(1)
    await cluster.quiet()
    before = cluster.commits
    for _ in range(50):
        await cluster.clock.settle()
    await cluster.clock.advance(9)
    assert cluster.commits == before


async def test_a_host_that_is_alone_calls_nobody(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = await cluster.host("one"), await cluster.host("two")
    await one.begin(event_step("a"))
    await two.begin(event_step("a"))
    assert one.queue.wakeups.has_peers
    await two.bus.stop()
    calls: list[object] = []
    monkeypatch.setattr(one.queue.wakeups, "announce", lambda **named: calls.append(named))
    one.runner.handlers["a"] = scripted(Outcome("released"))
    await one.publish("a", "x", "y", key="k")
    await one.observer.ends_count(3)
    assert (one.queue.wakeups.has_peers, calls) == (False, [])
