"""Sign-in to the Workbench: the page that asks for the token, the cookie of a session, and its end."""

from __future__ import annotations

import dataclasses
import html
import string
from typing import Final
from urllib.parse import parse_qs, quote

from aiohttp import web

from polystep.http.admin_gate import COOKIE, AdminGate
from polystep.http.admin_origin import AdminOrigin
from polystep.http.bodies import read_body
from polystep.http.guesses import Guesses
from polystep.http.load import Load
from polystep.http.origins import is_same_origin
from polystep.http.refusals import RequestRefused, json_answer
from polystep.http.sessions import Sessions
from polystep.http.settings import HttpSettings
from polystep.http.static_files import PAGE_ROOT, SECURITY_HEADERS

DOOR_FILES: Final = frozenset({"door.css"})
"""Files of the pages here: they are sent without a session."""

_FORM: Final = "application/x-www-form-urlencoded"
_FORM_BYTES_MAX: Final = 8 * 1024
_NOTICE: Final = "<!--notice-->"
_HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": SECURITY_HEADERS["Content-Security-Policy"].replace(
        "form-action 'none'", "form-action 'self'"
    ),
    # Without a referrer browsers send the form with `Origin: null`.
    "Referrer-Policy": "same-origin",
}


class SignIn:
    """Gives browsers that know the token a session.

    The form is sent to the address that was asked for, and leads back to it: a page's address survives the sign-in, and
    no parameter names another one. It works without script. The token is sent once, in a body.
    """

    def __init__(
        self,
        settings: HttpSettings,
        gate: AdminGate,
        sessions: Sessions,
        guesses: Guesses,
        load: Load,
    ) -> None:
        self._settings = dataclasses.replace(settings, body_bytes_max=min(_FORM_BYTES_MAX, settings.body_bytes_max))
        self._gate = gate
        self._sessions = sessions
        self._guesses = guesses
        self._load = load
        self._page = (PAGE_ROOT / "sign-in.html").read_text(encoding="utf-8")

    def ask(self, request: web.BaseRequest) -> web.Response:
        """Answer with the page that asks for the token."""
        answer = self._answer(401, "")
        if request.headers.get("Sec-Fetch-Site") == "cross-site":
            # A strict cookie does not come along with a link of another site, but with a reload of ours.
            answer.headers["Refresh"] = "0"
        return answer

    async def take(self, request: web.BaseRequest, origin: AdminOrigin) -> web.Response:
        """Take the form: begin a session, or ask again.

        Raises:
            RequestRefused: 403 for a form of another site; 413, 415 for something that is not the form.
        """
        if not _may_be_own_page(request):
            raise RequestRefused(403, {"error": "Forbidden", "hint": "Only the host's own page may sign in."})
        if request.content_type != _FORM:
            raise RequestRefused(415, {"error": "Unsupported media type", "hint": f"Send the form as {_FORM}."})
        with self._load.budget.hold() as hold:
            data = await read_body(request, self._settings, hold)
        if not self._gate.is_token(_token_of(data)):
            return await self._refuse(request)
        return self.begin(request, origin, request.raw_path)

    def begin(self, request: web.BaseRequest, origin: AdminOrigin, location: str) -> web.Response:
        """Begin a session, and lead to an address of this server.

        Raises:
            RequestRefused: 403, the request is not at the admin origin.
        """
        if not origin.includes(request):
            raise origin.refused(request)
        path = quote(location.encode("utf-8", "surrogateescape"), safe=string.punctuation)
        answer = web.Response(status=303, headers={"Location": path})
        answer.set_cookie(
            COOKIE,
            self._sessions.begin(),
            max_age=round(self._sessions.session_s),
            httponly=True,
            samesite="Strict",
            path="/__polystep/",
            secure=_is_secure(request, origin),
        )
        return answer

    def tell(self, request: web.BaseRequest) -> web.Response:
        """Answer whether a browser has to sign in here, and how long its session still holds."""
        left_s = self._gate.session_left_s(request)
        needed = self._gate.needs_session(request)
        return json_answer(200, {"needed": needed, "signedIn": left_s > 0, "leftS": round(left_s)})

    def end(self, request: web.BaseRequest) -> web.Response:
        """End the session of a request, and have the browser forget its cookie."""
        self._sessions.end(request.cookies.get(COOKIE, ""))
        answer = web.Response(status=204)
        answer.del_cookie(COOKIE, path="/__polystep/")
        return answer

    async def _refuse(self, request: web.BaseRequest) -> web.Response:
        try:
            await self._guesses.slow(request.remote)
        except RequestRefused as refused:
            wait_s = refused.headers.get("Retry-After", "1")
            answer = self._answer(refused.status, f"Too many wrong tokens. Try again in {wait_s} s.")
            answer.headers["Retry-After"] = wait_s
            return answer
        return self._answer(401, "This is not the token of this host.")

    def _answer(self, status: int, notice: str) -> web.Response:
        shown = f'<p class="alert" role="alert">{html.escape(notice)}</p>' if notice else ""
        return web.Response(status=status, text=self._page.replace(_NOTICE, shown), headers=_HEADERS)


def workbench_off(request: web.BaseRequest) -> web.Response:
    """Answer that this host serves no pages, and what turns them on."""
    if wants_page(request):
        page = (PAGE_ROOT / "off.html").read_text(encoding="utf-8")
        return web.Response(status=404, text=page, headers={"Content-Type": "text/html; charset=utf-8"})
    hint = "Set `enabled = true` under `[workbench]` in polystep.toml, and start again. The admin API needs no pages."
    return json_answer(404, {"error": "Workbench off", "hint": hint})


def wants_page(request: web.BaseRequest) -> bool:
    """Report whether a client is a browser that shows a page to a person."""
    return "text/html" in request.headers.get("Accept", "")


def _token_of(data: bytes) -> str:
    try:
        return parse_qs(data.decode("utf-8"), max_num_fields=5).get("token", [""])[0].strip()
    except ValueError:
        return ""


def _may_be_own_page(request: web.BaseRequest) -> bool:
    """Report whether nothing says that the form was on another site's page; who knows the token may be no browser."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        return site in ("same-origin", "none")
    host = request.headers.get("Host", "")
    # Either scheme: behind a proxy that ends TLS, the page's is not ours.
    return origin is None or any(is_same_origin(origin, scheme, host) for scheme in ("http", "https"))


def _is_secure(request: web.BaseRequest, origin: AdminOrigin) -> bool:
    """Report whether the browser came over TLS: a proxy that ends it says so, or the settings do.

    Who claims it untruly is given a cookie that his own browser does not send.
    """
    told = request.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip().lower()
    return request.scheme == "https" or told == "https" or origin.is_secure_at(request)
