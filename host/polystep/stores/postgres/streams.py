"""Stream items in PostgreSQL."""

from __future__ import annotations

import asyncio
import re
from typing import Final

from polystep.contracts.errors import InvalidParams
from polystep.contracts.names import check_item_names, name_bytes
from polystep.contracts.pages import PageBounds
from polystep.contracts.ports.streams import ChangeListener
from polystep.contracts.values import JSONObject
from polystep.stores.postgres.database import PostgresDatabase
from polystep.stores.postgres.writes import DeleteItem, SendEvent, SetItem

_FIRST: Final = (-(2**63), 0)
"""Before every creation time."""

_GET: Final = "SELECT value, created_at_ms FROM {schema}.stream_items WHERE stream = $1 AND grp = $2 AND id = $3"
_PAGE: Final = """
WITH found AS (
  SELECT id, CASE WHEN $8 THEN ''::bytea ELSE value END AS value, created_at_ms, seq FROM {schema}.stream_items
  WHERE stream = $1 AND grp = $2 AND (created_at_ms, seq) > ($3, $4) ORDER BY created_at_ms, seq LIMIT $5 + 1
), sized AS (
  SELECT id, value, created_at_ms, seq, row_number() OVER in_order AS place,
    sum(octet_length(id) + octet_length(value) + $7) OVER in_order AS size
  FROM found WINDOW in_order AS (ORDER BY created_at_ms, seq)
)
SELECT id, value, created_at_ms, seq, (SELECT count(*) FROM found) FROM sized
WHERE place = 1 OR (place <= $5 AND size <= $6) ORDER BY place"""


class PostgresStreamStore:
    """Implements `StreamStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self.changes = PostgresChanges(database)
        """Implements the port's property."""

    async def get(self, stream: str, group: str, id: str) -> tuple[bytes, int] | None:
        """Read one item."""
        rows = await self._database.read(_GET, name_bytes(stream), name_bytes(group), name_bytes(id))
        return (rows[0][0], rows[0][1]) if rows else None

    def set(
        self, stream: str, group: str, id: str, value: bytes, now_ms: int, data: JSONObject | None = None
    ) -> asyncio.Future[tuple[bool, int]]:
        """Write one item; the time of creation stays."""
        at = check_item_names(stream, group, id)
        return self._database.write(SetItem(at, value, now_ms, self._database.clock.now_ms(), data))

    def delete(self, stream: str, group: str, id: str) -> asyncio.Future[tuple[bytes, int] | None]:
        """Remove one item."""
        at = name_bytes(stream), name_bytes(group), name_bytes(id)
        return self._database.write(DeleteItem(at, self._database.clock.now_ms()))

    async def page(
        self, stream: str, group: str, cursor: str | None, bounds: PageBounds, *, ids_only: bool = False
    ) -> tuple[list[tuple[str, bytes, int]], str | None]:
        """Read a part of a group by the index of its creation times; a number orders items of one time."""
        rows = await self._database.read(
            _PAGE, name_bytes(stream), name_bytes(group), *_place_of(cursor), bounds.entries_max, bounds.bytes_max,
            bounds.entry_bytes, ids_only,
        )  # fmt: skip
        found = [(id.decode(), value, created_at_ms) for id, value, created_at_ms, _, _ in rows]
        more = bool(rows) and rows[0][4] > len(rows)
        return found, f"{rows[-1][2]}.{rows[-1][3]}" if more else None


class PostgresChanges:
    """Implements `ChangeFeed`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self.next_timestamp_ms = database.feed.next_timestamp_ms

    def listen(self, listener: ChangeListener) -> None:
        """Take part."""
        self._database.feed.listener = listener

    def close(self) -> None:
        """Take part no more."""
        self._database.feed.listener = None

    def send(self, stream: str, group: str, id: str | None, value: bytes, data: JSONObject) -> None:
        """Store it among the changes, for the hosts that read them."""
        sent = self._database.write(
            SendEvent(
                name_bytes(stream), name_bytes(group), None if id is None else name_bytes(id), value,
                self._database.clock.now_ms(), data,
            )
        )  # fmt: skip
        # Nobody waits for it: an event that is not stored may be lost.
        sent.add_done_callback(lambda done: done.cancelled() or done.exception())


def _place_of(cursor: str | None) -> tuple[int, int]:
    if cursor is None:
        return _FIRST
    place = re.fullmatch(r"(-?\d{1,18})\.(\d{1,18})", cursor, re.ASCII)
    if place is None:
        raise InvalidParams(f"{cursor[:80]!r} is not a cursor of a stream. Give the `cursor` of the page before.")
    return int(place[1]), int(place[2])
