"""Operations of handlers on state. A write that has returned is on disk."""

from __future__ import annotations

import asyncio
from typing import Final

from polystep.contracts.errors import FrameTooLarge
from polystep.contracts.futures import then
from polystep.contracts.limits import DECODED_ON_LOOP_MAX, PAGE_BYTES_MAX, PAGE_ENTRIES_MAX
from polystep.contracts.pages import PageBounds, PageQuery, message_bounds
from polystep.contracts.ports.stores import StateStore
from polystep.contracts.values import JSONValue
from polystep.state.updates import read_changes, updating
from polystep.wire import Packed, pack, packed_entry, packed_list, packed_page, unpack

_ENTRY_BYTES: Final = 24
"""The heads of an entry, its key and its value."""
_LARGEST_PAGE: Final = PageBounds(PAGE_ENTRIES_MAX, PAGE_BYTES_MAX)


class State:
    """Reads and writes values; every value comes back equal from every language."""

    def __init__(self, store: StateStore) -> None:
        self._store = store

    async def get(self, group: str, key: str) -> JSONValue:
        """Read a value; `None` when there is none (a stored null reads the same)."""
        return _unpacked(await self._store.get(group, key))

    async def find(self, group: str, key: str) -> tuple[JSONValue] | None:
        """Read like `get`, but return `(None,)` for a stored null and `None` for a missing key."""
        packed = await self._store.get(group, key)
        return None if packed is None else (unpack(packed),)

    def set(self, group: str, key: str, value: JSONValue) -> asyncio.Future[None]:
        """Write or replace."""
        return self._store.set(group, key, pack(value))

    def update(self, group: str, key: str, ops: JSONValue) -> asyncio.Future[JSONValue]:
        """Make changes of a value, all or none, with no other write in between; returns the new one (PS-8.24).

        Raises:
            InvalidParams: `ops` is no list of changes, or one does not fit what is stored.
            Conflict: An expectation does not hold.
            InvalidValue: A number or a depth would be beyond what a value has.
            FrameTooLarge: The value is too large, before or after.
        """
        return then(self._store.update(group, key, updating(group, key, read_changes(ops))), _unpacked)

    def delete(self, group: str, key: str) -> asyncio.Future[JSONValue]:
        """Remove; returns what was there."""
        return then(self._store.delete(group, key), _unpacked)

    async def page(self, group: str, query: PageQuery, message_bytes_max: int) -> Packed:
        """Read a part of a group for one message: `{items, cursor?}` in the order of the keys (PS-8.12).

        Raises:
            FrameTooLarge: One value alone is larger than the message; `data.key` is its key.
            InvalidParams: The cursor is none.
        """
        bounds = message_bounds(message_bytes_max, query.limit, _ENTRY_BYTES)
        keys_only = query.only == "keys"
        rows, cursor = await self._store.page(group, query.cursor, bounds, keys_only=keys_only)
        if keys_only:
            items = [pack(key) for key, _ in rows]
        elif query.only == "values":
            items = [value for _, value in rows]
        else:
            items = [packed_entry(key, value) for key, value in rows]
        page = packed_page(items, cursor)
        if len(page.data) > message_bytes_max:
            key = rows[0][0]
            raise FrameTooLarge(
                f'The value of "{key}" in the state group "{group}" takes {len(rows[0][1])} bytes, and a message to '
                f"this runner holds {message_bytes_max}. Read the keys alone (getGroup(group, {{keysOnly: true}})), "
                "and store large data outside the state.",
                {"key": key},
            )
        return page

    async def whole(self, group: str, message_bytes_max: int) -> Packed:
        """Read the values of a group for one message, in the order of their keys.

        Raises:
            FrameTooLarge: They do not fit.
        """
        values: list[bytes] = []
        size, cursor, more = 0, None, True
        while more:
            rows, cursor = await self._store.page(group, cursor, _LARGEST_PAGE)
            values += [value for _, value in rows]
            size += sum(len(value) for _, value in rows)
            if size > message_bytes_max:
                raise FrameTooLarge(
                    f'The state group "{group}" takes more than {message_bytes_max} bytes, which a message to this '
                    "runner holds. The runner reads groups in one message; with the feature `pages` (PS-8.12) it "
                    "would read it in parts: getGroup(group, {cursor, limit})."
                )
            more = cursor is not None
        return packed_list(values)

    async def entries(self, group: str, cursor: str | None, limit: int) -> tuple[dict[str, JSONValue], str | None]:
        """Read a part of a group as a map, and the cursor of the next part; `None` at the end."""
        rows, cursor = await self._store.page(group, cursor, PageBounds(limit, PAGE_BYTES_MAX))
        if len(rows) <= DECODED_ON_LOOP_MAX:
            return _decoded(rows), cursor
        return await asyncio.to_thread(_decoded, rows), cursor

    def clear(self, group: str) -> asyncio.Future[int]:
        """Remove a group; returns how many keys it had."""
        return self._store.clear(group)

    async def groups(self, after: str | None = None, limit: int = PAGE_ENTRIES_MAX) -> list[tuple[str, int]]:
        """Count the keys of groups behind `after`, in the order of their names."""
        return await self._store.groups(after, limit)


def _decoded(rows: list[tuple[str, bytes]]) -> dict[str, JSONValue]:
    return {key: unpack(packed) for key, packed in rows}


def _unpacked(packed: bytes | None) -> JSONValue:
    return None if packed is None else unpack(packed)
