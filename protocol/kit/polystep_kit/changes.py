"""Changes of a value (PS-8.24), as the scripted host makes them."""

from __future__ import annotations

import copy
from typing import Any, Final

_NOTHING: Final = object()
_TYPES: Final = ("set", "merge", "increment", "append", "remove", "expect")


class Unfit(Exception):
    """A change is refused; its first argument is the name of the error."""


def changed(value: Any, ops: Any) -> Any:
    """The value after all changes; `None` as the value is no value.

    Raises:
        Unfit: One of them cannot be made.
    """
    if not isinstance(ops, list) or not 1 <= len(ops) <= 100:
        raise Unfit("invalid_params", "ops is no list of changes")
    value = copy.deepcopy(value)
    for op in ops:
        if not isinstance(op, dict) or op.get("type") not in _TYPES:
            raise Unfit("invalid_params", "no change")
        path = op.get("path") or []
        value = _inside(value, path.split(".") if isinstance(path, str) else path, op)
        value = None if value is _NOTHING else value
    return value


def _inside(value: Any, path: list[Any], op: dict[str, Any]) -> Any:
    if not path:
        return _changed(None if value is _NOTHING else value, op)
    if value is _NOTHING or value is None:
        value = {}
    if not isinstance(value, (dict, list)):
        raise Unfit("invalid_params", "nothing is inside of it")
    at = int(path[0]) if isinstance(value, list) else str(path[0])
    found = value[at] if isinstance(value, list) else value.get(at, _NOTHING)  # type: ignore[index]
    made = _inside(found, path[1:], op)
    if made is not _NOTHING:
        value[at] = made  # type: ignore[index]
    elif found is not _NOTHING:
        del value[at]  # type: ignore[arg-type]
    return value


def _changed(value: Any, op: dict[str, Any]) -> Any:
    given = op.get("value")
    match op["type"], value:
        case "set", _:
            return given
        case "remove", _:
            return _NOTHING
        case "expect", _:
            if value != given:
                raise Unfit("conflict", "it is another one")
            return value
        case "merge", None | dict():
            return {**(value or {}), **(given or {})}
        case "append", None | list():
            return [*(value or []), given]
        case "increment", None | int() | float():
            total = (value or 0) + op.get("by", 1)
            if abs(total) > 2**53 - 1:
                raise Unfit("invalid_value", "it is too large")
            return total
    raise Unfit("invalid_params", "it does not fit")
