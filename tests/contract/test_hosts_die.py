"""Several hosts on one store: owners are one start each, and what a dead one leaves behind is taken over."""

from __future__ import annotations

from pathlib import Path

from polystep.contracts.events import Delivery, Outcome
from polystep.contracts.limits import LEASE_MS
from polystep.contracts.trace import RunQueued
from polystep.stores import open_stores
from polystep.testing import FakeClock
from tests.contract.cluster import Cluster
from tests.contract.deliveries import claim, names, new
from tests.unit.bus.harness import event_step, gate


def queued(run_id: str) -> RunQueued:
    return RunQueued(run_id, f"trace of {run_id}", None, "step", "api", "{}", 1000)


async def test_each_start_is_an_owner_of_its_own(tmp_path: Path) -> None:
    owners = {open_stores(tmp_path, "none", FakeClock()).owner for _ in range(50)}
    assert len(owners) == 50


async def test_a_starting_host_leaves_the_work_of_others_alone(cluster: Cluster) -> None:
    one, two = await cluster.host("one"), await cluster.host("two")
    opened, one.runner.handlers["a"] = gate()
    await one.begin(event_step("a"))
    await one.publish("a", "x")
    await one.runner.started_count(1)
    await two.begin(event_step("a"))
    await cluster.advance(5)
    assert two.started == []
    opened.set()
    await one.observer.ends_count(1)
    assert (one.observer.results, one.observer.refused) == ([("x", 1, "completed")], [])


async def test_a_dead_hosts_work_starts_elsewhere_when_its_lease_runs_out(cluster: Cluster) -> None:
    one, two = await cluster.host("one"), await cluster.host("two")
    one.runner.handlers["a"] = gate()[1]
    await one.begin(event_step("a"))
    await one.publish("a", "1", "2", key="k")
    await one.publish("a", "other")
    await one.runner.started_count(2)
    await two.begin(event_step("a"))
    await cluster.quiet()
    one.die()
    await cluster.advance(LEASE_MS / 1000 - 1)
    assert two.started == []
    await cluster.advance(1 + LEASE_MS / 3000)
    assert sorted(two.started) == ["1", "2", "other"]
    assert two.started.index("1") < two.started.index("2")
    assert {(each.data, each.attempt) for each in two.runner.started} == {(b"1", 2), (b"2", 1), (b"other", 2)}


async def test_a_host_that_only_seemed_dead_is_refused_with_its_emits(cluster: Cluster) -> None:
    one, two = await cluster.host("one"), await cluster.host("two")
    opened, wait = gate()

    async def emit(delivery: Delivery) -> Outcome:
        await wait(delivery)
        return Outcome("completed", one.bus.plan("b", b"of a dead attempt", trace_id="t", parent_run_id=None))

    one.runner.handlers["a"] = emit
    for host in (one, two):
        await host.begin(event_step("a"), event_step("b"))
    await one.publish("a", "x")
    await one.runner.started_count(1)
    one.suspend()  # as by SIGSTOP: its leases are not renewed
    await cluster.advance(LEASE_MS / 1000 + LEASE_MS / 3000)
    await two.observer.ends_count(1)
    opened.set()
    await cluster.quiet()
    assert (one.observer.ends, [each.data for each in one.observer.refused]) == ([], [b"x"])
    assert two.observer.results == [("x", 2, "completed")]
    assert await two.queue.waiting() == []


async def test_an_earlier_start_of_the_folder_is_dead_at_once(tmp_path: Path) -> None:
    clock = FakeClock()
    before = open_stores(tmp_path, "none", clock)
    await before.start()
    await before.queue.enqueue([new("x")])
    await claim(before.queue, owner=before.owner)
    await before.stop()  # the process has ended
    after = open_stores(tmp_path, "none", clock)
    await after.start()
    assert await after.queue.dead_owners() == [before.owner]
    assert await after.queue.recover(before.owner) == 1
    assert names(await claim(after.queue, owner=after.owner)) == ["x"]
    assert await after.queue.dead_owners() == []
    await after.stop()


async def test_only_runs_of_dead_hosts_are_lost(cluster: Cluster, tmp_path: Path) -> None:
    one, two = await cluster.host("one"), await cluster.host("two")
    await one.stores.traces.write([queued("http run of one")])
    await two.stores.traces.write([queued("http run of two")])
    await one.stores.stop()
    assert await two.stores.traces.lost_runs() == ["http run of one"]
    three = await cluster.host("three")
    assert await three.stores.traces.lost_runs() == ["http run of one"]
    await three.stores.traces.interrupt_runs(["http run of one"], 2000)
    assert await three.stores.traces.lost_runs() == []


async def test_what_a_host_could_not_settle_is_released_when_it_stops(cluster: Cluster) -> None:
    one, two = await cluster.host("one"), await cluster.host("two")
    await one.begin(event_step("a"))
    await cluster.quiet()
    await one.queue.enqueue([new("x", step="a")])
    await one.queue.claim({"a": 1}, "one", cluster.clock.now_ms(), LEASE_MS)  # a claim that the bus does not know
    await two.begin(event_step("a"))
    await cluster.quiet()
    assert two.started == []
    await one.bus.stop()
    await two.observer.ends_count(1)
    assert two.started == ["x"]
