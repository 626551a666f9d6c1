"""Notifications between the hosts on one database. They carry nothing and may be lost: who hears one looks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from polystep.contracts.errors import PolystepError
from polystep.stores.postgres.connections import Connector
from polystep.stores.postgres.driver import ClientError, Connection, ServerError

log = logging.getLogger(__name__)

_CHECK_S: Final = 10.0
"""A quiet connection is asked so often whether it is there: what lies between may drop it without a word."""
_ANSWER_S: Final = 5.0
_APART_S: Final = 0.01
"""Between two notifications of this host: each takes a lock of the whole server."""
_PAUSES_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0)


class Listener:
    """Hears one channel, and speaks on it."""

    def __init__(self, connector: Connector, channel: str, heard: Callable[[], None]) -> None:
        """Prepare.

        Args:
            connector: Opens the connection, which must not go through a pooler of transactions.
            channel: Of the project.
            heard: Called for each notification, and after each connection, since nobody heard those before.
        """
        self._connector = connector
        self._channel = channel
        self._heard = heard
        self._wake = asyncio.Event()
        self._must_tell = False
        self._task: asyncio.Task[None] | None = None
        self.is_listening = False
        """Notifications arrive; without them others have to be asked more often."""

    def start(self) -> None:
        """Begin to connect."""
        self._task = asyncio.create_task(self._run(), name="listener")

    async def stop(self) -> None:
        """Close."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def tell(self) -> None:
        """Notify the other hosts, soon and once for many calls."""
        self._must_tell = True
        self._wake.set()

    async def _run(self) -> None:
        turn = 0
        while True:
            try:
                connection = await self._connector.open("listener")
                try:
                    await connection.add_listener(self._channel, lambda *_: self._heard())
                    connection.add_termination_listener(lambda _: self._wake.set())
                    turn, self.is_listening = 0, True
                    self._heard()
                    await self._serve(connection)
                finally:
                    self.is_listening = False
                    connection.terminate()
            except (PolystepError, ServerError, ClientError, OSError, TimeoutError) as error:
                log.warning("The listener of %s was lost: %s. Others are asked instead.", self._connector.place, error)
            await asyncio.sleep(_PAUSES_S[min(turn, len(_PAUSES_S) - 1)])
            turn += 1

    async def _serve(self, connection: Connection) -> None:
        while not connection.is_closed():
            self._wake.clear()
            if self._must_tell:
                self._must_tell = False
                async with asyncio.timeout(_ANSWER_S):
                    await connection.execute("SELECT pg_notify($1, '')", self._channel)
                await asyncio.sleep(_APART_S)
                continue
            try:
                async with asyncio.timeout(_CHECK_S):
                    await self._wake.wait()
            except TimeoutError:
                async with asyncio.timeout(_ANSWER_S):
                    await connection.execute("SELECT 1")
