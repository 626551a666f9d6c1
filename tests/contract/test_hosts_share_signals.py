"""Several hosts on one store: an event that one stores ends waits of the others."""

from __future__ import annotations

import dataclasses

from polystep.contracts.events import Delivery, Outcome
from polystep.contracts.journal import JournalEntry
from polystep.contracts.signals import SignalWait, Wanted
from polystep.contracts.steps import WaitTopic
from tests.contract.cluster import Cluster, ClusterHost
from tests.unit.bus.harness import DONE, event_step

FAR_MS = 10**15
ENTRY = JournalEntry("k", "event", 1, due_ms=FAR_MS)
WAIT = SignalWait((Wanted("said", "to", "ann"),), 1000)
STEP = dataclasses.replace(event_step("S"), waits_for=(WaitTopic("said", "to"),))


def waits(host: ClusterHost, got: list[bytes | None]) -> None:
    """Let a step of a host wait in its first leg, and take what has come in the next."""

    async def handler(delivery: Delivery) -> Outcome:
        suspensions = host.bus.suspensions
        if delivery.resumes is None:
            assert await suspensions.begin_wait(delivery, ENTRY, [], [], WAIT)
            return Outcome("suspended", run_at_ms=FAR_MS, waits=("k",))
        taken = await suspensions.take_signal(delivery, ENTRY, lambda _, data: data, b"late")
        got.append(None if taken is None else taken.value)
        return DONE

    host.runner.handlers["S"] = handler


async def say(host: ClusterHost, to: str) -> None:
    planned = host.bus.plan("said", to.encode(), trace_id="t", parent_run_id=None, value={"to": to})
    await host.bus.publish(planned)


async def test_a_suspended_run_goes_on_for_an_event_of_another_host(cluster: Cluster) -> None:
    one, two = await cluster.host("one"), await cluster.host("two")
    got: list[bytes | None] = []
    for host in (one, two):
        waits(host, got)
        await host.begin(STEP)
    await one.publish("S", "x")
    await cluster.quiet()
    await say(two, "bob")
    await cluster.quiet()
    assert got == []
    await say(two, "ann")
    await cluster.quiet()
    assert got == [b"ann"]


async def test_an_event_outlives_the_host_that_has_stored_it(cluster: Cluster) -> None:
    one, two = await cluster.host("one"), await cluster.host("two")
    got: list[bytes | None] = []
    for host in (one, two):
        waits(host, got)
    await one.begin(STEP)
    await one.publish("S", "x")
    await cluster.quiet()
    await one.bus.stop()
    await say(one, "ann")
    await two.begin(STEP)
    await cluster.quiet()
    assert got == [b"ann"]


async def test_a_host_that_holds_a_wait_hears_of_events_of_another(cluster: Cluster) -> None:
    one, two = await cluster.host("one"), await cluster.host("two")
    heard: list[tuple[list[str], bool]] = []
    one.bus.suspensions.on_wake(lambda steps, wanted: heard.append((sorted(steps), wanted is None)))
    for host in (one, two):
        await host.begin(STEP)
    await cluster.quiet()
    heard.clear()
    await say(two, "ann")
    await cluster.quiet()
    assert heard == [(["S"], True)]
    await say(one, "ann")
    assert (["S"], False) in heard
