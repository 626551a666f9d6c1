"""Values that only a language itself can make, and how the reference runner carries values (PS-3.4 to PS-3.9)."""

from __future__ import annotations

import datetime
import math
from typing import Any, Final

from polystep_kit.codec import DEPTH_MAX, INTEGER_MAX


class Refused(Exception):
    """A value that cannot be carried (PS-3.9)."""

    def __init__(self, path: str, why: str, *, is_result: bool) -> None:
        super().__init__(f"{path} cannot be carried: {why}")
        self.path = path
        self.is_result = is_result
        self.name, self.code, self.retryable = "invalid_value", 4, False


class _Absent:
    """A member that is not there, as JavaScript's undefined."""


class _WithField:
    """An object with a field."""

    def __init__(self) -> None:
        self.a = 1


class _Opaque:
    """Stands for what other languages have: a Map, a promise, a decimal."""


_ABSENT: Final = _Absent()


def _cycle() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


def _nested(levels: int) -> list[Any]:
    made: list[Any] = []
    for _ in range(levels - 1):
        made = [made]
    return made


NATIVES: Final[dict[str, Any]] = {
    "nan": float("nan"),
    "infinity": float("inf"),
    "too_large": 2**53,
    "large_float": [2.0**53, 1e20, -1e20],
    "integral_float": 1.0,
    "cycle": _cycle(),
    "deep": _nested(101),
    "hundred": _nested(100),
    "time": datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
    "lone_surrogate": "\ud800",
    "bytes": b"\x00\xff",
    "number_keys": {1: "one"},
    "odd_keys": {(): 1},
    "nested_nan": {"items": [{"total": float("nan")}]},
    "object": object(),
    "function": print,
    "set": {1},
    "proto_key": {"__proto__": 1},
    "minus_zero": -0.0,
    "invalid_utf8": "\udcff",
    "undefined_member": {"a": _ABSENT, "b": 1},
    "undefined_item": [_ABSENT, 1],
    "bigint": _Opaque(),
    "map": _Opaque(),
    "error": ValueError(),
    "promise": {"p": _Opaque()},
    "symbol_member": {"a": _ABSENT, "b": 1},
    "class_instance": _WithField(),
    "decimal": _Opaque(),
}


def carry(value: Any, path: str) -> Any:
    """A value as it is sent.

    Raises:
        Refused: It cannot be carried.
    """
    return _carry(value, path, 0, path.startswith("result"))


def _carry(value: Any, path: str, depth: int, is_result: bool) -> Any:
    if isinstance(value, (list, dict)):
        if depth >= DEPTH_MAX:
            raise Refused(path, "nested too deep", is_result=is_result)
        return _container(value, path, depth + 1, is_result)
    why = _objection(value)
    if why is not None:
        raise Refused(path, why, is_result=is_result)
    match value:
        case datetime.datetime():
            return value.isoformat()
        case _Absent():
            return None
        case _WithField():
            return vars(value)
    return value


def _container(value: list[Any] | dict[Any, Any], path: str, depth: int, is_result: bool) -> Any:
    if isinstance(value, list):
        return [_carry(item, f"{path}[{at}]", depth, is_result) for at, item in enumerate(value)]
    carried = {}
    for key, item in value.items():
        if not isinstance(key, (str, int)):
            raise Refused(path, "a key that can be no text", is_result=is_result)
        if item is not _ABSENT:
            carried[str(key)] = _carry(item, f"{path}.{key}", depth, is_result)
    return carried


def _objection(value: Any) -> str | None:
    match value:
        case None | bool() | bytes() | datetime.datetime() | _Absent() | _WithField():
            return None
        case int():
            return None if abs(value) <= INTEGER_MAX else "an integer beyond 2^53-1"
        case float():
            return None if math.isfinite(value) else f"the float {value}"
        case str():
            return None if value.encode("utf-8", "replace").decode() == value else "a lone surrogate"
    return f"a {type(value).__name__}"
