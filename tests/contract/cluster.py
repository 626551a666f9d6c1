"""Several hosts on one store: each has its own bus, owner and runner; the clock is the store's."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from polystep.bus import Backoff, Bus, BusOptions, QueueBound
from polystep.contracts.ids import Ids
from polystep.contracts.ports.queue import QueueStore
from polystep.contracts.steps import StepSpec
from polystep.stores import SqliteFiles, Stores
from polystep.streams import Streams
from polystep.testing import SettableClock
from tests.patience import HANG_S
from tests.unit.bus.harness import Observer, Runner, flow


class Severable:
    """A queue store that can be cut off, as by the death of its host: what is asked then never reaches the store."""

    def __init__(self, store: QueueStore) -> None:
        self._store = store
        self.is_severed = False

    def __getattr__(self, name: str) -> Any:
        if self.is_severed and name != "wakeups":
            return _never
        return getattr(self._store, name)


def _never(*_: object, **__: object) -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


class ClusterHost:
    """One host."""

    def __init__(self, owner: str, stores: Stores, clock: SettableClock, bound: QueueBound) -> None:
        self.owner = owner
        self.stores = stores
        self.runner = Runner()
        self.observer = Observer(clock)
        self._severable = Severable(stores.queue)
        self.queue = cast("QueueStore", self._severable)
        options = BusOptions(owner, Backoff(random=random.Random(1)), bound)
        self.bus = Bus(self.queue, stores.clock, self.runner, self.observer, Ids(), options)
        self.streams = Streams(stores.streams, stores.clock)

    @property
    def started(self) -> list[str]:
        """Data of the attempts that were started here."""
        return [delivery.data.decode(errors="replace") for delivery in self.runner.started]

    async def begin(self, *steps: StepSpec, kept: Iterable[tuple[str, str]] = (), is_complete: bool = True) -> None:
        self.bus.replace(flow(*steps), kept, is_complete=is_complete)
        await self.bus.start()

    async def publish(self, topic: str, *names: str, key: str | None = None) -> None:
        """One event each, stored together."""
        planned = [
            delivery
            for name in names
            for delivery in self.bus.plan(topic, name.encode(), trace_id="t", parent_run_id=None, fifo_key=key)
        ]
        await self.bus.publish(planned)

    def die(self) -> None:
        """End like a killed process: nothing more is stored, released or renewed."""
        self._severable.is_severed = True
        self.suspend()
        for task in self.bus._claims.held:
            task.cancel()

    def suspend(self) -> None:
        """Stop to renew and to claim, like a process that does not run; its handlers may end later."""
        claims = self.bus._claims
        claims.is_open = False
        claims.timer.stop()
        for task in self.bus._tasks:
            task.cancel()

    @property
    def is_dead(self) -> bool:
        return self._severable.is_severed


class Cluster:
    """The store, its clock, and the hosts on it."""

    def __init__(self, files: SqliteFiles, clock: SettableClock) -> None:
        self.clock = clock
        self.hosts: list[ClusterHost] = []
        self._files = files

    async def host(self, owner: str, deployment: int = 0, bound: QueueBound | None = None) -> ClusterHost:
        """Add a host; its bus is not started yet."""
        stores = self._files.stores(owner, deployment)
        await stores.start()
        made = ClusterHost(owner, stores, self.clock, bound or QueueBound())
        self.hosts.append(made)
        return made

    @property
    def commits(self) -> int:
        """Transactions of all hosts so far."""
        return self._files.durable.commits

    async def quiet(self) -> None:
        """Return when no host asks anything of the store any more."""
        database = self._files.durable
        async with asyncio.timeout(HANG_S):
            while True:
                await database.write(lambda _: None)
                answered = database.commits
                await self.clock.settle()
                if database.waiting == 0 and database.commits == answered:
                    return

    async def advance(self, delay_s: float) -> None:
        """Move the clock when everything is at rest, and let what that wakes come to rest."""
        await self.quiet()
        await self.clock.advance(delay_s)
        await self.quiet()

    async def stop(self) -> None:
        async with asyncio.timeout(HANG_S):
            for host in self.hosts:
                if not host.is_dead:
                    await host.bus.stop()
            for host in self.hosts:
                for task in list(host.bus._claims.held):
                    task.cancel()  # of a dead one: it waits for a store that never answers
                await host.stores.stop()


@asynccontextmanager
async def open_sqlite_cluster(folder: Path) -> AsyncIterator[Cluster]:
    clock = SettableClock()
    cluster = Cluster(SqliteFiles(folder, "none", clock), clock)
    try:
        yield cluster
    finally:
        await cluster.stop()
