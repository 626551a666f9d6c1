"""Updates of one value: changes of it and of its parts, made in the order of their list, all or none (PS-8.24)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from polystep.contracts.errors import Conflict, FrameTooLarge, InvalidParams, InvalidValue
from polystep.contracts.limits import UPDATE_BYTES_MAX, UPDATE_CHANGES_MAX, VALUE_DEPTH_MAX
from polystep.contracts.values import INTEGER_MAX, JSONObject, JSONValue
from polystep.wire import pack_deep, unpack

Path: TypeAlias = "tuple[str | int, ...]"


class _Missing:
    """End of a path that leads nowhere."""


_MISSING: Final = _Missing()
_Found: TypeAlias = "JSONValue | _Missing"

_MEMBERS: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    "set": (frozenset({"value"}), frozenset()),
    "merge": (frozenset({"value"}), frozenset()),
    "increment": (frozenset(), frozenset({"by"})),
    "append": (frozenset({"value"}), frozenset()),
    "remove": (frozenset(), frozenset()),
    "expect": (frozenset({"value"}), frozenset()),
}
"""Members that a change of each type must and may have, beside `type` and `path`."""


class Change(NamedTuple):
    """One change of a value."""

    place: int
    """Place in the list, for messages."""
    type: str
    path: Path
    """From the value to the part that is changed; empty for the value itself."""
    value: JSONValue

    def refused(self, why: str) -> InvalidParams:
        """Make the error of a change that does not fit what is stored."""
        where = f' at "{shown(self.path)}"' if self.path else ""
        data: JSONObject = {"index": self.place, "path": list(self.path)}
        return InvalidParams(f"state.update: ops[{self.place}], {self.type}{where}: {why}. Nothing was changed.", data)


def read_changes(ops: JSONValue) -> list[Change]:
    """Read the parameter `ops`.

    Raises:
        InvalidParams: It is no list of changes; the message names the one that is none.
    """
    if not isinstance(ops, list) or not ops or len(ops) > UPDATE_CHANGES_MAX:
        raise InvalidParams(
            f"state.update(group, key, ops): ops is a list of 1 to {UPDATE_CHANGES_MAX} changes, such as "
            '[{type: "increment", path: "count"}].'
        )
    return [_read(index, each) for index, each in enumerate(ops)]


def updating(group: str, key: str, changes: Sequence[Change]) -> Callable[[bytes | None], bytes | None]:
    """Return the function that makes the new value of the stored one; `None` is no value.

    It changes nothing but what it returns, so that a store may call it again. It raises `InvalidParams` for a change
    that does not fit what is stored, `Conflict` where an expectation does not hold, `InvalidValue` for a number or a
    depth that no value has, `FrameTooLarge` beyond `UPDATE_BYTES_MAX`.
    """

    def update(found: bytes | None) -> bytes | None:
        _check_size(group, key, found)
        value: _Found = _MISSING if found is None else unpack(found)
        for change in changes:
            value = _changed(value, change)
        made = None if isinstance(value, _Missing) else pack_deep(value, "value")
        _check_size(group, key, made)
        return made

    return update


def shown(path: Path) -> str:
    """Write a path as people do: `items.0.name`."""
    return ".".join(map(str, path))


def _check_size(group: str, key: str, packed: bytes | None) -> None:
    if packed is not None and len(packed) > UPDATE_BYTES_MAX:
        raise FrameTooLarge(
            f'state.update: the value of "{key}" in the group "{group}" takes {len(packed)} bytes, and update changes '
            f"values of up to {UPDATE_BYTES_MAX}. Give each entry of a long list a key of its own.",
            {"key": key},
        )


def _read(index: int, given: JSONValue) -> Change:
    def wrong(why: str) -> InvalidParams:
        return InvalidParams(f"state.update: ops[{index}]: {why}.", {"index": index})

    kind = given.get("type") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(kind, str) or kind not in _MEMBERS:
        raise wrong(f"a change is an object whose type is one of {', '.join(_MEMBERS)}; it is {str(given)[:100]}")
    needed, allowed = _MEMBERS[kind]
    if missing := needed - given.keys():
        raise wrong(f"{kind} needs `{min(missing)}`")
    if unknown := given.keys() - needed - allowed - {"type", "path"}:
        raise wrong(f"{kind} has no member `{min(unknown)}`")
    value = given.get("by", 1) if kind == "increment" else given.get("value")
    if kind == "increment" and not _is_number(value):
        raise wrong(f"`by` must be a number; it is {str(value)[:100]}")
    if kind == "merge" and not isinstance(value, dict):
        raise wrong("the `value` of merge must be an object")
    return Change(index, kind, _read_path(given.get("path"), wrong), value)


def _read_path(given: JSONValue, wrong: Callable[[str], InvalidParams]) -> Path:
    parts: list[Any]
    if given is None or given == "":
        return ()
    if isinstance(given, str):
        parts = list(given.split("."))
    elif isinstance(given, list):
        parts = [int(each) if isinstance(each, float) and each.is_integer() else each for each in given]
    else:
        raise wrong('`path` is a text such as "customer.name", or a list such as ["items", 0]')
    if len(parts) > VALUE_DEPTH_MAX:
        raise wrong(f"`path` has {len(parts)} parts; no value is nested more than {VALUE_DEPTH_MAX} deep")
    for part in parts:
        if type(part) is not str and (type(part) is not int or part < 0):
            raise wrong(f"parts of `path` are names and positions from 0; {str(part)[:100]} is neither")
    if isinstance(given, str) and "" in parts:
        raise wrong(f'`path` "{given}" has an empty part; write a list for names with dots in them')
    return tuple(parts)


def _changed(found: _Found, change: Change, depth: int = 0) -> _Found:
    """Return what is at `depth` of the path once the change is made."""
    if depth == len(change.path):
        return _ACTS[change.type](found, change)
    part = change.path[depth]
    is_nothing = found is None or isinstance(found, _Missing)
    if is_nothing and change.type in _MAKES_NOTHING:
        return _changed_missing(found, change)
    if isinstance(found, list):
        return _changed_item(found, change, depth)
    held = {} if is_nothing else found
    if not isinstance(held, dict):
        where = shown(change.path[:depth]) or "the key"
        raise change.refused(f"{_named(_held(found))} is at {where}, where an object or a list is needed")
    name = str(part)
    made = _changed(held.get(name, _MISSING), change, depth + 1)
    if isinstance(made, _Missing):
        held.pop(name, None)
    else:
        held[name] = made
    return held


def _changed_item(found: list[JSONValue], change: Change, depth: int) -> _Found:
    at = _position(found, change.path[depth], change)
    if at >= len(found):
        if change.type in _MAKES_NOTHING:
            return _changed_missing(found, change)
        raise change.refused(f"the list at {shown(change.path[:depth]) or 'the key'} has {len(found)} items")
    made = _changed(found[at], change, depth + 1)
    if isinstance(made, _Missing):
        del found[at]
    else:
        found[at] = made
    return found


def _changed_missing(found: _Found, change: Change) -> _Found:
    """Let a change look at nothing: what is on the way to it stays as it is."""
    _ACTS[change.type](_MISSING, change)
    return found


def _position(value: list[JSONValue], part: str | int, change: Change) -> int:
    if isinstance(part, int):
        return part
    if part.isascii() and part.isdigit():
        return int(part)
    raise change.refused(f'a list of {len(value)} items has positions, and no member "{part}"')


def _set(_: _Found, change: Change) -> _Found:
    return copy.deepcopy(change.value)


def _merge(found: _Found, change: Change) -> _Found:
    held = _held(found)
    if held is None:
        held = {}
    if not isinstance(held, dict) or not isinstance(change.value, dict):
        raise change.refused(f"{_named(held)} is there, where an object is needed")
    return {**held, **copy.deepcopy(change.value)}


def _increment(found: _Found, change: Change) -> _Found:
    held, by = _held(found), change.value
    if held is None:
        held = 0
    if not _is_number(held) or not _is_number(by):
        raise change.refused(f"{_named(held)} is there, where a number is needed")
    assert isinstance(held, (int, float))
    assert isinstance(by, (int, float))
    if _is_integral(held) and _is_integral(by):
        # In integers, which are exact.
        total = int(held) + int(by)
        if abs(total) > INTEGER_MAX:
            raise _beyond(change, total)
        return total
    return held + by


def _append(found: _Found, change: Change) -> _Found:
    held = _held(found)
    if held is None:
        held = []
    if not isinstance(held, list):
        raise change.refused(f"{_named(held)} is there, where a list is needed")
    return [*held, copy.deepcopy(change.value)]


def _remove(_: _Found, __: Change) -> _Found:
    return _MISSING


def _expect(found: _Found, change: Change) -> _Found:
    held = _held(found)
    if not _is_same(held, change.value):
        where = f' at "{shown(change.path)}"' if change.path else ""
        raise Conflict(
            f"state.update: ops[{change.place}] expects another value{where} than {str(held)[:100]}. "
            "Nothing was changed: read the value again.",
            {"index": change.place, "path": list(change.path), "found": held},
        )
    return found


_MAKES_NOTHING: Final = ("remove", "expect")
"""Changes for which nothing is made on the way."""
_ACTS: Final[dict[str, Callable[[_Found, Change], _Found]]] = {
    "set": _set,
    "merge": _merge,
    "increment": _increment,
    "append": _append,
    "remove": _remove,
    "expect": _expect,
}


def _held(found: _Found) -> JSONValue:
    return None if isinstance(found, _Missing) else found


def _beyond(change: Change, total: int) -> InvalidValue:
    where = f' at "{shown(change.path)}"' if change.path else ""
    return InvalidValue(
        f"state.update: ops[{change.place}], increment{where}: {str(total)[:40]} is beyond ±{INTEGER_MAX} (2^53-1), "
        "the integers that every language has. Nothing was changed.",
        {"path": ".".join(["value", *map(str, change.path)])},
    )


def _is_number(value: JSONValue) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_integral(value: float) -> bool:
    return isinstance(value, int) or value.is_integer()


def _is_same(one: JSONValue, other: JSONValue) -> bool:
    """Compare values as JSON does: 1 is 1.0, and true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(each, other[name]) for name, each in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return one == other


def _named(value: JSONValue) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case bytes():
            return "bytes"
        case list():
            return "a list"
        case _:
            return "an object"
