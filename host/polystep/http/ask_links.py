"""Links that answer asks: `/__polystep/ask/TOKEN`, without the admin token.

GET and HEAD never answer: mail scanners open every link. They show a form, and POST answers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aiohttp import web

from polystep.contracts.asks import ASK_PATH, ShownAsk
from polystep.contracts.operations import OperationRefused
from polystep.contracts.ports.asks import AskDesk
from polystep.contracts.values import JSONObject
from polystep.http.ask_form import BY, AskForm, form_of, form_page, page
from polystep.http.bodies import parse_body, read_body
from polystep.http.guesses import Guesses
from polystep.http.load import Load
from polystep.http.refusals import RequestRefused, json_answer
from polystep.http.settings import HttpSettings
from polystep.http.static_files import SECURITY_HEADERS

ASK_PREFIX: Final = ASK_PATH.removeprefix("/__polystep/")
_STYLE: Final = "ask.css"
_STYLE_FILE: Final = Path(__file__).with_name("ask") / _STYLE
_FORM: Final = "application/x-www-form-urlencoded"
_CLOSED: Final = {
    "answered": "It has been answered. Thank you.",
    "timed_out": "Its time is over, so it can be answered no more.",
    "cancelled": "It was cancelled, or its run has ended.",
}
_UNKNOWN: Final[JSONObject] = {
    "error": "No such link",
    "hint": "The link is not whole, or its ask was closed long ago.",
}


class AskPages:
    """Answers for links to asks."""

    def __init__(self, desk: AskDesk, settings: HttpSettings, guesses: Guesses, load: Load) -> None:
        self._desk = desk
        self._settings = settings
        self._guesses = guesses
        self._load = load

    async def answer(self, request: web.BaseRequest, token: str) -> web.StreamResponse:
        """Show an ask, or take its answer.

        Raises:
            RequestRefused: 404 for an unknown token, slowed as a wrong guess; 405; and as `read_body` and `parse_body`.
        """
        if token == _STYLE and request.method in ("GET", "HEAD"):
            return web.FileResponse(_STYLE_FILE, headers={"Cache-Control": "no-cache"})
        ask = await self._desk.find(token) if self._desk.has_links else None
        if ask is None:
            await self._guesses.slow(request.remote)
            raise RequestRefused(404, _UNKNOWN)
        if request.method in ("GET", "HEAD"):
            return self._shown(request, ask)
        if request.method != "POST":
            raise RequestRefused(
                405,
                {"error": "Method not allowed", "hint": "GET shows it, POST answers it."},
                {"Allow": "GET, HEAD, POST"},
            )
        return await self._taken(request, token, ask)

    def _shown(self, request: web.BaseRequest, ask: ShownAsk) -> web.Response:
        if not _wants_page(request):
            about: JSONObject = {"title": ask.title, "data": ask.data, "schema": ask.schema}
            return json_answer(200, {**about, "status": ask.status, "dueAt": ask.due_ms})
        if ask.status != "open":
            return _html(200 if ask.status == "answered" else 410, page(ask.title, _CLOSED[ask.status]))
        return _form(ask, form_of(ask.schema), {}, "", 200)

    async def _taken(self, request: web.BaseRequest, token: str, ask: ShownAsk) -> web.Response:
        with self._load.budget.hold() as hold:
            data = await read_body(request, self._settings, hold)
        try:
            await self._desk.check_signature(token, request.headers, data)
        except OperationRefused as refused:
            raise RequestRefused(refused.status, refused.body) from refused
        value = parse_body(request.headers.get("Content-Type", ""), data, present=request.body_exists).value
        is_form = request.content_type == _FORM and ask.kind == "ask"
        form, given, by = form_of(ask.schema), value if isinstance(value, dict) else {}, None
        if is_form:
            by = given.get(BY)
            value = form.read(given)
        elif isinstance(value, dict) and not data:
            value = None
        try:
            closed = await self._desk.answer(ask.id, value, by if isinstance(by, str) and by else None)
        except OperationRefused as refused:
            if not is_form:
                raise RequestRefused(refused.status, refused.body) from refused
            hint = str(refused.body["hint"])
            if refused.status == 400:
                return _form(ask, form, given, hint, 400)
            return _html(refused.status, page(ask.title, hint))
        if is_form:
            return _html(200, page(ask.title, _CLOSED["answered"]))
        return json_answer(202 if ask.kind == "callback" else 200, {"id": closed.id, "status": closed.status})


def _form(ask: ShownAsk, form: AskForm, given: JSONObject, problem: str, status: int) -> web.Response:
    about = f"{ask.step} waits for this answer."
    return _html(status, form_page(ask.title, about, ask.data, form, given, problem))


def _html(status: int, text: str) -> web.Response:
    policy = SECURITY_HEADERS["Content-Security-Policy"].replace("form-action 'none'", "form-action 'self'")
    headers = {"Content-Security-Policy": policy, "X-Robots-Tag": "noindex"}
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)


def _wants_page(request: web.BaseRequest) -> bool:
    accepted = request.headers.get("Accept", "")
    return "application/json" not in accepted or "text/html" in accepted
