"""Notifications between the hosts on one database. They may be lost, and say at most where to look."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
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

    def __init__(
        self,
        connector: Connector,
        channel: str,
        heard: Callable[[str], None],
        payloads: Callable[[], Sequence[str]],
        connected: Callable[[], Awaitable[None]],
    ) -> None:
        """Prepare.

        Args:
            connector: Opens the connection, which must not go through a pooler of transactions.
            channel: Of the project.
            heard: Called with the payload of each notification, and with an empty one after each connection, since
                nobody heard those before.
            payloads: Returns those that this host sends.
            connected: Called when notifications begin to arrive.
        """
        self._connector = connector
        self._channel = channel
        self._heard = heard
        self._payloads = payloads
        self._connected = connected
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
                    await connection.add_listener(self._channel, lambda *heard: self._heard(heard[3]))
                    connection.add_termination_listener(lambda _: self._wake.set())
                    turn, self.is_listening = 0, True
                    self._heard("")
                    await self._connected()
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
                    await connection.execute(
                        "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload",
                        self._channel,
                        self._payloads(),
                    )
                await asyncio.sleep(_APART_S)
                continue
            try:
                async with asyncio.timeout(_CHECK_S):
                    await self._wake.wait()
            except TimeoutError:
                async with asyncio.timeout(_ANSWER_S):
                    await connection.execute("SELECT 1")
