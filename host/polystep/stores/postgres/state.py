"""State in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from polystep.contracts.errors import InvalidParams
from polystep.contracts.limits import PAGE_ENTRIES_MAX
from polystep.contracts.names import check_names, name_bytes
from polystep.contracts.pages import PageBounds
from polystep.stores.postgres.database import PostgresDatabase
from polystep.stores.postgres.writes import ClearState, DeleteState, SetState, UpdateState

_MARK: Final = "k"
"""Beginning of a cursor: a key may be the empty text, and loops end at an empty cursor."""

_GET: Final = "SELECT value FROM {schema}.state WHERE grp = $1 AND key = $2"
_PAGE: Final = """
WITH found AS (
  SELECT key, CASE WHEN $6 THEN ''::bytea ELSE value END AS value FROM {{schema}}.state
  WHERE grp = $1 AND key {after} $2 ORDER BY key LIMIT $3 + 1
), sized AS (
  SELECT key, value, row_number() OVER in_order AS place,
    sum(octet_length(key) + octet_length(value) + $5) OVER in_order AS size
  FROM found WINDOW in_order AS (ORDER BY key)
)
SELECT key, value, (SELECT count(*) FROM found) FROM sized
WHERE place = 1 OR (place <= $3 AND size <= $4) ORDER BY place"""
_GROUPS: Final = """
SELECT grp, count(*) FROM {{schema}}.state WHERE grp {after} $1 GROUP BY grp ORDER BY grp LIMIT $2"""


class PostgresStateStore:
    """Implements `StateStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def get(self, group: str, key: str) -> bytes | None:
        """Read one value."""
        rows = await self._database.read(_GET, name_bytes(group), name_bytes(key))
        return rows[0][0] if rows else None

    def set(self, group: str, key: str, value: bytes) -> asyncio.Future[None]:
        """Write one value."""
        return self._database.write(SetState(check_names(group, key), value))

    def update(
        self, group: str, key: str, change: Callable[[bytes | None], bytes | None]
    ) -> asyncio.Future[bytes | None]:
        """Read, change, and write if nobody else has written meanwhile; else begin again."""
        return self._database.write(UpdateState(check_names(group, key), change))

    def delete(self, group: str, key: str) -> asyncio.Future[bytes | None]:
        """Remove one value."""
        return self._database.write(DeleteState((name_bytes(group), name_bytes(key))))

    async def page(
        self, group: str, cursor: str | None, bounds: PageBounds, *, keys_only: bool = False
    ) -> tuple[list[tuple[str, bytes]], str | None]:
        """Read a part of a group by its primary key."""
        after, key = (">", _key_of(cursor)) if cursor is not None else (">=", "")
        rows = await self._database.read(
            _PAGE.format(after=after), name_bytes(group), name_bytes(key), bounds.entries_max, bounds.bytes_max,
            bounds.entry_bytes, keys_only,
        )  # fmt: skip
        found = [(key.decode(), value) for key, value, _ in rows]
        return found, _MARK + found[-1][0] if found and rows[0][2] > len(rows) else None

    def clear(self, group: str) -> asyncio.Future[int]:
        """Remove a group, some keys with each commit."""
        return self._database.write(ClearState(name_bytes(group)))

    async def groups(self, after: str | None = None, limit: int = PAGE_ENTRIES_MAX) -> list[tuple[str, int]]:
        """Count the keys of some groups."""
        behind, group = (">", after) if after is not None else (">=", "")
        rows = await self._database.read(_GROUPS.format(after=behind), name_bytes(group), limit)
        return [(name.decode(), count) for name, count in rows]


def _key_of(cursor: str) -> str:
    if not cursor.startswith(_MARK):
        raise InvalidParams(f"{cursor[:80]!r} is not a cursor of a state group. Give the `cursor` of the page before.")
    return cursor.removeprefix(_MARK)
