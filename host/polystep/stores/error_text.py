"""Errors of runs as the text that is stored of them."""

from __future__ import annotations

import json

import orjson

from polystep.contracts.values import JSONObject


def json_text(error: JSONObject) -> str:
    """Encode an error, whatever it holds."""
    try:
        return orjson.dumps(error, default=repr).decode()
    except TypeError:
        # An error that JSON cannot carry, with a lone surrogate say, must not keep its delivery from the dead letters.
        shown = {str(key): repr(value) for key, value in error.items()}
        return json.dumps(shown)
