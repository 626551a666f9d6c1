"""Whether two schemas can be met by one value. Only what is certain is said: what is not decided counts as fine.

jsonschema-rs intersects their canonical forms and proves an intersection empty; this module bounds what that may cost,
and finds the place to show.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import jsonschema_rs
from jsonschema_rs import CanonicalSchema
from jsonschema_rs.canonical import CanonicalizationError, ObjectView, ReferenceView, Satisfiability

from polystep.contracts.values import JSONObject

_CHARS_MAX: Final = 32_768
"""Of one schema as JSON. Unions in unions cost the product of their branches: 0.2 s at half of this."""
_ALL_OF_MAX: Final = 8
"""Members of `allOf` in one schema: unions that are all to be met multiply, 16 of them take 2 s."""
_DEPTH_MAX: Final = 32
"""How far a disagreement is followed into a value before it is shown; recursive schemas have no end."""
_BESIDE_REF: Final = {"$ref", "$schema", "$defs", "definitions", "title", "description", "default"}
_SHOWN_CHARS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Where two schemas leave no value for each other."""

    path: tuple[str, ...]
    one: str
    """What the first asks for there, such as `string` or `"a" | "b"`."""
    other: str


class Asked:
    """A schema, ready to be compared with others."""

    def __init__(self, schema: JSONObject) -> None:
        self._canonical = _canonical(schema)

    @property
    def is_empty(self) -> bool:
        """Whether certainly no value at all fits."""
        return self._canonical is not None and self._canonical.satisfiability() is Satisfiability.NO

    def disagreement(self, other: Asked) -> Disagreement | None:
        """Where no value can fit both; `None` when some may."""
        if self._canonical is None or other._canonical is None or not _exclude(self._canonical, other._canonical):
            return None
        return _place(self._canonical, other._canonical)


def _canonical(schema: JSONObject) -> CanonicalSchema | None:
    if not _is_affordable(schema):
        return None
    try:
        return jsonschema_rs.canonicalize(_in_one_dialect(schema), retriever=_refuse)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, RecursionError):
        return None  # a schema that is not valid is reported elsewhere


def _refuse(uri: str) -> Any:
    raise ValueError(uri)


def _in_one_dialect(schema: JSONObject) -> JSONObject:
    """Zod 3 is exported as draft 7, all else as 2020-12: without what changed in between they mean the same."""
    if "draft-07" not in str(schema.get("$schema")) or any(_changed_since_7(each) for each in _objects(schema)):
        return schema
    return {key: value for key, value in schema.items() if key != "$schema"}


def _changed_since_7(schema: JSONObject) -> bool:
    if "$ref" in schema and not schema.keys() <= _BESIDE_REF:
        return True  # what stands beside a $ref did not count
    return "dependencies" in schema or "additionalItems" in schema or isinstance(schema.get("items"), list)


def _is_affordable(schema: JSONObject) -> bool:
    try:
        if len(json.dumps(schema)) > _CHARS_MAX:
            return False
    except (TypeError, ValueError, RecursionError):
        return False
    lists = (each.get("allOf") for each in _objects(schema))
    return sum(len(each) for each in lists if isinstance(each, list)) <= _ALL_OF_MAX


def _objects(value: object) -> Iterator[JSONObject]:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield each
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each


def _exclude(one: CanonicalSchema, other: CanonicalSchema) -> bool:
    try:
        return one.intersect(other).satisfiability() is Satisfiability.NO
    except CanonicalizationError:
        return False  # dialects that differ, or keywords that the canonical form does not model


def _place(one: CanonicalSchema, other: CanonicalSchema) -> Disagreement:
    path: list[str] = []
    while len(path) < _DEPTH_MAX:
        one, other = _followed(one), _followed(other)
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


def _followed(schema: CanonicalSchema) -> CanonicalSchema:
    for _ in range(_DEPTH_MAX):
        view = schema.view()
        target = schema.definition(view.uri) if isinstance(view, ReferenceView) else None
        if target is None:
            break
        schema = target
    return schema


def _forbidden(one: CanonicalSchema, other: CanonicalSchema) -> str | None:
    """What `one` requires and `other` lets in under no name."""
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
    """The first required property that cannot be had both ways."""
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
