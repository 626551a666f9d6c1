"""One host's use of a PostgreSQL database: connections, lanes and feed, started and stopped together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final
from zlib import crc32

from polystep.contracts.errors import Overloaded, PolystepError
from polystep.contracts.limits import WRITES_WAITING_MAX
from polystep.contracts.ports.clock import Clock
from polystep.contracts.storage import NotStored
from polystep.stores.postgres.connections import Connector
from polystep.stores.postgres.driver import Row
from polystep.stores.postgres.failures import write_failure
from polystep.stores.postgres.feed import Feed
from polystep.stores.postgres.group import Group
from polystep.stores.postgres.identity import TIMES, Identity, Times
from polystep.stores.postgres.lane import Lane
from polystep.stores.postgres.listener import Listener
from polystep.stores.postgres.migrations import check_schema_name, migrate
from polystep.stores.postgres.sessions import Sessions
from polystep.stores.postgres.upkeep import Upkeep
from polystep.stores.postgres.wakeups import PostgresWakeups
from polystep.stores.postgres.writes import Apart, Asked, Write

LANES: Final = 2
"""Writing connections: one waits for its commit while the next group of the other is made."""
_HAS_PEERS: Final = "SELECT count(*) > 1 FROM {schema}.hosts"


class PostgresDatabase:
    """Owns what one host has open on the database."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        schema: str = "polystep",
        durability: str = "full",
        times: Times = TIMES,
        deployment: int = 0,
    ) -> None:
        """Prepare; nothing is opened before `start`.

        Args:
            url: `postgresql://…`.
            clock: Of the store.
            schema: Of the project: several projects may share a database.
            durability: `full` or `process`.
            times: Of the leases.
            deployment: Number of what the host runs.

        Raises:
            PolystepError: The schema's name is none.
        """
        check_schema_name(schema)
        self.schema = schema
        self.deployment = deployment
        self.clock = clock
        self._connector = Connector(url, durability)
        self.identity = Identity(schema, LANES + 1, deployment)
        self.sessions = Sessions(self._connector)
        self.wakeups = PostgresWakeups(lambda: self.identity.host, lambda: self.listener.tell())
        self.listener = Listener(self._connector, f"polystep.{schema}", self._heard, self.wakeups.take, self._meet)
        self.feed = Feed(self.sessions, schema, clock, lambda: self.listener.is_listening)
        self.upkeep = Upkeep(self.sessions, schema, self.identity, times)
        self.lanes = [
            Lane(number, self._connector, schema, self.identity, times, self._announced) for number in range(LANES + 1)
        ]
        """The last one claims: a claim in a group would lock other groups out."""
        self._waiting = 0
        self._idle: asyncio.Future[None] | None = None
        self._is_open = False

    @property
    def commits(self) -> int:
        """Return the number of groups committed so far; a test counts them."""
        return sum(lane.commits for lane in self.lanes)

    @property
    def waiting(self) -> int:
        """Return the number of writes that are not answered yet."""
        return self._waiting

    @property
    def trouble(self) -> NotStored | None:
        """The failure of the last write, until another one succeeds."""
        return next((lane.trouble for lane in self.lanes if lane.trouble is not None), None)

    async def start(self) -> None:
        """Connect, bring the tables up to date, and take part.

        Raises:
            PolystepError: The database cannot be used; the message says what to do.
        """
        if self._is_open:
            return
        connection = await self._connector.open("start")
        try:
            await migrate(connection, self.schema, self._connector.place)
        except PolystepError:
            raise
        except Exception as error:
            raise write_failure(self._connector.place, error) from error
        finally:
            connection.terminate()
        self._is_open = True
        try:
            self.sessions.start()
            for lane in self.lanes:
                await lane.start()
            await self.feed.start()
        except BaseException:
            await self.stop()
            raise
        self.listener.start()
        self.upkeep.start()

    async def stop(self) -> None:
        """Commit what waits, leave, and close."""
        if not self._is_open:
            return
        self._is_open = False
        await asyncio.gather(*(lane.stop() for lane in self.lanes))
        await self.upkeep.stop()
        await self.listener.stop()
        await self.feed.stop()
        await self._leave()
        await self.sessions.stop()

    def write(self, write: Write, caller: str = "") -> asyncio.Future[Any]:
        """Make a write in the next group of writes; the future is done after its commit.

        Args:
            write: What to write.
            caller: Writes of one caller are carried out in the order of these calls.

        Raises:
            Overloaded: Too many writes wait already.
        """
        return self._ask(write, self.lanes[crc32(caller.encode()) % LANES])

    def claim(self, write: Apart) -> asyncio.Future[Any]:
        """Make a call in the lane of claims.

        Raises:
            Overloaded: Too many writes wait already.
        """
        return self._ask(write, self.lanes[LANES])

    def _ask(self, write: Write, lane: Lane) -> asyncio.Future[Any]:
        if not self._is_open:
            raise PolystepError(f"{self._connector.place} is not open.")
        if self._waiting >= WRITES_WAITING_MAX:
            raise Overloaded(f"{self._waiting} writes wait for the database; try again in a moment.")
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Any] = loop.create_future()
        self._waiting += 1
        waiter.add_done_callback(self._answered)
        lane.ask(Asked(write, waiter, loop.time()))
        return waiter

    async def settled(self) -> None:
        """Return when all writes that were asked for are answered, and others that came meanwhile."""
        while self._waiting:
            self._idle = self._idle or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._idle)

    async def read(self, sql: str, *arguments: object) -> list[Row]:
        """Read rows, seeing every commit that has been answered; `{schema}` stands for that of the project."""
        return await self.sessions.fetch(sql.format(schema=self.schema), *arguments)

    def _answered(self, _: object) -> None:
        self._waiting -= 1
        if self._waiting == 0 and self._idle is not None:
            self._idle.set_result(None)
            self._idle = None

    def _heard(self, payload: str) -> None:
        self.feed.wake()
        self.wakeups.hear(payload)

    async def _meet(self) -> None:
        """Look for others. Whoever comes later is heard: it is on the database before it greets."""
        self.wakeups.has_peers = await self.sessions.value(_HAS_PEERS.format(schema=self.schema))
        self.wakeups.greet()

    def _announced(self, lane: int, seq: int, group: Group, rows: Sequence[Row]) -> None:
        """Answer writes of stream items when their changes were handed on here, and call the other hosts."""
        self.feed.own(lane, seq, group.data())
        self.feed.after_read(lambda: group.answer_items(rows))
        self.listener.tell()

    async def _leave(self) -> None:
        # What cannot be said is found out by the others.
        try:
            connection = await self._connector.open("stop")
        except NotStored:
            return
        try:
            await connection.execute("SET lock_timeout = 1000")
            await self.identity.leave(connection)
        except Exception:  # noqa: BLE001 - as above
            return
        finally:
            connection.terminate()
