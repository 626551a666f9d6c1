"""Several hosts on one store: a FIFO key has one head, whoever stores under it and whoever ends it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

from polystep.contracts.events import Delivery
from polystep.contracts.limits import LEASE_MS
from polystep.contracts.ports.queue import DeliveryStore
from polystep.stores import SqliteQueueStore, open_durable
from polystep.testing import FakeClock
from tests.contract.deliveries import FAILURE, new
from tests.contract.sharing import Sharing
from tests.patience import HANG_S

KEYS = ("k", "l", "m", "n", "o", "p")
EVENTS = 150


class Race:
    """Hosts that store, claim and end deliveries under a few keys as fast as they can."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.running: Counter[str] = Counter()
        self.started: dict[str, list[int]] = {key: [] for key in KEYS}
        self.ended = 0
        self.trouble: list[str] = []

    async def run(self, queues: list[DeliveryStore]) -> None:
        async with asyncio.timeout(HANG_S), asyncio.TaskGroup() as group:
            for number, queue in enumerate(queues):
                group.create_task(self._store(queue, f"host {number}"))
                group.create_task(self._work(queue, f"host {number}", len(queues) * EVENTS))

    async def _store(self, queue: DeliveryStore, owner: str) -> None:
        chance = random.Random(owner)
        stored = [queue.enqueue([new(f"{owner} {n}", key=chance.choice(KEYS))]) for n in range(EVENTS // 2)]
        await asyncio.gather(*stored)
        for number in range(EVENTS // 2, EVENTS):
            await queue.enqueue([new(f"{owner} {number}", key=chance.choice(KEYS))])

    async def _work(self, queue: DeliveryStore, owner: str, total: int) -> None:
        chance = random.Random(f"works at {owner}")
        while self.ended < total:
            claimed = (await queue.claim({"step": 4}, owner, self._clock.now_ms(), LEASE_MS)).deliveries
            for delivery in claimed:
                self._begin(delivery)
            for delivery in claimed:
                self.running[str(delivery.fifo_key)] -= 1
                await self._end(queue, delivery, chance.random())
            await asyncio.sleep(0)

    def _begin(self, delivery: Delivery) -> None:
        key = str(delivery.fifo_key)
        self.running[key] += 1
        if self.running[key] > 1:
            self.trouble.append(f"two at once of {key}")
        self.started[key].append(delivery.id)

    async def _end(self, queue: DeliveryStore, delivery: Delivery, draw: float) -> None:
        if draw < 0.2:
            await queue.release(delivery, crashed=False)
            return
        if draw < 0.3:
            is_mine = await queue.bury(delivery, FAILURE, self._clock.now_ms())
        else:
            is_mine = await queue.complete(delivery, []) is not None
        self.ended += is_mine


async def test_no_key_is_stranded_or_runs_twice_at_once(sharing: Sharing) -> None:
    hosts = [await sharing.host(name) for name in ("one", "two", "three")]
    race = Race(sharing.clock)
    await race.run([host.queue for host in hosts])
    assert race.trouble == []
    assert {key: ids for key, ids in race.started.items() if ids != sorted(ids)} == {}
    assert await hosts[0].queue.waiting() == []


async def test_sqlite_keeps_this_over_connections_of_its_own(tmp_path: Path) -> None:
    """One writer a file is enough, and not needed: a transaction holds the file before it looks for a key's head."""
    clock = FakeClock()
    databases = [open_durable(tmp_path / "polystep.db", "none") for _ in range(2)]
    for database in databases:
        await database.start()
    race = Race(clock)
    await race.run([SqliteQueueStore(database, clock) for database in databases])
    assert race.trouble == []
    assert {key: ids for key, ids in race.started.items() if ids != sorted(ids)} == {}
    for database in databases:
        assert await database.scan("SELECT 1 FROM deliveries") == []
        await database.stop()
