"""Stream items in SQLite."""

from __future__ import annotations

import asyncio
from typing import cast

import apsw

from polystep.stores.sqlite.database import Database


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

    async def items(self, stream: str, group: str) -> list[tuple[str, bytes, int]]:
        """Read a group, oldest first."""
        rows = await self._database.scan(
            "SELECT id, value, created_at_ms FROM stream_items WHERE stream = ? AND grp = ? "
            "ORDER BY created_at_ms, rowid",
            (stream, group),
        )
        return cast("list[tuple[str, bytes, int]]", rows)
