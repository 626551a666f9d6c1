"""Rules of names and origins: names that the host answers to, and web origins that may read answers. Pure."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from multidict import CIMultiDict

from polystep.contracts.addresses import is_loopback
from polystep.http.settings import HttpSettings

logger = logging.getLogger("polystep.http")

_WARNED_MAX: Final = 20
"""Origins named on the console: a page can make up any number."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/?#@\[\]\\]+)(?::\d{1,5})?")
_LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_UNSPECIFIED: Final = frozenset({"0.0.0.0", "::", ""})
_REMEMBERED_MAX: Final = 256
"""Accepted `Host` texts kept, so that a usual request costs one set lookup."""


def host_name(text: str) -> str | None:
    """Return the name or address in a `Host` header, lower-case, without port or brackets; `None` when malformed."""
    found = _HOST.fullmatch(text)
    return found[1].strip("[]").lower().removesuffix(".") if found else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class HostNames:
    """Names that requests may be addressed to; checking them stops DNS rebinding.

    Names of this machine, the address the host listens on, and `allowed_hosts`. When it listens on every address, any
    IP address is a good name too: rebinding needs a domain name.
    """

    def __init__(self, settings: HttpSettings) -> None:
        bound = settings.host.strip("[]").lower()
        extra = [name.lower().removesuffix(".") for name in settings.allowed_hosts]
        extra += filter(None, [urlsplit(settings.admin_origin).hostname])
        self._names = _LOCAL_NAMES | {bound} | {name for name in extra if not name.startswith((".", "*."))}
        self._suffixes = (".localhost", *(name.removeprefix("*") for name in extra if name.startswith((".", "*."))))
        self._any_address = bound in _UNSPECIFIED
        self._accepted: set[str] = set()

    def allows(self, header: str) -> bool:
        """Report whether a `Host` header names this server; the port does not matter."""
        if header in self._accepted:
            return True
        name = host_name(header)
        if name is None or not self._knows(name):
            return False
        if len(self._accepted) < _REMEMBERED_MAX:
            self._accepted.add(header)
        return True

    def _knows(self, name: str) -> bool:
        if name in self._names or any(name.endswith(suffix) or name == suffix[1:] for suffix in self._suffixes):
            return True
        return self._any_address and _is_address(name)


class Origins:
    """Web origins that may use the user's routes and streams from a browser."""

    def __init__(self, settings: HttpSettings) -> None:
        self._allowed = frozenset(origin.lower().rstrip("/") for origin in settings.allowed_origins)
        self._dev = settings.dev
        self._warned: set[str] = set()

    def allows(self, origin: str) -> bool:
        """Report whether pages of an origin may read answers: named in `allowed_origins`, or on localhost in dev."""
        return "*" in self._allowed or origin.lower() in self._allowed or (self._dev and _is_local(origin))

    def tell(self, origin: str) -> None:
        """Say once for an origin, in development, what lets its pages in; Motia let in all of them."""
        if self._dev and origin not in self._warned and len(self._warned) < _WARNED_MAX:
            self._warned.add(origin)
            logger.warning(
                "A page at %.200s called this server and may not read the answers. To let it, add to polystep.toml: "
                '[http] allowed_origins = ["%.200s"]',
                origin,
                origin,
            )


def _is_local(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and parts.hostname in _LOCAL_NAMES and parts.path == ""
    except ValueError:
        return False


def is_local_name(header: str) -> bool:
    """Report whether a `Host` header holds a name or address that always means this very machine."""
    name = host_name(header) or ""
    return is_loopback(name) or name.endswith(".localhost")


def is_same_origin(origin: str, scheme: str, host: str) -> bool:
    """Report whether an `Origin` header is the page of the very server that is asked."""
    return origin.lower() == f"{scheme}://{host}".lower()


def cors_headers(origin: str) -> dict[str, str]:
    """Return the headers that let a page of an allowed origin read an answer."""
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "X-Trace-Id, Retry-After, Idempotent-Replayed",
    }


def allow_reading(headers: CIMultiDict[str], origins: Origins, origin: str | None) -> None:
    """Let the page that asked read an answer, where its origin is allowed; what a handler set itself stays."""
    if origin is None or not origins.allows(origin):
        return
    for name, value in cors_headers(origin).items():
        headers.setdefault(name, value)
    headers.add("Vary", "Origin")


def preflight_headers(methods: Iterable[str], requested_headers: str) -> dict[str, str]:
    """Return the headers that answer a browser that asks before it sends."""
    headers = {"Access-Control-Allow-Methods": ", ".join(methods), "Access-Control-Max-Age": "600"}
    if requested_headers:
        headers["Access-Control-Allow-Headers"] = requested_headers
    return headers
