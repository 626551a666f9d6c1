"""Files of a folder, and the headers that keep the browser of the admin pages strict."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from polystep.http.routes import decode_segment

PAGE_ROOT: Final = Path(__file__).with_name("static")
"""Folder of the pages that need no Workbench: the sign-in."""

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "font-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""For everything under `/__polystep/`: no inline script, no other site, no framing."""


class StaticFiles:
    """Folder that is served by resolved path: a link or `..` that leaves it finds nothing."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def find(self, raw_path: str) -> Path | None:
        """Find the file at a raw URL path below the folder; the empty path is `index.html`.

        Raises:
            RequestRefused: 400, the path cannot be decoded.
        """
        name = "/".join(decode_segment(part) for part in raw_path.split("/")) or "index.html"
        if "\0" in name or "\\" in name:
            return None
        try:
            path = (self._root / name).resolve()
            return path if path.is_relative_to(self._root) and path.is_file() else None
        except (OSError, RuntimeError):  # too long a name, a loop of links
            return None
