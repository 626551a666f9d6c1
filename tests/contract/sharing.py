"""Events, state and streams of several hosts on one store, whichever it is."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from pathlib import Path

from polystep.contracts.ports.queue import QueueStore
from polystep.contracts.ports.stores import StateStore, StreamStore
from polystep.stores import SqliteFiles, Stores
from polystep.stores.postgres import PostgresDatabase, PostgresQueueStore, PostgresStateStore, PostgresStreamStore
from polystep.streams import Streams
from polystep.testing import SettableClock


class SharingHost:
    """One host."""

    def __init__(
        self,
        stores: Stores | PostgresDatabase,
        queue: QueueStore,
        state: StateStore,
        streams: StreamStore,
        clock: SettableClock,
    ) -> None:
        self.stores = stores
        self.queue = queue
        self.state = state
        self.stored_streams = streams
        self.streams = Streams(streams, clock)


class Sharing(ABC):
    """The store, its clock, and the hosts on it."""

    def __init__(self) -> None:
        self.clock = SettableClock()
        self.hosts: list[SharingHost] = []

    async def host(self, owner: str) -> SharingHost:
        """Add a host."""
        made = await self._start(owner)
        self.hosts.append(made)
        return made

    async def stop(self) -> None:
        async with asyncio.timeout(30):
            for host in self.hosts:
                await host.stores.stop()

    @property
    @abstractmethod
    def commits(self) -> int:
        """Transactions of all hosts so far."""

    @abstractmethod
    async def quiet(self) -> None:
        """Return when every host has heard all that is committed."""

    @abstractmethod
    async def _start(self, owner: str) -> SharingHost: ...


class SqliteSharing(Sharing):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._files = SqliteFiles(folder, "none", self.clock)

    @property
    def commits(self) -> int:
        return self._files.durable.commits

    async def quiet(self) -> None:
        await self._files.durable.write(lambda _: None)

    async def _start(self, owner: str) -> SharingHost:
        stores = self._files.stores(owner)
        await stores.start()
        return SharingHost(stores, stores.queue, stores.state, stores.streams, self.clock)


class PostgresSharing(Sharing):
    def __init__(self, url: str, schema: str) -> None:
        super().__init__()
        self._url, self._schema = url, schema
        self.databases: list[PostgresDatabase] = []

    @property
    def commits(self) -> int:
        return sum(database.commits for database in self.databases)

    async def quiet(self) -> None:
        for database in self.databases:
            await database.settled()
        for database in self.databases:
            heard = asyncio.Event()
            database.feed.after_read(heard.set)
            await heard.wait()

    async def _start(self, owner: str) -> SharingHost:
        database = PostgresDatabase(self._url, self.clock, schema=self._schema, durability="process")
        await database.start()
        self.databases.append(database)
        queue = PostgresQueueStore(database, self.clock)
        return SharingHost(database, queue, PostgresStateStore(database), PostgresStreamStore(database), self.clock)
