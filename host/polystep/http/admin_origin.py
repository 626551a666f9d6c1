"""Origin of the admin pages and API, apart from that of the user's pages.

A page that a handler answers may hold text of strangers, and a browser lets a page do whatever its origin may. So to
browsers the admin surface exists at an address of its own: `http://127.0.0.1:PORT`, while steps are at
`http://localhost:PORT`; elsewhere at `[http] admin_origin`. What a step answers at that address is sandboxed there.

Source: docs/security.md, "Pages of steps and the admin pages".
"""

from __future__ import annotations

import logging
import string
from typing import Final
from urllib.parse import quote, urlsplit

from aiohttp import web

from polystep.contracts.addresses import is_loopback
from polystep.http.origins import host_name
from polystep.http.refusals import RequestRefused
from polystep.http.settings import HttpSettings

logger = logging.getLogger("polystep.http")

_SANDBOX: Final = "sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads"
"""Without `allow-same-origin`, so that a page has an origin of its own."""

_INERT: Final = (
    *("application/json", "application/x-ndjson", "application/octet-stream", "application/pdf"),
    *("text/plain", "text/css", "text/csv", "text/javascript", "text/event-stream"),
    *("image/", "audio/", "video/", "font/"),
)
"""Beginnings of content types that run no script when a browser shows them and may not guess another type."""

_REMEMBERED_MAX: Final = 256


class AdminOrigin:
    """Tells requests to the admin origin from those to other names of the same server."""

    def __init__(self, settings: HttpSettings) -> None:
        bound = settings.host.strip("[]").lower()
        self._name = "::1" if ":" in bound else "127.0.0.1"
        self._names = frozenset({self._name, bound} if is_loopback(bound) and bound != "localhost" else {self._name})
        self._url = settings.admin_origin
        chosen = urlsplit(settings.admin_origin)
        self._chosen = chosen.netloc.lower()
        self._is_secure = chosen.scheme == "https"
        self._known: dict[str, bool] = {}
        self._warned = False

    def url(self, port: int) -> str:
        """Return the address of the admin pages, for a browser, of a server that listens at a port."""
        return f"{self._url or self._local(f':{port}')}/__polystep/"

    def includes(self, request: web.BaseRequest) -> bool:
        """Report whether a request is addressed to the admin origin, by its `Host`."""
        host = request.headers.get("Host", "")
        known = self._known.get(host)
        if known is None:
            known = host_name(host) in self._names or (self._chosen != "" and host.lower() == self._chosen)
            if len(self._known) < _REMEMBERED_MAX:
                self._known[host] = known
        return known

    def is_secure_at(self, request: web.BaseRequest) -> bool:
        """Report whether a request is addressed to an `admin_origin` that browsers reach over TLS."""
        return self._is_secure and request.headers.get("Host", "").lower() == self._chosen

    def check(self, request: web.BaseRequest) -> web.Response | None:
        """Keep browsers at other names away from the admin surface; other clients may use any name.

        Returns:
            A redirect for who opens it at `localhost`, `None` when the request may go on.

        Raises:
            RequestRefused: 403, a page of another name asks.
        """
        headers = request.headers
        if ("Sec-Fetch-Site" not in headers and "Origin" not in headers) or self.includes(request):
            return None
        local = self._beside(headers.get("Host", ""))
        if local and request.method in ("GET", "HEAD") and headers.get("Sec-Fetch-Mode") == "navigate":
            path = quote(request.raw_path.encode("utf-8", "surrogateescape"), safe=string.punctuation)
            return web.Response(status=302, headers={"Location": local + path, "Cache-Control": "no-store"})
        raise self.refused(request)

    def refused(self, request: web.BaseRequest) -> RequestRefused:
        """Return the refusal for a browser that asks at another name."""
        local = self._beside(request.headers.get("Host", ""))
        where = (
            f"Open it at {local}/__polystep/."
            if local
            else "Give it an origin of its own with `[http] admin_origin`, or reach it through a tunnel: "
            "ssh -L 3000:127.0.0.1:3000, then http://127.0.0.1:3000/__polystep/."
        )
        return RequestRefused(
            403, {"error": "Not the admin origin", "hint": f"To browsers, this name belongs to your steps. {where}"}
        )

    def check_worker(self, request: web.BaseRequest) -> None:
        """Refuse a step's script that would stand between the browser and the admin pages.

        Raises:
            RequestRefused: 403, a service worker at the admin origin.
        """
        if "Service-Worker" in request.headers and self.includes(request):
            raise RequestRefused(
                403, {"error": "Forbidden", "hint": "Service workers of steps may not be at the admin origin."}
            )

    def sandbox(self, request: web.BaseRequest, answer: web.StreamResponse) -> None:
        """Give what a step answers at the admin origin an origin of its own, unless it can hold no script."""
        kind: str = answer.headers.get("Content-Type", "").strip().lower()
        if kind.startswith("application/json") or not self.includes(request):
            return
        answer.headers["X-Content-Type-Options"] = "nosniff"
        if kind.startswith(_INERT) and not kind.startswith("image/svg"):
            return
        answer.headers.add("Content-Security-Policy", _SANDBOX)
        if not self._warned and request.headers.get("Sec-Fetch-Dest") == "document":
            self._warned = True
            host = request.headers.get("Host", "")
            logger.warning(
                "A page of a step was opened at http://%s, the address of the admin pages: it is sandboxed there, so "
                "its calls to your steps fail. Open it at http://localhost%s instead.",
                host,
                _port(host),
            )

    def _beside(self, host: str) -> str:
        """Return the admin origin to use instead of a local name, with the request's port: a tunnel may change it."""
        name = host_name(host) or ""
        if name != "localhost" and not name.endswith(".localhost"):
            return ""
        return self._local(_port(host))

    def _local(self, port: str) -> str:
        return f"http://{f'[{self._name}]' if ':' in self._name else self._name}{port}"


def _port(host: str) -> str:
    """Return the port of a `Host` header, with its colon."""
    _, colon, port = host.rpartition(":")
    return f":{port}" if colon and port.isdigit() else ""
