"""Reader that turns JSON Schemas into forms. Only types count; patterns, ranges and formats are left to validators."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from polystep.codegen.forms import (
    ANYTHING,
    DATE,
    NOTHING,
    NULL,
    TEXT,
    Form,
    ListOf,
    Object,
    Positions,
    Property,
    Reference,
    Scalar,
    both,
    choice,
    constant,
)
from polystep.contracts.limits import VALUE_DEPTH_MAX
from polystep.contracts.values import JSONObject

_SCALARS: Final[Mapping[str, Form]] = {
    "string": TEXT,
    "number": Scalar("number"),
    "integer": Scalar("integer"),
    "boolean": Scalar("boolean"),
    "null": NULL,
}
_OBJECT_WORDS: Final = frozenset(
    {"properties", "required", "additionalProperties", "patternProperties", "propertyNames"}
)
_ARRAY_WORDS: Final = frozenset({"items", "prefixItems"})
_COMBINING: Final = ("anyOf", "oneOf", "allOf")
_NUMBERED: Final = re.compile(r"(?:__schema\d+)?")
_DEPTH_OF_MERGES_MAX: Final = VALUE_DEPTH_MAX // 2


@dataclass(slots=True)
class Definitions:
    """Definitions behind the references of all schemas of a project."""

    forms: dict[str, Form] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """Names of the definitions in their schemas: `Node` for `#/$defs/Node`."""

    def read(self, schema: JSONObject | None, name: str) -> Form:
        """Return the form of a schema; `Anything` without a schema. `name` is for a schema that contains itself."""
        return ANYTHING if schema is None else _Reader(self, schema, name).whole()

    def resolve(self, key: str) -> Form:
        """Return the target of a reference; `Anything` while it is being read."""
        return self.forms.get(key, ANYTHING)


class _Reader:
    """Reader of one schema with its references."""

    def __init__(self, definitions: Definitions, schema: JSONObject, name: str) -> None:
        self._definitions = definitions
        self._schema = schema
        self._name = name
        self._digest = ""
        self._depth = 0
        self._merging = False
        self._reading: list[str] = []
        """Definitions that are being read; an empty text marks an object or a list between them."""
        self._waiting: list[tuple[str, Any]] = []
        """Definitions still to be read: one after another, so that long chains do not recurse deeply."""

    def whole(self) -> Form:
        form = self._read(self._schema)
        while self._waiting:
            key, schema = self._waiting.pop()
            if key not in self._definitions.forms:
                self._define(key, schema)
        return form

    def _read(self, schema: Any) -> Form:
        """Read a schema in any place."""
        if schema is False:
            return NOTHING
        if not isinstance(schema, dict) or self._depth >= VALUE_DEPTH_MAX:
            return ANYTHING
        self._depth += 1
        try:
            return self._combined(schema)
        finally:
            self._depth -= 1

    def _inner(self, schema: Any) -> Form:
        """Read a schema inside an object or a list, from where a definition may refer to itself."""
        merging, self._merging = self._merging, False
        self._reading.append("")
        try:
            return self._read(schema)
        finally:
            self._reading.pop()
            self._merging = merging

    def _combined(self, schema: dict[str, Any]) -> Form:
        if schema.get("not") in ({}, True):
            return NOTHING
        own = self._own(schema)
        combining = [word for word in _COMBINING if isinstance(schema.get(word), list)]
        merging = self._merging
        # Merging needs the definition; a reference on its own may wait.
        self._merging = merging or own != ANYTHING or "allOf" in combining or len(combining) + ("$ref" in schema) > 1
        parts = [own]
        if isinstance(schema.get("$ref"), str):
            parts.append(self._referred(schema["$ref"]))
        for word in combining:
            forms = [self._read(each) for each in schema[word]]
            parts += forms if word == "allOf" else [choice(forms)]
        self._merging = merging
        form = both(parts, self._definitions.resolve)
        return choice([form, NULL]) if schema.get("nullable") is True else form

    def _own(self, schema: dict[str, Any]) -> Form:
        """Read the keywords of the schema itself, without its combinations."""
        if schema.get("x-made") == "Date":
            return DATE
        if "const" in schema:
            return constant(schema["const"])
        if isinstance(schema.get("enum"), list):
            return choice(constant(each) for each in schema["enum"])
        types = schema.get("type")
        if types is None:
            types = ["object"] * bool(_OBJECT_WORDS & schema.keys()) + ["array"] * bool(_ARRAY_WORDS & schema.keys())
            if not types:
                return ANYTHING
        return choice(self._typed(schema, each) for each in (types if isinstance(types, list) else [types]))

    def _typed(self, schema: dict[str, Any], type_: object) -> Form:
        if type_ == "object":
            return self._object(schema)
        if type_ == "array":
            return self._array(schema)
        return _SCALARS.get(str(type_), ANYTHING)

    def _object(self, schema: dict[str, Any]) -> Form:
        declared = schema.get("properties")
        declared = declared if isinstance(declared, dict) else {}
        required = schema.get("required")
        needed = {each for each in required if isinstance(each, str)} if isinstance(required, list) else set()
        rest = self._rest(schema)
        properties: dict[str, Property] = {}
        for name, each in declared.items():
            properties[name] = Property(name, self._inner(each), name in needed, _description(each))
        for name in (*self._listed_names(schema), *sorted(needed)):
            if name not in properties:
                properties[name] = Property(name, ANYTHING if rest is None else rest, name in needed)
        # An enumeration of property names is complete.
        return Object(tuple(properties.values()), NOTHING if self._listed_names(schema) else rest)

    def _listed_names(self, schema: dict[str, Any]) -> list[str]:
        names = schema.get("propertyNames")
        listed = names.get("enum") if isinstance(names, dict) else None
        return [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []

    def _rest(self, schema: dict[str, Any]) -> Form | None:
        others = schema.get("additionalProperties")
        patterns = schema.get("patternProperties")
        forms = [self._inner(each) for each in patterns.values()] if isinstance(patterns, dict) else []
        if others is not None and (others is not False or not forms):
            forms.append(self._inner(others))
        return choice(forms) if forms else None

    def _array(self, schema: dict[str, Any]) -> Form:
        items = schema.get("items")
        places = schema.get("prefixItems", items if isinstance(items, list) else None)
        if not isinstance(places, list):
            return ListOf(self._inner(items)) if items is not False else Positions((), 0, NOTHING)
        rest = schema.get("additionalItems", False) if isinstance(items, list) else (items or False)
        least = schema.get("minItems")
        required = min(least, len(places)) if isinstance(least, int) else len(places)
        return Positions(tuple(self._inner(each) for each in places), required, self._inner(rest))

    def _referred(self, pointer: str) -> Form:
        target = _resolve(self._schema, pointer)
        if target is None:
            return ANYTHING
        where, schema = target
        key = f"{self._key()}{where}"
        if key not in self._definitions.names:
            name = unquote(where.rpartition("/")[2]).replace("~1", "/").replace("~0", "~").strip("#")
            # Zod numbers definitions without a name.
            self._definitions.names[key] = self._name if _NUMBERED.fullmatch(name) else name
        if key in self._definitions.forms:
            return Reference(key)
        if key in self._reading:
            # Directly inside itself, a definition has no meaning.
            if "" not in self._reading[self._reading.index(key) :]:
                return NOTHING if self._reading[-1] == key else ANYTHING
        elif (self._merging or "" not in self._reading) and self._depth < _DEPTH_OF_MERGES_MAX:
            self._define(key, schema)
        else:
            self._waiting.append((key, schema))
        return Reference(key)

    def _define(self, key: str, schema: Any) -> None:
        self._reading.append(key)
        form = self._read(schema)
        self._reading.pop()
        self._definitions.forms[key] = form

    def _key(self) -> str:
        """Make the key of a definition, so that two steps with the same schema share its definitions."""
        if not self._digest:
            text = json.dumps(self._schema, sort_keys=True, default=repr)
            self._digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return self._digest


def _description(schema: Any) -> str | None:
    text = schema.get("description") if isinstance(schema, dict) else None
    return text if isinstance(text, str) and text.strip() else None


def _resolve(root: JSONObject, pointer: str) -> tuple[str, Any] | None:
    """Follow a `$ref` inside the schema: return the pointer, `#` for the whole, and its target."""
    if pointer.startswith("#/"):
        found: Any = root
        for part in pointer[2:].split("/"):
            step = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and step in found:
                found = found[step]
            elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
                found = found[int(step)]
            else:
                return None
        return pointer, found
    if pointer in ("#", "", root.get("$id")):
        return "#", root
    return _anchored(root, pointer)


def _anchored(root: JSONObject, pointer: str) -> tuple[str, Any] | None:
    """Find a definition by its `$anchor` or `$id`."""
    for place in ("$defs", "definitions"):
        definitions = root.get(place)
        for name, each in definitions.items() if isinstance(definitions, dict) else ():
            if isinstance(each, dict) and pointer in ("#" + str(each.get("$anchor")), each.get("$id")):
                return f"#/{place}/{name.replace('~', '~0').replace('/', '~1')}", each
    return None
