"""A schema reduced to what can be compared: finite, without references, and never stricter than the whole.

What is left out asks for less, so a value that fits the schema fits its outline: outlines that exclude each other are
of schemas that do. Two things need this. Recursive schemas have no end; and the library that compares them ends the
process on some with recursion under `unevaluatedProperties` or `if` (jsonschema-rs 0.60.3, found by fuzzing).
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from polystep.contracts.values import JSONObject

Outline: TypeAlias = "dict[str, Any] | bool"

NODES_MAX: Final = 2000
"""Subschemas of one outline, references written out."""
DEPTH_MAX: Final = 64
"""Subschemas in one another, references followed: what reads them recurses."""
BRANCHES_MAX: Final = 64
"""Members of unions in one outline: to compare two costs the product of theirs."""
PARTS_MAX: Final = 4
"""Members of `allOf` in one outline: unions that are all to be met multiply."""

_NUMBERS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_COUNTS: Final = ("minLength", "maxLength", "minItems", "maxItems")
_ANNOTATIONS: Final = frozenset({"title", "description", "default", "$defs", "definitions", "$schema", "examples"})


def outline_of(schema: JSONObject) -> Outline:
    """The outline of a JSON Schema of any dialect, also of one that is not valid."""
    return _Outliner("draft-07" in str(schema.get("$schema"))).outline(schema, schema, ())


class _Outliner:
    def __init__(self, is_draft_7: bool) -> None:
        self._is_draft_7 = is_draft_7
        self._nodes = self._depth = self._branches = self._parts = 0

    def outline(self, schema: object, root: JSONObject, inside: tuple[str, ...]) -> Outline:
        """One subschema; `root` is what "#" means in it, `inside` are the references that led here."""
        if not isinstance(schema, dict):
            return schema is not False
        self._nodes += 1
        if self._nodes > NODES_MAX or self._depth >= DEPTH_MAX:
            return True
        self._depth += 1
        try:
            return self._of_object(schema, root, inside)
        finally:
            self._depth -= 1

    def _of_object(self, schema: JSONObject, root: JSONObject, inside: tuple[str, ...]) -> Outline:
        root = schema if "$id" in schema else root
        out: dict[str, Any] = {}
        reference = schema.get("$ref")
        if reference is not None:
            target = self._target(reference, root, inside)
            if self._is_draft_7 or schema.keys() <= {"$ref", *_ANNOTATIONS}:
                return target  # what stands beside a $ref did not count in draft 7
            out["allOf"] = [target]
        if schema.get("not") in ({}, True):
            return False
        _keep_plain(schema, out)
        self._add_object(schema, out, root, inside)
        items = schema.get("items")
        if isinstance(items, (dict, bool)) and "prefixItems" not in schema:
            out["items"] = self.outline(items, root, inside)
        self._add_unions(schema, out, root, inside)
        return out

    def _add_object(self, schema: JSONObject, out: dict[str, Any], root: JSONObject, inside: tuple[str, ...]) -> None:
        properties, required = schema.get("properties"), schema.get("required")
        if isinstance(properties, dict):
            out["properties"] = {name: self.outline(each, root, inside) for name, each in properties.items()}
        if isinstance(required, list):
            out["required"] = list(dict.fromkeys(name for name in required if isinstance(name, str)))
        if "additionalProperties" in schema and "patternProperties" not in schema:
            out["additionalProperties"] = self.outline(schema["additionalProperties"], root, inside)

    def _add_unions(self, schema: JSONObject, out: dict[str, Any], root: JSONObject, inside: tuple[str, ...]) -> None:
        for word in ("anyOf", "oneOf"):
            members = schema.get(word)
            if not isinstance(members, list) or not members or self._branches + len(members) > BRANCHES_MAX:
                continue
            self._branches += len(members)
            # One of them, rather than exactly one: asks for less.
            union = {"anyOf": [self.outline(member, root, inside) for member in members]}
            out.setdefault("allOf", []).append(union)
        parts = schema.get("allOf")
        for part in parts if isinstance(parts, list) else ():
            if self._parts < PARTS_MAX:
                self._parts += 1
                out.setdefault("allOf", []).append(self.outline(part, root, inside))

    def _target(self, reference: object, root: JSONObject, inside: tuple[str, ...]) -> Outline:
        if not isinstance(reference, str) or not reference.startswith("#") or reference in inside:
            return True
        found: Any = root
        for part in reference[1:].split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, dict) else None
        return self.outline(found, root, (*inside, reference)) if isinstance(found, dict) else True


def _keep_plain(schema: JSONObject, out: dict[str, Any]) -> None:
    """Words whose meaning depends on nothing else, where they are written as every dialect writes them."""
    type_ = schema.get("type")
    if isinstance(type_, str) or (isinstance(type_, list) and type_):
        out["type"] = type_
    if isinstance(schema.get("enum"), list):
        out["enum"] = schema["enum"]
    if "const" in schema:
        out["const"] = schema["const"]
    for word in (*_NUMBERS, *_COUNTS):
        bound = schema.get(word)
        if isinstance(bound, (int, float)) and not isinstance(bound, bool):
            out[word] = bound
