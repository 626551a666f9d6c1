"""One SQLite file: a writer, and connections that read.

There is exactly one writing connection per file, because SQLite has one writer anyway and because several of them met
the WAL-reset corruption bug (3.7.0 to 3.51.2; the apsw wheels carry a fixed SQLite).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw

from polystep.contracts.errors import PolystepError
from polystep.contracts.pages import PageBounds
from polystep.contracts.private import narrow, private_file
from polystep.contracts.storage import NotStored
from polystep.stores.sqlite.failures import read_failure, refuse_lone_log, start_failure
from polystep.stores.sqlite.writer import BUSY_TIMEOUT_MS, Job, Writer

T = TypeVar("T")

_SYNCHRONOUS: Final = {"full": "FULL", "process": "NORMAL", "none": "OFF"}


class Database:
    """Owns the connections to one file, and its writer."""

    def __init__(
        self,
        path: Path,
        schema: str,
        *,
        durability: str = "full",
        upgrades: Sequence[str] = (),
        returns_space: bool = False,
        holds: str = "contents",
    ) -> None:
        """Prepare; nothing is opened before `start`.

        Args:
            path: The file; its folder must exist.
            schema: Statements that create what is missing; run at every start.
            durability: `full` syncs every commit to disk; `process` survives a killed process but may lose the last
                commits at a power cut; `none` is for data that may be lost.
            upgrades: What has changed in the schema, oldest first: statements for files from before. `user_version`
                counts those that a file has.
            returns_space: Free pages can be given back to the disk (`PRAGMA incremental_vacuum`).
            holds: What is lost with the file, for messages.
        """
        self._returns_space = returns_space
        self._holds = holds
        self._path = path
        self._schema = schema
        self._upgrades = upgrades
        self._synchronous = _SYNCHRONOUS[durability]
        self._writer: Writer | None = None
        self._connections: list[apsw.Connection] = []
        self._reader: apsw.Connection | None = None
        self._scanner: apsw.Connection | None = None
        self._scans: ThreadPoolExecutor | None = None
        self._commits_before = 0

    @property
    def commits(self) -> int:
        """Return the number of transactions committed so far; a test counts them."""
        return self._commits_before + (self._writer.commits if self._writer is not None else 0)

    @property
    def trouble(self) -> NotStored | None:
        """The failure of the last write, until another one succeeds."""
        return None if self._writer is None else self._writer.trouble

    @property
    def waiting(self) -> int:
        """Return the number of writes that are not committed yet."""
        return 0 if self._writer is None else self._writer.waiting

    async def start(self) -> None:
        """Open the file, create what is missing, start the writer.

        Raises:
            PolystepError: The file cannot be opened or is not a database.
        """
        if self._writer is not None:
            return
        try:
            if self._synchronous != "OFF":
                refuse_lone_log(self._path, self._holds)
            self._keep_private()
            writing = self._open(apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
            self._bring_up_to_date(writing)
            self._reader = self._open(apsw.SQLITE_OPEN_READONLY)
            self._scanner = self._open(apsw.SQLITE_OPEN_READONLY)
        except (apsw.Error, OSError) as error:
            self._close()
            raise start_failure(self._path, error, self._holds) from error
        # The writer says itself when to wait for others.
        writing.set_busy_timeout(0)
        # One thread: a scan that nobody waits for any more must be over before the next uses the connection.
        self._scans = ThreadPoolExecutor(1, f"scanner:{self._path.name}")
        self._writer = Writer(writing, self._path)

    async def stop(self) -> None:
        """Commit what waits, end the writer, close the file."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        await writer.stop()
        self._commits_before += writer.commits
        scans, self._scans = self._scans, None
        if scans is not None:
            await asyncio.to_thread(scans.shutdown)
        self._close()

    def write(self, job: Job[T]) -> asyncio.Future[T]:
        """Run a job in the next group of writes; the future is done after its commit.

        Jobs run in the order of these calls, on the event loop: only for what an index finds at once.

        Raises:
            Overloaded: Too many writes wait already.
        """
        return self._open_writer().ask(job, takes_long=False)

    def sweep(self, job: Job[T]) -> asyncio.Future[T]:
        """Run a job like `write`, in a thread: for statements with a cost that depends on how much there is."""
        return self._open_writer().ask(job, takes_long=True)

    def read(self, sql: str, bindings: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Read rows, seeing every commit that has been answered. Blocks: only for what an index finds at once."""
        if self._reader is None:
            raise self._not_open()
        return _rows(self._path, self._reader, sql, bindings)

    async def scan(self, sql: str, bindings: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Read rows in a thread: for groups, lists and counts, at a cost that depends on how much there is."""
        if self._scans is None or self._scanner is None:
            raise self._not_open()
        return await asyncio.get_running_loop().run_in_executor(
            self._scans, _rows, self._path, self._scanner, sql, bindings
        )

    async def page(
        self, sql: str, bindings: tuple[object, ...], bounds: PageBounds
    ) -> tuple[list[tuple[Any, ...]], bool]:
        """Read the first rows in a thread, as many as fit the bounds and at least one; and whether more follow.

        The first two columns are a text and a blob, whose sizes count.
        """
        if self._scans is None or self._scanner is None:
            raise self._not_open()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._scans, _first_rows, self._path, self._scanner, sql, bindings, bounds)

    def _keep_private(self) -> None:
        """Let the user alone read the file and those beside it: SQLite gives new ones the mode of the first."""
        private_file(self._path)
        for ending in ("-wal", "-shm"):
            narrow(self._path.with_name(self._path.name + ending))

    def _bring_up_to_date(self, connection: apsw.Connection) -> None:
        ((version,),) = connection.execute("PRAGMA user_version")
        is_new = not list(connection.execute("SELECT 1 FROM sqlite_master LIMIT 1"))
        with connection:
            for upgrade in () if is_new else self._upgrades[version:]:
                connection.execute(upgrade)
            connection.execute(self._schema)
            connection.execute(f"PRAGMA user_version = {max(version, len(self._upgrades))}")

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise self._not_open()
        return self._writer

    def _not_open(self) -> PolystepError:
        return PolystepError(f"The database {self._path.name} is not open.")

    def _close(self) -> None:
        # The writing one, opened first, last: SQLite moves the log of writes into the file when the last connection
        # closes, and one that only reads cannot do that.
        for connection in reversed(self._connections):
            connection.close()
        self._connections.clear()
        self._reader = self._scanner = None

    def _open(self, flags: int) -> apsw.Connection:
        connection = apsw.Connection(str(self._path), flags=flags)
        self._connections.append(connection)
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        if self._returns_space and flags & apsw.SQLITE_OPEN_CREATE:
            # Only a new file takes it; it must come before the first table and before WAL.
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={self._synchronous}")
        return connection


def _rows(path: Path, connection: apsw.Connection, sql: str, bindings: tuple[object, ...]) -> list[tuple[Any, ...]]:
    try:
        return list(connection.execute(sql, bindings))
    except (apsw.Error, ValueError, OverflowError) as error:
        raise read_failure(path, error) from error


def _first_rows(
    path: Path, connection: apsw.Connection, sql: str, bindings: tuple[object, ...], bounds: PageBounds
) -> tuple[list[tuple[Any, ...]], bool]:
    rows: list[tuple[Any, ...]] = []
    bytes_left = bounds.bytes_max
    try:
        found = connection.execute(sql, bindings)
        try:
            for row in found:
                bytes_left -= len(row[0].encode()) + len(row[1]) + bounds.entry_bytes
                if rows and (len(rows) >= bounds.entries_max or bytes_left < 0):
                    return rows, True
                rows.append(row)
        finally:
            # A statement that is not at its end keeps the file's log from being checkpointed.
            found.close()
    except (apsw.Error, ValueError, OverflowError) as error:
        raise read_failure(path, error) from error
    return rows, False
