"""Request bodies: read within bounds, then turned into values by content type."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

import orjson
from aiohttp import StreamReader, web
from aiohttp.http_exceptions import PayloadEncodingError

from polystep.contracts.errors import Issue
from polystep.contracts.limits import FORM_FIELDS_MAX, VALUE_DEPTH_MAX
from polystep.contracts.values import JSONObject, JSONValue
from polystep.http.inflating import BodyTooLarge, Inflater
from polystep.http.load import Hold
from polystep.http.nested import nest_fields
from polystep.http.refusals import RequestRefused
from polystep.http.settings import HttpSettings

_CHARSETS: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "latin1", "windows-1252"})
"""A list, because Python would also decode `idna` (quadratic) or `unicode_escape`."""


@dataclass(frozen=True, slots=True)
class Body:
    """Body as the handler gets it."""

    value: JSONValue
    raw: str | bytes
    files: list[JSONValue] | None = None
    """Of an upload: `{field, name, type, bytes, path}` each, `path` where it lies until the handler has answered."""


NO_BODY: Final = Body({}, "")


async def read_body(request: web.BaseRequest, settings: HttpSettings, hold: Hold) -> bytes:
    """Read the whole body, inflated, holding at most the limit; `hold` counts what there is of it.

    Raises:
        RequestRefused: 413 over `body_bytes_max`; 408 not all there in time; 400 broken compression or chunks;
            415 an unknown compression; 503 when bodies and answers hold too many bytes.
    """
    if not request.body_exists:
        return b""
    length_max = settings.body_bytes_max
    if (request.content_length or 0) > length_max:
        raise _too_large(length_max)
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    inflater = None if encoding in ("", "identity") else Inflater(encoding, length_max)
    content = request.content
    try:
        if content.is_eof() and content.exception() is None:
            # The usual small body came with its headers: no timer, no waiting.
            data = _inflated(inflater, content.read_nowait(), length_max)
            hold.grow_to(len(data))
        else:
            await _answer_expectation(request)
            async with asyncio.timeout(settings.body_timeout_s):
                data = await _gathered(content, inflater, length_max, hold)
        if inflater is not None:
            inflater.end()
        return data
    except TimeoutError:
        raise RequestRefused(
            408,
            {"error": "Request timeout", "hint": f"The body did not arrive within {settings.body_timeout_s:g} s."},
            {"Connection": "close"},
        ) from None
    except BodyTooLarge:
        raise _too_large(length_max) from None
    except (web.RequestPayloadError, PayloadEncodingError, zlib.error) as broken:
        raise RequestRefused(
            400, {"error": "Malformed body", "hint": f"Its transfer or content encoding is broken: {broken}"}
        ) from broken


async def _gathered(content: StreamReader, inflater: Inflater | None, length_max: int, hold: Hold) -> bytes:
    gathered = bytearray()
    try:
        while chunk := await content.readany():
            gathered += chunk if inflater is None else inflater.feed(chunk)
            if len(gathered) > length_max:
                raise BodyTooLarge
            hold.grow_to(len(gathered))
        return bytes(gathered)
    finally:
        # The connection keeps the error of a body that broke off, and with its traceback what this function holds.
        gathered.clear()
        chunk = b""


def _inflated(inflater: Inflater | None, data: bytes, length_max: int) -> bytes:
    if inflater is not None:
        return inflater.feed(data)
    if len(data) > length_max:
        raise BodyTooLarge
    return data


def parse_body(content_type: str, data: bytes, *, present: bool) -> Body:
    """Turn the bytes of a body into a value.

    JSON is parsed: integers of up to 64 bits are exact, larger ones and all other numbers are doubles. Forms become
    maps (repeated fields lists), text stays text, everything else stays bytes.

    Args:
        content_type: The header as sent; empty when there was none.
        data: The whole body, inflated.
        present: Whether the request has a body at all, even an empty one.

    Raises:
        RequestRefused: 400 with `issues` for JSON that is malformed, too deep, or holds a number that no double can;
            400 for text that is not what its charset says; 415 for an unknown charset.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        return _parse_json(data) if data.strip() else Body({}, "")
    if kind == "application/x-www-form-urlencoded":
        raw = _decode_text(data, content_type)
        return Body(parse_fields(raw), raw)
    if kind.startswith("text/") and present:
        text = _decode_text(data, content_type)
        return Body(text, text)
    return Body(data, data) if data else NO_BODY


def parse_json(data: bytes) -> JSONValue:
    """Read JSON; raises as `parse_body`."""
    return _parse_json(data).value


def parse_fields(text: str) -> JSONObject:
    """Read `a=1&b=2` into `{name: text}`, with a list where a name is repeated, and maps and lists by its brackets.

    Raises:
        RequestRefused: 400 with more than `FORM_FIELDS_MAX` fields.
    """
    if not text:
        return {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX)
    except ValueError:
        raise RequestRefused(
            400, {"error": "Too many fields", "hint": f"A query or form holds at most {FORM_FIELDS_MAX} fields."}
        ) from None
    return nest_fields(pairs)


def _too_large(length_max: int) -> RequestRefused:
    return RequestRefused(
        413,
        {
            "error": "Payload too large",
            "hint": f"A body holds at most {length_max} bytes, inflated; `[http] body_bytes_max` sets it.",
        },
        {"Connection": "close"},
    )


async def _answer_expectation(request: web.BaseRequest) -> None:
    """Tell a client that asked first (`Expect: 100-continue`, such as curl) to send its body now."""
    if request.headers.get("Expect", "").lower() != "100-continue":
        return
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # the answer itself has not begun


def _decode_text(data: bytes, content_type: str) -> str:
    charset = "utf-8"
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
    if charset not in _CHARSETS:
        raise RequestRefused(415, {"error": "Unsupported charset", "hint": f"Send UTF-8, not {charset[:40]!r}."})
    try:
        return data.decode(charset)
    except UnicodeDecodeError as broken:
        raise RequestRefused(
            400,
            {"error": "Malformed text", "hint": f"The body is not {charset}: {broken.reason} at byte {broken.start}."},
        ) from None


def _parse_json(data: bytes) -> Body:
    try:
        raw = data.decode()
        value = orjson.loads(raw)
    except UnicodeDecodeError as broken:
        raise _json_refused("invalid_json", f"not UTF-8: {broken.reason} at byte {broken.start}") from None
    except orjson.JSONDecodeError as broken:
        if "depth" in broken.msg.lower() or "recursion" in broken.msg.lower():
            raise _too_deep() from None
        byte = len(raw[: broken.pos].encode())
        where = f"line {broken.lineno}, column {broken.colno} (byte {byte})"
        raise _json_refused("invalid_json", f"{broken.msg} at {where}") from None
    if data.count(b"[") + data.count(b"{") > VALUE_DEPTH_MAX:
        _check_depth(value)
    return Body(value, raw)


def _json_refused(code: str, message: str, path: tuple[str | int, ...] = ()) -> RequestRefused:
    return RequestRefused(400, {"error": "Malformed JSON", "issues": [Issue(path, message, code).to_json()]})


def _too_deep() -> RequestRefused:
    return _json_refused("too_deep", f"lists and objects are nested deeper than {VALUE_DEPTH_MAX}")


def _check_depth(value: object) -> None:
    """Go down level by level: a list of many small objects, the usual reason to look, costs one pass."""
    level = [value]
    for _ in range(VALUE_DEPTH_MAX):
        below: list[object] = []
        for each in level:
            if type(each) is dict:
                below.extend(child for child in each.values() if type(child) in (dict, list))
            elif type(each) is list:
                below.extend(child for child in each if type(child) in (dict, list))
        if not below:
            return
        level = below
    raise _too_deep()
