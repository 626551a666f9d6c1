"""Request and response bodies: which content types carry what a schema describes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from polystep.contracts.values import JSONObject
from polystep.documents.kinds import ALL_KINDS, kinds_of
from polystep.documents.pointers import local_target

Share = Callable[[JSONObject], JSONObject]
"""Moves a schema into the document and returns the reference to it."""

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"

_REFERENCES_MAX: Final = 16
"""References that are followed one after the other; a root that goes on like this describes nothing."""

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
"""What a handler without `bodySchema` may be sent."""

ANY_RESPONSE: Final[JSONObject] = {"*/*": {}}


def request_body(schema: JSONObject | None, share: Share) -> JSONObject:
    """The Request Body Object; a form and text where the schema lets through what they can carry."""
    if schema is None:
        return {"content": ANY_REQUEST}
    kinds = kinds_of(schema, schema)
    media: JSONObject = {"schema": share(schema)}
    content: JSONObject = {JSON: media}
    if "object" in kinds and _fits_a_form(schema):
        content[FORM] = media
    if "string" in kinds:
        content["text/plain"] = media
    return {"required": _needs_something(schema, kinds), "content": content}


def response_content(schema: JSONObject, share: Share) -> JSONObject:
    """The content of an answer: text is `text/plain` unless the handler says otherwise, everything else is JSON."""
    kinds = kinds_of(schema, schema)
    media: JSONObject = {"schema": share(schema)}
    if kinds == ALL_KINDS:
        return {JSON: media, "*/*": media}
    content: JSONObject = {JSON: media} if kinds != {"string"} else {}
    if "string" in kinds:
        content |= {"text/plain": media, "text/*": media}
    return content


def _root(schema: JSONObject) -> JSONObject:
    """The schema that says what there is: a root may be nothing but a reference."""
    for _ in range(_REFERENCES_MAX):
        ref = schema.get("$ref")
        target = local_target(schema, ref) if isinstance(ref, str) else None
        if not isinstance(target, dict) or target is schema:
            break
        schema = {**{key: schema[key] for key in ("$defs", "definitions") if key in schema}, **target}
    return schema


def _fits_a_form(schema: JSONObject) -> bool:
    """Whether text can be right in every field: a form carries nothing else, and a list only of two or more."""
    properties = _root(schema).get("properties")
    return not isinstance(properties, dict) or all("string" in kinds_of(each, schema) for each in properties.values())


def _needs_something(schema: JSONObject, kinds: frozenset[str]) -> bool:
    """Whether no body, which is read as `{}`, breaks the schema; what is not obvious is taken to need one."""
    root = _root(schema)
    plain = not root.keys() & {"allOf", "anyOf", "oneOf", "not", "if", "$ref", "const", "enum", "minProperties"}
    return "object" not in kinds or not plain or bool(root.get("required"))


def has_no_body(status: str, method: str) -> bool:
    """Whether HTTP gives an answer no body."""
    return status in ("204", "304") or method == "HEAD"
