"""Reduction of a schema to a comparable outline: finite, without references, never stricter than the schema.

Leaving keywords out only permits more, so a value that fits the schema fits its outline, and outlines that exclude each
other prove that the schemas do. An outline is necessary for two reasons. Recursive schemas have no end; and the
library that compares schemas ends the process on some of them, with recursion under `unevaluatedProperties` or `if`
(jsonschema-rs 0.60.3, found by fuzzing).
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from polystep.contracts.values import JSONObject

Outline: TypeAlias = "dict[str, Any] | bool"

NODES_MAX: Final = 2000
"""Subschemas of one outline, with references replaced by their targets."""
DEPTH_MAX: Final = 64
"""Nesting of subschemas, references followed: their readers recurse."""
BRANCHES_MAX: Final = 64
"""Members of unions in one outline: comparing two outlines costs the product of theirs."""
PARTS_MAX: Final = 4
"""Members of `allOf` in one outline: unions in it multiply."""

_NUMBERS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_COUNTS: Final = ("minLength", "maxLength", "minItems", "maxItems")
_ANNOTATIONS: Final = frozenset({"title", "description", "default", "$defs", "definitions", "$schema", "examples"})


def outline_of(schema: JSONObject) -> Outline:
    """Make the outline of a JSON Schema of any dialect, also of an invalid one."""
    return _Outliner("draft-07" in str(schema.get("$schema"))).outline(schema, schema, ())


class _Outliner:
    def __init__(self, is_draft_7: bool) -> None:
        self._is_draft_7 = is_draft_7
        self._nodes = self._depth = self._branches = self._parts = 0

    def outline(self, schema: object, root: JSONObject, inside: tuple[str, ...]) -> Outline:
        """Reduce one subschema; `root` is the target of "#" in it, `inside` are the references that led here."""
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
                return target  # in draft 7 keywords beside a $ref did not count
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
            # At least one instead of exactly one: permits more.
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
    """Copy keywords that depend on no other keyword, where their form is the same in every dialect."""
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
