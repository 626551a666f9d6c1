"""Whole groups, read through the pages of a store."""

from __future__ import annotations

from polystep.contracts.pages import PageBounds
from polystep.contracts.ports.stores import StateStore, StreamStore

LARGE = PageBounds(1000, 1 << 24)


async def state_items(store: StateStore, group: str, bounds: PageBounds = LARGE) -> list[tuple[str, bytes]]:
    items, cursor = await store.page(group, None, bounds)
    while cursor is not None:
        more, cursor = await store.page(group, cursor, bounds)
        items += more
    return items


async def stream_items(
    store: StreamStore, stream: str, group: str, bounds: PageBounds = LARGE
) -> list[tuple[str, bytes, int]]:
    items, cursor = await store.page(stream, group, None, bounds)
    while cursor is not None:
        more, cursor = await store.page(stream, group, cursor, bounds)
        items += more
    return items
