"""Messages of the streams' WebSocket, in both directions. Pure.

Source: reference of Motia 0.17, 4.2; the frames of `@motiadev/stream-client-*`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Literal

import orjson

from polystep.contracts.events import StreamChange
from polystep.contracts.limits import SOCKET_MESSAGE_BYTES_MAX
from polystep.contracts.values import JSONObject
from polystep.http.refusals import to_json

CLOSE_UNSUPPORTED: Final = 1003
CLOSE_NOT_TEXT: Final = 1007
CLOSE_POLICY: Final = 1008
CLOSE_TOO_LARGE: Final = 1009

_NAME_CHARS_MAX: Final = 1024
"""A stream, group, item or subscription id in a join: the client's text is kept while it is subscribed."""


class MessageRefused(Exception):
    """Message that closes its socket, and only that one, with a close code and a reason."""

    def __init__(self, close_code: int, reason: str) -> None:
        super().__init__(reason)
        self.close_code = close_code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Subject:
    """Subject of a subscription: a group, or one item of it."""

    stream: str
    group: str
    id: str | None


@dataclass(frozen=True, slots=True)
class Membership:
    """Join or leave of a subject."""

    type: Literal["join", "leave"]
    subject: Subject
    subscription: str
    """The client's own id; several may follow one subject."""


def read_message(text: str) -> Membership | None:
    """Read a client's message; `None` for a type that is not ours to answer.

    Raises:
        MessageRefused: Too large, not JSON, or not the shape of its type.
    """
    if len(text) > SOCKET_MESSAGE_BYTES_MAX or len(data := text.encode()) > SOCKET_MESSAGE_BYTES_MAX:
        raise MessageRefused(CLOSE_TOO_LARGE, f"a message holds at most {SOCKET_MESSAGE_BYTES_MAX} bytes")
    try:
        message = orjson.loads(data)
    except orjson.JSONDecodeError as broken:
        raise MessageRefused(CLOSE_NOT_TEXT, f"not JSON: {broken.msg}") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise MessageRefused(CLOSE_POLICY, 'a message is an object with a "type"')
    kind = message["type"]
    if kind not in ("join", "leave"):
        return None
    data_part = message.get("data")
    if not isinstance(data_part, dict):
        raise MessageRefused(CLOSE_POLICY, f'a {kind} needs "data" with streamName and groupId')
    subject = Subject(
        _name(kind, data_part, "streamName"),
        _name(kind, data_part, "groupId"),
        None if data_part.get("id") is None else _name(kind, data_part, "id"),
    )
    named = data_part.get("subscriptionId") is not None
    return Membership(kind, subject, _name(kind, data_part, "subscriptionId") if named else "")


def _name(kind: str, data: JSONObject, key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or len(value) > _NAME_CHARS_MAX:
        raise MessageRefused(CLOSE_POLICY, f"{key} of a {kind} must be text of at most {_NAME_CHARS_MAX} characters")
    return value


def sync_frame(subject: Subject, timestamp_ms: int, data: bytes) -> bytes:
    """Encode the state of a subject at the moment of its join; `data` is JSON."""
    head = to_json(_body(subject.stream, subject.group, subject.id, timestamp_ms))
    return text_frame(b"".join((head[:-1], b',"event":{"type":"sync","data":', data, b"}}")))


def error_frame(subject: Subject, timestamp_ms: int, code: str, message: str) -> bytes:
    """Encode the refusal of a join, as the custom event `error`."""
    event: JSONObject = {"type": "error", "data": {"code": code, "message": message}}
    return _frame(subject.stream, subject.group, subject.id, timestamp_ms, {"type": "event", "event": event})


def change_frame(change: StreamChange) -> bytes:
    """Encode one change. `event` changes carry the sender's own `{type, data}`."""
    event: JSONObject = {"type": change.type, "event" if change.type == "event" else "data": change.data}
    return _frame(change.stream, change.group, change.id, change.timestamp_ms, event)


def _frame(stream: str, group: str, id: str | None, timestamp_ms: int, event: JSONObject) -> bytes:
    return text_frame(to_json({**_body(stream, group, id, timestamp_ms), "event": event}))


def _body(stream: str, group: str, id: str | None, timestamp_ms: int) -> JSONObject:
    body: JSONObject = {"timestamp": timestamp_ms, "streamName": stream, "groupId": group}
    return body if id is None else {**body, "id": id}


def text_frame(payload: bytes) -> bytes:
    """Encode a whole, unmasked WebSocket text frame, ready for the wire of any client (RFC 6455, 5.2)."""
    length = len(payload)
    if length < 126:
        return struct.pack("!BB", 0x81, length) + payload
    if length < 65536:
        return struct.pack("!BBH", 0x81, 126, length) + payload
    return struct.pack("!BBQ", 0x81, 127, length) + payload
