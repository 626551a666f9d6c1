"""Operations of handlers on streams, and the changes that subscribers see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from polystep.contracts.errors import FrameTooLarge, InvalidParams, StreamNotFound
from polystep.contracts.events import StoredChange, StreamChange
from polystep.contracts.futures import ready, then
from polystep.contracts.limits import DECODED_ON_LOOP_MAX, PAGE_BYTES_MAX, PAGE_ENTRIES_MAX
from polystep.contracts.pages import PageBounds, PageQuery, message_bounds
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.stores import StreamStore
from polystep.contracts.ports.streams import StreamSubscriber
from polystep.contracts.steps import StreamSpec
from polystep.contracts.values import JSONObject, JSONValue
from polystep.streams.subscribers import Subscribers
from polystep.wire import Packed, pack, packed_list, packed_page, unpack

_ADDED_BYTES: Final = 128
"""Of an item: the members that the host adds, without the names in them."""
_LARGEST_PAGE: Final = PageBounds(PAGE_ENTRIES_MAX, PAGE_BYTES_MAX)


class Streams:
    """Reads, writes and announces stream items. Implements `StreamHub` for the WebSocket.

    A change is stored first. After its commit the store announces it to every host, and each hands it to its
    subscribers. Data is a map: an item is its data with `id` and `_createdAt` added.
    """

    def __init__(self, store: StreamStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._changes = store.changes
        self._changes.listen(self._changed)
        self._subscribers = Subscribers()
        self.on_subscribers: Callable[[str], None] = lambda _stream: None
        """Called with a stream that has got or lost a subscriber."""
        self._specs: dict[str, StreamSpec] = {}

    def replace(self, specs: dict[str, StreamSpec]) -> None:
        """Use these streams from now on; subscriptions stay."""
        self._specs = specs

    async def get(self, stream: str, group: str, id: str) -> JSONObject | None:
        """Read one item; `None` when there is none."""
        self._check(stream)
        found = await self._store.get(stream, group, id)
        return None if found is None else _handled(stream, group, id, *found)

    def set(self, stream: str, group: str, id: str, data: JSONValue) -> asyncio.Future[JSONObject | None]:
        """Write or replace one item and announce it; no data writes nothing, as in Motia."""
        self._check(stream)
        if data is None:
            return ready(None)
        if not isinstance(data, dict):
            raise InvalidParams(
                f'streams.{stream}.set("{group}", "{id}", …) takes an object, not {type(data).__name__}: '
                "clients get the item with its id added."
            )
        plain = {key: value for key, value in data.items() if key not in ("__motia", "_createdAt")}
        packed = pack(plain)

        def stored(found: tuple[bool, int]) -> JSONObject | None:
            return {**plain, "id": id, "_createdAt": found[1], "__motia": _origin(stream, group, id)}

        return then(self._store.set(stream, group, id, packed, self._clock.now_ms(), plain), stored)

    def delete(self, stream: str, group: str, id: str) -> asyncio.Future[JSONObject | None]:
        """Remove one item and announce it; nothing is announced when there was none."""
        self._check(stream)

        def deleted(found: tuple[bytes, int] | None) -> JSONObject | None:
            return None if found is None else _handled(stream, group, id, *found)

        return then(self._store.delete(stream, group, id), deleted)

    async def page(self, stream: str, group: str, query: PageQuery, message_bytes_max: int) -> Packed:
        """Read a part of a group for one message: `{items, cursor?}`, oldest first (PS-8.12).

        Raises:
            FrameTooLarge: One item alone is larger than the message; `data.id` is its id.
            InvalidParams: The cursor is none.
            StreamNotFound: There is no such stream.
        """
        self._check(stream)
        ids_only = query.only == "keys"
        bounds = message_bounds(message_bytes_max, query.limit, _ADDED_BYTES + len(stream.encode() + group.encode()))
        rows, cursor = await self._store.page(stream, group, query.cursor, bounds, ids_only=ids_only)
        items = [pack(id) for id, _, _ in rows] if ids_only else await _packed_items(stream, group, rows)
        page = packed_page(items, cursor)
        if len(page.data) > message_bytes_max:
            id = rows[0][0]
            raise FrameTooLarge(
                f'The item "{id}" in the group "{group}" of stream {stream} takes {len(items[0])} bytes, and a message '
                f"to this runner holds {message_bytes_max}. Read the ids alone (getGroup(group, {{keysOnly: true}})), "
                "and store large data outside the stream.",
                {"id": id},
            )
        return page

    async def whole(self, stream: str, group: str, message_bytes_max: int) -> Packed:
        """Read the items of a group for one message, oldest first.

        Raises:
            FrameTooLarge: They do not fit.
            StreamNotFound: There is no such stream.
        """
        self._check(stream)
        items: list[bytes] = []
        size, cursor, more = 0, None, True
        while more:
            rows, cursor = await self._store.page(stream, group, cursor, _LARGEST_PAGE)
            page = await _packed_items(stream, group, rows)
            items += page
            size += sum(map(len, page))
            if size > message_bytes_max:
                raise FrameTooLarge(
                    f'The group "{group}" of stream {stream} takes more than {message_bytes_max} bytes, which a '
                    "message to this runner holds. The runner reads groups in one message; with the feature `pages` "
                    "(PS-8.12) it would read it in parts: getGroup(group, {cursor, limit})."
                )
            more = cursor is not None
        return packed_list(items)

    def send(self, stream: str, group: str, id: str | None, event: JSONObject) -> None:
        """Announce an event that is not stored, to a group or to one item's subscribers."""
        self._check(stream)
        if not isinstance(event.get("type"), str):
            raise InvalidParams(
                f"streams.{stream}.send(channel, event): event needs a text `type`, and may have `data`."
            )
        plain: JSONObject = {"type": event["type"], "data": event.get("data")}
        self._changes.send(stream, group, id, pack(plain), plain)

    def stream_exists(self, stream: str) -> bool:
        """Report whether a stream of this name is loaded."""
        return stream in self._specs

    def subscribe(self, subscriber: StreamSubscriber, stream: str, group: str, id: str | None) -> None:
        """Subscribe to a group, or to one item of it."""
        self._subscribers.add(subscriber, stream, group, id)
        self.on_subscribers(stream)

    def unsubscribe(self, subscriber: StreamSubscriber, stream: str, group: str, id: str | None) -> None:
        """End a subscription."""
        self._subscribers.remove(subscriber, stream, group, id)
        self.on_subscribers(stream)

    def forget(self, subscriber: StreamSubscriber) -> None:
        """End all subscriptions of a subscriber."""
        for stream in self._subscribers.forget(subscriber):
            self.on_subscribers(stream)

    def subscribers(self, stream: str) -> list[tuple[str, str | None, int]]:
        """Count the subscribers of each group, and of each item by its id."""
        return sorted(self._subscribers.counts(stream), key=lambda each: (each[0], each[1] or ""))

    async def snapshot(self, stream: str, group: str, id: str) -> JSONObject | None:
        """Read one item as its `sync` frame carries it."""
        found = await self._store.get(stream, group, id)
        return None if found is None else _visible(id, *found)

    async def pages(self, stream: str, group: str) -> AsyncIterator[list[JSONObject]]:
        """Read a group as its `sync` frame carries it, oldest first, in parts: all of it could hold the event loop."""
        cursor, more = None, True
        while more:
            items, cursor = await self.entries(stream, group, cursor, PAGE_ENTRIES_MAX)
            yield items
            more = cursor is not None

    async def entries(
        self, stream: str, group: str, cursor: str | None, limit: int
    ) -> tuple[list[JSONObject], str | None]:
        """Read a part of a group as clients see it, oldest first, and the cursor of the next part (`None`: the end)."""
        rows, cursor = await self._store.page(stream, group, cursor, PageBounds(limit, PAGE_BYTES_MAX))
        if len(rows) <= DECODED_ON_LOOP_MAX:
            return _visible_all(rows), cursor
        return await asyncio.to_thread(_visible_all, rows), cursor

    def next_timestamp_ms(self) -> int:
        """Return a time that is greater than those of all frames before."""
        return self._changes.next_timestamp_ms()

    def _check(self, stream: str) -> None:
        if stream not in self._specs:
            known = ", ".join(sorted(self._specs)) or "none"
            raise StreamNotFound(f'There is no stream "{stream}". Loaded streams: {known}.')

    def _changed(self, change: StoredChange) -> None:
        """Hand a change of this or another host to the subscribers."""
        type_, stream, group, id, value, created_at_ms, data, timestamp_ms = change
        subscribers = self._subscribers.of(stream, group, id)
        if not subscribers:
            return
        seen: JSONValue = unpack(value) if data is None else data
        if type_ != "event" and id is not None:
            seen = _item(id, seen if isinstance(seen, dict) else {"data": seen}, created_at_ms)
        shown = StreamChange(type_, stream, group, id, seen, timestamp_ms)
        for subscriber in subscribers:
            subscriber.changed(shown)


async def _packed_items(stream: str, group: str, rows: Sequence[tuple[str, bytes, int]]) -> list[bytes]:
    if len(rows) <= DECODED_ON_LOOP_MAX:
        return _pack_items(stream, group, rows)
    return await asyncio.to_thread(_pack_items, stream, group, rows)


def _pack_items(stream: str, group: str, rows: Sequence[tuple[str, bytes, int]]) -> list[bytes]:
    return [pack(_handled(stream, group, *row)) for row in rows]


def _visible_all(rows: Sequence[tuple[str, bytes, int]]) -> list[JSONObject]:
    return [_visible(*row) for row in rows]


def _item(id: str, data: JSONObject, created_at_ms: int) -> JSONObject:
    return {**data, "id": id, "_createdAt": created_at_ms}


def _visible(id: str, packed: bytes, created_at_ms: int) -> JSONObject:
    data = unpack(packed)
    return _item(id, data if isinstance(data, dict) else {"data": data}, created_at_ms)


def _handled(stream: str, group: str, id: str, packed: bytes, created_at_ms: int) -> JSONObject:
    return {**_visible(id, packed, created_at_ms), "__motia": _origin(stream, group, id)}


def _origin(stream: str, group: str, id: str) -> JSONObject:
    return {"type": "state-stream", "streamName": stream, "groupId": group, "id": id}
