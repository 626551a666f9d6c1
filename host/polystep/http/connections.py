"""aiohttp's connection handling, with JSON for what never becomes a request: bad request lines, oversized headers."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import sys
import termios
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from polystep.contracts.limits import REST_BYTES_MAX, REST_S, UNREAD_BYTES_MAX, WRITE_BYTES_PER_S_MIN
from polystep.http.listening import open_files_max
from polystep.http.load import Load
from polystep.http.refusals import json_answer
from polystep.http.settings import HttpSettings

logger = logging.getLogger("polystep.http")

FILES_KEPT: Final = 256
"""Open files that connections leave to databases, runners and uploads."""

_TOO_MANY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nServer: polystep\r\nContent-Type: application/json; charset=utf-8\r\n"
    b"Retry-After: 1\r\nConnection: close\r\nContent-Length: 57\r\n\r\n"
    b'{"error":"Service overloaded","hint":"Too many clients."}'
)

_CLIENT_FAULTS = (web.RequestPayloadError, HttpProcessingError, OSError)
"""Errors of a connection that is lost. Not each is a `ConnectionError`: a network that is gone is another `OSError`."""

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class JsonConnection(web.RequestHandler):
    """Client connection whose errors are JSON like every other answer; it ends when its client reads nothing."""

    __slots__ = ("_clients", "_counted", "_socket", "_unsent", "_watching", "on_lost")

    def __init__(self, clients: ConnectionServer, **kwargs: Any) -> None:
        super().__init__(clients, **kwargs)
        self._clients = clients
        self._socket: asyncio.Transport | None = None
        """Kept apart from `transport`, which aiohttp forgets before the last bytes are sent."""
        self._counted = False
        self._unsent = 0
        self._watching: asyncio.TimerHandle | None = None
        self.on_lost: Callable[[], None] | None = None
        """Called once when the connection is lost; for an answer that is being streamed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve the connection, or answer 503 before anything is read when there are too many."""
        self._socket = cast("asyncio.Transport", transport)
        self._counted = self._clients.add()
        if self._counted:
            super().connection_made(transport)
            return
        # As aiohttp leaves a connection that it has closed: what still arrives is not looked at.
        self._force_close, self._manager = True, None
        self._socket.write(_TOO_MANY)
        self._socket.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell whoever streams an answer through it."""
        if self._counted:
            self._clients.remove()
        self._stop_watching()
        super().connection_lost(exc)
        on_lost, self.on_lost = self.on_lost, None
        if on_lost is not None:
            on_lost()

    def pause_writing(self) -> None:
        """Begin to look at how fast the client reads: the connection holds as many bytes as it may."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """Stop looking."""
        super().resume_writing()
        self._stop_watching()

    async def start(self) -> None:
        """Serve requests; at the end the client must take what is left, too."""
        try:
            await super().start()
        finally:
            if self._socket is not None and self._socket.get_write_buffer_size():
                self._watch()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer, and take no more of a body that nobody has read unless it is small."""
        unread = None if request.content.is_eof() else request.content
        if unread is not None and (request.content_length is None or request.content_length > UNREAD_BYTES_MAX):
            resp.force_close()
        is_kept = resp.keep_alive is not False and request.keep_alive
        if unread is None or is_kept or self._socket is None or self._socket.is_closing():
            return await super().finish_response(request, resp, start_time)
        self._socket.set_protocol(_Rest(self, self._socket, unread))
        finished = await super().finish_response(request, resp, start_time)
        if not self._socket.is_closing():
            self._socket.write_eof()  # now: the client sees the end of the connection while it still sends
        return finished

    def _watch(self) -> None:
        if self._socket is not None and self._watching is None:
            self._unsent = _unread(self._socket)
            self._watching = self._loop.call_later(self._clients.write_timeout_s, self._look)

    def _look(self) -> None:
        assert self._socket is not None
        self._watching = None
        unsent = _unread(self._socket)
        if unsent and self._unsent - unsent < WRITE_BYTES_PER_S_MIN * self._clients.write_timeout_s:
            self._socket.abort()
        elif unsent:
            self._watch()

    def _stop_watching(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that could not be read (4xx), or a fault of our own (5xx, logged), and close."""
        left = request.transport is None or request.transport.is_closing()
        if status >= 500 and not (left and isinstance(exc, _CLIENT_FAULTS)):
            logger.error("The host failed to answer %s %s", request.method, request.path, exc_info=exc)
        if left:
            logger.debug("The client of %s %s left before its answer", request.method, request.path)
            raise ConnectionError("the client left before its answer")
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun, no other can be sent")
        if isinstance(exc, LineTooLong):
            status, error = 431, "Request line or header too large"
        elif status >= 500:
            error = "Internal server error"
        else:
            error = "Malformed HTTP request"
        answer = json_answer(status, {"error": error}, {"Server": "polystep"})
        answer.force_close()
        return answer

    def log_exception(self, *args: object, **kwargs: object) -> None:
        """Log what broke outside of a handler; a client whose body is broken is no fault of ours."""
        level = logging.DEBUG if isinstance(kwargs.get("exc_info"), _CLIENT_FAULTS) else logging.ERROR
        logger.log(level, *args, **kwargs)  # type: ignore[arg-type]  # aiohttp passes a message and exc_info


class _Rest(asyncio.Protocol):
    """Takes what is left of a body that nobody wants: neither parsed nor kept, and only so much of it."""

    def __init__(self, connection: JsonConnection, transport: asyncio.Transport, unread: StreamReader) -> None:
        self._connection = connection
        self._transport = transport
        self._unread = unread
        self._bytes = 0
        transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self._bytes += len(data)
        if self._bytes > REST_BYTES_MAX:
            self._transport.abort()

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)
        self._unread.feed_eof()  # the connection waits for it


def _unread(transport: asyncio.Transport) -> int:
    """Count the bytes that the client's machine has not taken yet: ours, and those that the kernel holds for it."""
    waiting = bytearray(4)
    with contextlib.suppress(OSError, ValueError):  # closed, or a system that does not tell
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, waiting)
    return transport.get_write_buffer_size() + int.from_bytes(waiting, sys.byteorder)


class ConnectionServer(web.Server):
    """Makes a `JsonConnection` for each client. No access log: traces tell more, and cost less."""

    def __init__(self, handler: Handler, settings: HttpSettings, load: Load) -> None:
        super().__init__(handler)
        self._settings = settings
        self._load = load
        self._open_max = min(settings.connections_max, open_files_max() - FILES_KEPT)
        self.write_timeout_s = settings.write_timeout_s

    def add(self) -> bool:
        """Count a connection, unless there are too many."""
        if self._load.connections >= self._open_max:
            return False
        self._load.connections += 1
        return True

    def remove(self) -> None:
        """Count one no longer."""
        self._load.connections -= 1

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return JsonConnection(
            self,
            loop=asyncio.get_running_loop(),
            auto_decompress=False,  # it would inflate what is left of a body that was refused
            access_log=None,  # as aiohttp's own AppRunner turns it off
            logger=logger,
            keepalive_timeout=self._settings.keepalive_timeout_s,
            max_line_size=self._settings.header_bytes_max,
            max_field_size=self._settings.header_bytes_max,
            max_headers=self._settings.headers_max,
            lingering_time=REST_S,
        )
