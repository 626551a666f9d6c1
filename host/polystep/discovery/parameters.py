"""Query and path parameters: their declaration in a config, and the values that a request has for them.

Everything in a URL is text. A schema that says `number`, `integer`, `boolean` or `array` asks for more, so the text is
read as the declared type, for the check and for the handler: `"5"` as 5, `"true"` as true, one value as a list of one.
Fastify does the same (Ajv's `coerceTypes`). Values that already match as strings stay strings; a repeated name is
always a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from polystep.contracts.errors import Issue
from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery.pointers import escaped
from polystep.discovery.schemas import SchemaValidator

_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,307})(?:\.\d{1,400})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_KEYS: Final = ("name", "description", "required", "schema")
_SHAPE: Final = "must be a list of {name, description?, required?, schema?}, or the JSON Schema of an object"


@dataclass(frozen=True, slots=True)
class Parameters:
    """Declared parameters of a query or of a path."""

    # `Any`, because pydantic inspects the parts of a field's type, and the type of JSON is recursive.
    entries: tuple[dict[str, Any], ...] = ()
    """One `{name, description?, required?, schema?}` each."""
    schema: dict[str, Any] | None = None
    """Schema of all of them together; `None` when they only document, as in Motia."""
    unknown_keys: tuple[tuple[int, str], ...] = ()
    """Entry and key of members without an effect."""


def read_parameters(value: object) -> Parameters:
    """Read `config.queryParams` or `config.pathParams`.

    Raises:
        ValueError: It is neither a list of parameters nor the schema of an object; the text shows what to write.
    """
    if value is None or value == {}:
        return Parameters()
    if isinstance(value, dict):
        return _of_object(value)
    if not isinstance(value, list):
        raise ValueError(_SHAPE)  # noqa: TRY004 - pydantic turns a ValueError into a problem of the field
    for at, entry in enumerate(value):
        _check_entry(at, entry)
    unknown = tuple((at, key) for at, entry in enumerate(value) for key in entry if key not in _KEYS)
    return Parameters(tuple(value), _of_entries(value), unknown)


class ParameterValidator:
    """Implements `ParameterReader` for one schema."""

    def __init__(self, schema: JSONObject) -> None:
        """Compile the schema.

        Raises:
            LoadFailed: It is not a valid JSON Schema.
        """
        self._whole = SchemaValidator(schema)
        pointer, declared = _properties(schema)
        self._each = {name: SchemaValidator.of_part(schema, f"{pointer}/{escaped(name)}") for name in declared}

    def read(self, given: JSONObject) -> tuple[JSONObject, list[Issue]]:
        """Return the parameters in the types that their schemas require, and the issues."""
        read = {name: self._value(name, value) for name, value in given.items()}
        return read, self._whole.issues(read)

    def _value(self, name: str, value: JSONValue) -> JSONValue:
        validator = self._each.get(name)
        if validator is None:
            return value
        issues = validator.issues(value)
        if not issues:
            return value
        # When nothing fits, the reading with the fewest wrong types makes the best error: "500 is over the maximum"
        # instead of "\"500\" is no number".
        best, least = value, _types_missed(issues)
        for reading in _readings(value):
            issues = validator.issues(reading)
            if not issues:
                return reading
            if (missed := _types_missed(issues)) < least:
                best, least = reading, missed
        return best


def _types_missed(issues: list[Issue]) -> int:
    return sum(issue.code == "type" for issue in issues)


def _readings(value: JSONValue) -> Iterator[JSONValue]:
    """List the values that the text of a parameter may mean besides text, likeliest first."""
    if isinstance(value, (list, dict)):
        yield _all_plain(value)
        return
    plain = _plain(value)
    if plain is not value:
        yield plain
    yield [value]
    if plain is not value:
        yield [plain]


def _all_plain(value: JSONValue) -> JSONValue:
    """Read all texts in a value; queries nest no deeper than their brackets may."""
    if isinstance(value, list):
        return [_all_plain(each) for each in value]
    if isinstance(value, dict):
        return {key: _all_plain(each) for key, each in value.items()}
    return _plain(value)


def _plain(value: JSONValue) -> JSONValue:
    """Return the number or boolean that a text is in JSON; else the text."""
    if value == "true" or value == "false":
        return value == "true"
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return value
    try:
        # As in a JSON body: integers up to 64 bits are exact, larger ones are doubles.
        number: int | float = orjson.loads(value)
    except orjson.JSONDecodeError:
        return value  # 1e999 is too large for a double
    return number


def _check_entry(at: int, entry: object) -> None:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not entry["name"]:
        raise ValueError(f"{_SHAPE}; entry {at} has no name")
    if entry.get("required") not in (None, True, False):
        raise ValueError(f"{_SHAPE}; `required` of {entry['name']} must be true or false")
    schema = entry.get("schema")
    if schema is not None and not isinstance(schema, (dict, bool)):
        raise ValueError(f"{_SHAPE}; `schema` of {entry['name']} must be a JSON Schema")


def _of_entries(entries: list[JSONObject]) -> JSONObject | None:
    properties: JSONObject = {}
    for at, entry in enumerate(entries):
        schema = entry.get("schema")
        # A schema that refers to its own $defs is a resource of its own: "#" is its root, not that of all parameters.
        own = isinstance(schema, dict) and ("$defs" in schema or "definitions" in schema) and "$id" not in schema
        if isinstance(schema, dict) and schema:
            properties[str(entry["name"])] = {"$id": f"urn:polystep:parameter:{at}", **schema} if own else schema
    required: list[JSONValue] = [entry["name"] for entry in entries if entry.get("required")]
    if not properties and not required:
        return None
    return {"type": "object", "properties": properties, "required": required}


def _of_object(schema: JSONObject) -> Parameters:
    _, properties = _properties(schema)
    if schema.get("type", "object") != "object" or not (properties or "$ref" in schema or "type" in schema):
        raise ValueError(_SHAPE)
    holder = _holder(schema)[1]
    needed = holder.get("required")
    definitions: JSONObject = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    entries = []
    for name, each in properties.items():
        entry: JSONObject = {"name": name, "required": isinstance(needed, list) and name in needed}
        if isinstance(each, dict):
            if isinstance(each.get("description"), str):
                entry["description"] = each["description"]
            entry["schema"] = {**definitions, **each} if definitions and "$ref" in repr(each) else each
        entries.append(entry)
    return Parameters(tuple(entries), schema)


def _properties(schema: JSONObject) -> tuple[str, JSONObject]:
    """Return a JSON Pointer to the properties, and the properties."""
    pointer, holder = _holder(schema)
    properties = holder.get("properties")
    return f"{pointer}/properties", properties if isinstance(properties, dict) else {}


def _holder(schema: JSONObject) -> tuple[str, JSONObject]:
    """Find the schema of the object itself: models that are used twice are exported as a `$ref` to a definition."""
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/") and "properties" not in schema:
        found: Any = schema
        for part in reference[2:].split("/"):
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if isinstance(found, dict):
            return reference[1:], found
    return "", schema
