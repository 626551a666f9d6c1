"""Large answers: sent in slices, so that no second copy waits in the connection, and counted while they are sent."""

from __future__ import annotations

import contextlib
from typing import Final

from aiohttp import web

from polystep.http.budget import ByteBudget
from polystep.http.refusals import RequestRefused, refusal_answer

SLICE_BYTES: Final = 64 * 1024
"""What a connection takes at once; an answer up to this size goes the usual way and is not counted."""


async def send_large(request: web.BaseRequest, answer: web.Response, budget: ByteBudget) -> web.StreamResponse:
    """Send an answer whose body is larger than a slice; returns what was sent, or a 503 when too much is in flight.

    The head must be complete. The connection is aborted by its own rule when the client takes too little.
    """
    body = answer.body
    if not isinstance(body, bytes) or len(body) <= SLICE_BYTES or request.method == "HEAD":
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
                for at in range(0, len(body), SLICE_BYTES):
                    await sent.write(body[at : at + SLICE_BYTES])
            finally:
                # The error of a client that leaves is part of a cycle, and keeps what this function holds with it.
                body = b""
                answer.body = None
            await sent.write_eof()
        return sent
