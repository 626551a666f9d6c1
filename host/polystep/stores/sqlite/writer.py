"""Writer of one SQLite file, which commits in groups.

All jobs that wait at one moment go into one transaction, and each is answered after the commit. So an fsync is paid per
group, not per job: the busier the host, the more jobs share one.

The statements run where they are asked for, on the event loop; only the commit, which waits for the disk, runs in a
thread. A thread that ran the statements as well would let go of the interpreter's lock at each of them, and wait for it
again beside a busy loop: a group of 50 jobs took 4.6 ms that way for 0.8 ms of work, and a host did 1,100 tickets a
second instead of 1,200.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import apsw

from polystep.contracts.errors import Overloaded, PolystepError
from polystep.contracts.limits import WRITES_WAITING_MAX
from polystep.contracts.storage import NotStored
from polystep.stores.sqlite.failures import write_failure

T = TypeVar("T")

Job = Callable[[apsw.Connection], T]
"""Statements of one write. Runs inside a transaction; may run twice when a neighbour failed."""

GROUP_MAX: Final = 512
"""Jobs in one transaction: at 64 the fsync is already a small share; 512 bounds what one commit can delay."""

GROUP_SOON: Final = 16
"""Jobs that begin a group before the turn of the loop ends: the disk works while the loop goes on."""

BUSY_TIMEOUT_MS: Final = 5000
"""Longest wait for another process that writes the file."""


class _Asked(NamedTuple):
    job: Job[Any]
    waiter: asyncio.Future[Any]
    takes_long: bool


@dataclass(slots=True)
class _Group:
    asked: list[_Asked]
    results: list[object] | None
    """Of the jobs, which wait for the commit; `None`: the thread runs them itself."""


class Writer:
    """Owns a connection, and the thread that commits on it."""

    def __init__(self, connection: apsw.Connection, path: Path) -> None:
        """Start; must be called on the event loop. Nobody else may use the connection."""
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._asked: deque[_Asked] = deque()
        self.waiting = 0
        """Jobs that are not committed yet."""
        self._busy = False
        """A group is on its way, or about to be."""
        self._committing = False
        """A group is with the thread."""
        self._idle: asyncio.Future[None] | None = None
        self._groups: queue.SimpleQueue[_Group | None] = queue.SimpleQueue()
        self.commits = 0
        """Transactions committed so far; a test counts them."""
        self.trouble: NotStored | None = None
        """The failure of the last write, until another one succeeds."""
        self._changes = 0
        """Rows that the connection had changed when it failed."""
        self._path = path
        self._thread = threading.Thread(target=self._commit_groups, name=f"writer:{path.name}", daemon=True)
        self._thread.start()

    def ask(self, job: Job[T], *, takes_long: bool) -> asyncio.Future[T]:
        """Run a job in the next group; the future is done after its commit. Jobs run in the order of these calls.

        Args:
            job: What to run.
            takes_long: Its cost depends on how much is stored: it runs in the thread, with its whole group.

        Raises:
            Overloaded: Too many writes wait already.
        """
        if self.waiting >= WRITES_WAITING_MAX:
            raise Overloaded(f"{self.waiting} writes wait for the disk; try again in a moment.")
        self.waiting += 1
        waiter: asyncio.Future[T] = self._loop.create_future()
        self._asked.append(_Asked(job, waiter, takes_long))
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._start_group)
        elif not self._committing and len(self._asked) >= GROUP_SOON:
            self._start_group()
        return waiter

    async def stop(self) -> None:
        """Commit what waits, and end the thread."""
        if self._busy:
            self._idle = self._loop.create_future()
            await self._idle
        self._groups.put(None)
        await asyncio.to_thread(self._thread.join)

    def _start_group(self) -> None:
        if self._committing:
            return
        count = min(len(self._asked), GROUP_MAX)
        if count == 0:
            self._busy = False
            if self._idle is not None:
                self._idle.set_result(None)
            return
        group = _Group([self._asked.popleft() for _ in range(count)], None)
        if not any(asked.takes_long for asked in group.asked):
            try:
                # Without a wait: when another process holds the file, the thread waits for it.
                group.results = self._run(group.asked)
            except Exception:  # noqa: BLE001 - the thread finds the job that failed
                group.results = None
        self._committing = True
        self._groups.put(group)

    def _run(self, group: list[_Asked]) -> list[object]:
        """Begin a transaction and run jobs in it."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            return [asked.job(connection) for asked in group]
        except BaseException:
            self._roll_back()
            raise

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        self.commits += 1
        if self.trouble is not None and self._connection.total_changes() != self._changes:
            # One without a change says nothing of the disk.
            self.trouble = None

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _commit_groups(self) -> None:
        while self._commit_next():
            pass

    def _commit_next(self) -> bool:
        # A function of its own: while the thread waits for the next group it must not hold on to this one.
        group = self._groups.get()
        if group is None:
            return False
        self._loop.call_soon_threadsafe(self._answer, group.asked, self._committed(group))
        return True

    def _committed(self, group: _Group) -> list[object]:
        """Commit a group; returns the result of each job, or its `PolystepError`."""
        try:
            if group.results is not None:
                self._commit()
                return group.results
        except Exception:  # noqa: BLE001 - whichever job failed, its neighbours must not fail with it
            return self._one_by_one(group.asked)
        self._connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        try:
            results = self._run(group.asked)
            self._commit()
        except apsw.BusyError as error:
            # One by one, each would wait for the other process as long as the whole group did.
            return [self._failed(error)] * len(group.asked)
        except Exception:  # noqa: BLE001 - as above
            return self._one_by_one(group.asked)
        finally:
            self._connection.set_busy_timeout(0)
        return results

    def _one_by_one(self, group: list[_Asked]) -> list[object]:
        results: list[object] = []
        for asked in group:
            try:
                (result,) = self._run([asked])
                self._commit()
            except Exception as error:  # noqa: BLE001 - the failure belongs to the one who asked for the write
                results.append(self._failed(error))
            else:
                results.append(result)
        return results

    def _failed(self, error: Exception) -> PolystepError:
        failure = write_failure(self._path, error)
        if isinstance(failure, NotStored):
            self.trouble, self._changes = failure, self._connection.total_changes()
        return failure

    def _answer(self, group: list[_Asked], results: list[object]) -> None:
        for asked, result in zip(group, results, strict=True):
            waiter = asked.waiter
            if waiter.done():
                continue
            if isinstance(result, PolystepError):
                waiter.set_exception(result)
            else:
                waiter.set_result(result)
        self.waiting -= len(group)
        self._committing = False
        # After those who have just been answered: what they write now shares the next commit.
        self._loop.call_soon(self._start_group)
