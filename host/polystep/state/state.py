"""What handlers do with state. A write that has returned is on disk."""

from __future__ import annotations

from polystep.contracts.ports import StateStore
from polystep.contracts.values import JSONValue
from polystep.wire import pack, unpack


class State:
    """Reads and writes values; every value comes back equal from every language."""

    def __init__(self, store: StateStore) -> None:
        self._store = store

    async def get(self, group: str, key: str) -> JSONValue:
        """The value, `None` when there is none (a stored null reads the same)."""
        packed = await self._store.get(group, key)
        return None if packed is None else unpack(packed)

    async def find(self, group: str, key: str) -> tuple[JSONValue] | None:
        """Like `get`, but tells a stored null, `(None,)`, from a missing key, `None`."""
        packed = await self._store.get(group, key)
        return None if packed is None else (unpack(packed),)

    async def set(self, group: str, key: str, value: JSONValue) -> None:
        """Write or replace."""
        await self._store.set(group, key, pack(value))

    async def delete(self, group: str, key: str) -> JSONValue:
        """Remove; returns what was there."""
        packed = await self._store.delete(group, key)
        return None if packed is None else unpack(packed)

    async def get_group(self, group: str) -> list[JSONValue]:
        """The values of a group, in the order of their keys."""
        return [unpack(packed) for _, packed in await self._store.items(group)]

    async def items(self, group: str) -> dict[str, JSONValue]:
        """A group as a map."""
        return {key: unpack(packed) for key, packed in await self._store.items(group)}

    async def clear(self, group: str) -> int:
        """Remove a group; returns how many keys it had."""
        return await self._store.clear(group)

    async def groups(self) -> list[tuple[str, int]]:
        """Every group with its number of keys."""
        return await self._store.groups()
