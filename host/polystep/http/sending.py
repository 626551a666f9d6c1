"""Large answers: sent in slices, so that no second copy waits in the connection, and counted while they are sent."""

from __future__ import annotations

import contextlib

from aiohttp import web

from polystep.contracts.limits import ANSWER_SLICE_BYTES
from polystep.http.budget import ByteBudget
from polystep.http.refusals import RequestRefused, refusal_answer


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
