"""Patterns of expected values, and the difference of a value from one.

A plain value stands for itself; integral floats and integers are the same (PS-3.5). A map stands for every map that has
at least its members. `{"$exactly": map}` allows no others, `{"$absent": true}` is a member that must not be there,
`{"$type": "text" | "integer" | "number" | "map" | "list" | "bytes" | "any"}`, `{"$text": regular expression}`,
`{"$length": n}`, `{"$any": true}`, `{"$inherited": true}`: a listing of descriptors with no pipe or socket above 2.
"""

from __future__ import annotations

import re
from typing import Any

_TYPES: dict[str, Any] = {
    "text": str,
    "integer": int,
    "number": (int, float),
    "map": dict,
    "list": list,
    "bytes": bytes,
    "any": object,
}


def difference(found: Any, expected: Any, where: str) -> str | None:
    """None when `found` is as expected; otherwise one sentence."""
    if isinstance(expected, dict):
        special = next((key for key in expected if key.startswith("$")), None)
        if special is not None:
            return _special(found, special, expected[special], where)
        return _map(found, expected, where)
    if isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            return f"{where} is {show(found)}, not {show(expected)}"
        pairs = enumerate(zip(found, expected, strict=True))
        return next((each for at, (one, two) in pairs if (each := difference(one, two, f"{where}[{at}]"))), None)
    if is_same(found, expected):
        return None
    return f"{where} is {show(found)}, not {show(expected)}"


def is_same(one: Any, two: Any) -> bool:
    """Equal, and of one kind: true is not 1, text is not bytes."""
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    if isinstance(one, (int, float)) and isinstance(two, (int, float)):
        return one == two
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(is_same, one, two))
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(is_same(one[key], two[key]) for key in one)
    return type(one) is type(two) and bool(one == two)


def show(value: Any) -> str:
    """A value in a sentence, cut."""
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}…"


def _map(found: Any, expected: dict[str, Any], where: str) -> str | None:
    if not isinstance(found, dict):
        return f"{where} is {show(found)}, not a map"
    for key, each in expected.items():
        if each == {"$absent": True}:
            if key in found:
                return f"{where} has a member {key}: {show(found[key])}"
        elif key not in found:
            return f"{where} lacks {key}; it is {show(found)}"
        elif (reason := difference(found[key], each, f"{where}.{key}")) is not None:
            return reason
    return None


def _special(found: Any, name: str, given: Any, where: str) -> str | None:
    match name:
        case "$exactly":
            if isinstance(found, dict) and found.keys() != given.keys():
                return f"{where} has the members {sorted(found)}, not {sorted(given)}"
            return difference(found, given, where)
        case "$type":
            is_flag = isinstance(found, bool) and given in ("integer", "number")
            return (
                None if isinstance(found, _TYPES[given]) and not is_flag else f"{where} is {show(found)}, not {given}"
            )
        case "$text":
            return (
                None
                if isinstance(found, str) and re.search(given, found)
                else f"{where} is {show(found)}, not like {given}"
            )
        case "$length":
            return (
                None
                if hasattr(found, "__len__") and len(found) == given
                else f"{where} is {show(found)}, not {given} long"
            )
        case "$any":
            return None
        case "$inherited":
            leaked = re.findall(r" (\d+) -> ((?:pipe|socket):\S+)", str(found))
            above = [f"{number} ({what})" for number, what in leaked if int(number) > 2]
            return f"{where}: a child inherited {', '.join(above)}" if above else None
    raise ValueError(f"{name} is no pattern")
