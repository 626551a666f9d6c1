"""Server with one listening socket and one handler that tells apart admin, WebSockets and the user's routes."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from polystep.contracts.clock import wait_at_most
from polystep.contracts.limits import PORTS_TRIED, STOP_GRACE_S
from polystep.contracts.ports.admin import Admin
from polystep.contracts.ports.asks import AskDesk
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.http import Documents, ProjectView, StepCaller
from polystep.contracts.ports.request_keys import RequestKeys
from polystep.contracts.ports.streams import StreamAccess, StreamHub
from polystep.contracts.values import JSONValue
from polystep.http.admin_gate import AdminGate
from polystep.http.admin_origin import AdminOrigin
from polystep.http.admin_routes import API, AdminRequest, AdminRoutes, query_fields
from polystep.http.ask_links import ASK_PREFIX, AskPages
from polystep.http.bodies import parse_json, read_body
from polystep.http.connections import ConnectionServer
from polystep.http.document_routes import DocumentRoutes
from polystep.http.guesses import Guesses
from polystep.http.listening import listen_near
from polystep.http.live_sockets import LiveSockets
from polystep.http.load import Load
from polystep.http.log_download import PATH as LOG_DOWNLOAD
from polystep.http.log_download import LogDownload
from polystep.http.origins import HostNames
from polystep.http.port_owner import PortOwner
from polystep.http.refusals import RequestRefused, json_answer, refusal_answer
from polystep.http.request_keys import KeyedRequests
from polystep.http.sessions import Sessions
from polystep.http.settings import HttpSettings
from polystep.http.sign_in import DOOR_FILES, SignIn, wants_page, workbench_off
from polystep.http.socket_access import SocketTokens
from polystep.http.sockets import Sockets
from polystep.http.static_files import PAGE_ROOT, SECURITY_HEADERS
from polystep.http.step_routes import StepRoutes
from polystep.http.workbench import WorkbenchPages, workbench_folder

ADMIN_PREFIX = "/__polystep/"
_LAST_WORDS_S = 1.0
"""After the grace: how long cancelled handlers and open connections get to end."""


@dataclass(frozen=True, slots=True)
class ServedProject:
    """Project whose steps answer requests, and its description for other tools."""

    view: ProjectView
    steps: StepCaller
    documents: Documents
    asks: AskDesk | None = None
    keys: RequestKeys | None = None


PROBES: Final = {"/livez": "alive", "/readyz": "health"}
"""Usual addresses of probes, where no step claims them, with those of polystep after the prefix."""


@dataclass(frozen=True, slots=True)
class ServedStreams:
    """Streams that sockets follow, and the rules of who may."""

    hub: StreamHub
    access: StreamAccess


class HttpServer:
    """Everything that is reached over HTTP. It owns the listening socket, the connections and the WebSockets."""

    def __init__(
        self,
        settings: HttpSettings,
        clock: Clock,
        project: ServedProject,
        streams: ServedStreams,
        admin: Admin,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._hosts = HostNames(settings)
        self.load = Load(settings)
        self._origin = AdminOrigin(settings)
        sessions = Sessions(clock, settings.session_s)
        self._gate = AdminGate(settings, self._origin, sessions)
        self._guesses = Guesses(clock)
        self._sign_in = SignIn(settings, self._gate, sessions, self._guesses, self.load)
        self._steps = StepRoutes(settings, project.view, project.steps, clock, self._origin, self.load)
        if project.keys is not None:
            self._steps.keyed = KeyedRequests(project.keys, project.steps)
        tokens = SocketTokens(settings, self._gate, self._guesses)
        self._sockets = Sockets(settings, streams.hub, streams.access, tokens)
        self._admin = AdminRoutes(project.view, admin)
        self._log_download = LogDownload(admin)
        self._live = LiveSockets(admin.live, clock)
        self._workbench = WorkbenchPages(workbench_folder())
        self._asks = None if project.asks is None else AskPages(project.asks, settings, self._guesses, self.load)
        self._documents = DocumentRoutes(settings, project.view, project.documents)
        self._listening: socket.socket | None = None
        self.port_taken_by: PortOwner | None = None
        """Owner of the requested port, when the server listens on another one."""
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
        await asyncio.gather(self._sockets.stop(), self._live.stop())
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
        if path == "/" and self._settings.workbench and request.method in ("GET", "HEAD"):
            if not self._steps.claims("GET", "/"):
                return self._answer_root(request)
        if path in PROBES and request.method in ("GET", "HEAD") and not self._steps.claims("GET", path):
            return await self._answer_admin(request, PROBES[path], query)
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
            if self._asks is not None and rest.startswith(ASK_PREFIX):
                # Whoever has the token of a link may use it under every name of the server.
                answer = await self._asks.answer(request, rest.removeprefix(ASK_PREFIX))
            else:
                answer = await self._admin_answer(request, rest, query)
        except RequestRefused as refused:
            answer = refusal_answer(refused)
        for name, value in SECURITY_HEADERS.items():
            answer.headers.setdefault(name, value)
        if not isinstance(answer, web.FileResponse):
            answer.headers["Cache-Control"] = "no-store"
        return answer

    async def _admin_answer(self, request: web.BaseRequest, rest: str, query: str) -> web.StreamResponse:
        safe = request.method in ("GET", "HEAD")
        moved = self._origin.check(request)
        if moved is not None:
            return moved
        if rest == "alive" and safe:
            # For liveness probes: a restart repairs neither a broken file nor a runner that does not start.
            return json_answer(200, {"status": "alive"})
        # Before anything that answers differently to the right token.
        if self._gate.is_wrong_guess(request, query):
            await self._guesses.slow(request.remote)
        if rest == "health" and safe:
            return await self._admin.health(query, detailed=self._gate.allows(request))
        if rest == "session" and safe:
            return self._sign_in.tell(request)
        if not _is_page(rest):
            self._gate.check(request)
            return await self._admitted_answer(request, rest, query)
        if rest in DOOR_FILES and safe:
            return web.FileResponse(PAGE_ROOT / rest, headers={"Cache-Control": "no-cache"})
        if not self._settings.workbench:
            return workbench_off(request)
        if rest == "" and safe and self._gate.opens_with_token(query):
            # The token leaves the address bar, the history and the Referer at once.
            return self._sign_in.begin(request, self._origin, ADMIN_PREFIX)
        return await self._answer_page(request, rest)

    async def _admitted_answer(self, request: web.BaseRequest, rest: str, query: str) -> web.StreamResponse:
        """Answer a request that the gate has let in, and that asks for no page."""
        safe = request.method in ("GET", "HEAD")
        if rest == "live" and request.method == "GET":
            return await self._live.serve(request, lambda: self._gate.allows(request))
        if rest == "session" and request.method == "DELETE":
            return self._sign_in.end(request)
        if rest == "openapi.json" and safe:
            return self._admin.openapi()
        if rest == LOG_DOWNLOAD and request.method == "GET":
            return await self._log_download.serve(request, query_fields(query))
        if rest in ("health", API) or rest.startswith(f"{API}/"):
            return await self._answer_operation(request, rest, query)
        raise _only_get()

    async def _answer_page(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        """Answer with a page or a file of one; who has not signed in yet is asked to."""
        safe = request.method in ("GET", "HEAD")
        if request.method == "POST" and self._gate.needs_session(request):
            return await self._sign_in.take(request, self._origin)
        try:
            self._gate.check(request)
        except RequestRefused as refused:
            if refused.status != 401 or not safe or not wants_page(request):
                raise
            return self._sign_in.ask(request)
        if not safe:
            raise _only_get()
        return self._page(request, rest)

    def _page(self, request: web.BaseRequest, rest: str) -> web.FileResponse:
        if self._workbench.knows(rest):
            return self._workbench.answer(rest)
        missing = self._workbench.missing(request)
        if missing is None:
            raise RequestRefused(404, {"error": "Not found", "hint": "The Workbench is at /__polystep/."})
        return missing

    async def _answer_operation(self, request: web.BaseRequest, rest: str, query: str) -> web.StreamResponse:
        with self.load.budget.hold() as hold:

            async def body() -> JSONValue:
                if not request.body_exists:
                    return None
                # A page of another site can send a form or plain text without asking first, and JSON not.
                if request.content_type != "application/json":
                    hint = "Send the parameters as application/json."
                    raise RequestRefused(415, {"error": "Unsupported media type", "hint": hint})
                data = await read_body(request, self._settings, hold)
                return parse_json(data) if data.strip() else None

            return await self._admin.answer(AdminRequest(request.method, rest, query, body))

    def _answer_root(self, request: web.BaseRequest) -> web.Response:
        """Lead to the Workbench where no step claims `/`; at a name of the steps, to that path of the admin origin."""
        moved = None if self._settings.require_token_for_reads else self._origin.check(request)
        return moved or web.Response(status=302, headers={"Location": ADMIN_PREFIX})


def _is_page(rest: str) -> bool:
    """Report whether a path after the prefix is for people: everything that is not the API, the feed or a probe."""
    return rest not in ("live", "session", "openapi.json", "health", API) and not rest.startswith(f"{API}/")


def _only_get() -> RequestRefused:
    return RequestRefused(405, {"error": "Method not allowed", "hint": "Use GET, HEAD."}, {"Allow": "GET, HEAD"})


def _wants_websocket(request: web.BaseRequest) -> bool:
    return request.method == "GET" and request.headers["Upgrade"].strip().lower() == "websocket"
