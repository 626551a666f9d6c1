"""Embeddings of the stand-in: unit vectors in the size of the model; texts that share words are near. Pure."""

from __future__ import annotations

import base64
import hashlib
import math
import re
import struct
from typing import Final

from polystep.contracts.values import JSONObject, JSONValue
from polystep.standin.refusal import ModelRefused
from polystep.standin.texts import required_model

_SIZES: Final = {"text-embedding-3-large": 3072, "text-embedding-3-small": 1536, "text-embedding-ada-002": 1536}
_SIZE_OTHERS: Final = 1536
_SIZE_MAX: Final = 4096
_INPUTS_MAX: Final = 2048
"""Bound of the API."""
_WORDS_MAX: Final = 512
"""Words read of one text: the first ones suffice, and a book costs no more than a page."""
_MARKS_PER_WORD: Final = 16
_WORD: Final = re.compile(r"\w+")


def embeddings_of(request: JSONValue) -> JSONObject:
    """Answer an embeddings request: `{object, data: [{object, index, embedding}], model, usage}`.

    Raises:
        ModelRefused: The request breaks the API's rules.
    """
    if not isinstance(request, dict):
        raise ModelRefused("The body must be a JSON object.")
    model = required_model(request)
    texts = _texts(request.get("input"))
    size = request.get("dimensions") or _SIZES.get(model, _SIZE_OTHERS)
    if not isinstance(size, int) or not 1 <= size <= _SIZE_MAX:
        raise ModelRefused(f"dimensions must be a whole number from 1 to {_SIZE_MAX}.", "dimensions")
    encoding = request.get("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise ModelRefused("encoding_format must be float or base64.", "encoding_format")
    data: list[JSONValue] = []
    for at, text in enumerate(texts):
        vector = vector_of(text, size)
        embedding: JSONValue = [*vector]
        if encoding == "base64":
            embedding = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
        data.append({"object": "embedding", "index": at, "embedding": embedding})
    tokens = sum(max(1, math.ceil(len(text) / 4)) for text in texts)
    return {
        "object": "list", "data": data, "model": model, "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }  # fmt: skip


def vector_of(text: str, size: int) -> list[float]:
    """Compute the unit vector of a text: each word adds to some places, always the same."""
    vector = [0.0] * size
    for word in _WORD.findall(text.lower())[:_WORDS_MAX] or [text]:
        marks = struct.unpack(f"<{_MARKS_PER_WORD}I", hashlib.shake_128(word.encode()).digest(4 * _MARKS_PER_WORD))
        for mark in marks:
            vector[(mark >> 1) % size] += 1.0 if mark & 1 else -1.0
    length = math.hypot(*vector)
    if length == 0:
        # The words cancel each other out.
        vector[0] = length = 1.0
    return [value / length for value in vector]


def _texts(given: JSONValue) -> list[str]:
    """Return one text for each input; tokens count as words."""
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list) or not given:
        raise ModelRefused("'input' must be a text or an array of at least one.", "input")
    if all(isinstance(each, int) for each in given):
        given = [given]
    if len(given) > _INPUTS_MAX:
        raise ModelRefused(f"'input' holds at most {_INPUTS_MAX} texts.", "input")
    texts = [" ".join(map(str, each)) if isinstance(each, list) else each for each in given]
    if not all(isinstance(text, str) and text for text in texts):
        raise ModelRefused("Each input is a text that is not empty, or an array of tokens.", "input")
    return [str(text) for text in texts]
