"""Hosts on one schema of PostgreSQL, whose connections may be cut."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import asyncpg

from polystep.stores.postgres import PostgresDatabase, PostgresQueueStore, Times
from polystep.testing import FakeClock
from tests.postgres.cutter import Cutter
from tests.postgres.proxy import Proxy, open_proxy
from tests.postgres.schemas import fresh_schema
from tests.postgres.server import USER, Server

T = TypeVar("T")
QUIET = Times(beat_s=3600, dead_after_s=3600, answer_s=30, wait_s=60)


@dataclass
class Host:
    database: PostgresDatabase
    queue: PostgresQueueStore


class Rig:
    """Hosts on one schema, and a connection beside them."""

    def __init__(self, server: Server, proxy: Proxy, schema: str, direct: asyncpg.Connection) -> None:
        self.proxy, self.schema, self.direct = proxy, schema, direct
        self._server = server
        self._hosts: list[PostgresDatabase] = []

    async def host(self, *, is_cut: bool = False, keep_ms: int = 0) -> Host:
        url = self.proxy.url(USER) if is_cut else self._server.url
        clock = FakeClock()
        database = PostgresDatabase(url, clock, schema=self.schema, durability="process", times=QUIET)
        await database.start()
        self._hosts.append(database)
        return Host(database, PostgresQueueStore(database, clock, keep_ms))

    async def stop(self) -> None:
        for database in self._hosts:
            await database.stop()

    async def ask(self, sql: str, *arguments: object) -> object:
        return await self.direct.fetchval(sql.format(schema=self.schema), *arguments)


class Cuts:
    """Asks of a host, each answer of which may be lost."""

    mark: ClassVar[str]
    """Stands in what is asked, so that its connection is known."""

    def __init__(self, host: Host, proxy: Proxy, chance: random.Random) -> None:
        self._queue = host.queue
        self._proxy = proxy
        self._chance = chance
        self.cuts = 0

    async def _cut(self, answer: Awaitable[T], mark: bytes | None = None) -> T:
        """Wait for an answer; what was asked is sent when the loop comes round.

        A mark that is in the text of a statement is sent with its first use on a connection alone.
        """
        cutter = Cutter(self._proxy, self._chance, mark or self.mark.encode())
        found = await answer
        self.cuts += cutter.is_done
        return found


@asynccontextmanager
async def open_rig(postgres: Server) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as opened:
        schema = await opened.enter_async_context(fresh_schema(postgres.url))
        proxy = await opened.enter_async_context(open_proxy(postgres.socket))
        direct = await asyncpg.connect(postgres.url)
        opened.push_async_callback(direct.close)
        made = Rig(postgres, proxy, schema, direct)
        opened.push_async_callback(made.stop)
        async with asyncio.timeout(240):
            yield made
