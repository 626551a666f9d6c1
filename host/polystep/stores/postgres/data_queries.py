"""State and stream items by prefix in PostgreSQL, and writes that change only what their writer has seen."""

from __future__ import annotations

from typing import Final

from polystep.contracts.names import check_names, name_bytes
from polystep.contracts.ports.inspection import Versioned
from polystep.stores.postgres.database import PostgresDatabase
from polystep.stores.postgres.writes import RenameState, UpdateState
from polystep.stores.versions import behind, version_of, versioned

_VALUE: Final = "SELECT value FROM {schema}.state WHERE grp = $1 AND key = $2"
# From the first name on, or behind one; up to another one, or to the end.
_RANGE: Final = "{column} >= $1 AND ($2::bytea IS NULL OR {column} > $2) AND ($3::bytea IS NULL OR {column} < $3)"
_STATE_GROUPS: Final = f"""
SELECT grp, count(*) FROM {{schema}}.state WHERE {_RANGE.format(column="grp")} GROUP BY grp ORDER BY grp LIMIT $4"""
_STATE_KEYS: Final = f"""
SELECT key, octet_length(value) FROM {{schema}}.state
WHERE grp = $5 AND {_RANGE.format(column="key")} ORDER BY key LIMIT $4"""
_STREAM_GROUPS: Final = f"""
SELECT grp, count(*) FROM {{schema}}.stream_items
WHERE stream = $5 AND {_RANGE.format(column="grp")} GROUP BY grp ORDER BY grp LIMIT $4"""


class PostgresDataQueries:
    """Implements `DataQueries`. The version of a value is a digest of it, so that no write has to keep one."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def state_groups(self, prefix: str, after: str | None, limit: int) -> list[tuple[str, int]]:
        """Count the keys of some groups."""
        return await self._names(_STATE_GROUPS, prefix, after, limit)

    async def state_keys(self, group: str, prefix: str, after: str | None, limit: int) -> list[tuple[str, int]]:
        """Read keys by the primary key."""
        return await self._names(_STATE_KEYS, prefix, after, limit, name_bytes(group))

    async def state_value(self, group: str, key: str) -> Versioned | None:
        """Read one."""
        rows = await self._database.read(_VALUE, name_bytes(group), name_bytes(key))
        return versioned(rows[0][0]) if rows else None

    async def change_state(self, group: str, key: str, value: bytes | None, version: str | None) -> Versioned | None:
        """Read, compare, and write if nobody else has written meanwhile; else begin again."""
        seen: bytes | None = None

        def change(found: bytes | None) -> bytes | None:
            nonlocal seen
            seen = found
            return value if version is None or version == version_of(found) else found

        at = (name_bytes(group), name_bytes(key)) if value is None else check_names(group, key)
        await self._database.write(UpdateState(at, change))
        return None if seen is None else versioned(seen)

    async def rename_state(self, group: str, key: str, to: str, version: str | None) -> Versioned | str | None:
        """Read, compare, and move if nobody else has written meanwhile; else begin again."""

        def is_wanted(found: bytes) -> bool:
            return version is None or version == version_of(found)

        group_bytes, to_bytes = check_names(group, to)
        found = await self._database.write(RenameState((group_bytes, name_bytes(key)), to_bytes, is_wanted))
        return versioned(found) if isinstance(found, bytes) else found

    async def stream_groups(self, stream: str, prefix: str, after: str | None, limit: int) -> list[tuple[str, int]]:
        """Count the items of some groups."""
        return await self._names(_STREAM_GROUPS, prefix, after, limit, name_bytes(stream))

    async def _names(
        self, sql: str, prefix: str, after: str | None, limit: int, *within: bytes
    ) -> list[tuple[str, int]]:
        end = behind(prefix)
        rows = await self._database.read(
            sql, name_bytes(prefix), None if after is None else name_bytes(after),
            None if end is None else name_bytes(end), limit, *within,
        )  # fmt: skip
        return [(name.decode(), number) for name, number in rows]
