"""Several hosts on one store: of a cron tick there is one, whoever fires it."""

from __future__ import annotations

import asyncio

from polystep.contracts.events import Claim
from polystep.contracts.limits import LEASE_MS
from polystep.contracts.ports.queue import DeliveryStore
from polystep.contracts.steps import CronTrigger
from polystep.schedule import Timetable
from polystep.testing import FakeClock
from tests.contract.cluster import Cluster, ClusterHost
from tests.contract.deliveries import claim, new
from tests.unit.bus.harness import cron_step

MINUTE_MS = 60_000


async def schedule(cluster: Cluster, host: ClusterHost, fired: list[str]) -> Timetable:
    """Start a host's bus and its own scheduler."""

    async def fire(step: str, due_ms: int) -> None:
        tick = await host.bus.publish_tick(step, b"", due_ms)
        fired.append(tick.status)

    timetable = Timetable(cluster.clock, fire, lambda _, error: fired.append(repr(error)))
    timetable.replace({"tick": CronTrigger("* * * * *", "UTC")})
    await host.begin(cron_step("tick"))
    await timetable.start()
    return timetable


async def test_two_schedulers_fire_a_tick_once(cluster: Cluster) -> None:
    fired: list[str] = []
    hosts = [await cluster.host(name) for name in ("one", "two", "three")]
    timetables = [await schedule(cluster, host, fired) for host in hosts]
    for _ in range(5):
        await cluster.advance(60)
    for timetable in timetables:
        await timetable.stop()
    assert sum(len(host.started) for host in hosts) == 5
    assert sorted(fired) == [*["elsewhere"] * 10, *["stored"] * 5]


async def test_ticks_go_on_when_the_host_that_fired_them_has_gone(cluster: Cluster) -> None:
    fired: list[str] = []
    one, two = await cluster.host("one"), await cluster.host("two")
    first, second = await schedule(cluster, one, fired), await schedule(cluster, two, fired)
    await cluster.advance(60)
    await first.stop()
    await one.bus.stop()
    for _ in range(3):
        await cluster.advance(60)
    await second.stop()
    assert len(one.started) + len(two.started) == 4


async def test_a_clock_that_is_set_back_does_not_stop_ticks(cluster: Cluster) -> None:
    fired: list[str] = []
    one, two = await cluster.host("one"), await cluster.host("two")
    timetables = [await schedule(cluster, host, fired) for host in (one, two)]
    await cluster.advance(60)
    cluster.clock.set_by_s = -7200
    for _ in range(3):
        await cluster.advance(60)
    for timetable in timetables:
        await timetable.stop()
    assert fired.count("stored") == len(one.started) + len(two.started)
    assert 3 <= fired.count("stored") <= 4
    assert set(fired) == {"stored", "elsewhere"}


async def test_of_many_firings_of_one_tick_one_is_stored(deliveries: DeliveryStore, clock: FakeClock) -> None:
    due_ms = clock.now_ms()
    stored = await asyncio.gather(*(deliveries.enqueue_tick(new(str(n)), due_ms) for n in range(5)))
    assert sorted(each.status for each in stored) == [*["elsewhere"] * 4, "stored"]
    assert len(await claim(deliveries, now_ms=due_ms)) == 1


async def test_a_tick_is_known_by_step_and_due_time(deliveries: DeliveryStore, clock: FakeClock) -> None:
    now_ms = clock.now_ms()
    at_once = Claim(frozenset({0}), "host", now_ms + LEASE_MS)
    for step, due_ms, status in [
        ("a", now_ms - MINUTE_MS, "stored"),
        ("b", now_ms - MINUTE_MS, "stored"),
        ("a", now_ms - MINUTE_MS, "elsewhere"),
        ("a", now_ms - 2 * MINUTE_MS, "elsewhere"),
        ("a", now_ms, "stored"),
    ]:
        stored = await deliveries.enqueue_tick(new("tick", step=step), due_ms, at_once)
        assert stored.status == status
        for delivery in stored.claimed:
            await deliveries.complete(delivery, [])
    assert await deliveries.waiting() == []


async def test_a_tick_that_was_skipped_is_not_fired_by_another_host(
    deliveries: DeliveryStore, clock: FakeClock
) -> None:
    await deliveries.enqueue([new("earlier", at_ms=clock.now_ms() + MINUTE_MS)])
    first = await deliveries.enqueue_tick(new("t"), clock.now_ms())
    await deliveries.bury_orphans([], {"name": "gone"}, clock.now_ms())
    second = await deliveries.enqueue_tick(new("t"), clock.now_ms())
    assert [first.status, second.status] == ["busy", "elsewhere"]


async def test_a_due_time_from_before_the_clock_was_set_back_counts_no_more(
    deliveries: DeliveryStore, clock: FakeClock
) -> None:
    await deliveries.enqueue_tick(new("t"), clock.now_ms() + 60 * MINUTE_MS)
    await deliveries.bury_orphans([], {"name": "gone"}, clock.now_ms())
    again = [(await deliveries.enqueue_tick(new("t"), clock.now_ms() - n * MINUTE_MS)).status for n in (1, 1, 2)]
    assert again == ["stored", "elsewhere", "elsewhere"]
