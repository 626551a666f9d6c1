"""Stream items in SQLite."""

from __future__ import annotations

import asyncio
import re
from typing import Final, cast

import apsw

from polystep.contracts.errors import InvalidParams
from polystep.contracts.groups import PageBounds
from polystep.stores.sqlite.database import Database

_FIRST: Final = (-(2**63), 0)
"""Before every creation time."""


class SqliteStreamStore:
    """Implements `StreamStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, stream: str, group: str, id: str) -> tuple[bytes, int] | None:
        """Read one item."""
        rows = self._database.read(
            "SELECT value, created_at_ms FROM stream_items WHERE stream = ? AND grp = ? AND id = ?",
            (stream, group, id),
        )
        return cast("tuple[bytes, int]", rows[0]) if rows else None

    def set(self, stream: str, group: str, id: str, value: bytes, now_ms: int) -> asyncio.Future[tuple[bool, int]]:
        """Write one item; the time of creation stays."""

        def job(connection: apsw.Connection) -> tuple[bool, int]:
            rows = connection.execute(
                "UPDATE stream_items SET value = ? WHERE stream = ? AND grp = ? AND id = ? RETURNING created_at_ms",
                (value, stream, group, id),
            ).fetchall()
            if rows:
                return False, cast("int", rows[0][0])
            connection.execute("INSERT INTO stream_items VALUES (?, ?, ?, ?, ?)", (stream, group, id, value, now_ms))
            return True, now_ms

        return self._database.write(job)

    def delete(self, stream: str, group: str, id: str) -> asyncio.Future[tuple[bytes, int] | None]:
        """Remove one item."""

        def job(connection: apsw.Connection) -> tuple[bytes, int] | None:
            rows = connection.execute(
                "DELETE FROM stream_items WHERE stream = ? AND grp = ? AND id = ? RETURNING value, created_at_ms",
                (stream, group, id),
            ).fetchall()
            return cast("tuple[bytes, int]", rows[0]) if rows else None

        return self._database.write(job)

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
