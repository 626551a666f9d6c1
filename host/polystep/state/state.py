"""What handlers do with state. A write that has returned is on disk."""

from __future__ import annotations

import asyncio

from polystep.contracts.futures import then
from polystep.contracts.ports import StateStore
from polystep.contracts.values import JSONValue
from polystep.wire import pack, unpack


class State:
    """Reads and writes values; every value comes back equal from every language."""

    def __init__(self, store: StateStore) -> None:
        self._store = store

    async def get(self, group: str, key: str) -> JSONValue:
        """The value, `None` when there is none (a stored null reads the same)."""
        return _unpacked(await self._store.get(group, key))

    async def find(self, group: str, key: str) -> tuple[JSONValue] | None:
        """Like `get`, but tells a stored null, `(None,)`, from a missing key, `None`."""
        packed = await self._store.get(group, key)
        return None if packed is None else (unpack(packed),)

    def set(self, group: str, key: str, value: JSONValue) -> asyncio.Future[None]:
        """Write or replace."""
        return self._store.set(group, key, pack(value))

    def delete(self, group: str, key: str) -> asyncio.Future[JSONValue]:
        """Remove; returns what was there."""
        return then(self._store.delete(group, key), _unpacked)

    async def get_group(self, group: str) -> list[JSONValue]:
        """The values of a group, in the order of their keys."""
        return [unpack(packed) for _, packed in await self._store.items(group)]

    async def items(self, group: str) -> dict[str, JSONValue]:
        """A group as a map."""
        return {key: unpack(packed) for key, packed in await self._store.items(group)}

    def clear(self, group: str) -> asyncio.Future[int]:
        """Remove a group; returns how many keys it had."""
        return self._store.clear(group)

    async def groups(self) -> list[tuple[str, int]]:
        """Every group with its number of keys."""
        return await self._store.groups()


def _unpacked(packed: bytes | None) -> JSONValue:
    return None if packed is None else unpack(packed)
