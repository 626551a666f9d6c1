"""Simulated disk under the real stores: SQLite in memory, with latencies, refusals and deaths between any two commits.

The statements are those of the shipped store, so the simulated one cannot lie about them; the contract tests run over
it like over the file. What is simulated is what a seed must decide: when a group of writes is committed, when it is
answered, and whether it is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import apsw

from polystep.contracts.errors import Overloaded, PolystepError
from polystep.contracts.pages import PageBounds
from polystep.contracts.storage import NotStored
from polystep.stores import Database, SqliteFiles, Stores
from polystep.stores.sqlite.database import _first_rows, _rows
from polystep.stores.sqlite.failures import write_failure
from polystep.stores.sqlite.schema import DURABLE_TABLES
from polystep.stores.sqlite.writer import Job
from polystep.testing import FakeClock

T = TypeVar("T")
_PATH = Path("simulated.db")


class Disk(Protocol):
    """Fate of what one host asks of its disk."""

    def delay_s(self) -> float:
        """Return how long the next thing takes."""
        ...

    def is_crowded(self) -> bool:
        """Report whether a write is refused at once."""
        ...

    def refuses(self) -> bool:
        """Report whether a group of writes is refused."""
        ...

    def committed(self) -> None:
        """Take note of a commit that is not answered yet: the host may die of it."""
        ...


class GoodDisk:
    """Disk that is quick and refuses nothing."""

    def delay_s(self) -> float:
        return 0.0

    def is_crowded(self) -> bool:
        return False

    def refuses(self) -> bool:
        return False

    def committed(self) -> None:
        """Nothing happens."""


class _Asked(NamedTuple):
    job: Job[Any]
    waiter: asyncio.Future[Any]
    note: Callable[[Any], object] | None


class SimulatedDatabase(Database):
    """One host's way to a database in memory, which several hosts may share."""

    def __init__(self, disk: Disk, connection: apsw.Connection | None = None) -> None:
        super().__init__(_PATH, "", durability="none")
        self._disk = disk
        self._shared = connection
        self._asked: list[_Asked] = []
        self._is_busy = False
        self._waiting = 0
        self._count = 0
        self.note: Callable[[Any], object] | None = None
        """Called with the result of the next write at its commit, whether anybody hears the answer or not."""

    @property
    def commits(self) -> int:
        return self._count

    @property
    def waiting(self) -> int:
        return self._waiting

    @property
    def trouble(self) -> NotStored | None:
        return None

    async def start(self) -> None:
        if self._shared is None:
            self._shared = memory()
        self._reader = self._scanner = self._shared

    async def stop(self) -> None:
        self._reader = self._scanner = None

    def write(self, job: Job[T]) -> asyncio.Future[T]:
        note, self.note = self.note, None
        if self._reader is None:
            raise PolystepError(f"The database {_PATH} is not open.")
        if self._disk.is_crowded():
            raise Overloaded("Too many writes wait for the disk; try again in a moment.")
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        self._asked.append(_Asked(job, waiter, note))
        self._waiting += 1
        if not self._is_busy:
            self._is_busy = True
            loop.call_later(self._disk.delay_s(), self._commit)
        return waiter

    sweep = write

    async def scan(self, sql: str, bindings: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        await asyncio.sleep(self._disk.delay_s())
        return _rows(_PATH, self._open_connection(), sql, bindings)

    async def page(
        self, sql: str, bindings: tuple[object, ...], bounds: PageBounds
    ) -> tuple[list[tuple[Any, ...]], bool]:
        await asyncio.sleep(self._disk.delay_s())
        return _first_rows(_PATH, self._open_connection(), sql, bindings, bounds)

    def _open_connection(self) -> apsw.Connection:
        if self._reader is None:
            raise PolystepError(f"The database {_PATH} is not open.")
        return self._reader

    def _commit(self) -> None:
        group, self._asked = self._asked, []
        is_refused = self._disk.refuses()
        results = [
            NotStored("The disk refuses, as the seed says.") if is_refused else self._run(asked) for asked in group
        ]
        if not is_refused:
            self._count += 1
            self._disk.committed()
        asyncio.get_running_loop().call_later(self._disk.delay_s(), self._answer, group, results)

    def _run(self, asked: _Asked) -> object:
        connection = self._open_connection()
        connection.execute("BEGIN")
        try:
            result = asked.job(connection)
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - the failure belongs to the one who asked for the write
            connection.execute("ROLLBACK")
            return write_failure(_PATH, error)
        if asked.note is not None:
            asked.note(result)
        return result

    def _answer(self, group: list[_Asked], results: list[object]) -> None:
        self._waiting -= len(group)
        for asked, result in zip(group, results, strict=True):
            if asked.waiter.done():
                continue
            if isinstance(result, PolystepError):
                asked.waiter.set_exception(result)
            else:
                asked.waiter.set_result(result)
        self._is_busy = bool(self._asked)
        if self._asked:
            asyncio.get_running_loop().call_later(self._disk.delay_s(), self._commit)


def memory() -> apsw.Connection:
    """Make a database in memory, with the tables of the file of events."""
    connection = apsw.Connection(":memory:")
    connection.execute(DURABLE_TABLES)
    return connection


def simulated_stores(folder: Path, clock: FakeClock, keep_ms: int = 0) -> Stores:
    """Make the stores of one host on a good simulated disk; traces are in a file."""
    files = SqliteFiles(folder, "none", clock)
    files.durable = SimulatedDatabase(GoodDisk())
    return files.stores("host", keep_ms=keep_ms)
