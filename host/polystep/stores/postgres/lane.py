"""One writing connection: it commits group after group, and knows of each whether it was committed.

A group is one statement without a transaction around it, so a host that is frozen holds no lock. When the connection
breaks with a group in flight, nobody knows whether it was committed. The lane's row tells, once its epoch was moved:
the row's lock waits for the old session if that still works, and the new epoch refuses it if it has not begun.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final, TypeAlias

from polystep.contracts.errors import PolystepError
from polystep.contracts.storage import NotStored
from polystep.stores.postgres.calls import Beat, Call, Clear, Mark, Rename, Statement
from polystep.stores.postgres.connections import Connector
from polystep.stores.postgres.driver import Connection, Row
from polystep.stores.postgres.failures import is_again, is_broken, is_evicted, is_lost, write_failure
from polystep.stores.postgres.group import Group
from polystep.stores.postgres.identity import Identity, Times
from polystep.stores.postgres.writes import Apart, Asked, ClearState, DeleteState, RenameState, SetState, UpdateState

log = logging.getLogger(__name__)

_AGAIN_MAX: Final = 5
"""Times that a call is sent again at once after a deadlock, before its parts are sent one by one."""
_LOST_MAX: Final = 10
"""Connections that may break in the middle of one call before its parts are sent one by one."""
_PAUSES_S: Final = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
"""Before connecting; the last one counts for all further times."""

_BY_INDEX: Final = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}
"""A plan that was made for an empty table would read all of it when it is full; every row here is found by a key."""
# The lock of the row is what is waited for, however long the session before still works.
_PATIENT: Final = "SET lock_timeout = 0"
_IMPATIENT: Final = "SET lock_timeout = 5000"
_TAKE_OVER: Final = """
UPDATE {schema}.lanes SET epoch = epoch + 1, seen_at = clock_timestamp() WHERE id = $1 AND alive
RETURNING epoch, commit_seq, coalesce(swapped, '{{}}'), coalesce(refused, '{{}}'), notes"""

Announced: TypeAlias = Callable[[int, int, Group, Sequence[Row]], None]
"""Called with lane, number of the call, group, and what of it is announced: it answers those who wait for that."""


class _Fate(Enum):
    """Fate of a call that was not answered with rows."""

    AGAIN = "again"
    LOST = "lost"
    EVICTED = "evicted"
    BROKEN = "broken"
    REFUSED = "refused"


class Lane:
    """Commits the writes of some callers, in the order in which they were asked for."""

    def __init__(
        self, number: int, connector: Connector, schema: str, identity: Identity, times: Times, announced: Announced
    ) -> None:
        """Prepare.

        Args:
            number: Among the lanes of the host.
            connector: Opens its connection.
            schema: Where the tables are.
            identity: Of the host.
            times: When it says that it lives, and how long it waits.
            announced: Takes what is for the subscribers of streams.
        """
        self._number = number
        self._connector = connector
        self._schema = schema
        self._identity = identity
        self._times = times
        self._announced = announced
        self._asked: deque[Asked] = deque()
        self._clear: Clear | None = None
        self._connection: Connection | None = None
        self._opening: Connection | None = None
        self._registration = 0
        """Of the host's registrations, the one that this lane belongs to, or did."""
        self._is_registered = False
        self._id = 0
        self._epoch = 0
        self._seq = 0
        """Number of the last call that is known to be committed."""
        self._wake = asyncio.Event()
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None
        self.commits = 0
        """Calls with writes that were committed; a test counts them."""
        self.trouble: NotStored | None = None
        """The failure of the last call, until another one succeeds."""

    async def start(self) -> None:
        """Connect, and begin to work.

        Raises:
            NotStored: The database cannot be reached.
        """
        await self._open()
        self._task = asyncio.create_task(self._run(), name=f"lane {self._number}")

    async def stop(self) -> None:
        """Commit what waits, and close. What cannot be committed fails."""
        self._is_stopping = True
        self._wake.set()
        task, self._task = self._task, None
        if task is not None:
            # A session that works on may hold the lane's row for as long as it likes.
            timer = asyncio.get_running_loop().call_later(self._times.answer_s, self._abandon)
            await task
            timer.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    def ask(self, asked: Asked) -> None:
        """Put a write at the end of the line."""
        self._asked.append(asked)
        self._wake.set()

    async def _run(self) -> None:
        while True:
            call = self._next()
            if call is not None:
                await self._commit_or_fail(call)
            elif self._is_stopping:
                return
            else:
                self._wake.clear()
                try:
                    async with asyncio.timeout(self._times.beat_s):
                        await self._wake.wait()
                except TimeoutError:
                    await self._commit_or_fail(Beat())

    async def _commit_or_fail(self, call: Call) -> None:
        try:
            await self._commit(call)
        except Exception as error:
            # A fault of ours: a lane that ended with it would leave all later writes without an answer.
            log.exception("A call to %s failed in a way that was not expected.", self._connector.place)
            self._drop()
            call.fail(write_failure(self._connector.place, error))

    def _next(self) -> Call | None:
        """Take what the next call is made of: a group, between two of them a part of a group that is being removed."""
        group = Group()
        while self._asked:
            asked = self._asked[0]
            if self._clear is not None and self._must_wait(asked, self._clear.group):
                break
            if isinstance(asked.write, (ClearState, RenameState, Apart)):
                # Calls of their own, in their place.
                if group.is_wanted:
                    break
                self._asked.popleft()
                if isinstance(asked.write, RenameState):
                    return Rename(asked)
                if isinstance(asked.write, Apart):
                    made: Call = asked.write.make(asked)
                    return made
                self._clear = Clear(asked)
                break
            if not group.add(asked):
                break
            self._asked.popleft()
        if group.is_wanted:
            return group
        clear = self._clear
        if clear is not None and clear.is_over:
            self._clear = None
            return self._next()
        return clear

    @staticmethod
    def _must_wait(asked: Asked, group: bytes) -> bool:
        write = asked.write
        if isinstance(write, (SetState, DeleteState, UpdateState, RenameState)):
            return write.at[0] == group
        return isinstance(write, ClearState)

    async def _commit(self, call: Call) -> None:
        """Send a call until its fate is known, and answer."""
        sent: int | None = None
        failures: Counter[_Fate] = Counter()
        cause: Exception = NotStored("")
        while call.is_wanted:
            if self._connection is not None and self._connection.is_closed():
                # Known before anything was sent on it.
                self._drop()
            if self._connection is None:
                if await self._is_settled(call, sent, failures[_Fate.LOST], cause):
                    return None
                sent = None
                continue
            try:
                statement = await call.prepare(self._ask_rows, self._connector.place)
                if statement is None:
                    return
                sent = self._seq + 1
                rows = await self._ask_rows(statement.sql, self._id, self._epoch, sent, *statement.arguments)
            except Exception as error:  # noqa: BLE001 - each is the failure of who has asked, never of the lane
                fate = self._fate(error)
                failures[fate] += 1
                if fate is _Fate.LOST:
                    cause = error
                    continue
                sent = None
                if fate is _Fate.AGAIN and failures[fate] <= _AGAIN_MAX:
                    continue
                return await self._failed(call, fate, error)
            self._seq = sent
            return self._committed(call, call.heard(rows), rows)
        return None

    async def _is_settled(self, call: Call, sent: int | None, losses: int, cause: Exception) -> bool:
        """Connect anew; True when a call was answered: it is committed, or nothing more can be done about it.

        Args:
            call: The call.
            sent: Its number, if it was sent and the answer was lost.
            losses: Times that this has happened.
            cause: The last of them.
        """
        mark = await self._connect(call if sent is None else None)
        if mark is None:
            self._give_up(call, sent is not None)
        elif mark.seq == sent:
            await self._committed_unheard(call, mark)
        elif losses > _LOST_MAX:
            # The call itself ends its sessions, it seems.
            await self._failed(call, _Fate.REFUSED, cause)
        else:
            return False
        return True

    def _fate(self, error: Exception) -> _Fate:
        if is_evicted(error):
            return _Fate.EVICTED
        if is_lost(error):
            self._drop()
            return _Fate.LOST
        if is_broken(error):
            self._drop()
            return _Fate.BROKEN
        return _Fate.AGAIN if is_again(error) else _Fate.REFUSED

    async def _failed(self, call: Call, fate: _Fate, error: Exception) -> None:
        """Answer a call of which nothing is stored; its parts may still succeed one by one."""
        if fate is _Fate.EVICTED:
            return self._evicted(call, "did not write for too long")
        parts = call.parts()
        if fate is not _Fate.BROKEN and len(parts) > 1:
            for part in parts:
                await self._commit(part)
            return None
        failure = write_failure(self._connector.place, error)
        if isinstance(failure, NotStored):
            self.trouble = failure
        return call.fail(failure)

    def _committed(self, call: Call, again: Sequence[Asked], rows: Sequence[Row]) -> None:
        """Go on behind a call that is committed and answered."""
        self.commits += not isinstance(call, Beat)
        self.trouble = None
        self._asked.extendleft(reversed(again))
        if call.announces:
            assert isinstance(call, Group)
            self._announced(self._id, self._seq, call, rows)

    async def _committed_unheard(self, call: Call, mark: Mark) -> None:
        """Answer a call that is committed, while its answer was lost."""
        seq = self._seq
        rows: list[Row] = []
        for statement in call.recall(self._id, seq):
            rows += await self._found(statement)
        self._committed(call, call.unheard(mark, rows), rows)

    async def _found(self, statement: Statement) -> Sequence[Row]:
        """Read what a call has answered whose answer was lost; nothing when that cannot be read any more."""
        while True:
            if self._connection is None and await self._connect(None) is None:
                return []
            try:
                return await self._ask_rows(statement.sql, *statement.arguments)
            except Exception as error:  # noqa: BLE001 - as above
                if self._fate(error) is not _Fate.LOST:
                    return []

    async def _ask_rows(self, sql: str, *arguments: object) -> list[Row]:
        """Run a statement, and give the connection up when no answer comes. Nothing is ever cancelled at the server."""
        connection = self._connection
        assert connection is not None
        timer = asyncio.get_running_loop().call_later(self._times.answer_s, connection.terminate)
        try:
            return await connection.fetch(sql.format(schema=self._schema), *arguments)
        finally:
            timer.cancel()

    async def _connect(self, call: Call | None) -> Mark | None:
        """Connect until it succeeds, and take the lane over.

        Args:
            call: What is to be sent; it fails when that takes too long. `None` when a call was sent before.

        Returns:
            What is committed; `None` when this host is out, or stops, or nobody waits for the call any more.
        """
        turn = 0
        while True:
            await asyncio.sleep(_PAUSES_S[min(turn, len(_PAUSES_S) - 1)])
            turn += 1
            try:
                return await self._open()
            except NotStored as failure:
                self.trouble = failure
                self._expire(failure, call)
            if self._is_stopping or (call is not None and not call.is_wanted):
                return None

    async def _open(self) -> Mark | None:
        """Connect once, as a new host or as the lane that it was; `None` when that was taken for dead.

        Raises:
            NotStored: It did not succeed.
        """
        connection = self._opening = await self._connector.open(f"lane {self._number}", _BY_INDEX)
        try:
            mark = await (self._take_over(connection) if self._is_registered else self._register(connection))
        except Exception as error:
            connection.terminate()
            raise NotStored(str(write_failure(self._connector.place, error))) from error
        if mark is None:
            connection.terminate()
        else:
            self._connection = connection
        return mark

    async def _register(self, connection: Connection) -> Mark:
        await self._identity.register(connection, self._registration)
        self._registration = self._identity.registration
        self._id = self._identity.lanes[self._number]
        self._epoch = self._seq = 0
        self._is_registered = True
        return Mark(0)

    async def _take_over(self, connection: Connection) -> Mark | None:
        if not self._is_stopping:
            await connection.execute(_PATIENT)
        row = await connection.fetchrow(_TAKE_OVER.format(schema=self._schema), self._id)
        await connection.execute(_IMPATIENT)
        if row is None:
            return None
        self._epoch, seq, swapped, refused, notes = row
        if seq < self._seq:
            log.critical(
                "%s has lost what it had committed: its lane is at %d, and %d was answered. It was replaced by a copy "
                "that lagged behind. This host goes on as a new one.",
                self._connector.place, seq, self._seq,
            )  # fmt: skip
            return None
        self._seq = seq
        return Mark(seq, swapped, refused, notes)

    def _give_up(self, call: Call, was_sent: bool) -> None:
        """Fail a call whose fate will not be known, or that nothing can carry out any more."""
        if not self._is_stopping:
            return self._evicted(call, "was not to be found any more") if call.is_wanted else None
        failure = NotStored(
            f"{self._connector.place} does not answer, and the host stops. "
            + ("Whether this was stored is not known." if was_sent else "Nothing was written.")
        )
        call.fail(failure)
        return self._fail_waiting(failure)

    def _evicted(self, call: Call, why: str) -> None:
        """Refuse everything that was asked for as the host that is out; what comes next is of a new one."""
        log.error("This host %s, and was taken for dead by others. It goes on as a new one.", why)
        failure = NotStored("This host was taken for dead by the others on its database, so nothing was written.")
        call.fail(failure)
        self._fail_waiting(failure)
        self._drop()
        self._is_registered = False

    def _fail_waiting(self, failure: PolystepError) -> None:
        while self._asked:
            self._asked.popleft().answer(failure)
        clear, self._clear = self._clear, None
        if clear is not None:
            clear.fail(failure)

    def _expire(self, failure: PolystepError, call: Call | None) -> None:
        """Fail what has waited too long to be sent."""
        before_s = asyncio.get_running_loop().time() - self._times.wait_s
        if call is not None:
            call.drop(before_s, failure)
        while self._asked and self._asked[0].asked_s < before_s:
            self._asked.popleft().answer(failure)

    def _abandon(self) -> None:
        for connection in (self._opening, self._connection):
            if connection is not None:
                connection.terminate()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
