"""Admin API under `/__polystep/`: routes of the operations, made of their own methods and paths."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from polystep.contracts.operations import OperationRefused
from polystep.contracts.ports.admin import Admin, AdminOperation
from polystep.contracts.ports.http import ProjectView
from polystep.contracts.values import JSONObject, JSONValue
from polystep.http.refusals import RequestRefused, json_answer
from polystep.http.routes import decode_segment

API: Final = "api"

_PARAMETERS_MAX: Final = 20
_NOT_SERVING: Final = ("starting", "unavailable")
_DETAILS: Final = ("failing", "runnersMissing")


@dataclass(frozen=True, slots=True)
class _Route:
    operation: AdminOperation
    pattern: tuple[str, ...]
    """Segments after `/__polystep/`; `{name}` takes any one segment."""

    def read(self, segments: list[str]) -> JSONObject | None:
        """Return the values of the `{name}` segments, `None` when the path is another one."""
        if len(segments) != len(self.pattern):
            return None
        pairs = list(zip(self.pattern, segments, strict=True))
        if any(want != given for want, given in pairs if not want.startswith("{")):
            return None
        return {want[1:-1]: given for want, given in pairs if want.startswith("{")}


@dataclass(frozen=True, slots=True)
class AdminRequest:
    """Request to the admin API that the gate has let in."""

    method: str
    path: str
    """Raw, after `/__polystep/`; each segment is decoded by itself, so groups and keys may hold `%2F`."""
    query: str
    """Raw. It has the name of an empty segment, if any: browsers take `.` and `..` out of a path, also as `%2E`."""
    read_body: Callable[[], Awaitable[JSONValue]]
    """Reads and parses the body; `None` where there is none."""


class AdminRoutes:
    """Answers `/__polystep/health`, `/__polystep/openapi.json` and `/__polystep/api/`."""

    def __init__(self, project: ProjectView, admin: Admin) -> None:
        self._project = project
        self._admin = admin
        routes = [_Route(each, (API, *each.path.split("/"))) for each in admin.operations]
        # A word goes before a parameter that takes any.
        self._routes = sorted(routes, key=lambda route: sum(part.startswith("{") for part in route.pattern))
        self._shown = [
            "GET /__polystep/health",
            "GET /__polystep/alive",
            "GET /__polystep/openapi.json",
            *(f"{each.method} /__polystep/{API}/{each.path}" for each in admin.operations),
        ]

    async def health(self, query: str = "", *, detailed: bool = True) -> web.Response:
        """Answer whether requests can be served: 503 while the project starts or a whole runner is missing.

        Args:
            query: With `strict`, 503 also while a file does not load (`degraded`).
            detailed: List files and messages; they are for those who may read the admin API.
        """
        health = await self._admin.health()
        if not self._project.ready:
            health = {**health, "status": "starting"}
        if not detailed:
            health = {name: value for name, value in health.items() if name not in _DETAILS}
        status = health["status"]
        refused = status in _NOT_SERVING or (status != "ready" and "strict" in query_fields(query))
        return json_answer(503, health, {"Retry-After": "1"}) if refused else json_answer(200, health)

    def openapi(self) -> web.Response:
        """Answer with the OpenAPI document of the admin API."""
        return json_answer(200, self._admin.openapi())

    async def answer(self, asked: AdminRequest) -> web.Response:
        """Answer one API request.

        Raises:
            RequestRefused: 400 for a bad parameter, 404 for an unknown path or thing, 405 for a wrong method.
        """
        segments = [decode_segment(part) for part in asked.path.split("/")]
        methods: list[str] = []
        for route in self._routes:
            values = route.read(segments)
            if values is None:
                continue
            method = route.operation.method
            if method == asked.method or (method, asked.method) == ("GET", "HEAD"):
                body = await asked.read_body() if route.operation.takes_body else None
                query = query_fields(asked.query)
                named = {name: query.get(name, value) if value == "" else value for name, value in values.items()}
                return await self._call(route.operation, {**query, **_members(body), **named}, segments)
            methods.append(method)
        if methods:
            allowed = ", ".join(dict.fromkeys(methods))
            raise RequestRefused(405, {"error": "Method not allowed", "hint": f"Use {allowed}."}, {"Allow": allowed})
        raise RequestRefused(
            404, {"error": "Not found", "hint": "This is not part of the admin API.", "routes": [*self._shown]}
        )

    async def _call(self, operation: AdminOperation, given: JSONObject, segments: Sequence[str]) -> web.Response:
        try:
            result = await operation.call(given)
        except OperationRefused as refused:
            headers = {"Retry-After": "1"} if refused.status == 503 else None
            raise RequestRefused(refused.status, refused.body, headers) from refused
        if result is None:
            raise RequestRefused(
                404,
                {
                    "error": "Not found",
                    "hint": f"Nothing at {' / '.join(segments[1:])}: it never was, or is not kept any more.",
                },
            )
        return json_answer(200, result)


def query_fields(query: str) -> JSONObject:
    """Read the parameters in a query.

    Raises:
        RequestRefused: They are too many.
    """
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=_PARAMETERS_MAX))
    except ValueError:
        hint = f"Give at most {_PARAMETERS_MAX} parameters."
        raise RequestRefused(400, {"error": "Bad parameter", "hint": hint}) from None


def _members(body: JSONValue) -> JSONObject:
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise RequestRefused(400, {"error": "Bad parameter", "hint": "Send the parameters as a JSON object."})
    return body
