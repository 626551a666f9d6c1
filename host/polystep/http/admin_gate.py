"""Gate of `/__polystep/`: lets in the host's own pages and holders of the token, and no other web page."""

from __future__ import annotations

import hmac
from urllib.parse import parse_qs

from aiohttp import web

from polystep.http.admin_origin import AdminOrigin
from polystep.http.origins import is_local_name, is_same_origin
from polystep.http.refusals import RequestRefused
from polystep.http.sessions import Sessions
from polystep.http.settings import HttpSettings

COOKIE = "polystep_session"
_SAFE = ("GET", "HEAD")


class AdminGate:
    """Checks one request before any admin handler sees it.

    Reads are open on a loopback address (the host allow-list keeps other sites out) and need the token elsewhere.
    Changes need the token, or a browser that says the request comes from the host's own page. What a browser marks as
    coming from another site is refused whatever it carries. A session counts at the admin origin alone: elsewhere pages
    of steps could use it too. Names of other machines need the token for reads on a loopback address as well: a
    tunnel brings strangers.

    Source: design, section 8.
    """

    def __init__(self, settings: HttpSettings, origin: AdminOrigin, sessions: Sessions) -> None:
        self._origin = origin
        self._sessions = sessions
        self._token = settings.token.encode()
        self._reads_need_token = settings.require_token_for_reads

    def check(self, request: web.BaseRequest) -> None:
        """Return when the request may go on.

        Raises:
            RequestRefused: 401 without the token where it is needed; 403 for a request that another site caused.
        """
        site = request.headers.get("Sec-Fetch-Site")
        safe = request.method in _SAFE
        if site == "cross-site" and not (safe and request.headers.get("Sec-Fetch-Mode") == "navigate"):
            raise _from_elsewhere()
        if self._has_bearer(request):
            return
        if self.needs_session(request):
            self._check_session(request)
        if not safe and not _is_own_page(request, site):
            raise _from_elsewhere()

    def needs_session(self, request: web.BaseRequest) -> bool:
        """Report whether a browser must have signed in, at the address that it uses."""
        return self._reads_need_token or not is_local_name(request.headers.get("Host", ""))

    def _check_session(self, request: web.BaseRequest) -> None:
        if not self.session_left_s(request):
            raise RequestRefused(
                401,
                {
                    "error": "Token required",
                    "hint": "Send 'Authorization: Bearer <token>', or open /__polystep/?token=<token> in a browser.",
                },
                {"WWW-Authenticate": 'Bearer realm="polystep"'},
            )

    def allows(self, request: web.BaseRequest) -> bool:
        """Report whether `check` lets the request go on."""
        try:
            self.check(request)
        except RequestRefused:
            return False
        return True

    def is_wrong_guess(self, request: web.BaseRequest, query: str) -> bool:
        """Report whether the request brings an admin token that is not the right one."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        tokens = [given.strip()] if scheme.lower() == "bearer" else []
        tokens += parse_qs(query, max_num_fields=20).get("token", []) if "token=" in query else []
        return any(not self.is_token(each) for each in tokens)

    def socket_token(self, request: web.BaseRequest) -> bool | None:
        """Report whether a WebSocket brings the right token, as streams take theirs; `None` when it brings none."""
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        protocol, _, offered = request.headers.get("Sec-WebSocket-Protocol", "").partition(",")
        given = [bearer.strip()] if scheme.lower() == "bearer" else []
        given += [offered.strip()] if protocol.strip() == "Authorization" and offered else []
        given += parse_qs(request.raw_path.partition("?")[2], max_num_fields=20).get("authToken", [])
        return any(self.is_token(each) for each in given) if given else None

    def opens_with_token(self, query: str) -> bool:
        """Report whether a page is opened with `?token=` and the right token."""
        return "token=" in query and self.is_token(parse_qs(query, max_num_fields=20).get("token", [""])[0])

    def session_left_s(self, request: web.BaseRequest) -> float:
        """Return how long the session of a request still holds; 0 without one. It counts at the admin origin alone."""
        session = request.cookies.get(COOKIE, "") if self._origin.includes(request) else ""
        return self._sessions.left_s(session)

    def _has_bearer(self, request: web.BaseRequest) -> bool:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.is_token(given.strip())

    def is_token(self, given: str) -> bool:
        """Report whether a text is the admin token; every answer takes the same time."""
        return bool(self._token) and _equal(given, self._token)


def _equal(given: str, wanted: bytes) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted)


def _is_own_page(request: web.BaseRequest, site: str | None) -> bool:
    if site is not None:
        return site == "same-origin"
    origin, host = request.headers.get("Origin"), request.headers.get("Host", "")
    return origin is not None and is_same_origin(origin, request.scheme, host)


def _from_elsewhere() -> RequestRefused:
    return RequestRefused(
        403,
        {
            "error": "Forbidden",
            "hint": "Use the Workbench, the polystep command, or send 'Authorization: Bearer <token>' with the token "
            "in the project's .polystep/token.",
        },
    )
