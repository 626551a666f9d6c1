"""HTTP request to the project's own routes, over the port that every client uses."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from polystep.contracts.operations import OperationRefused, bad_parameter
from polystep.contracts.ports.clock import Clock
from polystep.contracts.values import JSONValue

RESPONSE_BYTES_MAX: Final = 1024 * 1024
"""Of a response that is shown."""
TIMEOUT_S: Final = 60.0
"""After it, what has arrived is shown: a stream may never end."""

_OURS: Final = ("host", "connection", "content-length", "transfer-encoding", "expect", "upgrade")


@dataclass(frozen=True, slots=True)
class OwnRequest:
    """Request that the host sends to itself."""

    url: str
    """Of the host."""
    method: str
    path: str
    headers: Mapping[str, str]
    body: JSONValue


@dataclass(frozen=True, slots=True)
class OwnAnswer:
    """Response to such a request."""

    status: int
    headers: dict[str, str]
    body: JSONValue
    size_bytes: int
    cut: bool
    ended: bool
    first_byte_s: float
    """Monotonic time."""


@dataclass(slots=True)
class _Received:
    """Bytes of a response as they arrived."""

    data: bytearray
    first_byte_s: float = 0.0
    cut: bool = False
    ended: bool = False


async def send(asked: OwnRequest, clock: Clock, timeout_s: float = TIMEOUT_S) -> OwnAnswer:
    """Send a request and read its response; one that does not end in time is cut where it was.

    Raises:
        OperationRefused: A header cannot be sent, or no head of a response came in time.
    """
    address = urlsplit(asked.url)
    head = _head(asked, address.netloc)
    received = _Received(bytearray())
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            try:
                writer.write(head)
                await writer.drain()
                await _read(reader, received, clock)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, http.client.HTTPException) as error:
        if not isinstance(error, TimeoutError) or b"\r\n\r\n" not in received.data:
            raise _no_response(error, timeout_s) from error
    try:
        return _parsed(asked.method, received)
    except http.client.HTTPException as error:
        raise _no_response(error, timeout_s) from error


def _no_response(error: Exception, timeout_s: float) -> OperationRefused:
    hint = f"The route gave no response within {timeout_s:g} s: {type(error).__name__}."
    return OperationRefused(504, "No response", hint)


def _head(asked: OwnRequest, host: str) -> bytes:
    headers = {"Host": host, "Connection": "close"}
    body = b""
    if asked.body is not None:
        body = _encoded(asked.body)
        if not any(name.lower() == "content-type" for name in asked.headers):
            headers["Content-Type"] = _content_type(asked.body)
    if body or asked.method in ("POST", "PUT", "PATCH"):
        headers["Content-Length"] = str(len(body))
    for name, value in asked.headers.items():
        if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum() or not value.isprintable():
            raise bad_parameter(f"{name[:80]!r} is no header that can be sent.")
        if name.lower() not in _OURS:
            headers[name] = value
    lines = [f"{asked.method} {asked.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _encoded(body: JSONValue) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def _content_type(body: JSONValue) -> str:
    if isinstance(body, bytes):
        return "application/octet-stream"
    return "text/plain" if isinstance(body, str) else "application/json"


async def _read(reader: asyncio.StreamReader, received: _Received, clock: Clock) -> None:
    """Read to the end of the connection, at most twice what is shown: chunks have heads."""
    while chunk := await reader.read(64 * 1024):
        received.first_byte_s = received.first_byte_s or clock.monotonic_s()
        received.data += chunk
        if len(received.data) > 2 * RESPONSE_BYTES_MAX:
            received.cut = True
            return
    received.ended = True


class _Connection:
    """Stands for a socket: `http.client` reads the response from what has arrived."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: Any, **__: Any) -> io.BytesIO:
        return io.BytesIO(self._data)


def _parsed(method: str, received: _Received) -> OwnAnswer:
    response: Any = http.client.HTTPResponse(_Connection(bytes(received.data)), method=method)  # type: ignore[arg-type]
    response.begin()
    cut = received.cut or not received.ended
    try:
        body = response.read()
    except http.client.IncompleteRead as error:
        body, cut = error.partial, True
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    shown = body[:RESPONSE_BYTES_MAX]
    is_cut = cut or len(body) > len(shown)
    return OwnAnswer(
        status=response.status,
        headers=headers,
        body=_value(headers.get("content-type", ""), shown, cut=is_cut),
        size_bytes=len(body),
        cut=is_cut,
        ended=received.ended,
        first_byte_s=received.first_byte_s,
    )


def _value(content_type: str, body: bytes, *, cut: bool) -> JSONValue:
    kind = content_type.partition(";")[0].strip().lower()
    if (kind == "application/json" or kind.endswith("+json")) and body and not cut:
        with contextlib.suppress(ValueError):
            value: JSONValue = json.loads(body)
            return value
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode(errors="replace") if cut and kind.startswith("text/") else body
