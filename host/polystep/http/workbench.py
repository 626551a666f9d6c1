"""Pages of the Workbench: one HTML file at every address of a page, and the scripts and styles it loads."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aiohttp import web

from polystep.http.refusals import RequestRefused
from polystep.http.static_files import StaticFiles

PAGES: Final = frozenset(
    {
        *("", "start", "flows", "traces", "compare", "logs", "charts", "endpoints", "emit", "asks"),
        *("queues", "dead-letters", "cron", "state", "streams", "steps"),
    }
)
"""First segments after `/__polystep/`; the page reads the rest of its address itself."""
FILES_PREFIX: Final = "app/"

_NO_CACHE: Final = {"Cache-Control": "no-cache"}
_KEPT: Final = {"Cache-Control": "private, max-age=31536000, immutable"}
"""For files with a hash of their content in the name."""


def workbench_folder() -> Path:
    """Return where the built Workbench lies: in the package when installed, in its source folder in a checkout."""
    packaged = Path(__file__).with_name("workbench")
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "workbench" / "dist"


class WorkbenchPages:
    """Serves the built Workbench; asks for nothing but files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = StaticFiles(folder)

    def knows(self, rest: str) -> bool:
        """Report whether a path after `/__polystep/` is a page or a file of the Workbench."""
        return rest.startswith(FILES_PREFIX) or (rest.partition("/")[0] in PAGES and not rest.startswith("/"))

    def answer(self, rest: str) -> web.FileResponse:
        """Send a page or one of its files.

        Raises:
            RequestRefused: 404, there is no such file, or the Workbench is not built.
        """
        if not rest.startswith(FILES_PREFIX):
            return self._page(200)
        name = rest.removeprefix(FILES_PREFIX)
        path = self._files.find(name) if name else None
        if path is None:
            raise RequestRefused(404, {"error": "Not found", "hint": "The Workbench has no such file."})
        return web.FileResponse(path, headers=_KEPT if name.startswith("assets/") else _NO_CACHE)

    def missing(self, request: web.BaseRequest) -> web.FileResponse | None:
        """Return the page that says so, for a browser at an address that is none; `None` for every other client."""
        if "text/html" not in request.headers.get("Accept", "") or not self._index.is_file():
            return None
        return self._page(404)

    @property
    def _index(self) -> Path:
        return self._folder / "index.html"

    def _page(self, status: int) -> web.FileResponse:
        if not self._index.is_file():
            hint = "The Workbench is not built; in a checkout, `make setup` builds it."
            raise RequestRefused(404, {"error": "Not found", "hint": hint})
        return web.FileResponse(self._index, status=status, headers=_NO_CACHE)
