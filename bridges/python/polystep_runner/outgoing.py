"""Spans for HTTP calls that handlers make, by patching the common clients when they are imported (PS-8.3).

Each client is patched at the one place that all its calls pass, and none of them runs on another: no call counts twice.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import sys
import time
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType, TracebackType
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from polystep_runner.calls import CURRENT_RUN
from polystep_runner.errors import safe_text

Record = Callable[[dict[str, Any]], None]


class Span:
    """One outgoing call, recorded at the end of its `with` block for the run that made it; without a run, nowhere."""

    def __init__(self, record: Record, method: object, url: object) -> None:
        self.status: int | None = None
        self._record = record
        self._method = str(method).upper()
        self._url = url
        self._run = CURRENT_RUN.get()
        self._start_ms = time.time_ns() // 1_000_000
        self._started_s = time.perf_counter()

    def __enter__(self) -> Span:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: TracebackType | None) -> None:
        if self._run is None:
            return
        where, url = _without_secrets(str(self._url))
        attributes: dict[str, Any] = {"method": self._method, "url": url}
        if self.status is not None:
            attributes["status"] = self.status
        span = {
            "run": self._run.id,
            "type": "http",
            "name": f"{self._method} {where}",
            "start_ms": self._start_ms,
            "duration_ms": round((time.perf_counter() - self._started_s) * 1000, 3),
            "attributes": attributes,
        }
        if error is not None:
            span["error"] = f"{type(error).__name__}: {safe_text(error)}"
        self._record(span)


class OutgoingCalls:
    """Patches each client once: now when it is imported already, otherwise right after its import."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._waiting = dict(_PATCHES)

    def install(self) -> None:
        """Begin to watch imports."""
        for name in [name for name in self._waiting if name in sys.modules]:
            self._waiting.pop(name)(sys.modules[name], self._record)
        sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a client as the other finders do, and patch it when it has been executed."""
        patch = self._waiting.pop(fullname, None)
        if patch is None:
            return None
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            self._waiting[fullname] = patch
            return None
        execute = spec.loader.exec_module

        def execute_and_patch(module: ModuleType) -> None:
            execute(module)
            patch(module, self._record)

        spec.loader.exec_module = execute_and_patch  # type: ignore[method-assign]
        return spec


def _patch_httpx(module: ModuleType, record: Record) -> None:
    # It logs every call at INFO with its whole URL. The span says the same without the query, which may hold secrets.
    log = logging.getLogger(module.__name__)
    if log.level == logging.NOTSET:
        log.setLevel(logging.WARNING)
    send = module.Client.send
    send_async = module.AsyncClient.send

    @functools.wraps(send)
    def traced(self: Any, request: Any, *args: Any, **options: Any) -> Any:
        with Span(record, request.method, request.url) as span:
            response = send(self, request, *args, **options)
            span.status = response.status_code
            return response

    @functools.wraps(send_async)
    async def traced_async(self: Any, request: Any, *args: Any, **options: Any) -> Any:
        with Span(record, request.method, request.url) as span:
            response = await send_async(self, request, *args, **options)
            span.status = response.status_code
            return response

    module.Client.send = traced
    module.AsyncClient.send = traced_async


def _patch_aiohttp(module: ModuleType, record: Record) -> None:
    request = module.ClientSession._request

    @functools.wraps(request)
    async def traced(self: Any, method: Any, url: Any, *args: Any, **options: Any) -> Any:
        with Span(record, method, urljoin(str(self._base_url or ""), str(url))) as span:
            response = await request(self, method, url, *args, **options)
            span.status = response.status
            return response

    module.ClientSession._request = traced


def _patch_http_client(module: ModuleType, record: Record) -> None:
    # urllib3 (requests, botocore) replaces `request` but not these three.
    connection = module.HTTPConnection
    putrequest, endheaders, getresponse = connection.putrequest, connection.endheaders, connection.getresponse

    @functools.wraps(putrequest)
    def begin(self: Any, method: str, url: str, *args: Any, **options: Any) -> Any:
        self._polystep_span = Span(record, method, _absolute(self, url))
        return putrequest(self, method, url, *args, **options)

    def ending_on_error(self: Any, step: Callable[[], Any]) -> Any:
        try:
            return step()
        except Exception as error:
            span = self.__dict__.pop("_polystep_span", None)
            if span is not None:
                span.__exit__(type(error), error, None)
            raise

    @functools.wraps(endheaders)
    def send(self: Any, *args: Any, **options: Any) -> Any:
        return ending_on_error(self, lambda: endheaders(self, *args, **options))

    @functools.wraps(getresponse)
    def end(self: Any, *args: Any, **options: Any) -> Any:
        response = ending_on_error(self, lambda: getresponse(self, *args, **options))
        span = self.__dict__.pop("_polystep_span", None)
        if span is not None:
            span.status = response.status
            span.__exit__(None, None, None)
        return response

    connection.putrequest, connection.endheaders, connection.getresponse = begin, send, end


_PATCHES: Final[dict[str, Callable[[ModuleType, Record], None]]] = {
    "httpx": _patch_httpx,
    "httpx2": _patch_httpx,
    "aiohttp.client": _patch_aiohttp,
    "http.client": _patch_http_client,
}


def _absolute(connection: Any, url: str) -> str:
    if not url.startswith("/"):
        return url
    scheme = "https" if connection.default_port == 443 else "http"
    host = getattr(connection, "_tunnel_host", None) or connection.host
    port = getattr(connection, "_tunnel_port", None) or connection.port
    return f"{scheme}://{host}{'' if port == connection.default_port else f':{port}'}{url}"


def _without_secrets(url: str) -> tuple[str, str]:
    """`(host/path, scheme://host/path)`: no query, no user and password, no fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "?", "?"
    where = parts.netloc.rpartition("@")[2] + parts.path
    return where, f"{parts.scheme}://{where}"
