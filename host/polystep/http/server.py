"""The server: one listening socket, one handler that tells apart admin, WebSockets and the user's routes."""

from __future__ import annotations

import asyncio
import socket

from aiohttp import web

from polystep.contracts.access import StreamAccess
from polystep.contracts.clock import wait_at_most
from polystep.contracts.limits import PORTS_TRIED, STOP_GRACE_S
from polystep.contracts.ports import Admin, Clock, Documents, ProjectView, StepCaller, StreamHub
from polystep.http.admin_gate import COOKIE, AdminGate
from polystep.http.admin_origin import AdminOrigin
from polystep.http.admin_routes import AdminRoutes
from polystep.http.connections import ConnectionServer
from polystep.http.document_routes import DocumentRoutes
from polystep.http.guesses import Guesses
from polystep.http.listening import listen_near
from polystep.http.load import Load
from polystep.http.origins import HostNames
from polystep.http.port_owner import PortOwner
from polystep.http.refusals import RequestRefused, json_answer, refusal_answer
from polystep.http.settings import HttpSettings
from polystep.http.socket_access import SocketTokens
from polystep.http.sockets import Sockets
from polystep.http.static_files import PAGE_ROOT, SECURITY_HEADERS, StaticFiles
from polystep.http.step_routes import StepRoutes

ADMIN_PREFIX = "/__polystep/"
_LAST_WORDS_S = 1.0
"""After the grace: how long cancelled handlers and open connections get to end."""


class HttpServer:
    """Everything that is reached over HTTP. It owns the listening socket, the connections and the WebSockets."""

    def __init__(
        self,
        settings: HttpSettings,
        project: ProjectView,
        steps: StepCaller,
        streams: StreamHub,
        admin: Admin,
        clock: Clock,
        documents: Documents,
        access: StreamAccess,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._hosts = HostNames(settings)
        self.load = Load(settings)
        self._origin = AdminOrigin(settings)
        self._gate = AdminGate(settings, self._origin)
        self._guesses = Guesses(clock)
        self._steps = StepRoutes(settings, project, steps, clock, self._origin, self.load)
        self._sockets = Sockets(settings, streams, access, SocketTokens(settings, self._gate, self._guesses))
        self._admin = AdminRoutes(project, admin)
        self._files = StaticFiles(PAGE_ROOT)
        self._documents = DocumentRoutes(settings, project, documents)
        self._listening: socket.socket | None = None
        self.port_taken_by: PortOwner | None = None
        """Who has the port that was asked for, when another one is listened on."""
        self._server: asyncio.Server | None = None
        self._connections: ConnectionServer | None = None
        self._open = 0
        self._idle = asyncio.Event()
        self._stopping = False

    def bind(self) -> int:
        """Take the port before anything slow starts; clients that come early wait in the backlog.

        In development the next free one is taken, and `port_taken_by` says who has the first.

        Returns:
            The real port, also when the settings say 0.

        Raises:
            AddressUnavailable: Another program has the port, or the address is not this machine's.
        """
        if self._listening is None:
            tries = PORTS_TRIED if self._settings.dev else 1
            self._listening, self.port_taken_by = listen_near(self._settings.host, self._settings.port, tries)
        port: int = self._listening.getsockname()[1]
        return port

    def admin_url(self) -> str:
        """Return the address of the admin pages for a browser, which differs from that of the steps."""
        return self._origin.url(self.bind())

    async def start(self) -> None:
        """Answer requests; binds first when `bind` was not called."""
        self.bind()
        assert self._listening is not None
        self._connections = ConnectionServer(self._handle, self._settings, self.load)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connections, sock=self._listening, backlog=1024)

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Stop listening, close WebSockets (1001), let running requests finish within the grace, then end them."""
        self._stopping = True
        if self._listening is not None and self._server is None:
            self._listening.close()
        self._listening = None
        server, self._server = self._server, None
        connections, self._connections = self._connections, None
        if server is None or connections is None:
            return
        server.close()
        await self._sockets.stop()
        await self._wait_until_idle(grace_s)
        connections.pre_shutdown()
        await connections.shutdown(_LAST_WORDS_S)
        await server.wait_closed()

    async def _wait_until_idle(self, grace_s: float) -> None:
        if not self._open:
            return
        self._idle.clear()
        await wait_at_most(self._idle, grace_s, self._clock)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._open += 1
        answer: web.StreamResponse
        try:
            answer = await self._answer(request)
        except RequestRefused as refused:
            answer = refusal_answer(refused)
        finally:
            self._open -= 1
            if not self._open:
                self._idle.set()
        if not answer.prepared:
            answer.headers.setdefault("Server", "polystep")  # aiohttp's own names its version and Python's
        return answer

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path, query = self._target(request)
        if self._stopping:
            return json_answer(503, {"error": "Server stopping"}, {"Retry-After": "1", "Connection": "close"})
        if path.startswith(ADMIN_PREFIX):
            return await self._answer_admin(request, path.removeprefix(ADMIN_PREFIX), query)
        if path == ADMIN_PREFIX[:-1]:
            return web.Response(status=308, headers={"Location": ADMIN_PREFIX})
        # Also where a step claims the path: a handler could not take the upgrade, and Motia's clients use any path.
        if "Upgrade" in request.headers and _wants_websocket(request):
            return await self._sockets.serve(request)
        if path == "/" and request.method in ("GET", "HEAD") and not self._steps.claims("GET", "/"):
            return await self._answer_root(request)
        if self._documents.knows(request.method, path) and not self._steps.claims(request.method, path):
            return await self._documents.answer(request, path)
        return await self._steps.answer(request, path, query)

    def _target(self, request: web.BaseRequest) -> tuple[str, str]:
        """Check whom a request is addressed to, and split its raw URL into path and query."""
        names = request.headers.getall("Host", [])
        if len(names) != 1:
            raise RequestRefused(400, {"error": "Bad request", "hint": "Send exactly one Host header."})
        raw = request.raw_path
        if not raw.startswith("/"):
            if "://" not in raw:
                raise RequestRefused(400, {"error": "Malformed URL", "hint": "Ask for a path such as /tickets."})
            # The absolute form's own host counts, whatever the header says (RFC 9112, 3.2.2).
            names.append(request.host)
            raw = request.rel_url.raw_path_qs
        for name in names:
            if not self._hosts.allows(name):
                raise RequestRefused(
                    403,
                    {
                        "error": "Host not allowed",
                        "hint": f"Add {name[:200]!r} to `[http] allowed_hosts` to let clients use this name.",
                    },
                )
        path, _, query = raw.partition("#")[0].partition("?")
        return path, query

    async def _answer_admin(self, request: web.BaseRequest, rest: str, query: str) -> web.StreamResponse:
        answer: web.StreamResponse
        try:
            answer = await self._admin_answer(request, rest, query)
        except RequestRefused as refused:
            answer = refusal_answer(refused)
        answer.headers.update(SECURITY_HEADERS)
        if not isinstance(answer, web.FileResponse):
            answer.headers["Cache-Control"] = "no-store"
        return answer

    async def _admin_answer(self, request: web.BaseRequest, rest: str, query: str) -> web.StreamResponse:
        safe = request.method in ("GET", "HEAD")
        moved = self._origin.check(request)
        if moved is not None:
            return moved
        if rest == "alive" and safe:
            # For liveness probes: a restart mends neither a broken file nor a runner that does not start.
            return json_answer(200, {"status": "alive"})
        # Before anything that answers differently to the right token.
        if self._gate.is_wrong_guess(request, query):
            await self._guesses.slow(request.remote)
        if rest == "health" and safe:
            return await self._admin.health(query, detailed=self._gate.allows(request))
        if rest == "" and safe and (session := self._gate.session_for(query)) is not None:
            if not self._origin.includes(request):
                raise self._origin.refused(request)
            # The token leaves the address bar, the history and the Referer at once.
            answer = web.Response(status=303, headers={"Location": ADMIN_PREFIX})
            answer.set_cookie(
                COOKIE,
                session,
                httponly=True,
                samesite="Strict",
                path=ADMIN_PREFIX,
                secure=request.scheme == "https" or self._origin.is_secure,
            )
            return answer
        self._gate.check(request)
        if rest == "health" or rest == "api" or rest.startswith("api/"):
            return await self._admin.answer(request.method, rest, query)
        if not safe:
            raise RequestRefused(405, {"error": "Method not allowed", "hint": "Use GET, HEAD."}, {"Allow": "GET, HEAD"})
        return self._files.answer(rest)

    async def _answer_root(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve the status page where no step claims `/`; its session cookie is only sent below the prefix."""
        if self._settings.require_token_for_reads:
            return web.Response(status=302, headers={"Location": ADMIN_PREFIX})
        return await self._answer_admin(request, "", "")


def _wants_websocket(request: web.BaseRequest) -> bool:
    return request.method == "GET" and request.headers["Upgrade"].strip().lower() == "websocket"
