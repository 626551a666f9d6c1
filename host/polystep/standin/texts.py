"""Texts of the stand-in, for both of its text APIs: canned, or JSON in the requested shape. Pure."""

from __future__ import annotations

import re
from typing import Final

import orjson

from polystep.contracts.values import JSONObject, JSONValue
from polystep.standin.phrases import CANNED
from polystep.standin.refusal import ModelRefused
from polystep.standin.schemas import SchemaFiller, SchemaUnsupported
from polystep.standin.shapes import fill_shape, find_shape

_SUMMARY_CHARS_MAX: Final = 160
_MENTIONS_JSON: Final = re.compile(r"\bjson\b", re.IGNORECASE)
_WANTS_JSON: Final = re.compile(
    r"\b(?:only|valid|raw|strict|as|in|with|return|respond|reply|output)\s+(?:an?\s+)?(?:\w+\s+)?json\b|"
    r"\bjson\s+(?:only|object|format)\b",
    re.IGNORECASE,
)


def text_of(kind: JSONValue, schema: JSONValue, name: JSONValue, texts: list[str], where: str) -> str:
    """Make the text for a format: `None` and `text`, `json_object`, or `json_schema` with its schema and name.

    Raises:
        ModelRefused: The format is malformed or cannot be met; `where` names its parameter.
    """
    if kind is None or kind == "text":
        return _free(texts)
    if kind == "json_object":
        return orjson.dumps(_object(texts)).decode()
    if kind == "json_schema":
        return orjson.dumps(_by_schema(schema, name, texts, where)).decode()
    raise ModelRefused(f"{where}.type must be text, json_object or json_schema.", f"{where}.type")


def _free(texts: list[str]) -> str:
    """Return prose, or JSON for a prompt that asks for it in words, as steps did before the parameter existed."""
    if any(map(_MENTIONS_JSON.search, texts)):
        found = find_shape(texts)
        if found is not None:
            return orjson.dumps(fill_shape(*found)).decode()
        if any(map(_WANTS_JSON.search, texts)):
            return orjson.dumps({"reply": _plain(texts)}).decode()
    return _plain(texts)


def _plain(texts: list[str]) -> str:
    summary = " ".join(texts[-1].split())
    if len(summary) > _SUMMARY_CHARS_MAX:
        summary = summary[:_SUMMARY_CHARS_MAX].rsplit(" ", 1)[0] + "…"
    return f"{CANNED} You wrote: {summary}"


def _object(texts: list[str]) -> JSONValue:
    found = find_shape(texts)
    return {"reply": _plain(texts)} if found is None else fill_shape(*found)


def _by_schema(schema: JSONValue, name: JSONValue, texts: list[str], where: str) -> JSONValue:
    if not isinstance(schema, dict):
        raise ModelRefused("json_schema needs a name and a schema.", where)
    if not isinstance(name, str):
        raise ModelRefused("Missing required parameter: name.", f"{where}.name")
    try:
        return SchemaFiller(schema, "\n".join(texts)).value()
    except SchemaUnsupported as unsupported:
        raise ModelRefused(f"The stand-in cannot fill this schema: {unsupported}.", f"{where}.schema") from unsupported


def text_of_content(content: JSONValue, where: str) -> str:
    """Join the text of a message's content; parts that are not text, such as images, are skipped.

    Raises:
        ModelRefused: It is neither text nor a list of parts.
    """
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "\n".join(part for part in parts if isinstance(part, str))
    if content is not None and not isinstance(content, str):
        raise ModelRefused("content must be text or an array of parts.", where)
    return content or ""


def pieces(text: str) -> list[str]:
    """Split a text into the pieces of a stream: word by word."""
    return [word if at == 0 else f" {word}" for at, word in enumerate(text.split(" "))]


def required_model(request: JSONObject) -> str:
    """Return the model that a request names.

    Raises:
        ModelRefused: It names none.
    """
    model = request.get("model")
    if not isinstance(model, str) or not model:
        raise ModelRefused("you must provide a model parameter", "model")
    return model
