"""Uploads (`multipart/form-data`): fields into memory, files to the disk as they arrive, whatever their size."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Final, TypeVar

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError, PayloadEncodingError
from aiohttp.multipart import MultipartReader

from polystep.contracts.limits import FORM_FIELDS_MAX, UPLOAD_BYTES_PER_S_MIN
from polystep.contracts.values import JSONValue
from polystep.http.bodies import Body, parse_json
from polystep.http.load import Load
from polystep.http.nested import nest_fields
from polystep.http.refusals import RequestRefused
from polystep.http.settings import HttpSettings

BLOCK_BYTES: Final = 1024 * 1024
"""Bytes that another thread writes to the disk at once."""
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,16}\Z")
_BROKEN: Final = (
    ValueError,
    RuntimeError,
    AssertionError,
    web.RequestPayloadError,
    PayloadEncodingError,
    HttpProcessingError,
)
"""Errors of aiohttp for bodies that break RFC 7578."""

_T = TypeVar("_T")


def is_upload(content_type: str) -> bool:
    """Report whether a body of this type is read here."""
    return content_type.partition(";")[0].strip().lower() == "multipart/form-data"


class Uploads:
    """Uploads that are on their way, or in the hands of a handler; only so many at once."""

    def __init__(self, settings: HttpSettings, load: Load) -> None:
        self._settings = settings
        self._load = load

    @asynccontextmanager
    async def read(self, request: web.BaseRequest) -> AsyncIterator[Body]:
        """Read an upload; its files are removed at the end.

        A part with a file name is a file. Any other is a field: text, or the value of a part whose type is JSON.
        Repeated fields become a list.

        Raises:
            RequestRefused: 413 over `upload_bytes_max`, or fields over `body_bytes_max`; 408 too slow; 400 not valid
                multipart, or too many parts; 503 too many uploads at once; 507 the disk is full.
        """
        settings = self._settings
        if settings.uploads is None:
            raise RequestRefused(415, {"error": "Unsupported body", "hint": "This server takes no uploads."})
        if (request.content_length or 0) > settings.upload_bytes_max:
            raise _too_large("An upload", settings.upload_bytes_max, "upload_bytes_max")
        if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            hint = "Send multipart/form-data without a Content-Encoding."
            raise RequestRefused(415, {"error": "Unsupported encoding", "hint": hint}, {"Connection": "close"})
        if self._load.uploads >= settings.uploads_max:
            hint = f"{settings.uploads_max} uploads are on their way, the most allowed at once."
            headers = {"Retry-After": "1", "Connection": "close"}
            raise RequestRefused(503, {"error": "Service overloaded", "hint": hint}, headers)
        self._load.uploads += 1
        try:
            async with _stored(request, settings, settings.uploads) as body:
                yield body
        finally:
            self._load.uploads -= 1


@asynccontextmanager
async def _stored(request: web.BaseRequest, settings: HttpSettings, uploads: Path) -> AsyncIterator[Body]:
    folder = await _on_disk(lambda: _make_folder(uploads))
    try:
        yield await _Upload(request, settings, folder).read()
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


class _Upload:
    """Body on its way in."""

    def __init__(self, request: web.BaseRequest, settings: HttpSettings, folder: Path) -> None:
        self._request = request
        self._settings = settings
        self._folder = folder
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._bytes = 0
        self._field_bytes = 0
        self._extend: Callable[[], None] = lambda: None

    async def read(self) -> Body:
        fields: list[tuple[str, JSONValue]] = []
        files: list[JSONValue] = []
        try:
            async with asyncio.timeout(self._settings.body_timeout_s) as limit:
                self._extend = lambda: limit.reschedule(self._deadline_s())
                reader = MultipartReader(self._request.headers, self._request.content)
                while (part := await reader.next()) is not None:
                    if len(fields) + len(files) >= FORM_FIELDS_MAX:
                        raise RequestRefused(
                            400, {"error": "Too many fields", "hint": f"A form holds at most {FORM_FIELDS_MAX} parts."}
                        )
                    if not isinstance(part, BodyPartReader) or part.name is None:
                        raise ValueError("a part without a name, or one that has parts itself")
                    if part.filename is None:
                        fields.append((part.name, await self._field(part)))
                    else:
                        files.append(await self._file(part, len(files)))
        except TimeoutError:
            raise RequestRefused(
                408,
                {"error": "Request timeout", "hint": "The upload did not arrive in time."},
                {"Connection": "close"},
            ) from None
        except _BROKEN as broken:
            raise RequestRefused(
                400, {"error": "Malformed body", "hint": f"It is not multipart/form-data: {broken}"}
            ) from broken
        return Body(nest_fields(fields), "", files)

    async def _field(self, part: BodyPartReader) -> JSONValue:
        data = bytearray()
        while chunk := await self._chunk(part):
            data += chunk
            self._field_bytes += len(chunk)
            if self._field_bytes > self._settings.body_bytes_max:
                raise _too_large("The fields of a form", self._settings.body_bytes_max, "body_bytes_max")
        if part.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/json":
            return parse_json(bytes(data))
        return data.decode(part.get_charset("utf-8"))

    async def _file(self, part: BodyPartReader, number: int) -> JSONValue:
        name = part.filename or ""
        suffix = _SUFFIX.search(name)
        # The client's name is only shown, never used: it may be a path, or too long for a disk.
        path = self._folder / f"{number}{suffix[0] if suffix else ''}"
        size, waiting = 0, bytearray()
        file = await _on_disk(lambda: path.open("xb"))
        try:
            while chunk := await self._chunk(part):
                size += len(chunk)
                waiting += chunk
                if len(waiting) >= BLOCK_BYTES:
                    waiting = await _write(file, waiting)
            await _write(file, waiting)
        finally:
            await asyncio.to_thread(file.close)
        kind = part.headers.get("Content-Type", "application/octet-stream")
        return {"field": part.name or "", "name": name, "type": kind, "bytes": size, "path": str(path)}

    async def _chunk(self, part: BodyPartReader) -> bytes:
        chunk = await part.read_chunk(64 * 1024)
        self._bytes += len(chunk)
        if self._bytes > self._settings.upload_bytes_max:
            raise _too_large("An upload", self._settings.upload_bytes_max, "upload_bytes_max")
        self._extend()
        return bytes(chunk)

    def _deadline_s(self) -> float:
        """Return when a body must be complete: a client that goes on sending may go on, one that dribbles may not."""
        return self._began_s + self._settings.body_timeout_s + self._bytes / UPLOAD_BYTES_PER_S_MIN


def _make_folder(uploads: Path) -> Path:
    uploads.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=uploads))  # readable by this user alone


async def _write(file: IO[bytes], data: bytearray) -> bytearray:
    await _on_disk(lambda: file.write(data))
    return bytearray()


async def _on_disk(work: Callable[[], _T]) -> _T:
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise RequestRefused(
            507, {"error": "Insufficient storage", "hint": f"The upload cannot be stored: {error.strerror}."}
        ) from error


def _too_large(what: str, bytes_max: int, setting: str) -> RequestRefused:
    return RequestRefused(
        413,
        {"error": "Payload too large", "hint": f"{what} holds at most {bytes_max} bytes; `[http] {setting}` sets it."},
        {"Connection": "close"},
    )
