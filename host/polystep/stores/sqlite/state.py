"""State in SQLite."""

from __future__ import annotations

import asyncio
from typing import cast

import apsw

from polystep.stores.sqlite.database import Database


class SqliteStateStore:
    """Implements `StateStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, group: str, key: str) -> bytes | None:
        """Read one value."""
        rows = self._database.read("SELECT value FROM state WHERE grp = ? AND key = ?", (group, key))
        return cast("bytes", rows[0][0]) if rows else None

    def set(self, group: str, key: str, value: bytes) -> asyncio.Future[None]:
        """Write one value."""

        def job(connection: apsw.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", (group, key, value))

        return self._database.write(job)

    def delete(self, group: str, key: str) -> asyncio.Future[bytes | None]:
        """Remove one value."""

        def job(connection: apsw.Connection) -> bytes | None:
            rows = connection.execute(
                "DELETE FROM state WHERE grp = ? AND key = ? RETURNING value", (group, key)
            ).fetchall()
            return cast("bytes", rows[0][0]) if rows else None

        return self._database.write(job)

    async def items(self, group: str) -> list[tuple[str, bytes]]:
        """Read a group."""
        rows = await self._database.scan("SELECT key, value FROM state WHERE grp = ? ORDER BY key", (group,))
        return cast("list[tuple[str, bytes]]", rows)

    def clear(self, group: str) -> asyncio.Future[int]:
        """Remove a group."""

        def job(connection: apsw.Connection) -> int:
            connection.execute("DELETE FROM state WHERE grp = ?", (group,))
            return connection.changes()

        return self._database.sweep(job)

    async def groups(self) -> list[tuple[str, int]]:
        """Count the keys of every group."""
        rows = await self._database.scan("SELECT grp, count(*) FROM state GROUP BY grp ORDER BY grp")
        return cast("list[tuple[str, int]]", rows)
