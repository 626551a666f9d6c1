"""Dialects of JSON Schema in documents: 2020-12 in OpenAPI 3.1, draft 7 in AsyncAPI 3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

from polystep.contracts.values import JSONObject, JSONValue

Dialect: TypeAlias = Literal["2020-12", "draft-07"]

MAPS: Final = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies")
"""Keywords with schemas by name."""

LISTS: Final = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
"""Keywords with a list of schemas; `items` had one before 2020-12."""

SINGLES: Final = (
    "items",
    "additionalItems",
    "contains",
    "additionalProperties",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
)
"""Keywords with one schema."""

REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")
"""Keywords with a reference; within one schema the dynamic ones have the target of a plain one."""

_TEXTS: Final = (*REFERENCES, "$id", "$anchor", "$dynamicAnchor")

_ANNOTATIONS: Final = frozenset({"$ref", "title", "description", "default", "examples", "deprecated"})


def parts_of(schema: JSONObject) -> Iterator[tuple[tuple[str, ...], JSONValue]]:
    """Yield every schema directly inside a schema, with the tokens that lead to it."""
    for key, value in schema.items():
        if key in MAPS and isinstance(value, dict):
            # `dependencies` of draft 7 may also have lists of names.
            yield from (((key, name), each) for name, each in value.items() if not isinstance(each, list))
        elif key in LISTS and isinstance(value, list):
            yield from (((key, str(at)), each) for at, each in enumerate(value))
        elif key in SINGLES:
            yield (key,), value


def well_formed(schema: JSONObject) -> JSONObject:
    """Copy a schema without malformed keywords, such as an `allOf` that is not a list."""
    kept: JSONObject = {key: shallow(value) for key, value in schema.items() if _may_hold(key, value)}
    for tokens, part in parts_of(kept):
        put(kept, tokens, well_formed(part) if isinstance(part, dict) else part is not False)
    return kept


def shallow(value: JSONValue) -> JSONValue:
    """Copy a container, so that changes do not reach the original."""
    return dict(value) if isinstance(value, dict) else list(value) if isinstance(value, list) else value


def put(schema: JSONObject, tokens: tuple[str, ...], part: JSONValue) -> None:
    """Replace one of the `parts_of` a schema."""
    held = schema[tokens[0]]
    if len(tokens) == 1:
        schema[tokens[0]] = part
    elif isinstance(held, list):
        held[int(tokens[1])] = part
    elif isinstance(held, dict):
        held[tokens[1]] = part


def _may_hold(key: str, value: JSONValue) -> bool:
    kinds: tuple[type, ...] = ()
    if key in MAPS:
        kinds += (dict,)
    if key in LISTS:
        kinds += (list,)
    if key in SINGLES:
        kinds += (dict, bool)
    if key in _TEXTS:
        kinds += (str,)
    return not kinds or isinstance(value, kinds)


def in_dialect(schema: JSONObject, dialect: Dialect) -> JSONObject:
    """Rewrite one level of a schema in a dialect; common keywords stay."""
    return _as_2020(schema) if dialect == "2020-12" else _as_draft_7(schema)


def token_in_dialect(schema: JSONValue, token: str, dialect: Dialect) -> str:
    """Return the name of a keyword of `schema` in a dialect, for pointers that lead through it."""
    if not isinstance(schema, dict):
        return token
    if dialect == "2020-12":
        tuple_like = isinstance(schema.get("items"), list)
        renamed = {"items": "prefixItems", "additionalItems": "items"}
    else:
        tuple_like = "prefixItems" in schema
        renamed = {"prefixItems": "items", "items": "additionalItems"}
    return renamed.get(token, token) if tuple_like else token


def _as_2020(schema: JSONObject) -> JSONObject:
    if isinstance(schema.get("items"), list):
        schema = {token_in_dialect(schema, key, "2020-12"): value for key, value in schema.items()}
    dependencies = schema.pop("dependencies", None)
    if isinstance(dependencies, dict):
        names: JSONObject = {name: value for name, value in dependencies.items() if isinstance(value, list)}
        schemas: JSONObject = {name: value for name, value in dependencies.items() if not isinstance(value, list)}
        schema |= ({"dependentRequired": names} if names else {}) | ({"dependentSchemas": schemas} if schemas else {})
    return schema


def _as_draft_7(schema: JSONObject) -> JSONObject:
    schema = {token_in_dialect(schema, key, "draft-07"): value for key, value in schema.items()}
    dependencies: JSONObject = {}
    for keyword in ("dependentRequired", "dependentSchemas"):
        if isinstance(given := schema.pop(keyword, None), dict):
            dependencies |= given
    if dependencies:
        schema["dependencies"] = dependencies
    if "$ref" in schema and not schema.keys() <= _ANNOTATIONS:
        # Draft 7 ignores keywords beside a reference.
        schema["allOf"] = [{"$ref": schema.pop("$ref")}, *_list(schema.get("allOf"))]
    return schema


def _list(value: JSONValue) -> list[JSONValue]:
    return value if isinstance(value, list) else []
