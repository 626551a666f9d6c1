"""Random schedules over several hosts: events, ends, reloads, stops and deaths; what the bus promises holds after each.

The clock and the chance are the test's, the store is real; a seed that fails does so again.
"""

from __future__ import annotations

import logging
import random
from collections import Counter

import pytest

from polystep.contracts.events import Delivery, NewDelivery, Outcome
from polystep.contracts.limits import LEASE_MS
from polystep.contracts.steps import QueuePolicy
from tests.contract.cluster import Cluster, ClusterHost
from tests.unit.bus.harness import event_step, flow

ACTIONS = 80
ROUNDS_MAX = 60
HOSTS = 3
STEPS = (
    event_step("single", queue=QueuePolicy(concurrency=1)),
    event_step("plain"),
    event_step("few", queue=QueuePolicy(concurrency=3, retries_max=1)),
    event_step("ordered", queue=QueuePolicy(fifo=True)),
    event_step("late", queue=QueuePolicy(fifo=True, delay_s=2.5)),
)
NAMES = [step.name for step in STEPS]
POLICIES = {step.name: step.queue for step in STEPS}


class World:
    """Hosts that come and go, and a record of what was promised and done."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        self.cluster = cluster
        self.chance = random.Random(seed)
        self.is_calm = False
        self.alive: list[ClusterHost] = []
        self.planned: set[str] = set()
        self.stored: set[str] = set()
        """Runs that must be handled."""
        self.unknown: set[str] = set()
        """Runs that a dying host was at work on: it may have stored how they ended, and nobody heard of it."""
        self.completed: Counter[str] = Counter()
        self.running: Counter[str] = Counter()
        self.trouble: list[str] = []
        self._names = 0
        self._unsettled_s = 0.0

    async def add_host(self) -> None:
        host = await self.cluster.host(f"host {len(self.cluster.hosts)}")
        settled = host.observer.settled

        def settle(delivery: Delivery, outcome: Outcome, retry_at_ms: int | None, buried: bool) -> None:
            if outcome.status == "completed":
                self.completed[delivery.run_id] += 1
                self.stored.update(each.run_id for each in outcome.emits)
            settled(delivery, outcome, retry_at_ms, buried)

        async def handle(delivery: Delivery) -> Outcome:
            return await self.handle(host, delivery)

        host.observer.settled = settle  # type: ignore[method-assign]
        host.runner.handlers = dict.fromkeys(NAMES, handle)
        await host.begin(*STEPS)
        self.alive.append(host)

    async def handle(self, host: ClusterHost, delivery: Delivery) -> Outcome:
        key = f"{delivery.step} {delivery.fifo_key}"
        for name in (delivery.step, key):
            self.running[name] += 1
        if self.running[delivery.step] > POLICIES[delivery.step].concurrency:
            self.trouble.append(f"over the limit of {delivery.step}")
        if delivery.fifo_key is not None and self.running[key] > 1:
            self.trouble.append(f"two at once of {key}")
        try:
            await self.cluster.clock.sleep(self.chance.choice((0, 0, 0, 0.5, 3)))
            return self._outcome(host, delivery)
        finally:
            for name in (delivery.step, key):
                self.running[name] -= 1

    def _outcome(self, host: ClusterHost, delivery: Delivery) -> Outcome:
        emits = self.plan(host, f"{delivery.data.decode()}>{delivery.attempt}", self.chance.choice((0, 0, 1, 2)))
        draw = 1.0 if self.is_calm else self.chance.random()
        if draw < 0.2:
            return Outcome("failed", emits, error={"name": "E"}, retryable=draw < 0.17)
        if draw < 0.28:
            return Outcome("released" if draw < 0.24 else "suspect", emits)
        return Outcome("completed", () if delivery.data.count(b">") > 3 else emits)

    def plan(self, host: ClusterHost, name: str, count: int) -> tuple[NewDelivery, ...]:
        planned: list[NewDelivery] = []
        for _ in range(count):
            self._names += 1
            key = self.chance.choice((None, None, "k", "l"))
            data = f"{name}.{self._names}".encode()
            topic = self.chance.choice(NAMES)
            planned += host.bus.plan(topic, data, trace_id="t", parent_run_id=None, fifo_key=key)
        self.planned.update(each.run_id for each in planned)
        return tuple(planned)

    async def publish(self) -> None:
        host = self.chance.choice(self.alive)
        deliveries = self.plan(host, "root", self.chance.randrange(1, 6))
        await host.bus.publish(deliveries)
        self.stored.update(each.run_id for each in deliveries)

    def reload(self) -> None:
        loaded = [step for step in STEPS if self.is_calm or self.chance.random() < 0.8]
        self.chance.choice(self.alive).bus.replace(flow(*loaded), [(name, name) for name in NAMES])

    async def stop_one(self) -> None:
        """A stop without grace, and another start."""
        host = self.alive.pop(self.chance.randrange(len(self.alive)))
        await host.bus.stop()
        await self.add_host()

    async def kill_one(self) -> None:
        host = self.alive.pop(self.chance.randrange(len(self.alive)))
        self.unknown.update(delivery.run_id for delivery in host.bus._claims.held.values())
        host.die()
        await self.add_host()

    async def advance(self, delay_s: float) -> None:
        """Move the clock; a renewal must be stored before the clock has passed the end of its lease."""
        await self.cluster.clock.advance(delay_s)
        self._unsettled_s += delay_s
        if self._unsettled_s > LEASE_MS / 6000:
            self._unsettled_s = 0.0
            await self.cluster.quiet()

    async def act(self) -> None:
        draw = self.chance.random()
        if draw < 0.5:
            await self.publish()
        elif draw < 0.86:
            await self.advance(self.chance.choice((0.1, 1, 3)))
        elif draw < 0.92:
            self.reload()
        elif draw < 0.97:
            await self.stop_one()
        else:
            await self.kill_one()

    async def come_to_rest(self) -> None:
        """Nothing goes wrong any more, and leases of the dead run out: everything must be handled."""
        self.is_calm = True
        for host in self.alive:
            host.bus.replace(flow(*STEPS))
        for _ in range(ROUNDS_MAX):
            await self.cluster.advance(5)
            if not await self.alive[0].queue.waiting():
                return
        self.trouble.append(f"left behind: {await self.alive[0].queue.waiting()}")


@pytest.mark.parametrize("seed", range(12))
async def test_what_the_bus_promises_holds_over_hosts(
    cluster: Cluster, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    caplog.set_level(logging.CRITICAL, "polystep.bus")
    world = World(cluster, seed)
    for _ in range(HOSTS):
        await world.add_host()
    for _ in range(ACTIONS):
        await world.act()
    await world.come_to_rest()

    assert world.trouble == []
    dead = Counter(letter.run_id for letter in await world.alive[0].queue.dead_letters(100_000))
    ends = {run: world.completed[run] + dead[run] for run in world.planned}
    assert {run for run in world.stored - world.unknown if ends[run] != 1} == set()
    assert {run for run in world.unknown if ends[run] > 1} == set()
    started = [delivery for host in cluster.hosts for delivery in host.runner.started]
    assert {delivery.run_id for delivery in started} - world.planned == set()
    attempts = Counter((delivery.id, delivery.token) for delivery in started)
    assert [attempt for attempt, count in attempts.items() if count > 1] == []
    for host in world.alive:
        slots = host.bus._claims.slots
        assert (slots._taken, set(slots._taken_by.values()) - {0}, host.bus._claims.held) == (0, set(), {})
