"""State and stream items by prefix in SQLite, and writes that change only what their writer has seen."""

from __future__ import annotations

from typing import cast

import apsw

from polystep.contracts.names import check_names
from polystep.contracts.ports.inspection import Versioned
from polystep.stores.sqlite.database import Database
from polystep.stores.versions import behind, versioned


class SqliteDataQueries:
    """Implements `DataQueries`. The version of a value is a digest of it, so that no write has to keep one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def state_groups(self, prefix: str, after: str | None, limit: int) -> list[tuple[str, int]]:
        """Count the keys of some groups."""
        begin, bindings = _range("grp", prefix, after)
        return await self._counted(
            f"SELECT grp, count(*) FROM state WHERE {begin} GROUP BY grp ORDER BY grp LIMIT ?", (*bindings, limit)
        )

    async def state_keys(self, group: str, prefix: str, after: str | None, limit: int) -> list[tuple[str, int]]:
        """Read keys by the primary key."""
        begin, bindings = _range("key", prefix, after)
        return await self._counted(
            f"SELECT key, length(value) FROM state WHERE grp = ? AND {begin} ORDER BY key LIMIT ?",
            (group, *bindings, limit),
        )

    async def state_value(self, group: str, key: str) -> Versioned | None:
        """Read one."""
        rows = self._database.read("SELECT value FROM state WHERE grp = ? AND key = ?", (group, key))
        return versioned(cast("bytes", rows[0][0])) if rows else None

    async def change_state(self, group: str, key: str, value: bytes | None, version: str | None) -> Versioned | None:
        """Compare and write in one transaction."""
        if value is not None:
            check_names(group, key)

        def job(connection: apsw.Connection) -> Versioned | None:
            rows = connection.execute("SELECT value FROM state WHERE grp = ? AND key = ?", (group, key)).fetchall()
            found = versioned(cast("bytes", rows[0][0])) if rows else None
            if version is not None and version != ("" if found is None else found.version):
                return found
            if value is None:
                connection.execute("DELETE FROM state WHERE grp = ? AND key = ?", (group, key))
            else:
                connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", (group, key, value))
            return found

        return await self._database.write(job)

    async def rename_state(self, group: str, key: str, to: str, version: str | None) -> Versioned | str | None:
        """Compare and move in one transaction."""
        check_names(group, to)

        def job(connection: apsw.Connection) -> Versioned | str | None:
            rows = connection.execute("SELECT value FROM state WHERE grp = ? AND key = ?", (group, key)).fetchall()
            if not rows:
                return None
            found = versioned(cast("bytes", rows[0][0]))
            if version is not None and version != found.version:
                return found
            if connection.execute("SELECT 1 FROM state WHERE grp = ? AND key = ?", (group, to)).fetchall():
                return "taken"
            connection.execute("UPDATE state SET key = ? WHERE grp = ? AND key = ?", (to, group, key))
            return found

        return await self._database.write(job)

    async def stream_groups(self, stream: str, prefix: str, after: str | None, limit: int) -> list[tuple[str, int]]:
        """Count the items of some groups."""
        begin, bindings = _range("grp", prefix, after)
        return await self._counted(
            f"SELECT grp, count(*) FROM stream_items WHERE stream = ? AND {begin} GROUP BY grp ORDER BY grp LIMIT ?",
            (stream, *bindings, limit),
        )

    async def _counted(self, sql: str, bindings: tuple[object, ...]) -> list[tuple[str, int]]:
        return cast("list[tuple[str, int]]", await self._database.scan(sql, bindings))


def _range(column: str, prefix: str, after: str | None) -> tuple[str, tuple[str, ...]]:
    """Choose texts that begin with `prefix`, behind `after`, so that an index finds the first."""
    begin = (f"{column} >= ?", prefix) if after is None else (f"{column} > ?", after)
    end = behind(prefix)
    return (begin[0], (begin[1],)) if end is None else (f"{begin[0]} AND {column} < ?", (begin[1], end))
