"""Responses of the host itself on the route of a step: every status that can occur, as shared components.

They describe the http room; tests request each response from it and check it against these schemas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from polystep.contracts.values import JSONObject

TRACE_HEADER: Final[JSONObject] = {
    "description": "Names this request in traces and logs.",
    "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
}

_RETRY_HEADER: Final[JSONObject] = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}

SCHEMAS: Final[JSONObject] = {
    "Refusal": {
        "description": "An answer of the server instead of the step's.",
        "type": "object",
        "properties": {
            "error": {"type": "string", "description": "What happened, in a few words that do not change."},
            "hint": {"type": "string", "description": "What to do about it."},
            "traceId": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        },
        "required": ["error"],
    },
    "RefusedRequest": {
        "allOf": [{"$ref": "#/components/schemas/Refusal"}],
        "properties": {"issues": {"type": "array", "items": {"$ref": "#/components/schemas/Issue"}}},
    },
    "UnknownRoute": {
        "allOf": [{"$ref": "#/components/schemas/Refusal"}],
        "properties": {"method": {"type": "string"}, "path": {"type": "string"}},
        "required": ["method", "path"],
    },
    "Issue": {
        "description": "One place where a value breaks its schema.",
        "type": "object",
        "properties": {
            "path": {
                "description": "From the root of the value to the offending part.",
                "type": "array",
                "items": {"type": ["string", "integer"]},
            },
            "message": {"type": "string"},
            "code": {"type": "string", "description": "The schema keyword that failed, such as `required`."},
        },
        "required": ["path", "message", "code"],
    },
}
"""Components that the responses refer to."""


@dataclass(frozen=True, slots=True)
class HostAnswer:
    """Response of the host with one status."""

    status: str
    name: str
    """Name of the shared response."""
    description: str
    example: JSONObject
    schema: str = "Refusal"
    traced: bool = True
    """True when the request had reached a step, so that it has a trace."""

    def to_json(self) -> JSONObject:
        """Return the Response Object."""
        headers: JSONObject = {"X-Trace-Id": {"$ref": "#/components/headers/X-Trace-Id"}} if self.traced else {}
        if self.status in ("503", "507"):
            headers["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
        media: JSONObject = {"schema": {"$ref": f"#/components/schemas/{self.schema}"}, "example": self.example}
        shown: JSONObject = {"description": self.description, "content": {"application/json": media}}
        return {**shown, "headers": headers} if headers else shown


HEADERS: Final[JSONObject] = {"X-Trace-Id": TRACE_HEADER, "Retry-After": _RETRY_HEADER}

ALWAYS: Final = (
    HostAnswer(
        "400",
        "BadRequest",
        "The request cannot be used: its body breaks the schema or is malformed, or its URL or headers are.",
        {"error": "Validation failed", "issues": [{"path": ["email"], "message": "is required", "code": "required"}]},
        schema="RefusedRequest",
    ),
    HostAnswer(
        "403",
        "HostNotAllowed",
        "The `Host` header names a server that this one is not.",
        {"error": "Host not allowed", "hint": "Add 'example.com' to `[http] allowed_hosts` to let clients use it."},
        traced=False,
    ),
    HostAnswer(
        "431",
        "HeadersTooLarge",
        "The request line or a header is too large.",
        {"error": "Request line or header too large"},
        traced=False,
    ),
    HostAnswer("500", "StepFailed", "The step failed; its trace says why.", {"error": "Internal server error"}),
    HostAnswer(
        "503",
        "Unavailable",
        "The server is overloaded, starting or stopping, or the step was interrupted. Trying again may help.",
        {"error": "Service overloaded", "hint": "1024 requests are in handlers, the most allowed at once."},
    ),
    HostAnswer(
        "507",
        "InsufficientStorage",
        "The disk of the server is full, so the step could not write. Nothing of the failed write is stored.",
        {"error": "Insufficient storage"},
    ),
    HostAnswer("504", "TimedOut", "The step did not answer within its timeout.", {"error": "Step timed out"}),
)
"""Responses of every route."""

WITH_PARAMETERS: Final = (
    HostAnswer(
        "404",
        "NotFound",
        "A path parameter does not have the form that this path asks for.",
        {"error": "Not found", "method": "GET", "path": "/users/", "hint": "No step claims this path."},
        schema="UnknownRoute",
    ),
)
"""Responses where the path has parameters."""

WITH_BODY: Final = (
    HostAnswer(
        "408",
        "BodyTimedOut",
        "The body did not arrive in time.",
        {"error": "Request timeout", "hint": "The body did not arrive within 30 s."},
    ),
    HostAnswer(
        "413",
        "BodyTooLarge",
        "The body is larger than the server takes.",
        {"error": "Payload too large", "hint": "A body holds at most 1048576 bytes, inflated."},
    ),
    HostAnswer(
        "415",
        "CharsetUnsupported",
        "The body's charset is not one that the server reads.",
        {"error": "Unsupported charset", "hint": "Send UTF-8, not 'utf-7'."},
    ),
)
"""Responses where the operation takes a body."""

WITH_KEY: Final = (
    HostAnswer(
        "409",
        "RequestInProgress",
        "The first request with this `Idempotency-Key` is under way, or its response was too large to keep.",
        {"error": "Request in progress", "hint": "A request with this Idempotency-Key is under way."},
    ),
    HostAnswer(
        "422",
        "KeyReused",
        "The `Idempotency-Key` was used for a request with another path, query or body.",
        {"error": "Idempotency key reused", "hint": "This Idempotency-Key was used for another request."},
    ),
)
"""Responses where requests may have an idempotency key."""

ALL_ANSWERS: Final = (*ALWAYS, *WITH_PARAMETERS, *WITH_BODY, *WITH_KEY)
