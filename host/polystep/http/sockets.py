"""WebSockets of streams: the rules of opening one, and all that are open."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from polystep.contracts.limits import SOCKET_MESSAGE_BYTES_MAX
from polystep.contracts.ports.streams import AccessRefused, StreamAccess, StreamHub
from polystep.contracts.values import JSONValue
from polystep.http.headers import plain_headers, readable_text
from polystep.http.open_sockets import OpenSockets
from polystep.http.origins import Origins, is_same_origin
from polystep.http.refusals import RequestRefused
from polystep.http.settings import HttpSettings
from polystep.http.socket_access import ClientAccess, SocketTokens
from polystep.http.socket_client import SharedFrames, SocketClient

HEARTBEAT_S: Final = 30.0
"""A ping this often; a client that answers none within half of it is gone, and proxies keep the connection."""

_CLOSE_TIMEOUT_S: Final = 2.0
"""For the client's side of the closing handshake."""


class Sockets:
    """Opens sockets for the streams room's changes and closes them at the stop."""

    def __init__(self, settings: HttpSettings, hub: StreamHub, access: StreamAccess, tokens: SocketTokens) -> None:
        self._origins = Origins(settings)
        self._hub = hub
        self._sockets_max = settings.sockets_max
        self._access = access
        self._tokens = tokens
        self._frames = SharedFrames()
        self._open = OpenSockets()

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Upgrade one request and serve its client until the socket closes.

        Raises:
            RequestRefused: 403 for a page of another origin, before the upgrade; 400 for a broken handshake; 401 for a
                client that the project's rule refuses; 503 when the rule cannot be asked.
        """
        self._check_origin(request)
        self._check_space()
        socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S,
            timeout=_CLOSE_TIMEOUT_S,
            compress=False,  # frames are encoded once for all clients
            # Above our own bound, whose refusal carries a reason; aiohttp closes beyond this one with a bare 1009.
            max_msg_size=4 * SOCKET_MESSAGE_BYTES_MAX,
            protocols=_offered_protocol(request),
        )
        if not socket.can_prepare(request):
            raise RequestRefused(
                400, {"error": "Bad WebSocket handshake", "hint": "Send Upgrade, Connection and a version 13 key."}
            )
        # The rule first: while it is unknown every socket is refused, and the client's token is no guess of ours.
        context = await self._authenticated(request)
        opens = await self._tokens.opens(request, self._access)
        client_access = ClientAccess(self._access, self._tokens, context, opens=opens)
        self._check_space()  # again: others came, or the stop, while the rule was asked
        await socket.prepare(request)
        await self._open.serve(SocketClient(socket, request, self._hub, self._frames, client_access))
        return socket

    async def stop(self) -> None:
        """Close every socket (1001) and wait for them; clients that do not answer are cut off."""
        await self._open.stop()

    async def _authenticated(self, request: web.BaseRequest) -> JSONValue:
        try:
            return await self._access.authenticate(plain_headers(request.headers), readable_text(request.raw_path))
        except AccessRefused as refused:
            retry = {"Retry-After": "2"} if refused.status == 503 else None
            raise RequestRefused(refused.status, {"error": refused.message}, retry) from None

    def _check_space(self) -> None:
        if self._open.is_stopping:
            raise RequestRefused(503, {"error": "Server stopping"}, {"Retry-After": "1"})
        if len(self._open) >= self._sockets_max:
            hint = f"{self._sockets_max} WebSockets are open, the most allowed."
            raise RequestRefused(503, {"error": "Service overloaded", "hint": hint}, {"Retry-After": "5"})

    def _check_origin(self, request: web.BaseRequest) -> None:
        """Browsers always send `Origin` here, and nothing else stops a page from connecting: there is no CORS."""
        origin = request.headers.get("Origin")
        if origin is None or self._origins.allows(origin):
            return
        # Either scheme: behind a proxy that ends TLS, the page's is not ours.
        host = request.headers.get("Host", "")
        if not any(is_same_origin(origin, scheme, host) for scheme in ("http", "https")):
            self._origins.tell(origin)
            raise RequestRefused(
                403,
                {
                    "error": "Origin not allowed",
                    "hint": f"Add {origin[:200]!r} to `[http] allowed_origins` to let its pages connect.",
                },
            )


def _offered_protocol(request: web.BaseRequest) -> tuple[str, ...]:
    """Return the first subprotocol the client offers: browsers drop a connection that answers none of theirs."""
    first = request.headers.get("Sec-WebSocket-Protocol", "").partition(",")[0].strip()
    return (first,) if first else ()
