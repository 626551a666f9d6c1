"""Cost of an explanation: the parts of a schema times the parts of a value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from polystep.contracts.limits import EXPLANATION_STEPS_MAX
from polystep.contracts.values import JSONObject
from polystep.discovery.pointers import escaped, local_target, part_at

ENDLESS: Final = EXPLANATION_STEPS_MAX + 1
"""Cost of a recursive schema, and of a schema that is too large to afford."""

_SINGLE: Final = (
    "items",
    "additionalProperties",
    "additionalItems",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedProperties",
    "unevaluatedItems",
)
_LISTS: Final = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
_MAPS: Final = ("properties", "patternProperties", "dependentSchemas", "dependencies")
_DYNAMIC: Final = ("$dynamicRef", "$recursiveRef")


class SchemaCosts:
    """Count of the parts of a schema, references followed."""

    def __init__(self, schema: JSONObject) -> None:
        self._schema = schema
        self._known: dict[str, int] = {}
        self._open: set[str] = set()

    def of(self, pointer: str) -> int:
        """Count the parts of the schema at a pointer, `ENDLESS` at most."""
        if pointer in self._known:
            return self._known[pointer]
        if pointer in self._open:
            return ENDLESS
        self._open.add(pointer)
        total = 1
        for child in self._parts(pointer):
            total += ENDLESS if child is None else self.of(child)
            if total >= ENDLESS:
                break
        self._open.discard(pointer)
        self._known[pointer] = min(total, ENDLESS)
        return self._known[pointer]

    def _parts(self, pointer: str) -> Iterator[str | None]:
        """Yield pointers of the parts; `None` for a reference that cannot be followed here."""
        part = part_at(self._schema, pointer)
        if not isinstance(part, dict):
            return
        if "$ref" in part:
            yield local_target(self._schema, pointer, part["$ref"])
        if any(name in part for name in _DYNAMIC):
            yield None
        yield from _subschemas(part, pointer)


def _subschemas(part: JSONObject, pointer: str) -> Iterator[str]:
    for name in _SINGLE:
        if isinstance(part.get(name), dict):
            yield f"{pointer}/{name}"
    for name in _LISTS:
        if isinstance(listed := part.get(name), list):
            yield from (f"{pointer}/{name}/{at}" for at in range(len(listed)))
    for name in _MAPS:
        if isinstance(mapped := part.get(name), dict):
            yield from (f"{pointer}/{name}/{escaped(key)}" for key in mapped)


def weight(value: object, weight_max: int) -> int:
    """Count the parts of a value, up to `weight_max`; 64 characters of text count as one."""
    total, waiting = 0, [value]
    while waiting and total < weight_max:
        each = waiting.pop()
        total += 1
        if isinstance(each, dict):
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each[: weight_max + 1])
        elif isinstance(each, (str, bytes)):
            total += len(each) >> 6
    return min(total, weight_max)
