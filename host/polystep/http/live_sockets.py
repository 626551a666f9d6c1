"""WebSockets of the live feed: what clients ask for, and the notices that they are sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import orjson
from aiohttp import WSMsgType, web

from polystep.contracts.limits import LIVE_BEAT_S, LIVE_SOCKETS_MAX, LIVE_SUBJECTS_MAX, SOCKET_MESSAGE_BYTES_MAX
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.live import LiveFeed
from polystep.contracts.values import JSONObject
from polystep.http.open_sockets import OpenSockets
from polystep.http.origins import is_same_origin
from polystep.http.outbox import Outbox
from polystep.http.refusals import RequestRefused, to_json
from polystep.http.socket_frames import (
    CLOSE_NOT_TEXT,
    CLOSE_POLICY,
    CLOSE_TOO_LARGE,
    CLOSE_UNSUPPORTED,
    MessageRefused,
    text_frame,
)

_SUBJECT_CHARS_MAX: Final = 1200
_CLOSE_TIMEOUT_S: Final = 2.0


class LiveSockets:
    """Opens sockets for the live feed and closes them at the stop; the gate has let their clients in."""

    def __init__(self, feed: LiveFeed, clock: Clock) -> None:
        self._feed = feed
        self._clock = clock
        self._open = OpenSockets()

    async def serve(self, request: web.BaseRequest, is_admitted: Callable[[], bool]) -> web.StreamResponse:
        """Upgrade one request and serve its client until the socket closes.

        Args:
            request: The handshake.
            is_admitted: Asked at each heartbeat: a session that is over ends its sockets too.

        Raises:
            RequestRefused: 403 for a page of another origin; 426 for a request that is no handshake; 503 when too many
                are open.
        """
        _check_origin(request)
        if self._open.is_stopping or len(self._open) >= LIVE_SOCKETS_MAX:
            hint = f"{LIVE_SOCKETS_MAX} clients may follow the live feed."
            raise RequestRefused(503, {"error": "Service overloaded", "hint": hint}, {"Retry-After": "5"})
        socket = web.WebSocketResponse(
            timeout=_CLOSE_TIMEOUT_S, compress=False, max_msg_size=4 * SOCKET_MESSAGE_BYTES_MAX
        )
        if not socket.can_prepare(request):
            hint = "Connect with a WebSocket, version 13."
            raise RequestRefused(426, {"error": "Upgrade required", "hint": hint}, {"Upgrade": "websocket"})
        await socket.prepare(request)
        await self._open.serve(_Client(socket, request, self._feed, self._clock, is_admitted))
        return socket

    async def stop(self) -> None:
        """Close every socket (1001) and wait for them."""
        await self._open.stop()


class _Client:
    """Client with its subjects, and whether it keeps up."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        request: web.BaseRequest,
        feed: LiveFeed,
        clock: Clock,
        is_admitted: Callable[[], bool],
    ) -> None:
        self._socket = socket
        self._outbox = Outbox(socket, request)
        self._feed = feed
        self._clock = clock
        self._is_admitted = is_admitted
        self._subjects: set[str] = set()

    async def run(self) -> None:
        """Serve the client until it, or the host, closes the socket."""
        self._outbox.start()
        beating = asyncio.create_task(self._beat(), name="live heartbeat")
        try:
            self._send({"beatS": LIVE_BEAT_S})
            await self._read()
        except MessageRefused as refused:
            self.end(refused.close_code, refused.reason)
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            await self._feed.forget(self)
            await self._outbox.stop()

    def end(self, close_code: int, reason: str) -> None:
        """Close the socket."""
        self._outbox.end(close_code, reason)

    def notify(self, notice: JSONObject) -> bool:
        """Send a notice, unless what was sent before has not left yet."""
        if not self._outbox.is_clear:
            return False
        self._outbox.send(text_frame(to_json(notice)))
        return True

    def _send(self, message: JSONObject) -> None:
        self._outbox.send(text_frame(to_json({"epoch": self._feed.epoch, "seq": self._feed.seq, **message})))

    async def _beat(self) -> None:
        while True:
            await self._clock.sleep(LIVE_BEAT_S)
            if not self._is_admitted():
                self.end(CLOSE_POLICY, "the session is over")
                return
            # One that is behind hears of it when it has read what it was sent.
            if self._outbox.is_clear:
                self._send({"beat": True})

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message.type is WSMsgType.BINARY:
                raise MessageRefused(CLOSE_UNSUPPORTED, "send JSON as text, not binary")
            if message.type is not WSMsgType.TEXT:
                return
            wanted, unwanted = _read_message(message.data)
            # New ones first: a client that changes its page does not stop the feed in between.
            for subject in wanted:
                await self._subscribe(subject)
            for subject in unwanted:
                self._subjects.discard(subject)
                await self._feed.unsubscribe(self, subject)

    async def _subscribe(self, subject: str) -> None:
        if not self._feed.knows(subject):
            self._send({"subject": subject, "error": "There is no such subject."})
        elif len(self._subjects) >= LIVE_SUBJECTS_MAX and subject not in self._subjects:
            self._send({"subject": subject, "error": f"One client follows at most {LIVE_SUBJECTS_MAX} subjects."})
        else:
            self._subjects.add(subject)
            await self._feed.subscribe(self, subject)
            # What the client asks for from here on is at least as new as the first notice.
            self._send({"subject": subject, "changes": []})


def _read_message(text: str) -> tuple[list[str], list[str]]:
    """Read `{subscribe?: [subject], unsubscribe?: [subject]}`.

    Raises:
        MessageRefused: Too large, not JSON, or another shape.
    """
    if len(text) > SOCKET_MESSAGE_BYTES_MAX:
        raise MessageRefused(CLOSE_TOO_LARGE, f"a message holds at most {SOCKET_MESSAGE_BYTES_MAX} bytes")
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as broken:
        raise MessageRefused(CLOSE_NOT_TEXT, f"not JSON: {broken.msg}") from None
    if not isinstance(message, dict):
        raise MessageRefused(CLOSE_POLICY, "a message is an object with subscribe or unsubscribe")
    return _subjects(message.get("subscribe", [])), _subjects(message.get("unsubscribe", []))


def _subjects(value: object) -> list[str]:
    given = value if isinstance(value, list) else [value]
    names = [each for each in given if isinstance(each, str) and len(each) <= _SUBJECT_CHARS_MAX]
    if not isinstance(value, list) or len(names) < len(given):
        raise MessageRefused(CLOSE_POLICY, f"subjects are a list of texts of at most {_SUBJECT_CHARS_MAX} characters")
    return names


def _check_origin(request: web.BaseRequest) -> None:
    """Let in the host's own pages, and clients that are no browsers: nothing else stops a page from connecting."""
    origin, host = request.headers.get("Origin"), request.headers.get("Host", "")
    # Either scheme: behind a proxy that ends TLS, the page's is not ours.
    if origin is not None and not any(is_same_origin(origin, scheme, host) for scheme in ("http", "https")):
        raise RequestRefused(403, {"error": "Forbidden", "hint": "Only the host's own pages may follow the live feed."})
