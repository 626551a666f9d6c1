"""Comparison of two schemas that finds where no value can fit both. Undecided cases count as agreement.

jsonschema-rs intersects the canonical forms of their outlines and proves an intersection empty; this module finds the
member to show.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

import jsonschema_rs
from jsonschema_rs import CanonicalSchema
from jsonschema_rs.canonical import CanonicalizationError, ObjectView, Satisfiability

from polystep.contracts.values import JSONObject
from polystep.discovery.outline import outline_of

_DEPTH_MAX: Final = 32
"""Depth to which a disagreement is followed into a value before it is shown."""
_SHOWN_CHARS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Member for which two schemas leave no common value."""

    path: tuple[str, ...]
    one: str
    """Type that the first schema requires there, such as `string` or `"a" | "b"`."""
    other: str


class Asked:
    """Schema, ready to be compared with others."""

    def __init__(self, schema: JSONObject) -> None:
        self._canonical = _canonical(schema)

    @property
    def is_empty(self) -> bool:
        """Report whether it is certain that no value fits."""
        return self._canonical is not None and self._canonical.satisfiability() is Satisfiability.NO

    def disagreement(self, other: Asked) -> Disagreement | None:
        """Return the place where no value can fit both; `None` when a value may."""
        if self._canonical is None or other._canonical is None or not _exclude(self._canonical, other._canonical):
            return None
        return _place(self._canonical, other._canonical)


def _canonical(schema: JSONObject) -> CanonicalSchema | None:
    outline = outline_of(schema)
    if isinstance(outline, bool):
        outline = {} if outline else {"not": {}}
    try:
        return jsonschema_rs.canonicalize(outline, draft=jsonschema_rs.Draft202012)
    except (jsonschema_rs.ValidationError, ValueError, TypeError):
        return None  # a schema that is not valid is reported elsewhere


def _exclude(one: CanonicalSchema, other: CanonicalSchema) -> bool:
    try:
        return one.intersect(other).satisfiability() is Satisfiability.NO
    except CanonicalizationError:
        return False  # a keyword outside the canonical form


def _place(one: CanonicalSchema, other: CanonicalSchema) -> Disagreement:
    path: list[str] = []
    while len(path) < _DEPTH_MAX:
        if isinstance(one.view(), ObjectView) and isinstance(other.view(), ObjectView):
            if (forbidden := _forbidden(one, other)) is not None:
                return Disagreement((*path, forbidden), "required", "not allowed")
            if (forbidden := _forbidden(other, one)) is not None:
                return Disagreement((*path, forbidden), "not allowed", "required")
            shared = _shared(one, other)
            if shared is not None:
                name, one, other = shared
                path.append(name)
                continue
        break
    return Disagreement(tuple(path), _shown(one), _shown(other))


def _forbidden(one: CanonicalSchema, other: CanonicalSchema) -> str | None:
    """Return a member that `one` requires and `other` forbids."""
    asks, lets = one.view(), other.view()
    assert isinstance(asks, ObjectView)
    assert isinstance(lets, ObjectView)
    names = lets.property_names
    if names is None:
        return None
    return next((name for name in asks.required if _exclude(_constant(name, one), names)), None)


def _constant(value: str, like: CanonicalSchema) -> CanonicalSchema:
    return jsonschema_rs.canonicalize({"const": value}, draft=like.draft)


def _shared(one: CanonicalSchema, other: CanonicalSchema) -> tuple[str, CanonicalSchema, CanonicalSchema] | None:
    """Return the first required property whose two schemas exclude each other."""
    first, second = one.view(), other.view()
    assert isinstance(first, ObjectView)
    assert isinstance(second, ObjectView)
    for name in dict.fromkeys((*first.required, *second.required)):
        mine = first.properties.get(name) or first.additional_properties
        theirs = second.properties.get(name) or second.additional_properties
        if mine is not None and theirs is not None and _exclude(mine, theirs):
            return name, mine, theirs
    return None


def _shown(schema: CanonicalSchema) -> str:
    plain = schema.to_json_schema()
    if not isinstance(plain, dict):
        return "nothing" if plain is False else "anything"
    known = {key: value for key, value in plain.items() if key not in ("$schema", "$defs", "definitions")}
    text = json.dumps(known, ensure_ascii=False) if known else "something else"
    values = known.get("enum") if "enum" in known else [known["const"]] if "const" in known else None
    if isinstance(values, list):
        text = " | ".join(json.dumps(value, ensure_ascii=False) for value in values)
    elif set(known) == {"type"}:
        types = known["type"]
        text = " | ".join(map(str, types)) if isinstance(types, list) else str(types)
    return text if len(text) <= _SHOWN_CHARS_MAX else text[:_SHOWN_CHARS_MAX] + "…"
