"""Changes of stream items, as every host on the database hears them.

Transactions do not commit in the order of their numbers, so a reader that goes by numbers loses changes. This one goes
by snapshots: each read takes what is visible now and was not at the read before. A host hears of its own changes here
too, and in the same order as the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from polystep.contracts.errors import PolystepError
from polystep.contracts.events import ChangeType, StoredChange
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.streams import ChangeListener
from polystep.stores.postgres.driver import Row
from polystep.stores.postgres.sessions import Sessions

log = logging.getLogger(__name__)

_POLL_S: Final = 1.0
"""A notification that was lost costs so much."""
_PAGE: Final = 500
"""Changes of one read."""
_OWN_MAX: Final = 10_000
"""Values of this host that are kept until they are read; of others only the packed ones are there."""
_TYPES: Final[Mapping[str, ChangeType]] = {"c": "create", "u": "update", "d": "delete", "e": "event"}

_NOW: Final = "SELECT pg_current_snapshot()::text"
_COLUMNS: Final = "seq, type, stream, grp, id, value, created_at_ms, told_ms, lane, commit_seq, place"
_NEW: Final = """
  FROM {schema}.stream_changes
  WHERE xid >= pg_snapshot_xmin($1::text::pg_snapshot) AND NOT pg_visible_in_snapshot(xid, $1::text::pg_snapshot)"""
_FIRST: Final = f"""
SELECT now.snapshot, each.* FROM (SELECT pg_current_snapshot()::text AS snapshot) AS now LEFT JOIN LATERAL (
  SELECT {_COLUMNS} {_NEW} ORDER BY seq LIMIT $2) AS each ON true"""
# The rest of what the first page saw: what is visible in a snapshot is visible later too.
_REST: Final = f"""
SELECT $3, {_COLUMNS} {_NEW}
  AND pg_visible_in_snapshot(xid, $3::text::pg_snapshot) AND seq > $4 ORDER BY seq LIMIT $2"""


class Feed:
    """Hands the changes of all hosts to the listener of this one."""

    def __init__(self, sessions: Sessions, schema: str, clock: Clock, is_quick: Callable[[], bool]) -> None:
        """Prepare.

        Args:
            sessions: Connections.
            schema: Where the tables are.
            clock: Of the store.
            is_quick: Reports whether notifications arrive.
        """
        self._sessions = sessions
        self._schema = schema
        self._clock = clock
        self._is_quick = is_quick
        self._snapshot = ""
        """Of the last read."""
        self._until: tuple[str, int] | None = None
        """Snapshot of a read that is not at its end, and the last change that was handed on."""
        self._last_ms = 0
        self._own: dict[tuple[int, int, int], Any] = {}
        self._wanted: list[Callable[[], None]] = []
        """Called after the next read that begins now or later."""
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.listener: ChangeListener | None = None

    async def start(self) -> None:
        """Hear what is committed from now on."""
        self._snapshot = await self._sessions.value(_NOW)
        self._task = asyncio.create_task(self._run(), name="feed")

    async def stop(self) -> None:
        """Hear nothing more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._answer()

    def next_timestamp_ms(self) -> int:
        """Return now, or one more than the last timestamp: clients drop what is not newer."""
        self._last_ms = max(self._clock.now_ms(), self._last_ms + 1)
        return self._last_ms

    def wake(self) -> None:
        """Look soon."""
        self._wake.set()

    def own(self, lane: int, seq: int, data: Mapping[int, Any]) -> None:
        """Keep values of a group of this host that are decoded already."""
        if len(self._own) < _OWN_MAX:
            self._own.update({(lane, seq, place): value for place, value in data.items()})

    def after_read(self, call: Callable[[], None]) -> None:
        """Call when everything that is committed now was handed on, or could not be read."""
        if self._task is None:
            call()
            return
        self._wanted.append(call)
        self._wake.set()

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S if self._is_quick() else _POLL_S / 4):
                    await self._wake.wait()
            self._wake.clear()
            wanted, self._wanted = self._wanted, []
            try:
                await self._read()
            except PolystepError as error:
                # What is missed now is found by a later read.
                log.warning("Changes of streams could not be read: %s", error)
            finally:
                for call in wanted:
                    call()

    async def _read(self) -> None:
        """Read what is visible now, and before it the rest of a read that was broken off."""
        if self._until is not None:
            await self._read_rest(*self._until)
        rows = await self._sessions.fetch(_FIRST.format(schema=self._schema), self._snapshot, _PAGE)
        await self._take(rows, rows[0][0])

    async def _take(self, rows: Sequence[Row], until: str) -> None:
        for row in rows:
            if row[1] is not None:
                self._hand_on(row)
        if len(rows) < _PAGE:
            self._snapshot, self._until = until, None
        else:
            self._until = until, rows[-1][1]
            await self._read_rest(*self._until)

    async def _read_rest(self, until: str, after: int) -> None:
        rows = await self._sessions.fetch(_REST.format(schema=self._schema), self._snapshot, _PAGE, until, after)
        await self._take(rows, until)

    def _hand_on(self, row: Row) -> None:
        _, _, type_, stream, group, id, value, created_at_ms, told_ms, *own = row
        self._last_ms = max(told_ms, self._last_ms + 1)
        data = self._own.pop(tuple(own), None)
        if self.listener is not None:
            self.listener(
                StoredChange(
                    _TYPES[type_], stream.decode(), group.decode(), None if id is None else id.decode(), value,
                    created_at_ms, data, self._last_ms,
                )
            )  # fmt: skip

    def _answer(self) -> None:
        wanted, self._wanted = self._wanted, []
        for call in wanted:
            call()
