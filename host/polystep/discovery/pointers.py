"""JSON Pointers inside one schema (RFC 6901)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote

from polystep.contracts.values import JSONObject


def escaped(name: str) -> str:
    """Escape the name of a member as a segment of a pointer that may follow `#`."""
    return quote(name.replace("~", "~0").replace("/", "~1"), safe="~")


def part_at(schema: JSONObject, pointer: str) -> Any:
    """Return the target of a pointer; `None` when there is none."""
    found: Any = schema
    for segment in _segments(pointer):
        found = _step(found, segment)
    return found


def local_target(schema: JSONObject, pointer: str, reference: object) -> str | None:
    """Return the pointer that a `$ref` in the part at `pointer` leads to.

    `None` for a reference by name or address, and for one that leads nowhere. `#` is the nearest part with an `$id`.
    """
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        return None
    base, at, found = "", "", schema
    for segment in pointer.split("/")[1:]:
        at, found = f"{at}/{segment}", _step(found, _unescaped(segment))
        if isinstance(found, dict) and isinstance(found.get("$id"), str):
            base = at
    target = base + reference[1:]
    return target if part_at(schema, target) is not None else None


def _segments(pointer: str) -> list[str]:
    return [_unescaped(segment) for segment in pointer.split("/")[1:]]


def _unescaped(segment: str) -> str:
    return unquote(segment).replace("~1", "/").replace("~0", "~")


def _step(found: Any, segment: str) -> Any:
    if isinstance(found, dict):
        return found.get(segment)
    if isinstance(found, list) and segment.isdigit() and int(segment) < len(found):
        return found[int(segment)]
    return None
