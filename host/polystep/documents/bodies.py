"""Request and response bodies: content types by the schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from polystep.contracts.values import JSONObject
from polystep.documents.json_types import ALL_TYPES, types_of
from polystep.documents.pointers import local_target

Share = Callable[[JSONObject], JSONObject]
"""Function that moves a schema into the document and returns the reference to it."""

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"

_REFERENCES_MAX: Final = 16
"""References followed one after the other; a root with more of them describes nothing."""

_FIELDS: Final[JSONObject] = {
    "description": "Each field as text, one that is repeated as a list.",
    "type": "object",
    "additionalProperties": {"type": ["string", "array"], "items": {"type": "string"}},
}

ANY_REQUEST: Final[JSONObject] = {
    JSON: {"schema": {}},
    FORM: {"schema": _FIELDS},
    "text/plain": {"schema": {"type": "string"}},
    "application/octet-stream": {"schema": {}},
}
"""Body of a request to a handler without `bodySchema`."""

ANY_RESPONSE: Final[JSONObject] = {"*/*": {}}


def request_body(schema: JSONObject | None, share: Share) -> JSONObject:
    """Return the Request Body Object, with a form and text where the schema accepts what they can carry."""
    if schema is None:
        return {"content": ANY_REQUEST}
    types = types_of(schema, schema)
    media: JSONObject = {"schema": share(schema)}
    content: JSONObject = {JSON: media}
    if "object" in types and _fits_a_form(schema):
        content[FORM] = media
    if "string" in types:
        content["text/plain"] = media
    return {"required": _needs_something(schema, types), "content": content}


def response_content(schema: JSONObject, share: Share) -> JSONObject:
    """Return the content of a response: text is `text/plain` unless the handler sets a type, other values are JSON."""
    types = types_of(schema, schema)
    media: JSONObject = {"schema": share(schema)}
    if types == ALL_TYPES:
        return {JSON: media, "*/*": media}
    content: JSONObject = {JSON: media} if types != {"string"} else {}
    if "string" in types:
        content |= {"text/plain": media, "text/*": media}
    return content


def _root(schema: JSONObject) -> JSONObject:
    """Return the schema with the description: a root may be only a reference."""
    for _ in range(_REFERENCES_MAX):
        ref = schema.get("$ref")
        target = local_target(schema, ref) if isinstance(ref, str) else None
        if not isinstance(target, dict) or target is schema:
            break
        schema = {**{key: schema[key] for key in ("$defs", "definitions") if key in schema}, **target}
    return schema


def _fits_a_form(schema: JSONObject) -> bool:
    """Report whether every field accepts text: a form carries nothing else, and lists only of two or more."""
    properties = _root(schema).get("properties")
    return not isinstance(properties, dict) or all("string" in types_of(each, schema) for each in properties.values())


def _needs_something(schema: JSONObject, types: frozenset[str]) -> bool:
    """Report whether a missing body, read as `{}`, breaks the schema; in doubt a body is required."""
    root = _root(schema)
    plain = not root.keys() & {"allOf", "anyOf", "oneOf", "not", "if", "$ref", "const", "enum", "minProperties"}
    return "object" not in types or not plain or bool(root.get("required"))


def has_no_body(status: str, method: str) -> bool:
    """Report whether HTTP allows no body with a status."""
    return status in ("204", "304") or method == "HEAD"
