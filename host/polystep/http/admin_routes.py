"""The admin API under `/__polystep/`: paths and parameters in, the `Admin` port's answers out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from aiohttp import web

from polystep.contracts.errors import InvalidParams
from polystep.contracts.ports import Admin, ProjectView
from polystep.contracts.values import INTEGER_MAX, JSONObject
from polystep.http.refusals import RequestRefused, json_answer
from polystep.http.routes import decode_segment

ROWS_MAX: Final = 1000
"""Rows one answer may hold; a larger `limit` is cut to it."""
ROWS_USUAL: Final = 100

_ID_CHARS: Final = 32
_ID_PART_CHARS_MIN: Final = 4
"""Fewer say nothing: with a thousand traces two digits are those of four."""
_CHOICES_MAX: Final = 20
"""Traces that are listed when a part of an id is that of several."""

_STATUSES: Final = ("running", "completed", "failed", "rejected")
_LEVELS: Final = ("debug", "info", "warn", "error")


@dataclass(frozen=True, slots=True)
class Query:
    """The query of an admin request, each parameter at most once."""

    fields: dict[str, str]

    def integer(self, name: str) -> int | None:
        """A whole number from 0.

        Raises:
            RequestRefused: 400, it is something else.
        """
        text = self.fields.get(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= INTEGER_MAX):
            raise _bad_parameter(name, text, "give a whole number")
        return int(text)

    def limit(self) -> int:
        """How many rows, from 1 to `ROWS_MAX`."""
        given = self.integer("limit")
        return ROWS_USUAL if given is None else max(1, min(given, ROWS_MAX))

    def cursor(self) -> str | None:
        """Return where the part that is asked for begins; `None` at the start."""
        return self.fields.get("cursor")

    def one_of(self, name: str, choices: tuple[str, ...]) -> str | None:
        """One of a few words.

        Raises:
            RequestRefused: 400, it is another one.
        """
        text = self.fields.get(name)
        if text is not None and text not in choices:
            raise _bad_parameter(name, text, f"give one of {', '.join(choices)}")
        return text


_NOT_SERVING: Final = ("starting", "unavailable")
_DETAILS: Final = ("failing", "runnersMissing")

Answer: TypeAlias = "Awaitable[JSONObject | None]"
Handler: TypeAlias = Callable[[tuple[str, ...], Query], Answer]


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    pattern: tuple[str, ...]
    """Segments after `/__polystep/`; `{name}` takes any one segment."""
    handler: Handler

    def fits(self, segments: list[str]) -> tuple[str, ...] | None:
        """The values of the `{name}` segments, `None` when the path is another one."""
        if len(segments) != len(self.pattern):
            return None
        pairs = list(zip(self.pattern, segments, strict=True))
        if any(want != given for want, given in pairs if not want.startswith("{")):
            return None
        return tuple(given for want, given in pairs if want.startswith("{"))


class AdminRoutes:
    """Answers `/__polystep/health` and `/__polystep/api/`; the gate has let the request in before."""

    def __init__(self, project: ProjectView, admin: Admin) -> None:
        self._project = project
        self._admin = admin
        table: list[tuple[str, Handler]] = [
            ("GET api/steps", lambda _, __: admin.steps()),
            ("GET api/state", lambda _, query: admin.state_groups(query.limit(), query.cursor())),
            ("GET api/state/{group}", lambda path, query: admin.state_items(path[0], query.limit(), query.cursor())),
            ("GET api/state/{group}/{key}", lambda path, _: admin.state_value(path[0], path[1])),
            (
                "GET api/streams/{stream}/{group}",
                lambda path, query: admin.stream_items(path[0], path[1], query.limit(), query.cursor()),
            ),
            ("GET api/traces", self._traces),
            ("GET api/traces/{id}", self._trace),
            ("GET api/logs", self._logs),
            ("GET api/queues", lambda _, __: admin.queues()),
            ("POST api/queues/{step}/purge", lambda path, _: admin.purge(path[0])),
            ("POST api/dead-letters/purge", lambda _, query: admin.purge_dead_letters(query.fields.get("step"))),
            ("GET api/dead-letters", lambda _, query: admin.dead_letters(query.limit(), query.integer("before"))),
            ("POST api/dead-letters/{id}/replay", self._replay),
            ("GET api/cron", lambda _, __: admin.cron()),
            ("POST api/cron/{step}/run", lambda path, _: admin.fire_cron(path[0])),
        ]
        self._routes = [
            _Route(method, tuple(path.split("/")), handler)
            for (method, path), handler in ((line.split(" "), handler) for line, handler in table)
        ]
        self._shown = [
            "GET /__polystep/health",
            "GET /__polystep/alive",
            *(line.replace(" ", " /__polystep/") for line, _ in table),
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
        refused = status in _NOT_SERVING or (status != "ready" and "strict" in _query(query).fields)
        return json_answer(503, health, {"Retry-After": "1"}) if refused else json_answer(200, health)

    async def answer(self, method: str, path: str, query: str) -> web.Response:
        """Answer one API request.

        Args:
            method: The HTTP method.
            path: Raw, after `/__polystep/`; each segment is decoded by itself, so groups and keys may hold `%2F`.
            query: Raw.

        Raises:
            RequestRefused: 400 for a bad parameter, 404 for an unknown path or thing, 405 for a wrong method.
        """
        segments = [decode_segment(part) for part in path.split("/")]
        methods: list[str] = []
        for route in self._routes:
            values = route.fits(segments)
            if values is None:
                continue
            if route.method == method or (route.method, method) == ("GET", "HEAD"):
                try:
                    found = await route.handler(values, _query(query))
                except InvalidParams as error:
                    raise RequestRefused(400, {"error": "Bad parameter", "hint": error.message}) from error
                return self._found(found, segments)
            methods.append(route.method)
        if methods:
            allowed = ", ".join(methods)
            raise RequestRefused(405, {"error": "Method not allowed", "hint": f"Use {allowed}."}, {"Allow": allowed})
        raise RequestRefused(
            404, {"error": "Not found", "hint": "This is not part of the admin API.", "routes": [*self._shown]}
        )

    def _found(self, answer: JSONObject | None, segments: list[str]) -> web.Response:
        if answer is None:
            raise RequestRefused(404, {"error": "Not found", "hint": f"There is no {' / '.join(segments[1:])}."})
        return json_answer(200, answer)

    def _traces(self, _: tuple[str, ...], query: Query) -> Answer:
        return self._admin.traces(query.limit(), query.integer("before"), query.one_of("status", _STATUSES))

    async def _trace(self, path: tuple[str, ...], _: Query) -> JSONObject | None:
        """One trace; of its id the beginning or the end is enough, as the console shows it."""
        return await self._admin.trace(path[0]) or await self._admin.trace(await self._whole_id(path[0]))

    async def _logs(self, _: tuple[str, ...], query: Query) -> JSONObject | None:
        limit, level, trace_id = query.limit(), query.one_of("level", _LEVELS), query.fields.get("traceId")
        if trace_id is not None:
            trace_id = await self._whole_id(trace_id)
        return await self._admin.logs(limit, trace_id, level, query.fields.get("step"))

    async def _whole_id(self, part: str) -> str:
        """The only trace id that begins or ends like this; `part` itself when there is none.

        Raises:
            RequestRefused: 409 with the traces that it may be.
        """
        if not _ID_PART_CHARS_MIN <= len(part) < _ID_CHARS:
            return part
        traces = (await self._admin.traces_like(part, _CHOICES_MAX))["traces"]
        ids = [each["traceId"] for each in traces if isinstance(each, dict)] if isinstance(traces, list) else []
        if len(ids) > 1:
            hint = f"Several traces begin or end with {part!r}: give more of the id."
            raise RequestRefused(409, {"error": "Ambiguous trace id", "hint": hint, "traces": traces})
        return str(ids[0]) if ids else part

    def _replay(self, path: tuple[str, ...], _: Query) -> Answer:
        id = Query({"id": path[0]}).integer("id")
        assert id is not None
        return self._admin.replay(id)


def _query(text: str) -> Query:
    try:
        return Query(dict(parse_qsl(text, keep_blank_values=True, max_num_fields=20)))
    except ValueError:
        raise RequestRefused(400, {"error": "Bad parameter", "hint": "Give at most 20 parameters."}) from None


def _bad_parameter(name: str, text: str, fix: str) -> RequestRefused:
    return RequestRefused(400, {"error": "Bad parameter", "hint": f"{name} is {text[:80]!r}; {fix}."})
