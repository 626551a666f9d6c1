"""Answers that are sent while their handler makes them: chunks, or Server-Sent Events when the content type says so.

A write is answered when the connection has taken it, so a handler goes no faster than its client reads. The client that
leaves ends the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Final

from aiohttp import web
from multidict import CIMultiDict

from polystep.contracts.errors import InvalidParams, RunCancelled
from polystep.contracts.limits import KEPT_RESPONSE_BYTES_MAX
from polystep.contracts.ports.clock import Clock
from polystep.contracts.values import JSONObject, JSONValue
from polystep.http.answers import StepAnswerInvalid, answer_head
from polystep.http.connections import JsonConnection
from polystep.http.refusals import to_json

CLIENT_LEFT: Final = "the client left"
KEEP_ALIVE_S: Final = 15.0
"""Between two comments in an event stream; proxies cut silent connections off after 30 to 60 s."""

_EVENT_STREAM: Final = "text/event-stream"
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


class StreamedAnswer:
    """Implements `ResponseStream` on one request."""

    def __init__(
        self, request: web.BaseRequest, finish_head: Callable[[web.StreamResponse], None], clock: Clock
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            request: The request being answered, in the task that answers it.
            finish_head: Adds the headers that every answer has, before the first byte.
            clock: For the comments in silent event streams.
        """
        self._request = request
        self._finish_head = finish_head
        self._clock = clock
        self._task = asyncio.current_task()
        self._answer: web.StreamResponse | None = None
        self._writing = asyncio.Lock()
        self._keeping_alive: asyncio.Task[None] | None = None
        self._ended = False
        self._chunks = 0
        self._bytes = 0
        self._copy: bytearray | None = None
        self.client_left = False
        self.on_start: Callable[[], None] = lambda: None
        """Called when the answer begins: from now on the request waits for its client."""

    def copy(self) -> None:
        """Copy what is sent from now on, as far as a response may be that is kept."""
        self._copy = bytearray()

    @property
    def copied(self) -> tuple[int, CIMultiDict[str], bytes | None]:
        """Return status, headers and body as they were sent; `None` for a body that was not copied or is too large."""
        assert self._answer is not None
        return self._answer.status, self._answer.headers, None if self._copy is None else bytes(self._copy)

    @property
    def started(self) -> bool:
        """Report whether the answer has begun with the handler's status: no other can be sent."""
        return self._answer is not None

    @property
    def summary(self) -> JSONObject:
        """Summarise what has been sent, for the trace."""
        status = None if self._answer is None else self._answer.status
        return {"status": status, "streamed": {"chunks": self._chunks, "bytes": self._bytes}}

    async def start(self, status: JSONValue, headers: JSONValue) -> None:
        """Take status and headers. They are sent at once when they name a content type, else with the first chunk.

        Raises:
            InvalidParams: HTTP cannot carry them, or the answer was started before.
        """
        if self._answer is not None:
            raise InvalidParams("This run has started its answer already.")
        try:
            code, fields = answer_head(status, headers)
        except StepAnswerInvalid as invalid:
            raise InvalidParams(str(invalid)) from invalid
        self._answer = web.StreamResponse(status=code, headers=fields)
        self.on_start()
        self._finish_head(self._answer)
        self._answer.headers.setdefault("Server", "polystep")
        if self._is_event_stream:
            self._answer.headers.setdefault("Cache-Control", "no-cache")
            self._answer.headers.setdefault("X-Accel-Buffering", "no")  # nginx would hold events back
        connection = self._request.protocol
        if isinstance(connection, JsonConnection):
            connection.on_lost = self._lost
        if "Content-Type" in self._answer.headers:
            async with self._writing:
                with self._reaching_the_client():
                    await self._prepare("")
        if self._is_event_stream:
            self._keeping_alive = asyncio.create_task(self._keep_alive(), name="event stream comments")

    async def write(self, data: JSONValue) -> None:
        """Send one chunk; returns when the connection has taken it.

        Text and bytes go as they are, other values as one line of JSON. In an event stream a text is an event's data,
        each of its lines a line of data; `{event?, id?, retry?, data}` are its fields, and other values are its data.

        Raises:
            InvalidParams: The answer was not started, or the value is none that can be sent.
            RunCancelled: The client left, or asked for the headers alone (HEAD).
        """
        async with self._writing:
            if self._answer is None or self._ended:
                raise InvalidParams("Start the answer before its first chunk, and write none after its end.")
            chunk, kind = self._encode(data)
            with self._reaching_the_client():
                await self._prepare(kind)
                self._check_wanted()
                await self._answer.write(chunk)
            self._chunks += 1
            self._bytes += len(chunk)
            if self._copy is not None:
                self._copy += chunk
                if self._bytes > KEPT_RESPONSE_BYTES_MAX:
                    self._copy = None

    async def end(self) -> web.StreamResponse:
        """Send what ends a complete answer."""
        assert self._answer is not None
        async with self._writing:
            self._finish()
            with contextlib.suppress(ConnectionError):  # who leaves at the very end has all there was
                await self._prepare("text/plain; charset=utf-8")
                await self._answer.write_eof()
        return self._answer

    def abort(self) -> web.StreamResponse:
        """Close the connection without an end, so that the client knows that something is missing."""
        assert self._answer is not None
        self._finish()
        if self._request.transport is not None:
            self._request.transport.abort()
        return self._answer

    @property
    def _is_event_stream(self) -> bool:
        assert self._answer is not None
        kind: str = self._answer.headers.get("Content-Type", "")
        return kind.partition(";")[0].strip().lower() == _EVENT_STREAM

    async def _prepare(self, kind: str) -> None:
        assert self._answer is not None
        if not self._answer.prepared:
            self._answer.headers.setdefault("Content-Type", kind)
            await self._answer.prepare(self._request)

    @contextlib.contextmanager
    def _reaching_the_client(self) -> Iterator[None]:
        try:
            yield
        except ConnectionError as lost:
            self._lost()
            raise RunCancelled(f"The answer was not sent to its end: {CLIENT_LEFT}.") from lost

    def _check_wanted(self) -> None:
        if self.client_left:
            raise RunCancelled(f"The answer was not sent to its end: {CLIENT_LEFT}.")
        if self._request.method == "HEAD":
            self.client_left = True
            raise RunCancelled("The client asked for the headers alone (HEAD).")

    def _encode(self, data: JSONValue) -> tuple[bytes, str]:
        """Encode a chunk; returns also the content type of an answer that names none."""
        if self._is_event_stream:
            return _event(data), _EVENT_STREAM
        if isinstance(data, str):
            return data.encode(), "text/plain; charset=utf-8"
        if isinstance(data, bytes):
            return data, "application/octet-stream"
        return to_json(data) + b"\n", "application/x-ndjson"

    def _lost(self) -> None:
        """End the task that answers, and with it the run: the connection is gone."""
        self.client_left = True
        if not self._ended and self._task is not None:
            self._task.cancel(CLIENT_LEFT)

    def _finish(self) -> None:
        self._ended = True
        if self._keeping_alive is not None:
            self._keeping_alive.cancel()
        connection = self._request.protocol
        if isinstance(connection, JsonConnection):
            connection.on_lost = None

    async def _keep_alive(self) -> None:
        assert self._answer is not None
        with contextlib.suppress(ConnectionError):
            while True:
                await self._clock.sleep(KEEP_ALIVE_S)
                async with self._writing:
                    await self._answer.write(b": keep-alive\n\n")


def _event(data: JSONValue) -> bytes:
    """Encode one Server-Sent Event. Source: WHATWG HTML, 9.2."""
    if isinstance(data, bytes):
        data = data.decode("utf-8", "replace")
    fields = (
        data if isinstance(data, dict) and "data" in data and data.keys() <= {"event", "id", "retry", "data"} else {}
    )
    lines = [f"{name}: {_one_line(fields[name])}" for name in ("event", "id", "retry") if fields.get(name) is not None]
    content = fields["data"] if fields else data
    text = content if isinstance(content, str) else to_json(content).decode()
    lines += [f"data: {line}" for line in _LINE_END.split(text)]
    return ("\n".join(lines) + "\n\n").encode()


def _one_line(value: JSONValue) -> str:
    return _LINE_END.sub(" ", str(value))
