"""Generator of values that satisfy a JSON Schema, without a model. Pure and deterministic.

Covers what structured outputs use: types, enum, const, required, arrays, anyOf/oneOf/allOf, `$ref`, bounds of numbers,
lengths, formats and plain patterns of texts. `not`, `if` and `dependentSchemas` are ignored.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Final

from polystep.contracts.values import JSONObject, JSONValue
from polystep.standin.patterns import matching_text
from polystep.standin.phrases import CANNED, choose, text_for

_DEPTH_USUAL: Final = 5
"""Depth below which optional members and items are left out, so that a recursive schema comes to an end."""
_DEPTH_MAX: Final = 40
_SIZE_MAX: Final = 1000
"""Items, members or characters of a text that a schema may ask for."""

_FORMATS: Final = {
    "date-time": "2025-01-01T09:00:00Z",
    "date": "2025-01-01",
    "time": "09:00:00Z",
    "duration": "PT1H",
    "email": "stand-in@example.com",
    "idn-email": "stand-in@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uri-reference": "/stand-in",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
    "json-pointer": "/stand-in",
    "regex": "^a$",
    "byte": "c3RhbmQtaW4=",
}
_BY_KEYWORD: Final = (
    ("object", ("properties", "required", "additionalProperties", "patternProperties", "minProperties")),
    ("array", ("items", "prefixItems", "minItems", "contains")),
    ("string", ("minLength", "maxLength", "pattern", "format")),
    ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
)


class SchemaUnsupported(Exception):
    """Schema without a value that can be made; the text names the part at fault."""


class SchemaFiller:
    """Generator of values for one root schema and one prompt."""

    def __init__(self, root: JSONObject, prompt: str) -> None:
        self._root = root
        self._prompt = prompt

    def value(self, schema: JSONValue | None = None, name: str = "", depth: int = 0, index: int = 0) -> JSONValue:
        """Make a value for a part of the schema; for the root without arguments.

        Args:
            schema: The part.
            name: Name of the member, which its texts fit.
            depth: Depth of the part.
            index: Place in an array; values of different places differ where the schema allows it.

        Raises:
            SchemaUnsupported: The schema recurses without an end, or asks for too much.
        """
        if depth > _DEPTH_MAX:
            raise SchemaUnsupported("the schema recurses without an end")
        if schema is None or schema is True:
            schema = self._root if depth == 0 else {}
        if not isinstance(schema, dict):
            raise SchemaUnsupported(f"the schema of {name or 'the value'} allows nothing")
        schema = self._resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        options = schema.get("enum")
        if isinstance(options, list) and options:
            return options[index % len(options)] if index else choose(options, self._prompt)
        return self._of_type(_type_of(schema), schema, name, depth, index)

    def _of_type(self, kind: str, schema: JSONObject, name: str, depth: int, index: int) -> JSONValue:
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        if kind in ("integer", "number"):
            return _number(schema, index, whole=kind == "integer")
        if kind == "boolean":
            return choose((True, False), self._prompt)
        return None if kind == "null" else _text(schema, name, index)

    def _resolved(self, schema: JSONObject, depth: int) -> JSONObject:
        """Follow `$ref`, and fold `allOf` and one option of `anyOf` or `oneOf` into one schema."""
        for _ in range(_DEPTH_MAX):
            if isinstance(reference := schema.get("$ref"), str):
                schema = _merged(self._target(reference), _without(schema, "$ref"))
            elif isinstance(parts := schema.get("allOf"), list):
                schema = _without(schema, "allOf")
                for part in parts:
                    schema = _merged(schema, self._as_schema(part))
            elif isinstance(options := schema.get("anyOf", schema.get("oneOf")), list) and options:
                schema = _merged(_without(schema, "anyOf", "oneOf"), self._option(options, depth))
            else:
                return schema
        raise SchemaUnsupported("the schema refers to itself without an end")

    def _option(self, options: list[JSONValue], depth: int) -> JSONObject:
        parts = [self._as_schema(option) for option in options]
        nulls = [part for part in parts if part.get("type") == "null" or ("const" in part and part["const"] is None)]
        others = [part for part in parts if part not in nulls]
        if depth > _DEPTH_USUAL:
            plain = [part for part in others if _type_of(part) not in ("object", "array") and "$ref" not in part]
            return [*nulls, *plain, *others][0]
        return [*others, *nulls][0]

    def _as_schema(self, part: JSONValue) -> JSONObject:
        return part if isinstance(part, dict) else {}

    def _target(self, reference: str) -> JSONObject:
        here: JSONValue = self._root
        if not reference.startswith("#"):
            raise SchemaUnsupported(f"$ref {reference!r} is not in the schema itself")
        for part in reference[1:].split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            here = here.get(key) if isinstance(here, dict) else None
        if not isinstance(here, dict):
            raise SchemaUnsupported(f"$ref {reference!r} points at nothing")
        return here

    def _object(self, schema: JSONObject, depth: int) -> JSONObject:
        properties = self._as_schema(schema.get("properties"))
        required = [key for key in _as_list(schema.get("required")) if isinstance(key, str)]
        wanted = (
            required if depth > _DEPTH_USUAL else [*properties, *(key for key in required if key not in properties)]
        )
        extra = schema.get("additionalProperties", True)
        made = {
            key: self.value(properties.get(key, extra if isinstance(extra, dict) else True), key, depth + 1)
            for key in wanted
        }
        least = _size(schema, "minProperties")
        for at in range(least - len(made)):
            made[f"item{at + 1}"] = self.value(extra if isinstance(extra, dict) else True, "item", depth + 1, at)
        return made

    def _array(self, schema: JSONObject, name: str, depth: int) -> JSONValue:
        fixed = _as_list(schema.get("prefixItems"))
        items = schema.get("items", schema.get("contains", True))
        usual = 1 if depth <= _DEPTH_USUAL and items is not False else 0
        least = max(_size(schema, "minItems"), len(fixed), usual)
        count = min(least, _size(schema, "maxItems", least))
        one = name.removesuffix("s")
        return [self.value(fixed[at] if at < len(fixed) else items, one, depth + 1, at) for at in range(count)]


def _type_of(schema: JSONObject) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return next((str(each) for each in kind if each != "null"), "null")
    if isinstance(kind, str):
        return kind
    return next((name for name, keys in _BY_KEYWORD if any(key in schema for key in keys)), "string")


def _as_list(value: JSONValue) -> list[JSONValue]:
    return value if isinstance(value, list) else []


def _without(schema: JSONObject, *keys: str) -> JSONObject:
    return {key: value for key, value in schema.items() if key not in keys}


def _merged(base: JSONObject, more: JSONObject) -> JSONObject:
    """Merge members, required names and bounds of two schemas."""
    out = {**base, **more}
    for key in ("properties", "$defs"):
        left, right = base.get(key), more.get(key)
        if isinstance(left, dict) and isinstance(right, dict):
            both = {**left, **right}
            for name in left.keys() & right.keys():
                if isinstance(left[name], dict) and isinstance(right[name], dict):
                    both[name] = {"allOf": [left[name], right[name]]}
            out[key] = both
    if "required" in base and "required" in more:
        out["required"] = [*_as_list(base["required"]), *_as_list(more["required"])]
    for key, pick in (("minimum", max), ("maximum", min), ("minLength", max), ("maxLength", min), ("minItems", max)):
        left, right = base.get(key), more.get(key)
        if isinstance(left, int | float) and isinstance(right, int | float):
            out[key] = pick(left, right)
    return out


def _size(schema: JSONObject, key: str, fallback: int = 0) -> int:
    value = schema.get(key, fallback)
    if not isinstance(value, int | float) or value > _SIZE_MAX:
        if key.startswith("max"):
            return fallback
        raise SchemaUnsupported(f"{key} is larger than {_SIZE_MAX}")
    return int(value)


def _number(schema: JSONObject, index: int, *, whole: bool) -> int | float:
    """Return 1, or the nearest allowed number; exact arithmetic, so that `multipleOf: 0.1` holds."""
    given = schema.get("multipleOf")
    exact = Fraction(str(given)) if isinstance(given, int | float) and given else None
    step = exact or (Fraction(1) if whole else Fraction(1, 100))
    if whole and step.denominator != 1:
        step = Fraction(step.numerator)
    lows, highs = _bounds(schema, "minimum", "exclusiveMinimum"), _bounds(schema, "maximum", "exclusiveMaximum")
    chosen = math.ceil(max(Fraction(1), *lows) / step) * step if lows else math.ceil(1 / step) * step
    chosen += step if float(chosen) == schema.get("exclusiveMinimum") else 0
    if highs and (chosen > min(highs) or float(chosen) == schema.get("exclusiveMaximum")):
        chosen = math.floor(min(highs) / step) * step
        chosen -= step if float(chosen) == schema.get("exclusiveMaximum") else 0
    elif not highs or chosen + index * step < min(highs):
        chosen += index * step
    return int(chosen) if chosen.denominator == 1 else float(chosen)


def _bounds(schema: JSONObject, *keys: str) -> list[Fraction]:
    values = [schema.get(key) for key in keys]
    return [Fraction(str(each)) for each in values if isinstance(each, int | float) and not isinstance(each, bool)]


def _text(schema: JSONObject, name: str, index: int) -> str:
    shortest, longest = _size(schema, "minLength"), _size(schema, "maxLength", _SIZE_MAX)
    pattern = schema.get("pattern")
    for candidate in _candidates(schema, name, index):
        text = candidate
        if "format" not in schema:
            text = candidate.ljust(shortest, ".")[:longest] if pattern is None else candidate
        fits = shortest <= len(text) <= longest
        if fits and (not isinstance(pattern, str) or _found(pattern, text)):
            return text
    return text_for(name).ljust(shortest, ".")[:longest]


def _candidates(schema: JSONObject, name: str, index: int) -> list[str]:
    known = _FORMATS.get(str(schema.get("format")))
    if known is not None:
        return [known[:-1] + f"{index}" if index and schema.get("format") == "uuid" else known]
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        made = matching_text(pattern, _size(schema, "minLength"))
        return [text_for(name), *([made] if made is not None else [])]
    described = isinstance(schema.get("description"), str) and index == 0
    usual = text_for(name)
    if described and usual.startswith("stand-in") and _size(schema, "maxLength", _SIZE_MAX) >= len(CANNED):
        return [CANNED]
    return [usual if index == 0 else f"{usual} {index + 1}"]


def _found(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False
