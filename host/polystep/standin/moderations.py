"""Moderations of the stand-in: a few words decide. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import Final

import orjson

from polystep.contracts.values import JSONObject, JSONValue
from polystep.standin.refusal import ModelRefused
from polystep.standin.texts import text_of_content

_MODEL: Final = "omni-moderation-latest"
_CATEGORIES: Final = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip
_WORDS: Final = {
    "violence": re.compile(r"\b(?:kill|murder|stab|shoot)(?:s|ed|ing)?\b", re.IGNORECASE),
    "harassment": re.compile(r"\b(?:idiot|moron|stupid)s?\b", re.IGNORECASE),
    "hate": re.compile(r"\bi hate (?:you|them|all)\b", re.IGNORECASE),
    "self-harm": re.compile(r"\b(?:suicide|self-harm)\b", re.IGNORECASE),
    "sexual": re.compile(r"\b(?:porn|nude)s?\b", re.IGNORECASE),
}


def moderations_of(request: JSONValue) -> JSONObject:
    """Answer a moderations request: `{id, model, results: [{flagged, categories, category_scores, …}]}`.

    Raises:
        ModelRefused: The request breaks the API's rules.
    """
    given = request.get("input") if isinstance(request, dict) else None
    if not isinstance(request, dict) or not isinstance(given, (str, list)) or not given:
        raise ModelRefused("'input' must be a text or an array of at least one.", "input")
    # A list of parts is one input with several; a list of texts is several inputs.
    inputs = given if isinstance(given, list) and isinstance(given[0], str) else [given]
    digest = hashlib.sha256(orjson.dumps(request, option=orjson.OPT_SORT_KEYS)).hexdigest()
    results: list[JSONValue] = [_result(text_of_content(each, "input")) for each in inputs]
    return {"id": f"modr-{digest[:24]}", "model": request.get("model") or _MODEL, "results": results}


def _result(text: str) -> JSONObject:
    found = {name for name, words in _WORDS.items() if words.search(text)}
    return {
        "flagged": bool(found),
        "categories": {name: name in found for name in _CATEGORIES},
        "category_scores": {name: 0.99 if name in found else 0.0001 for name in _CATEGORIES},
        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
    }
