"""Stream items in SQLite."""

from __future__ import annotations

import asyncio
import re
from typing import Final, cast

import apsw

from polystep.contracts.errors import InvalidParams
from polystep.contracts.names import SHORT_NAMES, check_item_names
from polystep.contracts.pages import PageBounds
from polystep.contracts.values import JSONObject
from polystep.stores.sqlite.changes import LocalChanges, SqliteChanges
from polystep.stores.sqlite.database import Database

_FIRST: Final = (-(2**63), 0)
"""Before every creation time."""


class SqliteStreamStore:
    """Implements `StreamStore`."""

    def __init__(self, database: Database, changes: SqliteChanges) -> None:
        self._database = database
        self._announce = changes.announce
        self.changes = LocalChanges(changes)
        """Implements the port's property."""

    async def get(self, stream: str, group: str, id: str) -> tuple[bytes, int] | None:
        """Read one item."""
        rows = self._database.read(
            "SELECT value, created_at_ms FROM stream_items WHERE stream = ? AND grp = ? AND id = ?",
            (stream, group, id),
        )
        return cast("tuple[bytes, int]", rows[0]) if rows else None

    def set(
        self, stream: str, group: str, id: str, value: bytes, now_ms: int, data: JSONObject | None = None
    ) -> asyncio.Future[tuple[bool, int]]:
        """Write one item; the time of creation stays."""
        if len(stream) + len(group) + len(id) > SHORT_NAMES:
            check_item_names(stream, group, id)

        def job(connection: apsw.Connection) -> tuple[bool, int]:
            rows = connection.execute(
                "UPDATE stream_items SET value = ? WHERE stream = ? AND grp = ? AND id = ? RETURNING created_at_ms",
                (value, stream, group, id),
            ).fetchall()
            if rows:
                return False, cast("int", rows[0][0])
            connection.execute("INSERT INTO stream_items VALUES (?, ?, ?, ?, ?)", (stream, group, id, value, now_ms))
            return True, now_ms

        def announce(done: asyncio.Future[tuple[bool, int]]) -> None:
            if not done.cancelled() and done.exception() is None:
                created, created_at_ms = done.result()
                self._announce("create" if created else "update", (stream, group, id), value, created_at_ms, data)

        # The first to be called, so the change is announced before the write is answered. Not with `then`: its second
        # future would cost more.
        written = self._database.write(job)
        written.add_done_callback(announce)
        return written

    def delete(self, stream: str, group: str, id: str) -> asyncio.Future[tuple[bytes, int] | None]:
        """Remove one item."""

        def job(connection: apsw.Connection) -> tuple[bytes, int] | None:
            rows = connection.execute(
                "DELETE FROM stream_items WHERE stream = ? AND grp = ? AND id = ? RETURNING value, created_at_ms",
                (stream, group, id),
            ).fetchall()
            return cast("tuple[bytes, int]", rows[0]) if rows else None

        def announce(done: asyncio.Future[tuple[bytes, int] | None]) -> None:
            if not done.cancelled() and done.exception() is None and (found := done.result()) is not None:
                self._announce("delete", (stream, group, id), *found, None)

        written = self._database.write(job)
        written.add_done_callback(announce)
        return written

    async def page(
        self, stream: str, group: str, cursor: str | None, bounds: PageBounds, *, ids_only: bool = False
    ) -> tuple[list[tuple[str, bytes, int]], str | None]:
        """Read a part of a group by the index of its creation times; the row's number orders items of one time."""
        value = "x''" if ids_only else "value"
        rows, more = await self._database.page(
            f"SELECT id, {value}, created_at_ms, rowid FROM stream_items "
            "WHERE stream = ? AND grp = ? AND (created_at_ms, rowid) > (?, ?) ORDER BY created_at_ms, rowid",
            (stream, group, *_place_of(cursor)),
            bounds,
        )
        found = [(id, value, created_at_ms) for id, value, created_at_ms, _ in rows]
        return found, "{2}.{3}".format(*rows[-1]) if more else None


def _place_of(cursor: str | None) -> tuple[int, int]:
    if cursor is None:
        return _FIRST
    place = re.fullmatch(r"(-?\d{1,18})\.(\d{1,18})", cursor, re.ASCII)
    if place is None:
        raise InvalidParams(f"{cursor[:80]!r} is not a cursor of a stream. Give the `cursor` of the page before.")
    return int(place[1]), int(place[2])
