"""Random schedules of events, ends, refusals, replays, reloads and stops: what the bus promises holds after each.

The clock and the chance are the test's, the store is real; a seed that fails does so again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from polystep.contracts.errors import Overloaded, PolystepError
from polystep.contracts.events import Delivery, NewDelivery, Outcome
from polystep.contracts.steps import QueuePolicy
from tests.unit.bus.harness import BusHarness, event_step, flow

ACTIONS = 120
ROUNDS_MAX = 200
STEPS = (
    event_step("single", queue=QueuePolicy(concurrency=1)),
    event_step("plain"),
    event_step("few", queue=QueuePolicy(concurrency=3, retries_max=1)),
    event_step("ordered", queue=QueuePolicy(fifo=True)),
    event_step("late", queue=QueuePolicy(fifo=True, delay_s=2.5)),
)
NAMES = [step.name for step in STEPS]


class World:
    """A bus with everything around it going wrong now and then, and a record of what was promised and done."""

    def __init__(self, harness: BusHarness, seed: int) -> None:
        self.harness = harness
        self.chance = random.Random(seed)
        self.is_calm = False
        self.stored: dict[str, NewDelivery] = {}
        """By run: what must be handled."""
        self.refused: set[str] = set()
        """Runs that the publisher was told are not stored."""
        self.unknown: set[str] = set()
        """Runs whose publisher left before it was told."""
        self.running: Counter[str] = Counter()
        self.trouble: list[str] = []
        self._names = 0
        self._write: Callable[..., asyncio.Future[Any]] = harness.database.write
        harness.runner.handlers = dict.fromkeys(NAMES, self.handle)

    def write(self, job: Any) -> asyncio.Future[Any]:
        """The database's, refusing now and then: at once, or as a commit that failed."""
        if self.is_calm or self.chance.random() > 0.06:
            return self._write(job)
        if self.chance.random() < 0.3:
            raise Overloaded("Too many writes wait.")
        failed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        failed.set_exception(PolystepError("The disk is full."))
        return failed

    async def handle(self, delivery: Delivery) -> Outcome:
        step = self.harness.bus._context.routes.steps[delivery.step]
        key = f"{step.name} {delivery.fifo_key}"
        for name in (step.name, key):
            self.running[name] += 1
        if self.running[step.name] > step.queue.concurrency:
            self.trouble.append(f"over the limit of {step.name}")
        if delivery.fifo_key is not None and self.running[key] > 1:
            self.trouble.append(f"two at once of {key}")
        try:
            await self.harness.clock.sleep(self.chance.choice((0, 0, 0, 0.5, 3)))
            return self._outcome(delivery)
        finally:
            for name in (step.name, key):
                self.running[name] -= 1

    def _outcome(self, delivery: Delivery) -> Outcome:
        emits = self.plan(f"{delivery.data.decode()}>{delivery.attempt}", self.chance.choice((0, 0, 1, 2)))
        draw = 1.0 if self.is_calm else self.chance.random()
        if draw < 0.05:
            raise KeyError("a bug in the host")
        if draw < 0.2:
            return Outcome("failed", emits, error={"name": "E"}, retryable=draw < 0.17)
        if draw < 0.28:
            return Outcome("released" if draw < 0.24 else "suspect", emits)
        return Outcome("completed", () if delivery.data.count(b">") > 3 else emits)

    def plan(self, name: str, count: int) -> tuple[NewDelivery, ...]:
        planned: list[NewDelivery] = []
        for _ in range(count):
            self._names += 1
            key = self.chance.choice((None, None, "k", "l"))
            data = f"{name}.{self._names}".encode()
            topic = self.chance.choice(NAMES)
            planned += self.harness.bus.plan(topic, data, trace_id="t", parent_run_id=None, fifo_key=key)
        return tuple(planned)

    async def publish(self) -> None:
        deliveries = self.plan("root", self.chance.randrange(1, 6))
        try:
            stored = self.harness.bus.publish(deliveries)
            if self.chance.random() < 0.05:
                self.unknown.update(each.run_id for each in deliveries)
                stored.cancel()
                return
            await stored
        except PolystepError:
            self.refused.update(each.run_id for each in deliveries)
        else:
            self.stored.update((each.run_id, each) for each in deliveries)

    async def reload(self) -> None:
        loaded = [step for step in STEPS if self.is_calm or self.chance.random() < 0.8]
        kept = [(name, name) for name in NAMES]
        self.harness.bus.replace(flow(*loaded), kept)

    async def replay(self) -> None:
        """Try a dead letter again."""
        letters = await self.harness.store.dead_letters(100)
        if letters:
            with contextlib.suppress(PolystepError):
                await self.harness.bus.replay(self.chance.choice(letters).id)

    async def restart(self) -> None:
        """A stop without grace, and a new bus on the same store."""
        await self.harness.bus.stop()
        self.harness.bus = self.harness.new_bus()
        self.is_calm, was_calm = True, self.is_calm
        await self.harness.begin(*STEPS)
        self.is_calm = was_calm

    async def act(self) -> None:
        draw = self.chance.random()
        if draw < 0.55:
            await self.publish()
        elif draw < 0.9:
            await self.harness.clock.advance(self.chance.choice((0.1, 1, 3)))
        elif draw < 0.94:
            await self.replay()
        elif draw < 0.98:
            await self.reload()
        else:
            await self.restart()

    async def come_to_rest(self) -> None:
        """Nothing goes wrong any more, and no reload or retry wakes what was forgotten: everything must be handled."""
        self.is_calm = True
        await self.reload()
        await self.harness.advance(60)
        for _ in range(20):
            await self.publish()
        for _ in range(ROUNDS_MAX):
            await self.harness.advance(5)
            if not await self.harness.store.waiting():
                return
        self.trouble.append(f"left behind: {await self.harness.store.waiting()}")


@pytest.mark.parametrize("seed", range(10))
async def test_every_event_is_handled_once_in_order_and_no_place_is_lost(
    harness: BusHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    caplog.set_level(logging.CRITICAL, "polystep.bus")
    world = World(harness, seed)
    completed: Counter[str] = Counter()
    settled = harness.observer.settled

    def settle(delivery: Delivery, outcome: Outcome, retry_at_ms: int | None, buried: bool) -> None:
        if outcome.status == "completed":
            completed[delivery.run_id] += 1
            world.stored.update((each.run_id, each) for each in outcome.emits)
        settled(delivery, outcome, retry_at_ms, buried)

    monkeypatch.setattr(harness.observer, "settled", settle)
    await harness.begin(*STEPS)
    monkeypatch.setattr(harness.database, "write", world.write)
    for _ in range(ACTIONS):
        await world.act()
    await world.come_to_rest()

    assert world.trouble == []
    dead = Counter(letter.run_id for letter in await harness.store.dead_letters(100_000))
    assert {run for run in world.stored if completed[run] + dead[run] != 1} == set()
    assert {run for run in world.unknown if completed[run] + dead[run] > 1} == set()
    started = {delivery.run_id for delivery in harness.runner.started}
    assert started - world.stored.keys() - world.unknown == set()
    assert started & world.refused == set()
    _check_attempts(harness.runner.started)
    _check_slots(harness)


def _check_attempts(started: list[Delivery]) -> None:
    assert [run for run, count in Counter((each.id, each.token) for each in started).items() if count > 1] == []
    of_key: dict[tuple[str, str], list[int]] = {}
    for delivery in started:
        if delivery.fifo_key is not None:
            of_key.setdefault((delivery.step, delivery.fifo_key), []).append(delivery.id)
    assert {key for key, ids in of_key.items() if ids != sorted(ids)} == set()


def _check_slots(harness: BusHarness) -> None:
    claims, attempts = harness.bus._claims, harness.bus._attempts
    slots = claims.slots
    assert (slots._taken, set(slots._taken_by.values()) - {0}, attempts._in_slots, claims.held) == (0, set(), set(), {})
