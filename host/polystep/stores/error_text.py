"""Errors of runs as the text that is stored of them."""

from __future__ import annotations

import json

import orjson

from polystep.contracts.events import NewDelivery
from polystep.contracts.values import JSONObject


def json_text(error: JSONObject) -> str:
    """Encode an error, whatever it holds."""
    try:
        return orjson.dumps(error, default=repr).decode()
    except TypeError:
        # An error that JSON cannot carry, with a lone surrogate say, must not keep its delivery from the dead letters.
        shown = {str(key): repr(value) for key, value in error.items()}
        return json.dumps(shown)


def reason_of(new: NewDelivery) -> JSONObject:
    """Describe the event that cancels a run, as the error of the run."""
    id_ = new.event_id if new.key is None else new.key.id
    return {
        "name": "cancelled",
        "message": f"The event {id_} of {new.topic}, in trace {new.trace_id}, cancelled it (`cancelOn`).",
        "data": {"topic": new.topic, "id": id_, "eventId": new.event_id, "traceId": new.trace_id},
    }
