"""`/openapi.json`, `/asyncapi.json` and the page at `/docs`, where no step claims their paths."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import ETag, web

from polystep.contracts.ports.http import Documents, ProjectView
from polystep.http.origins import Origins, allow_reading
from polystep.http.refusals import JSON_TYPE, RequestRefused, to_json
from polystep.http.settings import HttpSettings
from polystep.http.static_files import SECURITY_HEADERS

_PAGE: Final = Path(__file__).with_name("docs")
_OWN_FILES: Final = ("docs.css", "docs.js")
_SWAGGER_FILES: Final = ("swagger-ui.css", "swagger-ui-bundle.js")

_NO_CACHE: Final = {"Cache-Control": "no-cache"}
"""Browsers ask each time whether what they have is still right."""


def swagger_folder() -> Path:
    """Return the folder of Swagger UI: beside the page in an installed wheel, among the Node packages in a checkout."""
    packaged = _PAGE / "swagger-ui"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[3] / "node_modules" / "swagger-ui-dist"


@dataclass(frozen=True, slots=True)
class _Made:
    revision: int
    body: bytes
    etag: ETag


class DocumentRoutes:
    """Answers for the documents; each is made once for a revision of the project."""

    def __init__(self, settings: HttpSettings, project: ProjectView, documents: Documents) -> None:
        self._wanted = settings.docs
        self._origins = Origins(settings)
        self._project = project
        self._makers = {"/openapi.json": documents.openapi, "/asyncapi.json": documents.asyncapi}
        self._made: dict[str, _Made] = {}
        self._making = asyncio.Lock()
        self._files: Mapping[str, Path] = {
            "/docs": _PAGE / "index.html",
            "/docs/": _PAGE / "index.html",
            **{f"/docs/{name}": _PAGE / name for name in _OWN_FILES},
            **{f"/docs/{name}": swagger_folder() / name for name in _SWAGGER_FILES},
        }

    def knows(self, method: str, path: str) -> bool:
        """Report whether a request is for one of the documents; a step that claims the path comes first."""
        return (
            (path in self._makers or path in self._files)
            and method in ("GET", "HEAD")
            and self._wanted
            and self._project.ready
        )

    async def answer(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        """Answer a request that `knows` took.

        Raises:
            RequestRefused: 404, a file of the page is not installed.
        """
        return await self._document(request, path) if path in self._makers else self._file(path)

    async def _document(self, request: web.BaseRequest, path: str) -> web.Response:
        body, etag = await self._current(path)
        known = request.if_none_match or ()
        unchanged = any(each.value in (etag.value, "*") for each in known)
        answer = web.Response(status=304) if unchanged else web.Response(body=body)
        answer.headers.update(_NO_CACHE)
        if not unchanged:
            answer.headers["Content-Type"] = JSON_TYPE
        answer.etag = etag
        answer.headers["X-Content-Type-Options"] = "nosniff"
        allow_reading(answer.headers, self._origins, request.headers.get("Origin"))
        return answer

    async def _current(self, path: str) -> tuple[bytes, ETag]:
        async with self._making:
            revision, made = self._project.revision, self._made.get(path)
            if made is None or made.revision != revision:
                # In a thread: a project of hundreds of large schemas takes a while, and others must be answered.
                body = await asyncio.to_thread(lambda: to_json(self._makers[path]()))
                etag = ETag(hashlib.sha256(body).hexdigest()[:32])
                made = self._made[path] = _Made(revision, body, etag)
            return made.body, made.etag

    def _file(self, path: str) -> web.FileResponse:
        file = self._files[path]
        if not file.is_file():
            raise RequestRefused(
                404,
                {"error": "Not found", "hint": "Swagger UI is not installed; in a checkout, `make setup` brings it."},
            )
        return web.FileResponse(file, headers={**SECURITY_HEADERS, **_NO_CACHE})
