"""Hosts of two deployments on one store: an old and a new version of a project run at once, and bury nothing."""

from __future__ import annotations

from polystep.contracts.steps import Flow, StepSpec
from tests.contract.cluster import Cluster, ClusterHost
from tests.unit.bus.harness import FAILED, event_step, flow, scripted

GONE = {"name": "step_not_found"}


async def old_and_new(cluster: Cluster) -> tuple[ClusterHost, ClusterHost]:
    """Start both. The new version has no step `old`, and a step `new`; both have `both`."""
    old, new = await cluster.host("old", 1), await cluster.host("new", 2)
    await old.queue.save_subscriptions([("o.ts", "old", "old"), ("b.ts", "both", "both")])
    await new.queue.save_subscriptions([("n.ts", "new", "new"), ("b.ts", "both", "both")])
    return old, new


def _steps(*names: str) -> list[StepSpec]:
    return [event_step(name) for name in names]


def _flow(*names: str) -> Flow:
    return flow(*_steps(*names))


async def waiting(host: ClusterHost) -> dict[str, int]:
    return dict(await host.queue.waiting())


async def test_steps_of_a_version_that_runs_are_no_orphans(cluster: Cluster) -> None:
    old, new = await old_and_new(cluster)
    old.bus.replace(_flow("old", "both"))
    new.bus.replace(_flow("new", "both"))
    await old.publish("old", "1")
    await new.publish("new", "2")
    assert await new.queue.bury_orphans(["new", "both"], {**GONE}, 1) == []
    assert await old.queue.bury_orphans(["old", "both"], {**GONE}, 1) == []
    assert await waiting(new) == {"old": 1, "new": 1}


async def test_a_step_is_an_orphan_when_the_last_version_with_it_has_gone(cluster: Cluster) -> None:
    old, new = await old_and_new(cluster)
    old.bus.replace(_flow("old", "both"))
    await old.publish("old", "1")
    await old.stores.stop()
    assert await new.queue.bury_orphans(["new", "both"], {**GONE}, 1) == [("old", 1)]
    assert [letter.step for letter in await new.queue.dead_letters(10)] == ["old"]


async def test_what_a_later_version_has_emitted_is_never_an_orphan(cluster: Cluster) -> None:
    old, new = await old_and_new(cluster)
    new.bus.replace(_flow("new", "both"))
    await new.publish("new", "1")
    await new.stores.stop()
    assert await old.queue.bury_orphans(["old", "both"], {**GONE}, 1) == []
    assert await waiting(old) == {"new": 1}


async def test_an_old_host_leaves_newer_events_to_new_ones(cluster: Cluster) -> None:
    old, new = await old_and_new(cluster)
    new.runner.handlers["both"] = scripted(FAILED)
    await old.begin(*_steps("old", "both"))
    await new.begin(*_steps("new", "both"))
    await new.publish("both", "keyed", key="k")
    await new.publish("both", "free")
    await cluster.advance(15)
    assert (old.started, sorted(set(new.started))) == ([], ["free", "keyed"])
    assert await waiting(new) == {}


async def test_an_old_host_that_waits_beside_newer_events_asks_nothing(cluster: Cluster) -> None:
    old, new = await old_and_new(cluster)
    await old.begin(*_steps("old", "both"))
    new.bus.replace(_flow("new", "both"))
    await new.publish("both", "x")
    await cluster.quiet()
    old.bus.replace(_flow("old", "both"))
    await cluster.quiet()
    before = cluster.commits
    for _ in range(50):
        await cluster.clock.settle()
    assert (cluster.commits, old.started) == (before, [])


async def test_a_new_host_runs_older_events(cluster: Cluster) -> None:
    old, new = await old_and_new(cluster)
    old.bus.replace(_flow("old", "both"))
    await old.publish("both", "1")
    await old.publish("both", "2", key="k")
    await new.begin(*_steps("new", "both"))
    await new.observer.ends_count(2)
    assert sorted(new.started) == ["1", "2"]


async def test_an_old_version_leaves_parked_events_of_a_new_one(cluster: Cluster) -> None:
    old, new = await old_and_new(cluster)
    await new.begin(*_steps("new"), is_complete=False)  # the file of its step `late` does not load yet
    await new.publish("late", "x")
    await old.begin(*_steps("old", "both"))
    await cluster.quiet()
    assert await old.queue.parked_size() == (1, 1)
    new.bus.replace(_flow("new", "late"))
    await new.observer.ends_count(1)
    assert (new.started, await new.queue.parked_size()) == (["x"], (0, 0))


async def test_a_new_version_leaves_parked_events_to_an_old_one_while_it_runs(cluster: Cluster) -> None:
    old, new = await old_and_new(cluster)
    await old.begin(*_steps("old"), is_complete=False)
    await old.publish("both", "x")
    await new.begin(*_steps("new"))
    await cluster.quiet()
    assert await new.queue.parked_size() == (1, 1)
    await old.bus.stop()
    await old.stores.stop()
    new.bus.replace(_flow("new", "both"))
    await new.observer.ends_count(1)
    assert (new.started, await new.queue.parked_size()) == (["x"], (0, 0))


async def test_subscriptions_are_of_a_deployment(cluster: Cluster) -> None:
    old, new = await old_and_new(cluster)
    assert sorted(await old.queue.subscriptions()) == [("b.ts", "both", "both"), ("o.ts", "old", "old")]
    assert sorted(await new.queue.subscriptions()) == [("b.ts", "both", "both"), ("n.ts", "new", "new")]
    await old.queue.save_subscriptions([])
    assert len(await new.queue.subscriptions()) == 2


async def test_a_deployment_begins_with_the_subscriptions_of_the_one_before(cluster: Cluster) -> None:
    _, new = await old_and_new(cluster)
    later = await cluster.host("later", 7)
    assert sorted(await later.queue.subscriptions()) == sorted(await new.queue.subscriptions())


async def test_a_deployment_that_nobody_runs_is_forgotten(cluster: Cluster) -> None:
    old, new = await old_and_new(cluster)
    await old.stores.stop()
    await new.queue.bury_orphans(["new", "both"], {**GONE}, 1)
    again = await cluster.host("again", 1)
    assert await again.queue.subscriptions() == []
