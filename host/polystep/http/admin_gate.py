"""Who may use `/__polystep/`: the host's own pages, and holders of the token. Other web pages never."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import parse_qs

from aiohttp import web

from polystep.http.admin_origin import AdminOrigin
from polystep.http.origins import is_local_name, is_same_origin
from polystep.http.refusals import RequestRefused
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

    def __init__(self, settings: HttpSettings, origin: AdminOrigin) -> None:
        self._origin = origin
        self._token = settings.token.encode()
        self._reads_need_token = settings.require_token_for_reads
        # Browsers send a cookie to every port of a host: what another local server may see is not the token itself.
        self._session = hmac.new(self._token, b"polystep status page", hashlib.sha256).hexdigest()

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
        if self._reads_need_token or not is_local_name(request.headers.get("Host", "")):
            self._check_session(request)
        if not safe and not _is_own_page(request, site):
            raise _from_elsewhere()

    def _check_session(self, request: web.BaseRequest) -> None:
        if not self._has_session(request):
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
        return any(not self._is_token(each) for each in tokens)

    def socket_token(self, request: web.BaseRequest) -> bool | None:
        """Report whether a WebSocket brings the right token, as streams take theirs; `None` when it brings none."""
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        protocol, _, offered = request.headers.get("Sec-WebSocket-Protocol", "").partition(",")
        given = [bearer.strip()] if scheme.lower() == "bearer" else []
        given += [offered.strip()] if protocol.strip() == "Authorization" and offered else []
        given += parse_qs(request.raw_path.partition("?")[2], max_num_fields=20).get("authToken", [])
        return any(self._is_token(each) for each in given) if given else None

    def session_for(self, query: str) -> str | None:
        """The session cookie to set for a page that was opened with `?token=`, when the token is right."""
        given = parse_qs(query, max_num_fields=20).get("token", [""])[0]
        return self._session if self._is_token(given) else None

    def _has_bearer(self, request: web.BaseRequest) -> bool:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self._is_token(given.strip())

    def _has_session(self, request: web.BaseRequest) -> bool:
        if not self._origin.includes(request):
            return False
        return bool(self._token) and _equal(request.cookies.get(COOKIE, ""), self._session.encode())

    def _is_token(self, given: str) -> bool:
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
            "hint": "Use the status page, the polystep command, or send 'Authorization: Bearer <token>' with the token "
            "in the project's .polystep/token.",
        },
    )
