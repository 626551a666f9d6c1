"""Answers that are not the handler's: JSON errors, and the exception that carries one up to its boundary."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import orjson
from aiohttp import web
from multidict import CIMultiDict

from polystep.contracts.values import JSONObject, JSONValue

JSON_TYPE = "application/json; charset=utf-8"


class RequestRefused(Exception):
    """Request that no handler will see; `status`, a JSON `body` and extra `headers` are its answer."""

    def __init__(self, status: int, body: JSONObject, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(body.get("error"))
        self.status = status
        self.body = body
        self.headers: Mapping[str, str] = headers or {}


def _as_json(value: object) -> JSONObject:
    if isinstance(value, bytes | bytearray):
        return {"$bytes": base64.b64encode(value).decode()}
    raise TypeError(f"{type(value).__name__} is not JSON")


def to_json(value: object) -> bytes:
    """Encode a value as JSON text; bytes become `{"$bytes": base64}`.

    Raises:
        TypeError: Something in it cannot be JSON.
    """
    return orjson.dumps(value, default=_as_json)


def json_answer(status: int, body: JSONValue, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with a JSON body."""
    fields: CIMultiDict[str] = CIMultiDict(headers or {})
    fields["Content-Type"] = JSON_TYPE
    answer = web.Response(status=status, body=to_json(body), headers=fields)
    if fields.get("Connection") == "close":
        answer.force_close()  # the header alone would leave the connection open
    return answer


def refusal_answer(refused: RequestRefused, trace_id: str | None = None) -> web.Response:
    """Answer a refused request; with a trace id the body names it as `traceId`."""
    body = refused.body if trace_id is None else {**refused.body, "traceId": trace_id}
    return json_answer(refused.status, body, refused.headers)
