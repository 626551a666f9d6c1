"""Requests to the user's own routes: find the step, build its request, run it, answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from polystep.contracts.errors import ContractBroken, PolystepError
from polystep.contracts.ids import Ids
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.http import ProjectView, StepCaller
from polystep.contracts.steps import HttpTrigger, Idempotency
from polystep.contracts.storage import DiskFull, NotStored
from polystep.contracts.values import JSONObject
from polystep.http.admin_origin import AdminOrigin
from polystep.http.answers import StepAnswerInvalid, send_large, step_answer
from polystep.http.bodies import NO_BODY, Body, parse_body, parse_fields, read_body
from polystep.http.contract import contract_refused, read_request, request_refused
from polystep.http.headers import plain_headers
from polystep.http.json_hint import JsonHints, with_json_hint
from polystep.http.load import Load
from polystep.http.origins import Origins, allow_reading, is_same_origin, preflight_headers
from polystep.http.refusals import RequestRefused, refusal_answer
from polystep.http.request_keys import Arrival, KeyedRequests, KeyedResponse
from polystep.http.routes import Match, RouteTable
from polystep.http.settings import HttpSettings
from polystep.http.streamed import StreamedAnswer
from polystep.http.unloaded import broken_files, not_loaded, runner_missing
from polystep.http.uploads import Uploads, is_upload

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_USUAL_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_SAFE: Final = ("GET", "HEAD", "OPTIONS")
_ROUTES_SHOWN_MAX: Final = 12
"""Routes named in a 404's hint: enough to spot a typing error."""

_CLIENT_ERRORS: Final = {
    "overloaded": "Service overloaded",
    "runner_gone": "Step interrupted",
    "host_stopping": "Server stopping",
    "cancelled": "Step cancelled",
    "timed_out": "Step timed out",
}
"""Text for clients about an error that is not the step's own; the status is the one of the error table."""


@dataclass(frozen=True, slots=True)
class _Call:
    """Request on its way to its step."""

    request: web.BaseRequest
    found: Match
    query: str
    target: str
    """Path with the query."""
    trace_id: str
    streamed: StreamedAnswer


class StepRoutes:
    """Answers everything outside `/__polystep/`."""

    def __init__(
        self,
        settings: HttpSettings,
        project: ProjectView,
        steps: StepCaller,
        clock: Clock,
        admin: AdminOrigin,
        load: Load,
    ) -> None:
        self._admin_origin = admin
        self.keyed: KeyedRequests | None = None
        """Gate of the steps whose requests may have keys; set by who has their store."""
        self._settings = settings
        self._clock = clock
        self._project = project
        self._steps = steps
        self._origins = Origins(settings)
        self._ids = Ids()
        self._json_hints = JsonHints()
        self._revision: int | None = None
        self._table = RouteTable(())
        self._load = load
        self._uploads = Uploads(settings, load)

    def claims(self, method: str, path: str) -> bool:
        """Report whether a step answers here.

        Raises:
            RequestRefused: 400, the path cannot be decoded.
        """
        return self._routes().match(method, path) is not None

    async def answer(self, request: web.BaseRequest, path: str, query: str) -> web.StreamResponse:
        """Answer one request, with a trace id; a page of an allowed origin may read the answer.

        Args:
            request: As aiohttp gives it.
            path: Raw, still percent-encoded.
            query: What follows the `?`, still percent-encoded.
        """
        trace_id = self._trace_id(request.headers.get("traceparent"))

        def finish_head(answer: web.StreamResponse) -> None:
            self._finish_head(answer, request, trace_id)

        answer: web.StreamResponse
        try:
            self._admin_origin.check_worker(request)
            self._check_site(request)
            answer = await self._dispatch(
                request, path, query, trace_id, StreamedAnswer(request, finish_head, self._clock)
            )
        except RequestRefused as refused:
            answer = refusal_answer(refused, trace_id)
        if answer.prepared:
            return answer
        finish_head(answer)
        return await send_large(request, answer, self._load.budget) if isinstance(answer, web.Response) else answer

    def _check_site(self, request: web.BaseRequest) -> None:
        """Keep pages of other sites from changing things on a developer's machine, and say what would let them.

        Raises:
            RequestRefused: 403, in development, a change that a page of another site asks for.
        """
        headers = request.headers
        origin = headers.get("Origin")
        if origin is None and "Sec-Fetch-Site" not in headers:
            return
        allowed = origin is not None and self._origins.allows(origin)
        if allowed or is_same_origin(origin or "", request.scheme, headers.get("Host", "")):
            return
        if origin is not None and headers.get("Sec-Fetch-Site", "cross-site") in ("cross-site", "same-site"):
            self._origins.tell(origin)
        if self._settings.dev and request.method not in _SAFE and headers.get("Sec-Fetch-Site") == "cross-site":
            raise self._origin_refused(origin or "null")

    def _origin_refused(self, origin: str) -> RequestRefused:
        return RequestRefused(
            403,
            {
                "error": "Origin not allowed",
                "hint": f"Add {origin[:200]!r} to `[http] allowed_origins` to let its pages call this server.",
            },
        )

    def _finish_head(self, answer: web.StreamResponse, request: web.BaseRequest, trace_id: str) -> None:
        answer.headers["X-Trace-Id"] = trace_id
        allow_reading(answer.headers, self._origins, request.headers.get("Origin"))
        self._admin_origin.sandbox(request, answer)

    async def _dispatch(
        self, request: web.BaseRequest, path: str, query: str, trace_id: str, streamed: StreamedAnswer
    ) -> web.StreamResponse:
        table = self._routes()
        found = table.match(request.method, path)
        if found is None:
            return self._unclaimed(request, table, path)
        if (reason := self._project.unloaded(found.step)) is not None:
            raise not_loaded(self._project, found.step, reason, dev=self._settings.dev)
        call = _Call(request, found, query, f"{path}?{query}" if query else path, trace_id, streamed)
        if not request.body_exists:
            return await self._take_turn(call, lambda: NO_BODY)
        content_type = request.headers.get("Content-Type", "")
        if is_upload(content_type):
            # What it brings to the disk is removed when the handler is done with it.
            async with self._uploads.read(request) as body:
                return await self._take_turn(call, lambda: body)
        with self._load.budget.hold() as hold:
            data = await read_body(request, self._settings, hold)
            return await self._take_turn(call, lambda: parse_body(content_type, data, present=True))

    async def _take_turn(self, call: _Call, body: Callable[[], Body]) -> web.StreamResponse:
        """Wait for a turn among the requests of the step's language, and only then spend time on the request."""
        turn = await self._load.admission(call.found.step.source.runner).enter(call.request)
        # A streamed answer waits for its client most of the time; the runners bound how many are open (PS-7.12).
        call.streamed.on_start = turn.leave
        try:
            return await self._answer_read(call, body())
        finally:
            turn.leave()

    async def _answer_read(self, call: _Call, body: Body) -> web.StreamResponse:
        content_type = call.request.headers.get("Content-Type", "")
        if self._settings.dev and body is not NO_BODY and self._project.body_validator(call.found.step) is None:
            self._json_hints.note(call.found.step, content_type, body.raw)
        try:
            return await self._answer_step(call, _step_request(call, body))
        except RequestRefused as refused:
            raise with_json_hint(refused, content_type, body.raw) from refused

    async def _answer_step(self, call: _Call, step_request: JSONObject) -> web.StreamResponse:
        step = call.found.step
        step_request, issues = read_request(self._project, step, step_request)
        if issues:
            self._steps.reject_http(step, step_request, call.trace_id, issues, call.target)
            raise request_refused(issues)
        trigger, keyed = step.trigger, None
        if isinstance(trigger, HttpTrigger) and trigger.idempotency is not None and self.keyed is not None:
            begun = await self._begin_keyed(self.keyed, call, step_request, trigger.idempotency)
            if isinstance(begun, web.Response):
                return begun
            keyed = begun
        streamed = call.streamed
        try:
            answer = await self._run(call, step_request, keyed)
            if keyed is not None:
                await keyed.keep(answer, streamed)
            return await streamed.end() if answer is None else answer
        except RequestRefused:
            if streamed.started:
                return streamed.abort()
            raise
        finally:
            if keyed is not None:
                # Of a run that failed or was cut short: the next request with the key tries again.
                await keyed.free()

    async def _begin_keyed(
        self, keys: KeyedRequests, call: _Call, step_request: JSONObject, rule: Idempotency
    ) -> KeyedResponse | web.Response | None:
        arrival = Arrival(call.request, call.found.step, rule, step_request, call.target, call.trace_id)
        try:
            begun = await keys.begin(arrival)
        except PolystepError as error:
            raise _failure(error) from error
        if isinstance(begun, KeyedResponse):
            call.streamed.copy()
        return begun

    async def _run(self, call: _Call, step_request: JSONObject, keyed: KeyedResponse | None) -> web.Response | None:
        """Run the step; returns its answer, `None` when it is streamed."""
        step, streamed, run = call.found.step, call.streamed, None if keyed is None else keyed.run
        try:
            result = await self._steps.run_http(step, step_request, call.trace_id, streamed, call.target, run)
            return None if streamed.started else step_answer(result)
        except ContractBroken as error:
            raise contract_refused(error) from error
        except PolystepError as error:
            raise _failure(error) from error
        except StepAnswerInvalid as invalid:
            self._steps.response_refused(step, call.trace_id, str(invalid))
            raise RequestRefused(500, {"error": "Internal server error"}) from invalid

    def _trace_id(self, traceparent: str | None) -> str:
        """Return the trace id of a valid W3C `traceparent`, else a new one."""
        if traceparent is not None and (found := _TRACEPARENT.fullmatch(traceparent.strip())):
            return found[1]
        return self._ids.trace()

    def _routes(self) -> RouteTable:
        revision = self._project.revision
        if revision != self._revision:
            flow, declared = self._project.flow.steps, self._project.declared.steps
            # Routes of files that do not load count too: another step with a wider path must not get their requests.
            self._table = RouteTable(
                [*flow.values(), *(step for name, step in declared.items() if name not in flow)],
                case_sensitive=self._settings.case_sensitive_paths,
            )
            self._revision = revision
        return self._table

    def _unclaimed(self, request: web.BaseRequest, table: RouteTable, path: str) -> web.Response:
        if not self._project.ready:
            # A 404 would say that the path is wrong; it may be claimed in a moment.
            raise RequestRefused(503, {"error": "Starting", "hint": "The steps are loading."}, {"Retry-After": "1"})
        if self._project.missing and not table.methods(path):
            raise runner_missing(self._project, dev=self._settings.dev)
        methods = table.methods(path)
        if request.method == "OPTIONS":
            if "Access-Control-Request-Method" in request.headers:
                return self._preflight(request, methods)
            if methods:
                return web.Response(status=204, headers={"Allow": ", ".join(methods)})
        where: JSONObject = {"method": request.method, "path": path}
        if methods:
            allowed = ", ".join(methods)
            raise RequestRefused(
                405, {"error": "Method not allowed", **where, "hint": f"Use {allowed}."}, {"Allow": allowed}
            )
        raise RequestRefused(404, {"error": "Not found", **where, "hint": self._not_found_hint(table)})

    def _preflight(self, request: web.BaseRequest, methods: list[str]) -> web.Response:
        origin = request.headers.get("Origin", "")
        if not self._origins.allows(origin):
            raise self._origin_refused(origin)
        wanted = request.headers.get("Access-Control-Request-Headers", "")
        return web.Response(status=204, headers=preflight_headers(methods or _USUAL_METHODS, wanted))

    def _not_found_hint(self, table: RouteTable) -> str:
        if not self._settings.dev:
            return "No step claims this path."
        broken = broken_files(self._project)
        if not table.shown:
            return broken or "No step has a route yet: add one with type 'api', a path and a method."
        more = len(table.shown) - _ROUTES_SHOWN_MAX
        routes = f"Routes: {', '.join(table.shown[:_ROUTES_SHOWN_MAX])}" + (f" and {more} more." if more > 0 else ".")
        return f"{routes} {broken}".strip()


def _step_request(call: _Call, body: Body) -> JSONObject:
    step_request: JSONObject = {
        "body": body.value,
        "headers": plain_headers(call.request.headers),
        "pathParams": dict(call.found.params),
        "queryParams": parse_fields(call.query),
        "rawBody": body.raw,
    }
    return step_request if body.files is None else {**step_request, "files": body.files}


def _failure(error: PolystepError) -> RequestRefused:
    """Return the answer to a failure; the step's own message stays in its trace: a client may not see all of it."""
    if isinstance(error, NotStored):
        full = isinstance(error, DiskFull)
        hint = {"error": "Insufficient storage" if full else "Storage not available"}
        return RequestRefused(error.http_status, {**hint}, {"Retry-After": "5"})
    shown = _CLIENT_ERRORS.get(error.name)
    if shown is None:
        return RequestRefused(500, {"error": "Internal server error"})
    headers = {"Retry-After": "1"} if error.http_status == 503 else None
    return RequestRefused(error.http_status, {"error": shown}, headers)
