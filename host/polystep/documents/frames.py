"""JSON Schemas of the messages on the WebSocket of a stream: memberships from clients, frames to clients.

Source: reference of Motia 0.17, 4.2; `http/socket_frames.py` writes these frames, and a test compares the two.
"""

from __future__ import annotations

from typing import Final

from polystep.contracts.values import JSONObject, JSONValue
from polystep.documents.pointers import local_target

_TEXT: Final[JSONObject] = {"type": "string"}

_ADDED: Final[JSONObject] = {
    "id": {"description": "Of the item within its group.", "type": "string"},
    "_createdAt": {"description": "When the item was first written, Unix time in milliseconds.", "type": "integer"},
}
"""Fields that every item has beside the data of the step."""

_NESTED_MAX: Final = 5
"""Levels of references and choices between the root of a schema and the objects that it describes."""

MEMBERSHIPS: Final = {
    "join": "Follow a group, or one item of it; a sync frame answers.",
    "leave": "No longer follow it.",
}
"""Messages of a client, with their purpose."""

FRAMES: Final = {
    "sync": "The items at the moment of the join.",
    "create": "An item was written for the first time.",
    "update": "An item was written again.",
    "delete": "An item was removed; the data is what it was.",
    "event": "What a step sent without storing it; an error of the server has the type `error`.",
}
"""Frames to a client, with their meaning."""


def membership(type_: str, stream: str) -> JSONObject:
    """Return the schema of a `join` or `leave`."""
    place: JSONObject = {
        "streamName": {"const": stream},
        "groupId": _TEXT,
        "id": {"description": "One item; the whole group without it.", "type": "string"},
        "subscriptionId": {"description": "The client's own name for this subscription.", "type": "string"},
    }
    data: JSONObject = {"type": "object", "properties": place, "required": ["streamName", "groupId"]}
    return {"type": "object", "properties": {"type": {"const": type_}, "data": data}, "required": ["type", "data"]}


def frame(type_: str, stream: str, item: JSONObject) -> JSONObject:
    """Return the schema of one of `FRAMES`; only a frame of a single item always has its `id`."""
    if type_ == "event":
        sent: JSONObject = {"type": "object", "properties": {"type": _TEXT, "data": True}, "required": ["type"]}
        return _frame(stream, _event(type_, {"event": sent}), [])
    if type_ == "sync":
        data: JSONObject = {"anyOf": [item, {"type": "array", "items": item}]}
        return _frame(stream, _event(type_, {"data": data}), [])
    return _frame(stream, _event(type_, {"data": item}), ["id"])


def item_schema(data: JSONObject | None, document: JSONObject) -> JSONObject:
    """Return the schema of an item as clients see it: the schema of the stream with the added fields.

    Args:
        data: Schema of the stream, already moved into the document.
        document: Root of its references.
    """
    if data is None:
        return {"type": "object", "properties": _ADDED, "required": [*_ADDED]}
    return _with_added(data, document, _NESTED_MAX)


def _with_added(schema: JSONObject, document: JSONObject, levels: int) -> JSONObject:
    """Add the fields inside each described object: beside a closed one (`additionalProperties: false`) they fail."""
    ref = schema.get("$ref")
    if isinstance(ref, str) and isinstance(target := local_target(document, ref), dict) and levels:
        rest: JSONObject = {key: value for key, value in schema.items() if key != "$ref"}
        return _with_added({**target, **rest}, document, levels - 1)
    added = dict(schema)
    for keyword in ("anyOf", "oneOf", "allOf"):
        if isinstance(choices := schema.get(keyword), list) and levels:
            added[keyword] = [
                _with_added(each, document, levels - 1) if isinstance(each, dict) else each for each in choices
            ]
    properties, required = schema.get("properties"), schema.get("required")
    if isinstance(properties, dict):
        added["properties"] = {**_ADDED, **properties}
        needed: list[JSONValue] = [*required] if isinstance(required, list) else []
        added["required"] = [*needed, *(name for name in _ADDED if name not in needed)]
    return added


def _event(type_: str, fields: JSONObject) -> JSONObject:
    return {"type": "object", "properties": {"type": {"const": type_}, **fields}, "required": ["type", *fields]}


def _frame(stream: str, event: JSONObject, required: list[JSONValue]) -> JSONObject:
    return {
        "type": "object",
        "properties": {
            "timestamp": {"description": "Unix time in milliseconds; strictly increasing.", "type": "integer"},
            "streamName": {"const": stream},
            "groupId": _TEXT,
            "id": {"description": "The item; a frame of the whole group has none.", "type": "string"},
            "event": event,
        },
        "required": ["timestamp", "streamName", "groupId", *required, "event"],
    }
