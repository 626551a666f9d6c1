"""One SQLite file: a writer thread that commits in groups, and a read connection.

All writes that wait at one moment go into one transaction, and each waiter is answered after the commit. So an fsync is
paid per group, not per write: the busier the host, the more writes share one. There is exactly one writing connection
per file, because SQLite has one writer anyway and because several of them met the WAL-reset corruption bug (3.7.0 to
3.51.2; the apsw wheels carry a fixed SQLite).
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw

from polystep.contracts.errors import Overloaded, PolystepError
from polystep.contracts.limits import WRITES_WAITING_MAX

T = TypeVar("T")

Job = Callable[[apsw.Connection], T]
"""Statements of one write. Runs in the writer thread, inside a transaction; may run twice when a neighbour failed."""

GROUP_MAX: Final = 512
"""Writes in one transaction: at 64 the fsync is already a small share; 512 bounds what one commit can delay."""

BUSY_TIMEOUT_MS: Final = 5000
"""How long to wait for another process that reads the file, such as a backup."""

_SYNCHRONOUS: Final = {"full": "FULL", "process": "NORMAL", "none": "OFF"}


class Database:
    """Owns the connections to one file and the thread that writes it."""

    def __init__(self, path: Path, schema: str, *, durability: str = "full") -> None:
        """Prepare; nothing is opened before `start`.

        Args:
            path: The file; its folder must exist.
            schema: Statements that create what is missing; run at every start.
            durability: `full` syncs every commit to disk; `process` survives a killed process but may lose the last
                commits at a power cut; `none` is for data that may be lost.
        """
        self._path = path
        self._schema = schema
        self._synchronous = _SYNCHRONOUS[durability]
        self._jobs: queue.SimpleQueue[tuple[Job[Any], asyncio.Future[Any]] | None] = queue.SimpleQueue()
        self._waiting = 0
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer: apsw.Connection | None = None
        self._reader: apsw.Connection | None = None
        self._scanner: apsw.Connection | None = None
        self._scans: ThreadPoolExecutor | None = None
        self.commits = 0
        """Transactions committed so far; a test counts them."""

    async def start(self) -> None:
        """Open the file, create what is missing, start the writer.

        Raises:
            PolystepError: The file cannot be opened or is not a database.
        """
        if self._thread is not None:
            return
        self._loop = asyncio.get_running_loop()
        try:
            self._writer = self._open(apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
            self._writer.execute(self._schema)
            self._reader = self._open(apsw.SQLITE_OPEN_READONLY)
            self._scanner = self._open(apsw.SQLITE_OPEN_READONLY)
        except apsw.Error as error:
            self._close()
            raise PolystepError(
                f"The database {self._path} cannot be opened: {error}. If it is damaged, move it away and start again; "
                "what it held is lost with it."
            ) from error
        # One thread: a scan that nobody waits for any more must be over before the next uses the connection.
        self._scans = ThreadPoolExecutor(1, f"scanner:{self._path.name}")
        self._thread = threading.Thread(target=self._write_groups, name=f"writer:{self._path.name}", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Commit what waits, end the writer, close the file."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._jobs.put(None)
        await asyncio.to_thread(thread.join)
        # The last answers were handed to the loop before the thread ended; let them arrive.
        await asyncio.sleep(0)
        scans, self._scans = self._scans, None
        if scans is not None:
            await asyncio.to_thread(scans.shutdown)
        self._close()

    def write(self, job: Job[T]) -> asyncio.Future[T]:
        """Run a job in the next group; the future is done after its commit.

        Jobs run in the order of these calls.

        Raises:
            Overloaded: Too many writes wait already.
        """
        if self._loop is None or self._thread is None:
            raise PolystepError(f"The database {self._path.name} is not open.")
        if self._waiting >= WRITES_WAITING_MAX:
            raise Overloaded(f"{self._waiting} writes wait for the disk; try again in a moment.")
        self._waiting += 1
        waiter: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((job, waiter))
        return waiter

    def read(self, sql: str, bindings: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Read rows, seeing every commit that has been answered. Blocks: only for what an index finds at once."""
        if self._reader is None:
            raise PolystepError(f"The database {self._path.name} is not open.")
        return _rows(self._reader, sql, bindings)

    async def scan(self, sql: str, bindings: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Read rows in a thread: for groups, lists and counts, whose cost depends on how much there is."""
        if self._scans is None or self._scanner is None:
            raise PolystepError(f"The database {self._path.name} is not open.")
        return await asyncio.get_running_loop().run_in_executor(self._scans, _rows, self._scanner, sql, bindings)

    def _close(self) -> None:
        for connection in (self._reader, self._scanner, self._writer):
            if connection is not None:
                connection.close()
        self._reader = self._scanner = self._writer = None

    def _open(self, flags: int) -> apsw.Connection:
        connection = apsw.Connection(str(self._path), flags=flags)
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={self._synchronous}")
        return connection

    def _write_groups(self) -> None:
        while (first := self._jobs.get()) is not None:
            group = [first]
            last = False
            while len(group) < GROUP_MAX:
                try:
                    following = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    last = True
                    break
                group.append(following)
            self._commit(group)
            if last:
                return

    def _commit(self, group: list[tuple[Job[Any], asyncio.Future[Any]]]) -> None:
        results: list[tuple[asyncio.Future[Any], object, PolystepError | None]]
        try:
            results = [(waiter, result, None) for waiter, result in self._transact(group)]
        except apsw.BusyError as error:
            # Another process holds the file: one by one, each would wait for it as long as the whole group did.
            results = [(waiter, None, _as_polystep_error(error)) for _, waiter in group]
        except Exception:  # noqa: BLE001 - whichever job failed, its neighbours must not fail with it
            results = []
            for pair in group:
                try:
                    results.extend((waiter, result, None) for waiter, result in self._transact([pair]))
                except Exception as error:  # noqa: BLE001 - the failure belongs to the one who asked for the write
                    results.append((pair[1], None, _as_polystep_error(error)))
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._answer, results)

    def _transact(self, group: list[tuple[Job[Any], asyncio.Future[Any]]]) -> list[tuple[asyncio.Future[Any], object]]:
        connection = self._writer
        assert connection is not None
        connection.execute("BEGIN IMMEDIATE")
        try:
            results = [(waiter, job(connection)) for job, waiter in group]
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self.commits += 1
        return results

    def _answer(self, results: list[tuple[asyncio.Future[Any], object, PolystepError | None]]) -> None:
        for waiter, result, error in results:
            self._waiting -= 1
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(result)
            else:
                waiter.set_exception(error)


def _rows(connection: apsw.Connection, sql: str, bindings: tuple[object, ...]) -> list[tuple[Any, ...]]:
    try:
        return list(connection.execute(sql, bindings))
    except (apsw.Error, ValueError, OverflowError) as error:
        raise PolystepError(f"The database could not be read: {type(error).__name__}: {error}") from error


def _as_polystep_error(error: Exception) -> PolystepError:
    if isinstance(error, PolystepError):
        return error
    if isinstance(error, apsw.BusyError):
        return PolystepError(
            "Another process holds the database, so nothing was written. End it; work goes on by itself."
        )
    if isinstance(error, apsw.FullError):
        return PolystepError("The disk is full: nothing was written. Free some space; work goes on by itself.")
    return PolystepError(f"The write failed and nothing of it is stored: {type(error).__name__}: {error}")
