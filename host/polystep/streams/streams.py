"""What handlers do with streams, and what subscribers see of it."""

from __future__ import annotations

import asyncio

from polystep.contracts.errors import InvalidParams, StreamNotFound
from polystep.contracts.events import ChangeType, StreamChange
from polystep.contracts.futures import ready, then
from polystep.contracts.ports import Clock, StreamStore, StreamSubscriber
from polystep.contracts.steps import StreamSpec
from polystep.contracts.values import JSONObject, JSONValue
from polystep.streams.rooms import Rooms
from polystep.wire import pack, unpack


class Streams:
    """Reads, writes and announces stream items. Implements `StreamHub` for the WebSocket.

    A change is stored first and announced after its commit, in the order of the commits. Data is a map: an item is its
    data with `id` and `_createdAt` added.
    """

    def __init__(self, store: StreamStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._rooms = Rooms(clock)
        self._specs: dict[str, StreamSpec] = {}

    def replace(self, specs: dict[str, StreamSpec]) -> None:
        """Use these streams from now on; subscriptions stay."""
        self._specs = specs

    async def get(self, stream: str, group: str, id: str) -> JSONObject | None:
        """One item, `None` when there is none."""
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

        def announce(stored: tuple[bool, int]) -> JSONObject | None:
            created, created_at_ms = stored
            item = _item(id, plain, created_at_ms)
            self._announce("create" if created else "update", stream, group, id, item)
            return {**item, "__motia": _origin(stream, group, id)}

        return then(self._store.set(stream, group, id, packed, self._clock.now_ms()), announce)

    def delete(self, stream: str, group: str, id: str) -> asyncio.Future[JSONObject | None]:
        """Remove one item and announce it; nothing is announced when there was none."""
        self._check(stream)

        def announce(found: tuple[bytes, int] | None) -> JSONObject | None:
            if found is None:
                return None
            self._announce("delete", stream, group, id, _visible(id, *found))
            return _handled(stream, group, id, *found)

        return then(self._store.delete(stream, group, id), announce)

    async def get_group(self, stream: str, group: str) -> list[JSONObject]:
        """The items of a group, oldest first."""
        self._check(stream)
        return [_handled(stream, group, *row) for row in await self._store.items(stream, group)]

    def send(self, stream: str, group: str, id: str | None, event: JSONObject) -> None:
        """Announce an event that is not stored, to a group or to one item's subscribers."""
        self._check(stream)
        if not isinstance(event.get("type"), str):
            raise InvalidParams(
                f"streams.{stream}.send(channel, event): event needs a text `type`, and may have `data`."
            )
        plain: JSONObject = {"type": event["type"], "data": event.get("data")}
        self._announce("event", stream, group, id, plain)

    def stream_exists(self, stream: str) -> bool:
        """Whether a stream of this name is loaded."""
        return stream in self._specs

    def access_refusal(self, stream: str) -> str | None:
        """Why joins are refused: a stream with `canAccess` is closed until its rule can be asked."""
        spec = self._specs.get(stream)
        if spec is not None and spec.guarded:
            return f"Stream {stream} has a canAccess rule; this version refuses its joins rather than ignore the rule."
        return None

    def subscribe(self, subscriber: StreamSubscriber, stream: str, group: str, id: str | None) -> None:
        """Join a room."""
        self._rooms.subscribe(subscriber, stream, group, id)

    def unsubscribe(self, subscriber: StreamSubscriber, stream: str, group: str, id: str | None) -> None:
        """Leave a room."""
        self._rooms.unsubscribe(subscriber, stream, group, id)

    def forget(self, subscriber: StreamSubscriber) -> None:
        """Leave every room."""
        self._rooms.forget(subscriber)

    async def snapshot(self, stream: str, group: str, id: str | None) -> JSONValue:
        """What a `sync` frame carries."""
        if id is not None:
            found = await self._store.get(stream, group, id)
            return None if found is None else _visible(id, *found)
        return [_visible(*row) for row in await self._store.items(stream, group)]

    def next_timestamp_ms(self) -> int:
        """Strictly increasing."""
        return self._rooms.next_timestamp_ms()

    def _check(self, stream: str) -> None:
        if stream not in self._specs:
            known = ", ".join(sorted(self._specs)) or "none"
            raise StreamNotFound(f'There is no stream "{stream}". Loaded streams: {known}.')

    def _announce(self, type_: ChangeType, stream: str, group: str, id: str | None, data: JSONValue) -> None:
        self._rooms.tell(StreamChange(type_, stream, group, id, data, self._rooms.next_timestamp_ms()))


def _item(id: str, data: JSONObject, created_at_ms: int) -> JSONObject:
    return {**data, "id": id, "_createdAt": created_at_ms}


def _visible(id: str, packed: bytes, created_at_ms: int) -> JSONObject:
    data = unpack(packed)
    return _item(id, data if isinstance(data, dict) else {"data": data}, created_at_ms)


def _handled(stream: str, group: str, id: str, packed: bytes, created_at_ms: int) -> JSONObject:
    return {**_visible(id, packed, created_at_ms), "__motia": _origin(stream, group, id)}


def _origin(stream: str, group: str, id: str) -> JSONObject:
    return {"type": "state-stream", "streamName": stream, "groupId": group, "id": id}
