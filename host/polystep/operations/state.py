"""Operations on the state."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from polystep.contracts.operations import OperationRefused
from polystep.contracts.ports.inspection import Versioned, WriteFilter
from polystep.contracts.values import JSONObject
from polystep.operations.operation import Listed, Operation, Params, Part, Result, Value
from polystep.operations.rooms import Rooms
from polystep.operations.writes import Writes, note_write, writes
from polystep.wire import pack, unpack

GROUP_MARK: Final = "g"
"""Begins a cursor of a list of groups: a group may be the empty text."""
_KEY_MARK: Final = "k"


class GroupsParams(Listed):
    """Choose groups."""

    prefix: str = Field("", description="Only groups that begin with this.")


class StateGroup(Result):
    """Group with its number of keys."""

    group: str
    keys: int


class StateGroups(Part):
    """Groups, in the order of their names."""

    groups: list[StateGroup]


class StateItemsParams(Listed):
    """Choose a group, and a part of it."""

    group: str


class StateItems(Part):
    """Values of a group by key, in the order of the keys."""

    items: dict[str, Value]


class StateKeysParams(Listed):
    """Choose keys of a group."""

    group: str
    prefix: str = Field("", description="Only keys that begin with this.")


class StateKeyRow(Result):
    """Key, with the bytes that its value takes in the store."""

    key: str
    bytes: int


class StateKeys(Part):
    """Keys of a group, in order."""

    keys: list[StateKeyRow]


class StateKey(Params):
    """Choose one value."""

    group: str
    key: str


class StateValue(Result):
    """Value of the state."""

    value: Value
    version: str = Field(description="Changes with the value; for state_set and state_delete.")


class StateVersion(StateKey):
    """Choose one value, and what it must be still."""

    version: str | None = Field(
        None,
        description="Change only what still has this version; the empty text stands for no value.",
        json_schema_extra={"x-in": "query"},
    )


class StateSetParams(StateVersion):
    """Choose one value and give the new one."""

    value: Value


class StateRenameParams(StateKey):
    """Choose a value, and its new key."""

    to: str
    version: str | None = Field(None, description="Only if it still has this version.")


class StateHistoryParams(StateKey, Listed):
    """Choose a value, and a part of its history."""


class StateChanged(Result):
    """Value as it was before a change; without `before` there was none."""

    group: str
    key: str
    version: str = Field(description="Version of what is there now; the empty text when nothing is.")
    before: Value | None = None


async def state_groups(rooms: Rooms, params: GroupsParams) -> StateGroups:
    """List the groups of the state."""
    found = await rooms.data.queries.state_groups(params.prefix, after(params.cursor, GROUP_MARK), params.limit + 1)
    rows = [StateGroup(group=group, keys=keys) for group, keys in found[: params.limit]]
    return StateGroups(groups=rows, cursor=GROUP_MARK + rows[-1].group if len(found) > len(rows) else None)


async def state_items(rooms: Rooms, params: StateItemsParams) -> StateItems:
    """Print a state group, a part of it if it is large, or one of its values, as JSON."""
    items, more = await rooms.data.state.entries(params.group, params.cursor, params.limit)
    return StateItems(items=items, cursor=more)


async def state_keys(rooms: Rooms, params: StateKeysParams) -> StateKeys:
    """List the keys of a state group."""
    start = after(params.cursor, _KEY_MARK)
    found = await rooms.data.queries.state_keys(params.group, params.prefix, start, params.limit + 1)
    rows = [StateKeyRow(key=key, bytes=size) for key, size in found[: params.limit]]
    return StateKeys(keys=rows, cursor=_KEY_MARK + rows[-1].key if len(found) > len(rows) else None)


async def state_value(rooms: Rooms, params: StateKey) -> StateValue | None:
    """Print one value of the state as JSON."""
    found = await rooms.data.queries.state_value(params.group, params.key)
    return None if found is None else StateValue(value=unpack(found.value), version=found.version)


async def state_set(rooms: Rooms, params: StateSetParams) -> StateChanged:
    """Write one value of the state."""
    return await _change(rooms, params, pack(params.value))


async def state_delete(rooms: Rooms, params: StateVersion) -> StateChanged | None:
    """Remove one value of the state."""
    changed = await _change(rooms, params, None)
    return changed if "before" in changed.model_fields_set else None


async def state_rename(rooms: Rooms, params: StateRenameParams) -> StateChanged | None:
    """Move one value of the state to another key of its group; a key that has a value is not overwritten."""
    group, key, to = params.group, params.key, params.to
    found = await rooms.data.queries.rename_state(group, key, to, params.version)
    if found is None:
        return None
    if isinstance(found, str):
        raise OperationRefused(409, "Conflict", f"The group {group} has a value with the key {to} already.")
    if params.version is not None and params.version != found.version:
        raise _conflict(found)
    _told(rooms, group, "delete", key)
    _told(rooms, group, "set", to)
    return StateChanged(group=group, key=to, version=found.version)


async def state_history(rooms: Rooms, params: StateHistoryParams) -> Writes:
    """List who has written a value of the state, newest first, as far as traces and logs are kept."""
    group, key = params.group, params.key
    begins: list[JSONObject] = [{"operation": name, "group": group, "key": key} for name in ("set", "update", "delete")]
    begins.append({"operation": "clear", "group": group})
    return await writes(rooms, WriteFilter("state", begins), params)


async def _change(rooms: Rooms, params: StateVersion, value: bytes | None) -> StateChanged:
    queries = rooms.data.queries
    found = await queries.change_state(params.group, params.key, value, params.version)
    seen = "" if found is None else found.version
    if params.version is not None and params.version != seen:
        raise _conflict(found)
    _told(rooms, params.group, "delete" if value is None else "set", params.key)
    now = await queries.state_value(params.group, params.key)
    version = "" if now is None else now.version
    return StateChanged(group=params.group, key=params.key, version=version, **_value("before", found))


def _conflict(found: Versioned | None) -> OperationRefused:
    return OperationRefused(
        409,
        "Conflict",
        "The value is another one by now: look at it, and give its version.",
        version="" if found is None else found.version,
        **_value("value", found),
    )


def _told(rooms: Rooms, group: str, operation: str, key: str) -> None:
    """Tell the feed of a write, and keep in the logs that an operator made it."""
    rooms.changed(f"state:{group}", {"key": key})
    note_write(rooms, "state", {"operation": operation, "group": group, "key": key})


def _value(name: str, found: Versioned | None) -> dict[str, Any]:
    return {} if found is None else {name: unpack(found.value)}


def after(cursor: str | None, mark: str) -> str | None:
    """Return the name behind which a part begins."""
    return None if cursor is None else cursor.removeprefix(mark)


OPERATIONS = (
    Operation("state_groups", "GET state", GroupsParams, StateGroups, "reads", state_groups),
    Operation("state", "GET state/{group}", StateItemsParams, StateItems, "reads", state_items),
    Operation("state_keys", "GET state-keys/{group}", StateKeysParams, StateKeys, "reads", state_keys),
    Operation("state_value", "GET state/{group}/{key}", StateKey, StateValue, "reads", state_value),
    Operation("state_history", "GET state-history/{group}/{key}", StateHistoryParams, Writes, "reads", state_history),
    Operation(
        "state_rename", "POST state-rename/{group}/{key}", StateRenameParams, StateChanged, "changes", state_rename
    ),
    Operation("state_set", "PUT state/{group}/{key}", StateSetParams, StateChanged, "changes", state_set),
    Operation("state_delete", "DELETE state/{group}/{key}", StateVersion, StateChanged, "changes", state_delete),
)
