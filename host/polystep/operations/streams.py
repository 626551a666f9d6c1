"""Operations on the items of streams."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from polystep.contracts.ports.inspection import WriteFilter
from polystep.contracts.values import JSONObject
from polystep.execution.violations import item_broken
from polystep.operations.operation import Listed, ListedWhole, Operation, Params, Part, Result, Value, part_of
from polystep.operations.rooms import Rooms
from polystep.operations.state import GROUP_MARK, after
from polystep.operations.writes import Writes, note_write, writes


class StreamGroupsParams(Listed):
    """Choose groups of a stream."""

    stream: str
    prefix: str = Field("", description="Only groups that begin with this.")


class StreamGroup(Result):
    """Group with its number of items."""

    group: str
    items: int


class StreamGroups(Part):
    """Groups of a stream, in the order of their names."""

    groups: list[StreamGroup]


class StreamItemsParams(Listed):
    """Choose a group of a stream, and a part of it."""

    stream: str
    group: str


class StreamItems(Part):
    """Items of a group as clients see them, oldest first."""

    items: list[dict[str, Any]]


class StreamItemParams(Params):
    """Choose an item."""

    stream: str
    group: str
    id: str


class StreamSetParams(StreamItemParams):
    """Choose an item and give its data."""

    data: dict[str, Any] = Field(description="The item without its id.")


class StreamParams(ListedWhole):
    """Choose a stream."""

    stream: str


class StreamSubscriberRow(Result):
    """Number of the subscribers of a group, or of one of its items."""

    group: str
    id: str | None = Field(description="Null for those of the whole group.")
    subscribers: int


class StreamSubscribers(Part):
    """Subscribers of a stream by group and item."""

    total: int
    subscribers: list[StreamSubscriberRow]


class StreamHistoryParams(Listed):
    """Choose an item or a group, and a part of its history."""

    stream: str
    group: str
    id: str | None = Field(None, description="The item; without one, the events that were sent to the group.")


class StreamItem(Result):
    """Item as clients see it."""

    item: Value


async def stream_groups(rooms: Rooms, params: StreamGroupsParams) -> StreamGroups | None:
    """List the groups of a stream."""
    if not rooms.data.streams.stream_exists(params.stream):
        return None
    start = after(params.cursor, GROUP_MARK)
    found = await rooms.data.queries.stream_groups(params.stream, params.prefix, start, params.limit + 1)
    rows = [StreamGroup(group=group, items=items) for group, items in found[: params.limit]]
    return StreamGroups(groups=rows, cursor=GROUP_MARK + rows[-1].group if len(found) > len(rows) else None)


async def stream_items(rooms: Rooms, params: StreamItemsParams) -> StreamItems | None:
    """Print the items of a stream's group, or a part of them, as JSON, oldest first."""
    streams = rooms.data.streams
    if not streams.stream_exists(params.stream):
        return None
    items, more = await streams.entries(params.stream, params.group, params.cursor, params.limit)
    return StreamItems(items=items, cursor=more)


async def stream_item(rooms: Rooms, params: StreamItemParams) -> StreamItem | None:
    """Print one item of a stream as JSON."""
    if not rooms.data.streams.stream_exists(params.stream):
        return None
    item = await rooms.data.streams.snapshot(params.stream, params.group, params.id)
    return None if item is None else StreamItem(item=item)


async def stream_subscribers(rooms: Rooms, params: StreamParams) -> StreamSubscribers | None:
    """Count the subscribers of a stream's groups and items, at this moment."""
    if not rooms.data.streams.stream_exists(params.stream):
        return None
    rows = [
        StreamSubscriberRow(group=group, id=id_, subscribers=count)
        for group, id_, count in rooms.data.streams.subscribers(params.stream)
    ]
    found, cursor = part_of(rows, params)
    return StreamSubscribers(total=sum(row.subscribers for row in rows), subscribers=list(found), cursor=cursor)


async def stream_history(rooms: Rooms, params: StreamHistoryParams) -> Writes | None:
    """List the writes of an item, or without an id the events that were sent to a group, newest first."""
    if not rooms.data.streams.stream_exists(params.stream):
        return None
    place: JSONObject = {"stream": params.stream, "group": params.group}
    names = ("set", "delete") if params.id is not None else ("send",)
    item: JSONObject = {} if params.id is None else {"id": params.id}
    begins: list[JSONObject] = [{"operation": name, **place, **item} for name in names]
    return await writes(rooms, WriteFilter("stream", begins), params)


async def stream_set(rooms: Rooms, params: StreamSetParams) -> StreamItem | None:
    """Write an item of a stream, and send it to the stream's subscribers."""
    streams = rooms.data.streams
    if not streams.stream_exists(params.stream):
        return None
    validator = rooms.work.loaded.validators.item(params.stream)
    if validator is not None and (issues := validator.issues(params.data)):
        raise item_broken(params.stream, issues)
    item = await streams.set(params.stream, params.group, params.id, params.data)
    _told(rooms, "set", params)
    return StreamItem(item=_shown(item))


async def stream_delete(rooms: Rooms, params: StreamItemParams) -> StreamItem | None:
    """Remove an item of a stream, and tell the stream's subscribers."""
    if not rooms.data.streams.stream_exists(params.stream):
        return None
    item = await rooms.data.streams.delete(params.stream, params.group, params.id)
    if item is None:
        return None
    _told(rooms, "delete", params)
    return StreamItem(item=_shown(item))


def _told(rooms: Rooms, operation: str, params: StreamItemParams) -> None:
    """Tell the feed of a write, and keep in the logs that an operator made it."""
    place: JSONObject = {"group": params.group, "id": params.id}
    rooms.changed(f"stream:{params.stream}", place)
    note_write(rooms, "stream", {"operation": operation, "stream": params.stream, **place})


def _shown(item: dict[str, Any] | None) -> dict[str, Any]:
    """Drop what only handlers see."""
    return {name: value for name, value in (item or {}).items() if name != "__motia"}


OPERATIONS = (
    Operation("stream_groups", "GET streams/{stream}", StreamGroupsParams, StreamGroups, "reads", stream_groups),
    Operation("stream", "GET streams/{stream}/{group}", StreamItemsParams, StreamItems, "reads", stream_items),
    Operation("stream_item", "GET streams/{stream}/{group}/{id}", StreamItemParams, StreamItem, "reads", stream_item),
    Operation(
        "stream_subscribers",
        "GET stream-subscribers/{stream}",
        StreamParams,
        StreamSubscribers,
        "reads",
        stream_subscribers,
    ),
    Operation(
        "stream_history", "GET stream-history/{stream}/{group}", StreamHistoryParams, Writes, "reads", stream_history
    ),
    Operation("stream_set", "PUT streams/{stream}/{group}/{id}", StreamSetParams, StreamItem, "changes", stream_set),
    Operation(
        "stream_delete", "DELETE streams/{stream}/{group}/{id}", StreamItemParams, StreamItem, "changes", stream_delete
    ),
)
