"""Codec of values (PS-3): one walk makes any value plain or refuses it by type and path."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime, time
from enum import Enum
from math import isfinite
from typing import Any, Final
from uuid import UUID

import msgpack

from polystep_runner.errors import PolystepError, describe, safe_text

_INTEGER_MAX: Final = 2**53 - 1
_DEPTH_MAX: Final = 100
_LENIENT_DEPTH_MAX: Final = 4
"""Depth to which a log field is searched for parts that can be sent; below, a part is sent as text."""
_CONVERSIONS: Final[tuple[tuple[Any, Callable[[Any], Any]], ...]] = (
    (Enum, lambda value: value.value),
    (datetime | date | time, lambda value: value.isoformat()),
    (UUID, str),
    (bytes | bytearray | memoryview, bytes),
    (str, str.__str__),  # of subclasses, whatever they override
    (int, int.__int__),
    (float, float.__float__),
)
_HINTS: Final = {
    "set": "send list(value)", "Decimal": "send str(value)", "timedelta": "send value.total_seconds()",
    "Call": "await it first", "coroutine": "await it first",
}  # fmt: skip


class ChannelBroken(ValueError):
    """Input that is not this protocol (PS-4.4); nothing after it can be trusted."""


class _Refused(Exception):
    """Refusal that collects the path while it unwinds, so that good values pay nothing for it."""

    def __init__(self, reason: str) -> None:
        self.reason, self.trail = reason, list[tuple[int, object]]()


def plain(value: object, root: str, walk: Callable[[Any], Any] | None = None) -> Any:
    """Copy any value into one that the protocol carries, or raise `invalid_value` with a path from `root` (PS-3.9)."""
    path, cause = root, None
    try:
        return (walk or _walk)(value)
    except _Refused as refusal:
        reason, seen = f"sent: {refusal.reason}", set[int]()
        for container, key in reversed(refusal.trail):
            if container in seen:  # the path ends where the value first contains itself
                reason = "sent: it contains itself; send its id instead"
                break
            seen.add(container)
            path += f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{safe_text(repr(key))}]"
    except Exception as error:  # noqa: BLE001 - converting calls user code: properties, items(), isoformat()
        reason, cause = f"read: {type(error).__name__}: {safe_text(error)}", error
    raise PolystepError("invalid_value", f"{path} can't be {reason}", data={"path": path}) from cause


def plain_name(value: object, root: str) -> str:
    """Carry a group, key, topic or id: text, or a number as text; others raise `invalid_params` (PS-8.3)."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise PolystepError("invalid_params", f"{root} must be text, it is {type(value).__name__}.")
    return str(plain(value, root, _key))


def lenient(value: object, depth: int = 0) -> Any:
    """Copy as `plain` without raising: exceptions become `{name, message, stack}`, other values text."""
    if isinstance(value, BaseException):
        return describe(value)
    with suppress(Exception):  # whatever user code does while it is read (PS-8.7)
        return _walk(value, depth)
    with suppress(Exception):
        if depth < _LENIENT_DEPTH_MAX and isinstance(value, Mapping):
            return {safe_text(key): lenient(item, depth + 1) for key, item in value.items()}
        if depth < _LENIENT_DEPTH_MAX and isinstance(value, list | tuple | set | frozenset):
            return [lenient(item, depth + 1) for item in value]
    return safe_text(value)


def unpack_head(data: bytes | bytearray) -> list[Any]:
    """Read kind and id of a message whose rest can't be used (PS-4.5)."""
    reader = msgpack.Unpacker()
    reader.feed(bytes(data[:256]))
    try:
        size, kind = reader.read_array_header(), reader.unpack()
        return [kind, None, None] if size == 3 else [kind, reader.unpack(), *[None] * min(size - 2, 3)]
    except Exception as error:
        raise ChannelBroken("a message that ends before its id") from error


def _walk(value: Any, depth: int = 0) -> Any:
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _key(value)
    if value is None or kind is bool or kind is bytes:
        return value
    if kind is int:
        if -_INTEGER_MAX <= value <= _INTEGER_MAX:
            return value
        raise _Refused("this int is beyond ±(2^53-1), which not every language can hold; send str(value)")
    if kind is float:
        if isfinite(value):
            return value
        raise _Refused(f"the float {value} has no JSON form; send None")
    return _members(value, depth) if kind is dict or kind is list or kind is tuple else _converted(value, depth)


def _members(value: Any, depth: int) -> Any:
    if depth >= _DEPTH_MAX:
        raise _Refused(f"it is nested more than {_DEPTH_MAX} deep")
    key: Any = None
    plain_list: list[Any] = []
    plain_map: dict[str, Any] = {}
    try:
        if type(value) is list or (type(value) is not dict and not isinstance(value, Mapping)):
            for item in value:
                plain_list.append(_walk(item, depth + 1))  # noqa: PERF401 - its length is where a refusal happened
            return plain_list
        for key, item in value.items():
            name = key if type(key) is str and key.isascii() else _key(key)
            plain_map[name] = item if type(item) is str and item.isascii() else _walk(item, depth + 1)
        return plain_map
    except _Refused as refusal:
        refusal.trail.append((id(value), key if isinstance(value, Mapping) else len(plain_list)))
        raise


def _converted(value: Any, depth: int) -> Any:
    for types, conversion in _CONVERSIONS:
        if isinstance(value, types):
            return _walk(conversion(value), depth)
    name = type(value).__name__
    if callable(getattr(value, "model_dump", None)) and not isinstance(value, type):
        try:
            members = value.model_dump(mode="json")
        except Exception as error:
            raise _Refused(f"model_dump of {name} failed: {safe_text(error)}") from error
        return _walk(members, depth)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _walk({field.name: getattr(value, field.name) for field in dataclasses.fields(value)}, depth)
    if isinstance(value, Mapping | list | tuple):
        return _members(value._asdict() if hasattr(value, "_asdict") else value, depth)
    raise _Refused(f"values of type {name} have no JSON form; {_HINTS.get(name, 'turn it into plain data first')}")


def _key(key: object) -> str:
    """Carry a key: valid text as it is, other keys as JSON would write them (PS-3.6)."""
    key = key.value if isinstance(key, Enum) else key
    if isinstance(key, str):
        try:
            return str.__str__(key).encode().decode()
        except UnicodeEncodeError:
            raise _Refused("the text holds half a surrogate pair, which is not valid Unicode") from None
    if key is None or isinstance(key, int) or (isinstance(key, float) and isfinite(key)):
        return json.dumps(key)
    raise _Refused(f"keys of type {type(key).__name__} have no JSON form; use text")
