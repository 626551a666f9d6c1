"""Types of JSON values that a schema accepts; they decide on content types."""

from __future__ import annotations

from typing import Final

from polystep.contracts.values import JSONObject, JSONValue
from polystep.documents.pointers import local_target

ALL_TYPES: Final = frozenset({"object", "array", "string", "number", "boolean", "null"})


def types_of(schema: JSONValue, root: JSONObject) -> frozenset[str]:
    """Return the types that may fit, `number` for integers too; in doubt one too many.

    Args:
        schema: Whole `root`, or a part of it.
        root: Root of references in the schema.
    """
    return _types(schema, root, {})


def _types(schema: JSONValue, root: JSONObject, known: dict[str, frozenset[str]]) -> frozenset[str]:
    if not isinstance(schema, dict):
        return frozenset() if schema is False else ALL_TYPES
    found = _typed(schema.get("type"))
    ref = schema.get("$ref")
    if isinstance(ref, str):
        if ref not in known:
            known[ref] = ALL_TYPES  # until it is known: a reference of a schema to itself excludes nothing
            known[ref] = _types(local_target(root, ref), root, known)
        found &= known[ref]
    if "const" in schema:
        found &= {_type_of(schema["const"])}
    if isinstance(values := schema.get("enum"), list):
        found &= {_type_of(value) for value in values}
    if isinstance(parts := schema.get("allOf"), list):
        for part in parts:
            found &= _types(part, root, known)
    for keyword in ("anyOf", "oneOf"):
        if isinstance(choices := schema.get(keyword), list):
            found &= frozenset[str]().union(*(_types(choice, root, known) for choice in choices))
    return found


def _typed(type_: JSONValue) -> frozenset[str]:
    named = [type_] if isinstance(type_, str) else type_
    if not isinstance(named, list):
        return ALL_TYPES
    return frozenset("number" if name == "integer" else name for name in named if isinstance(name, str))


def _type_of(value: JSONValue) -> str:
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
