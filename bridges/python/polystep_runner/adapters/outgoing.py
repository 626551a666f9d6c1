"""Outgoing HTTP calls of user code, sent as spans of their run; user code notices nothing (PS-8.9, PS-8.28)."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import inspect
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, Protocol, TypeAlias
from urllib.parse import urljoin, urlsplit

from polystep_runner.adapters.exchanges import Exchange, exchange_of
from polystep_runner.adapters.underway import UnderWay, Way
from polystep_runner.errors import safe_text

Target: TypeAlias = tuple[object, object, object, object]
"""Method, base, URL and body of a call."""
Keep: TypeAlias = Callable[[Exchange, Any], None]


class SpanListener(Protocol):
    """Attempt that a call belongs to."""

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Take the span of a call that has ended, or is under way."""


class Outgoing:
    """Finder that patches HTTP clients after their import, each where all its calls pass."""

    def __init__(self, current: Callable[[], SpanListener | None], loop: asyncio.AbstractEventLoop) -> None:
        """Report calls that last on `loop`, from whichever thread they were made."""
        self._current = current
        self._under_way = UnderWay(loop)
        self._waiting: dict[str, Callable[[Any], None]] = {"aiohttp.client": self._aiohttp, "http.client": self._http}
        self._waiting |= {"httpx": self._httpx, "httpx2": self._httpx}
        for name in sys.modules.keys() & self._waiting:
            self._waiting.pop(name)(sys.modules[name])
        sys.meta_path.insert(0, self)

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> Any:
        """Find a client as the other finders do, and patch it when it has been executed."""
        patch = self._waiting.pop(name, None)
        spec = importlib.util.find_spec(name) if patch is not None else None
        if patch is not None and spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module
            spec.loader.exec_module = lambda module: (execute(module), patch(module))[0]  # type: ignore[method-assign]
        return spec

    @contextmanager
    def _span(
        self, method: object, base: object, url: object, body: object = None, keep: Keep | None = None
    ) -> Iterator[Callable[[Any], Any]]:
        """Send the span of a call at its end; the yielded function takes the response and returns it.

        Of a call that asks a language model with `body`, `keep` takes the answer.
        """
        run, start_ms, started_s = self._current(), time.time_ns() // 1_000_000, time.perf_counter()
        try:
            parts = urlsplit(urljoin(str(base), str(url)))
        except ValueError:  # the client says so itself
            parts = urlsplit("")
        where = parts.netloc.rpartition("@")[2] + parts.path  # no query, user or password
        attributes: dict[str, Any] = {"method": str(method).upper(), "url": f"{parts.scheme}://{where}"}
        span: dict[str, Any] = {"type": "http", "name": f"{attributes['method']} {where}", "attributes": attributes}

        exchange = None if run is None or keep is None or body is None else exchange_of(parts.path, body)

        way = None if run is None else self._under_way.begin(run.notify, span | {"start_ms": start_ms}, exchange)

        def answered(response: Any) -> Any:
            attributes["status"] = getattr(response, "status_code", None) or response.status
            if exchange is not None and keep is not None:
                keep(exchange, response)
            return response

        try:
            yield answered
        except BaseException as error:
            span["error"] = f"{type(error).__name__}: {safe_text(error)}"
            raise
        finally:
            if run is not None and way is not None:
                self._send(run, span | {"start_ms": start_ms}, started_s, exchange, way)

    @staticmethod
    def _send(run: SpanListener, span: dict[str, Any], started_s: float, exchange: Exchange | None, way: Way) -> None:
        def send() -> None:
            told = way.end() | ({} if exchange is None else {"exchange": exchange.told})
            run.notify("span", {**span, "duration_ms": round((time.perf_counter() - started_s) * 1000, 3), **told})

        if exchange is None or "error" in span:
            send()
        else:
            exchange.ended(send)

    def _watch(self, owner: Any, name: str, target: Callable[..., Target], keep: Keep) -> None:
        """Patch a method that makes a whole call, to the method, URL and body of `target`."""
        original = getattr(owner, name)

        async def watched_async(*args: Any, **options: Any) -> Any:
            with self._span(*target(*args, **options), keep=keep) as end:
                return end(await original(*args, **options))

        def watched(*args: Any, **options: Any) -> Any:
            with self._span(*target(*args, **options), keep=keep) as end:
                return end(original(*args, **options))

        wrapper = watched_async if inspect.iscoroutinefunction(original) else watched
        setattr(owner, name, functools.wraps(original)(wrapper))

    def _httpx(self, module: ModuleType) -> None:
        # It logs every call at INFO with its whole URL. The span says the same without the query, which may be secret.
        log = logging.getLogger(module.__name__)
        log.setLevel(log.level or logging.WARNING)
        for client in (module.Client, module.AsyncClient):
            self._watch(client, "send", lambda _client, request, **_: _of_httpx(request), Exchange.of_httpx)

    def _aiohttp(self, module: ModuleType) -> None:
        def target(session: Any, method: object, url: object, **options: object) -> Target:
            return method, session._base_url or "", url, options.get("json", options.get("data"))

        self._watch(module.ClientSession, "_request", target, Exchange.of_aiohttp)

    def _http(self, module: ModuleType) -> None:
        # urllib3 (requests, botocore) replaces `request` but not these three.
        connection = module.HTTPConnection
        putrequest = connection.putrequest

        def begin(self_: Any, method: str, url: str, *args: Any, **options: Any) -> Any:
            with ExitStack() as stack:
                answered = stack.enter_context(self._span(method, _address(self_), url))
                putrequest(self_, method, url, *args, **options)
                self_._polystep_span = (stack.pop_all(), answered)

        def passing(original: Callable[..., Any]) -> Callable[..., Any]:
            def watched(self_: Any, *args: Any, **options: Any) -> Any:
                stack, answered = self_.__dict__.pop("_polystep_span", (ExitStack(), lambda response: response))
                with stack:
                    response = original(self_, *args, **options)
                    if response is None:  # only sent until now
                        self_._polystep_span = (stack.pop_all(), answered)
                        return None
                    return answered(response)

            return functools.wraps(original)(watched)

        connection.putrequest = functools.wraps(putrequest)(begin)
        connection.endheaders, connection.getresponse = map(passing, (connection.endheaders, connection.getresponse))


def _of_httpx(request: Any) -> Target:
    return request.method, "", request.url, request.__dict__.get("_content")  # without it the body is a stream


def _address(connection: Any) -> str:
    scheme = "https" if connection.default_port == 443 else "http"
    host = getattr(connection, "_tunnel_host", None) or connection.host
    port = getattr(connection, "_tunnel_port", None) or connection.port
    return f"{scheme}://{host}{'' if port == connection.default_port else f':{port}'}"
