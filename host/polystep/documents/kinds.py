"""Which kinds of JSON value a schema lets through: what decides on content types."""

from __future__ import annotations

from typing import Final

from polystep.contracts.values import JSONObject, JSONValue
from polystep.documents.pointers import local_target

ALL_KINDS: Final = frozenset({"object", "array", "string", "number", "boolean", "null"})


def kinds_of(schema: JSONValue, root: JSONObject) -> frozenset[str]:
    """The kinds that may fit, `number` for integers too; rather one too many than one too few.

    Args:
        schema: All of `root`, or a part of it.
        root: What references in the schema start from.
    """
    return _kinds(schema, root, {})


def _kinds(schema: JSONValue, root: JSONObject, known: dict[str, frozenset[str]]) -> frozenset[str]:
    if not isinstance(schema, dict):
        return frozenset() if schema is False else ALL_KINDS
    found = _typed(schema.get("type"))
    ref = schema.get("$ref")
    if isinstance(ref, str):
        if ref not in known:
            known[ref] = ALL_KINDS  # until it is known: what a schema says of itself within itself rules nothing out
            known[ref] = _kinds(local_target(root, ref), root, known)
        found &= known[ref]
    if "const" in schema:
        found &= {_kind(schema["const"])}
    if isinstance(values := schema.get("enum"), list):
        found &= {_kind(value) for value in values}
    if isinstance(parts := schema.get("allOf"), list):
        for part in parts:
            found &= _kinds(part, root, known)
    for keyword in ("anyOf", "oneOf"):
        if isinstance(choices := schema.get(keyword), list):
            found &= frozenset[str]().union(*(_kinds(choice, root, known) for choice in choices))
    return found


def _typed(type_: JSONValue) -> frozenset[str]:
    named = [type_] if isinstance(type_, str) else type_
    if not isinstance(named, list):
        return ALL_KINDS
    return frozenset("number" if name == "integer" else name for name in named if isinstance(name, str))


def _kind(value: JSONValue) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
