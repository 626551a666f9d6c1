"""Several hosts on one store: an event that one stores ends the runs of the others."""

from __future__ import annotations

from polystep.contracts.steps import CancelTopic, QueuePolicy
from tests.contract.cluster import Cluster
from tests.unit.bus.harness import event_step
from tests.unit.bus.test_cancelling import Handlers, publish

STEP = event_step("S", "S", queue=QueuePolicy(cancel_on=(CancelTopic("order.cancelled", "order"),)))


async def test_a_run_of_another_host_is_ended(cluster: Cluster) -> None:
    one, two = await cluster.host("one"), await cluster.host("two")
    for host in (one, two):
        Handlers(host, "S")
        await host.begin(STEP)
    await publish(one, "S", {"order": 1})
    await cluster.quiet()
    assert (len(one.runner.started), len(two.runner.started)) == (1, 0)
    await publish(two, "order.cancelled", {"order": 1})
    await cluster.quiet()
    assert [end.status for end in one.observer.ends] == ["cancelled"]
    assert await one.queue.waiting() == []
    # Neither has anything left to look at.
    commits = cluster.commits
    await cluster.quiet()
    assert cluster.commits <= commits + 1


async def test_a_run_of_a_host_that_dies_is_not_tried_again(cluster: Cluster) -> None:
    one, two = await cluster.host("one"), await cluster.host("two")
    for host in (one, two):
        Handlers(host, "S")
        await host.begin(STEP)
    await publish(one, "S", {"order": 1})
    await cluster.quiet()
    one.die()
    await publish(two, "order.cancelled", {"order": 1})
    await cluster.advance(120)
    assert two.runner.started == []
    assert len(two.observer.removed) == 1
    assert await two.queue.waiting() == []
