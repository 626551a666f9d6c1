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

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from polystep.http.listening import open_files_max
from polystep.http.load import Load
from polystep.http.refusals import json_answer
from polystep.http.settings import HttpSettings

logger = logging.getLogger("polystep.http")

WRITE_RATE_MIN: Final = 1024
"""Bytes per second below which a client that is behind is taken for one that does not read."""

FILES_KEPT: Final = 256
"""Open files that connections leave to databases, runners and uploads."""

_TOO_MANY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nServer: polystep\r\nContent-Type: application/json; charset=utf-8\r\n"
    b"Retry-After: 1\r\nConnection: close\r\nContent-Length: 57\r\n\r\n"
    b'{"error":"Service overloaded","hint":"Too many clients."}'
)

_CLIENT_FAULTS = (web.RequestPayloadError, HttpProcessingError, ConnectionError)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class JsonConnection(web.RequestHandler):
    """One client connection: its errors are JSON like every other answer, and it ends when its client reads nothing."""

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

    def _watch(self) -> None:
        if self._socket is not None and self._watching is None:
            self._unsent = _unread(self._socket)
            self._watching = self._loop.call_later(self._clients.write_timeout_s, self._look)

    def _look(self) -> None:
        assert self._socket is not None
        self._watching = None
        unsent = _unread(self._socket)
        if unsent and self._unsent - unsent < WRITE_RATE_MIN * self._clients.write_timeout_s:
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
        if isinstance(exc, ConnectionError) or request.transport is None:
            raise ConnectionError("the client left before its answer")
        if status >= 500:
            logger.error("The host failed to answer %s %s", request.method, request.path, exc_info=exc)
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


def _unread(transport: asyncio.Transport) -> int:
    """Bytes that the client's machine has not taken yet: ours, and those that the kernel holds for it."""
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
            lingering_time=5.0,  # lets a client that still sends its body read the 413
        )
