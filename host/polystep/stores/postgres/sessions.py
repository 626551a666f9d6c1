"""Connections for what is in no lane: reads, and upkeep that may be done twice."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from polystep.contracts.errors import PolystepError
from polystep.stores.postgres.connections import Connector
from polystep.stores.postgres.driver import Connection, Row
from polystep.stores.postgres.failures import is_broken, is_lost, read_failure

SESSIONS: Final = 2
"""Connections of a host; the next statements wait for one of them."""
_TRIES: Final = 2
"""A connection that was kept may be dead; a read can be made again."""


class Sessions:
    """Runs statements that may be made again, each of which sees every commit that has been answered."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._free: list[Connection] = []
        """Kept ones, the last used first."""
        self._places = asyncio.Semaphore(SESSIONS)
        self._is_open = False

    def start(self) -> None:
        """Begin; the connections are opened by the first statements."""
        self._is_open = True

    async def stop(self) -> None:
        """Wait for what runs, and close."""
        if not self._is_open:
            return
        self._is_open = False
        for _ in range(SESSIONS):
            await self._places.acquire()
        self._places = asyncio.Semaphore(SESSIONS)
        while self._free:
            self._free.pop().terminate()

    async def fetch(self, sql: str, *arguments: object) -> list[Row]:
        """Read rows.

        Raises:
            NotStored: The database does not answer.
            PolystepError: The statement failed.
        """
        async with self._places:
            if not self._is_open:
                raise PolystepError(f"{self._connector.place} is not open.")
            for tries_left in reversed(range(_TRIES)):
                connection = self._free.pop() if self._free else await self._connector.open("session")
                try:
                    rows = await connection.fetch(sql, *arguments)
                except Exception as error:
                    if is_lost(error) or is_broken(error):
                        connection.terminate()
                        self._close_kept()
                        if tries_left:
                            continue
                    else:
                        self._keep(connection)
                    raise read_failure(self._connector.place, error) from error
                except BaseException:
                    # A read that nobody waits for any more.
                    connection.terminate()
                    raise
                self._keep(connection)
                return rows
        raise AssertionError("unreachable")

    async def value(self, sql: str, *arguments: object) -> Any:
        """Read the first column of the only row."""
        rows = await self.fetch(sql, *arguments)
        return rows[0][0]

    def _keep(self, connection: Connection) -> None:
        if not connection.is_closed():
            self._free.append(connection)

    def _close_kept(self) -> None:
        """Close those that are kept: what has ended one of them has ended them all."""
        while self._free:
            self._free.pop().terminate()
