"""SQLite files of one folder, and the stores of each host on them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.inspection import Inspection
from polystep.contracts.ports.streams import ChangeFeed
from polystep.stores.bundle import Stores
from polystep.stores.sqlite.changes import SqliteChanges
from polystep.stores.sqlite.data_queries import SqliteDataQueries
from polystep.stores.sqlite.hosts import SqliteHosts
from polystep.stores.sqlite.letter_queries import SqliteLetterQueries
from polystep.stores.sqlite.queue import SqliteQueueStore
from polystep.stores.sqlite.queue_queries import SqliteQueueQueries
from polystep.stores.sqlite.schema import open_durable, open_traces
from polystep.stores.sqlite.state import SqliteStateStore
from polystep.stores.sqlite.streams import SqliteStreamStore
from polystep.stores.sqlite.trace import SqliteTraceStore
from polystep.stores.sqlite.trace_queries import SqliteTraceQueries

DURABLE_FILE: Final = "polystep.db"
"""Events, state and streams."""
TRACES_FILE: Final = "traces.db"
"""Traces and logs."""


class SqliteFiles:
    """Opens the files once, however many hosts are on them.

    There is one writer for each file, so whatever must not happen twice at once is serial by itself: the insertion of
    deliveries under one FIFO key, claims up to a limit, ticks.
    """

    def __init__(self, folder: Path, durability: str, clock: Clock) -> None:
        """Prepare; nothing is opened before a host's stores are started.

        Args:
            folder: Of the files; it must exist.
            durability: As `Database` takes it, for events, state and streams.
            clock: The source of time for all hosts.
        """
        self.durable = open_durable(folder / DURABLE_FILE, durability)
        self.traces = open_traces(folder / TRACES_FILE)
        self.hosts = SqliteHosts()
        self._changes = SqliteChanges(clock)
        self._clock = clock

    def stores(self, owner: str, deployment: int = 0, keep_ms: int = 0) -> Stores:
        """Return the stores of one more host, which keeps the journals of completed runs for `keep_ms`."""
        streams = SqliteStreamStore(self.durable, self._changes)
        return Stores(
            owner,
            SqliteQueueStore(self.durable, self._clock, self.hosts, deployment, keep_ms),
            SqliteStateStore(self.durable),
            streams,
            SqliteTraceStore(self.traces, owner, self.hosts),
            self._clock,
            self.durable,
            (self.durable, self.traces),
            Inspection(
                SqliteTraceQueries(self.traces),
                SqliteQueueQueries(self.durable),
                SqliteLetterQueries(self.durable, self._clock),
                SqliteDataQueries(self.durable),
            ),
            [_Share(self, owner, deployment, streams.changes)],
        )

    async def open(self, owner: str, deployment: int) -> None:
        """Open the files for one more host."""
        self.hosts.live[owner] = deployment
        await self.durable.start()
        await self.traces.start()

    async def close(self, owner: str) -> None:
        """Close the files when no host is left on them."""
        self.hosts.live.pop(owner, None)
        if not self.hosts.live:
            await self.traces.stop()
            await self.durable.stop()


class _Share:
    """One host's use of the files."""

    def __init__(self, files: SqliteFiles, owner: str, deployment: int, changes: ChangeFeed) -> None:
        self._files = files
        self._owner = owner
        self._deployment = deployment
        self._changes = changes
        self._is_open = False

    async def start(self) -> None:
        if not self._is_open:
            self._is_open = True
            await self._files.open(self._owner, self._deployment)

    async def stop(self) -> None:
        if self._is_open:
            self._is_open = False
            await self._files.close(self._owner)
            self._changes.close()
