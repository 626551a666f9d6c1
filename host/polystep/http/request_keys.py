"""Requests with an `Idempotency-Key`: the first one runs, and the others get its response.

Source: draft-ietf-httpapi-idempotency-key-header-07, which leaves the statuses to the server.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from aiohttp import web
from multidict import CIMultiDict

from polystep.contracts.errors import Issue
from polystep.contracts.limits import KEPT_RESPONSE_BYTES_MAX
from polystep.contracts.ports.http import StepCaller
from polystep.contracts.ports.request_keys import RequestKeys
from polystep.contracts.request_keys import KeptResponse, KeyedRequest, KeyedRun
from polystep.contracts.steps import Idempotency, StepSpec
from polystep.contracts.values import JSONObject
from polystep.http.headers import readable_text
from polystep.http.refusals import RequestRefused, to_json
from polystep.http.streamed import StreamedAnswer

KEY_HEADER: Final = "Idempotency-Key"
REPLAYED_HEADER: Final = "Idempotent-Replayed"
KEY_CHARS_MAX: Final = 255
_AGAIN_S: Final = "1"
_FILE_CHUNK_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Arrival:
    """Request that has reached a step with a rule."""

    request: web.BaseRequest
    step: StepSpec
    rule: Idempotency
    read: JSONObject
    """The request as its handler gets it."""
    target: str
    """Path with the query."""
    trace_id: str


class KeyedResponse:
    """Response of a run under a key, on its way to the client."""

    def __init__(self, keys: RequestKeys, run: KeyedRun, arrival: Arrival) -> None:
        self._keys = keys
        self._arrival = arrival
        self._is_settled = False
        self.run = run

    async def keep(self, answer: web.Response | None, streamed: StreamedAnswer) -> None:
        """Keep a response before its end is sent, `None` the streamed one. A status of 500 or more frees the key."""
        status, headers, body = streamed.copied if answer is None else _parts(answer)
        self._is_settled = True
        if status >= 500:
            await self._keys.free(self.run)
            return
        kept: KeptResponse | None = None
        if body is not None and len(body) <= KEPT_RESPONSE_BYTES_MAX:
            kept = KeptResponse(status, self._kept_headers(headers), body, self._arrival.trace_id)
        await self._keys.end(self.run, kept, self._arrival.rule.ttl_ms)

    async def free(self) -> None:
        """Free the key, unless a response was kept."""
        if not self._is_settled:
            self._is_settled = True
            await self._keys.free(self.run)

    def _kept_headers(self, headers: CIMultiDict[str]) -> tuple[tuple[str, str], ...]:
        wanted = ("location", *self._arrival.rule.headers)
        named = ((name, name.lower(), value) for name, value in headers.items())
        return tuple((name, value) for name, low, value in named if low.startswith("content-") or low in wanted)


class KeyedRequests:
    """Gate of the steps with a rule: lets the first request with a key through."""

    def __init__(self, keys: RequestKeys, steps: StepCaller) -> None:
        self._keys = keys
        self._steps = steps

    async def begin(self, arrival: Arrival) -> KeyedResponse | web.Response | None:
        """Take the key of a request; `None` without one, or the response to an earlier request with it.

        Raises:
            RequestRefused: 400, the key is missing, empty or too long; 409, its first request is under way or its
                response was not kept; 422, its first request was another one.
            PolystepError: The store cannot be written.
        """
        given = arrival.request.headers.getall(KEY_HEADER, ())
        if not given:
            if arrival.rule.required:
                self._refuse(arrival, 400, "required", f"Send {KEY_HEADER}: a new one for each thing to do.")
            return None
        key = readable_text(given[0].strip())
        if len(given) > 1 or not 1 <= len(key) <= KEY_CHARS_MAX:
            self._refuse(arrival, 400, "invalid", f"Send one {KEY_HEADER} of 1 to {KEY_CHARS_MAX} characters.")
        client = hashlib.sha256(arrival.request.headers.get("Authorization", "").encode("utf-8", "surrogateescape"))
        fingerprint = await _fingerprint(arrival)
        keyed = KeyedRequest(arrival.step.name, key, client.digest(), fingerprint)
        begun = await self._keys.begin(keyed, arrival.rule.ttl_ms)
        if isinstance(begun, KeyedRun):
            return KeyedResponse(self._keys, begun, arrival)
        if isinstance(begun, KeptResponse):
            self._steps.replay_http(arrival.step, arrival.read, arrival.trace_id, begun, arrival.target)
            return _replayed(begun)
        match begun:
            case "running":
                hint = f"A request with this {KEY_HEADER} is under way; its response can be had when it has ended."
                self._refuse(arrival, 409, "running", hint, error="Request in progress")
            case "not_kept":
                hint = f"The request with this {KEY_HEADER} has ended; its response was too large to be kept."
                self._refuse(arrival, 409, "not_kept", hint, error="Response not kept")
            case "other_request":
                hint = f"This {KEY_HEADER} was used for a request with another path, query or body. Send a new one."
                self._refuse(arrival, 422, "other_request", hint, error="Idempotency key reused")

    def _refuse(
        self, arrival: Arrival, status: int, code: str, hint: str, *, error: str = "Idempotency key missing or invalid"
    ) -> NoReturn:
        issues: Sequence[Issue] = [Issue(("headers", KEY_HEADER.lower()), hint, code)]
        self._steps.reject_http(arrival.step, arrival.read, arrival.trace_id, issues, arrival.target)
        headers = {"Retry-After": _AGAIN_S} if code == "running" else None
        raise RequestRefused(status, {"error": error, "hint": hint}, headers)


def _parts(answer: web.Response) -> tuple[int, CIMultiDict[str], bytes]:
    body = answer.body
    return answer.status, answer.headers, body if isinstance(body, bytes) else b""


def _replayed(kept: KeptResponse) -> web.Response:
    headers: CIMultiDict[str] = CIMultiDict(kept.headers)
    headers[REPLAYED_HEADER] = "true"
    return web.Response(status=kept.status, body=kept.body or None, headers=headers)


async def _fingerprint(arrival: Arrival) -> bytes:
    """Hash what makes a request this one; of an upload its fields and files, since each sends other boundaries."""
    request, files = arrival.read, arrival.read.get("files")
    raw = request.get("rawBody")
    body = raw if isinstance(raw, bytes) else str(raw).encode("utf-8", "surrogatepass")
    parts = [arrival.request.method.encode(), arrival.target.encode("utf-8", "surrogateescape"), body]
    if isinstance(files, list):
        shown: list[JSONObject] = [
            {name: value for name, value in each.items() if name != "path"} for each in files if isinstance(each, dict)
        ]
        paths = [Path(str(each["path"])) for each in files if isinstance(each, dict)]
        parts += [to_json(request.get("body")), to_json(shown), await asyncio.to_thread(_hash_files, paths)]
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.digest()


def _hash_files(paths: Sequence[Path]) -> bytes:
    whole = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(_FILE_CHUNK_BYTES):
                whole.update(chunk)
    return whole.digest()
