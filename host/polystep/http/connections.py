"""aiohttp's connection handling, with JSON for what never becomes a request: bad request lines, oversized headers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from polystep.http.refusals import json_answer
from polystep.http.settings import HttpSettings

logger = logging.getLogger("polystep.http")

_CLIENT_FAULTS = (web.RequestPayloadError, HttpProcessingError, ConnectionError)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class JsonConnection(web.RequestHandler):
    """One client connection; its own errors are JSON like every other answer."""

    __slots__ = ("on_lost",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on_lost: Callable[[], None] | None = None
        """Called once when the connection is lost; for an answer that is being streamed."""

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell whoever streams an answer through it."""
        super().connection_lost(exc)
        on_lost, self.on_lost = self.on_lost, None
        if on_lost is not None:
            on_lost()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that could not be read (4xx), or a fault of our own (5xx, logged), and close."""
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


class ConnectionServer(web.Server):
    """Makes a `JsonConnection` for each client. No access log: traces tell more, and cost less."""

    def __init__(self, handler: Handler, settings: HttpSettings) -> None:
        super().__init__(handler)
        self._settings = settings

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return JsonConnection(
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,  # as aiohttp's own AppRunner turns it off
            logger=logger,
            keepalive_timeout=self._settings.keepalive_timeout_s,
            max_line_size=self._settings.header_bytes_max,
            max_field_size=self._settings.header_bytes_max,
            max_headers=self._settings.headers_max,
            lingering_time=5.0,  # lets a client that still sends its body read the 413
        )
