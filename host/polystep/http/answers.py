"""From what a handler returned to an HTTP response, and from there to the client.

Large answers are sent in slices, so that no second copy waits in the connection, and are counted while they are sent.
"""

from __future__ import annotations

import contextlib
import re
from typing import Final

from aiohttp import web
from multidict import CIMultiDict

from polystep.contracts.limits import ANSWER_SLICE_BYTES
from polystep.contracts.responses import status_of
from polystep.contracts.values import JSONValue
from polystep.http.load import ByteBudget
from polystep.http.refusals import JSON_TYPE, RequestRefused, refusal_answer, to_json

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_DOCUMENT = re.compile(r"\ufeff?\s{0,1000}<(?:!doctype\s+html|html)\b", re.IGNORECASE)

_OURS: Final = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive", "upgrade"})
"""Framing belongs to the server: a handler that forwards another server's headers must not break it."""


class StepAnswerInvalid(Exception):
    """Result of a handler that is not `{status, headers?, body?}`; the text says what to change."""


def step_answer(result: object) -> web.Response:
    """Turn `{status, headers?, body?}` into a response.

    Text is `text/plain`, or `text/html` when it begins as an HTML document, and bytes are `application/octet-stream`,
    unless a `content-type` header says otherwise; all else is JSON. An absent body is empty; 204 and 304 never have
    one. A list as header value repeats the header.

    Raises:
        StepAnswerInvalid: Not such an object, or a status, header or body that HTTP cannot carry.

    Source: reference of Motia 0.17, 2.5 (Express's `res.send`), which sends every text as HTML; docs/security.md.
    """
    if not isinstance(result, dict):
        given = "nothing" if result is None else f"a {type(result).__name__}"
        raise StepAnswerInvalid(f"It returned {given}; return {{status: 200, body: ...}}.")
    status, headers = answer_head(result.get("status"), result.get("headers"))
    if status in (204, 304) or "body" not in result:
        return web.Response(status=status, headers=headers)
    payload, kind = _encode(result["body"])
    if "Content-Type" not in headers:
        headers["Content-Type"] = kind
    return web.Response(status=status, body=payload, headers=headers)


def answer_head(status: object, headers: object) -> tuple[int, CIMultiDict[str]]:
    """Check a status and headers as a handler gave them.

    Raises:
        StepAnswerInvalid: HTTP cannot carry them.
    """
    fields: CIMultiDict[str] = CIMultiDict()
    code = status_of(status)
    if code is None or not 200 <= code <= 599:
        raise StepAnswerInvalid(f"Its `status` is {status!r}; return a number from 200 to 599.")
    if headers:
        _add_headers(fields, headers)
    return code, fields


def _add_headers(headers: CIMultiDict[str], given: object) -> None:
    if not isinstance(given, dict):
        raise StepAnswerInvalid("Its `headers` are not an object; return {name: text}.")
    for name, value in given.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise StepAnswerInvalid(f"The header name {name!r} is not allowed; use letters, digits and hyphens.")
        if name.lower() in _OURS:
            continue
        for each in value if isinstance(value, list) else [value]:
            headers.add(name, _header_text(name, each))


def _header_text(name: str, value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise StepAnswerInvalid(f"The header {name} is a {type(value).__name__}; give it as text.")
    if _CONTROL.search(value):
        raise StepAnswerInvalid(f"The header {name} holds a line break or another control character; remove it.")
    return value


def _encode(body: JSONValue) -> tuple[bytes, str]:
    if isinstance(body, str):
        # Any other text may hold markup of a stranger, which must not become a page.
        kind = "html" if _DOCUMENT.match(body) else "plain"
        return body.encode(), f"text/{kind}; charset=utf-8"
    if isinstance(body, bytes):
        return body, "application/octet-stream"
    try:
        return to_json(body), JSON_TYPE
    except (TypeError, RecursionError) as broken:
        raise StepAnswerInvalid(f"Its body is not JSON: {broken}.") from broken


async def send_large(request: web.BaseRequest, answer: web.Response, budget: ByteBudget) -> web.StreamResponse:
    """Send an answer whose body is larger than a slice; returns what was sent, or a 503 when too much is in flight.

    The head must be complete. The connection is aborted by its own rule when the client takes too little.
    """
    body = answer.body
    if not isinstance(body, bytes) or len(body) <= ANSWER_SLICE_BYTES or request.method == "HEAD":
        return answer
    with budget.hold() as hold:
        try:
            hold.grow_to(len(body))
        except RequestRefused as refused:
            instead = refusal_answer(refused)
            for name in ("X-Trace-Id", "Access-Control-Allow-Origin", "Vary"):
                if name in answer.headers:
                    instead.headers[name] = answer.headers[name]
            return instead
        sent = web.StreamResponse(status=answer.status, headers=answer.headers)
        sent.headers.setdefault("Server", "polystep")
        sent.content_length = len(body)
        with contextlib.suppress(ConnectionError):
            try:
                await sent.prepare(request)
                for at in range(0, len(body), ANSWER_SLICE_BYTES):
                    await sent.write(body[at : at + ANSWER_SLICE_BYTES])
            finally:
                # The error of a client that leaves is part of a cycle, and keeps what this function holds with it.
                body = b""
                answer.body = None
            await sent.write_eof()
        return sent
