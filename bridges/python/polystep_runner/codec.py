"""Values on their way out and in (PS-3): one walk makes any value plain or refuses it by type and path."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from enum import Enum
from math import isfinite
from typing import Any, Final, NoReturn
from uuid import UUID

import msgpack

from polystep_runner.errors import PolystepError, describe, safe_text

INTEGER_MAX: Final = 2**53 - 1
DEPTH_MAX: Final = 100
_LENIENT_DEPTH_MAX: Final = 4
"""How deep a log field is searched for the parts that can be sent; below it the part is sent as text."""
_TIMESTAMP_HEADS: Final = (b"\xd6\xff", b"\xd7\xff", b"\xc7\x0c\xff")

_BASES: Final[tuple[tuple[type, Callable[[Any], Any]], ...]] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
)
"""How a subclass of each becomes the plain type, whatever it overrides."""

_HINTS: Final = {
    "set": "send sorted(value) or list(value)",
    "frozenset": "send sorted(value) or list(value)",
    "Decimal": "send str(value), or float(value) if rounding is fine",
    "complex": "send [value.real, value.imag]",
    "timedelta": "send value.total_seconds()",
    "coroutine": "await it first",
    "generator": "send list(value)",
}


class _Refused(Exception):
    """Collects the path while it unwinds, so that values that are fine pay nothing for it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.trail: list[tuple[int, object]] = []

    def error(self, root: str) -> PolystepError:
        """The error that user code sees, with the path of the first repetition where a value contains itself."""
        seen: set[int] = set()
        path = root
        reason = self.reason
        for container, key in reversed(self.trail):
            if container in seen:
                reason = "it contains itself; send its id instead"
                break
            seen.add(container)
            path += _segment(key)
        return PolystepError("invalid_value", f"{path} can't be sent: {reason}", data={"path": path})


def plain(value: object, root: str) -> Any:
    """Copy `value` into what the protocol carries: None, bool, int, float, str, bytes, list, dict with text keys.

    Args:
        value: Anything; dates, UUIDs, enums, dataclasses, pydantic models, named tuples and mappings are converted.
        root: What the value is called in a refusal's path, such as `data`.

    Raises:
        PolystepError: `invalid_value`, naming the type and the path. Source: PS-3.4 to PS-3.9.
    """
    try:
        return _walk(value, 0)
    except _Refused as refusal:
        raise refusal.error(root) from None
    except Exception as error:  # converting calls user code: properties, items(), isoformat()
        message = f"{root} can't be read: {type(error).__name__}: {safe_text(error)}"
        raise PolystepError("invalid_value", message, data={"path": root}) from error


def lenient(value: object, depth: int = 0) -> Any:
    """Like `plain`, never raising: exceptions become `{name, message, stack}`, what can't be sent becomes text."""
    if isinstance(value, BaseException):
        return describe(value)
    try:
        return _walk(value, depth)
    except Exception:  # noqa: BLE001 - a log call never fails user code (PS-8.3), whatever its fields do
        pass
    try:
        if depth < _LENIENT_DEPTH_MAX and isinstance(value, Mapping):
            return {safe_text(key): lenient(item, depth + 1) for key, item in value.items()}
        if depth < _LENIENT_DEPTH_MAX and isinstance(value, list | tuple | set | frozenset):
            return [lenient(item, depth + 1) for item in value]
    except Exception:  # noqa: BLE001 - same promise
        pass
    return safe_text(value)


def unpack(data: bytes | bytearray) -> Any:
    """Read one message.

    Raises:
        ValueError: Not msgpack, invalid UTF-8, a key that is no text, or an extension type (PS-3.7).
    """
    value = msgpack.unpackb(data, ext_hook=_refuse_extension)
    if b"\xff" in data and any(head in data for head in _TIMESTAMP_HEADS):
        _refuse_timestamps(value)
    return value


def unpack_head(data: bytes | bytearray) -> tuple[object, object]:
    """Kind and id of a message whose rest can't be read.

    Raises:
        ValueError: Not even these can be read.
    """
    reader = msgpack.Unpacker()
    reader.feed(bytes(data[:256]))
    try:
        reader.read_array_header()
        return reader.unpack(), reader.unpack()
    except msgpack.OutOfData as error:
        raise ValueError("The message ends before its id.") from error


def _walk(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _checked_text(value)
    if value is None or kind is bool or kind is bytes:
        return value
    if kind is int:
        if -INTEGER_MAX <= value <= INTEGER_MAX:
            return value
        raise _Refused("this int is beyond ±(2^53-1), which not every language can hold; send str(value)")
    if kind is float:
        if isfinite(value):
            return value
        raise _Refused(f"the float {value} has no JSON form; send None")
    if kind is dict:
        return _map(value, depth)
    if kind is list or kind is tuple:
        return _list(value, depth)
    return _convert(value, depth)


def _map(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    if depth >= DEPTH_MAX:
        raise _Refused(f"it is nested more than {DEPTH_MAX} deep")
    plain_map = {}
    key: Any = None
    try:
        for key, item in value.items():
            name = key if type(key) is str and key.isascii() else _key(key)
            plain_map[name] = item if type(item) is str and item.isascii() else _walk(item, depth + 1)
    except _Refused as refusal:
        refusal.trail.append((id(value), key))
        raise
    return plain_map


def _list(value: list[Any] | tuple[Any, ...], depth: int) -> list[Any]:
    if depth >= DEPTH_MAX:
        raise _Refused(f"it is nested more than {DEPTH_MAX} deep")
    plain_list: list[Any] = []
    try:
        for item in value:
            plain_list.append(_walk(item, depth + 1))  # noqa: PERF401 - its length is where a refusal happened
    except _Refused as refusal:
        refusal.trail.append((id(value), len(plain_list)))
        raise
    return plain_list


def _convert(value: Any, depth: int) -> Any:
    if isinstance(value, Enum):
        return _walk(value.value, depth)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    fields = _fields(value)
    if fields is not None:
        return _walk(fields, depth)
    if isinstance(value, Mapping):
        return _map(value, depth)
    if isinstance(value, list | tuple):
        return _list(value, depth)
    for base, exact in _BASES:
        if isinstance(value, base):
            return _walk(exact(value), depth)
    name = type(value).__name__
    hint = _HINTS.get(name, "turn it into a dict, list, text or number first")
    raise _Refused(f"values of type {name} have no JSON form; {hint}")


def _fields(value: Any) -> Any:
    """What a pydantic model, dataclass or named tuple holds; None for other values."""
    if isinstance(value, type):
        return None
    if callable(getattr(value, "model_dump", None)):
        try:
            return value.model_dump(mode="json")
        except Exception as error:
            raise _Refused(f"model_dump of {type(value).__name__} failed: {safe_text(error)}") from error
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return value._asdict() if isinstance(value, tuple) and hasattr(value, "_asdict") else None


def _key(key: object) -> str:
    if isinstance(key, Enum):
        return _key(key.value)
    if isinstance(key, str):
        return _checked_text(str.__str__(key))
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    if isinstance(key, int | float):
        return repr(key)
    raise _Refused(f"keys of type {type(key).__name__} have no JSON form; use text")


def _checked_text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _Refused("the text holds half a surrogate pair, which is not valid Unicode") from None
    return text


def _segment(key: object) -> str:
    if isinstance(key, str) and key.isidentifier():
        return f".{key}"
    return f"[{safe_text(repr(key))}]"


def _refuse_extension(code: int, _data: bytes) -> NoReturn:
    raise ValueError(f"The msgpack extension type {code} is not used here.")


def _refuse_timestamps(value: object) -> None:
    # The reader turns extension type -1 into a Timestamp before the hook above can refuse it.
    if isinstance(value, msgpack.Timestamp):
        _refuse_extension(-1, b"")
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in items:
        _refuse_timestamps(item)
