"""Source files of a project, read to show the lines around an error."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Final

from polystep.contracts.locations import Location

_AROUND_LINES: Final = 2
"""Lines above and below the line of the error."""
_LINE_CHARS_MAX: Final = 160
_AFTER_CHARS: Final = 40
"""Characters behind the column of a longer line."""
_FILE_BYTES_MAX: Final = 1024 * 1024
"""Size above which a file is generated, and its lines explain nothing."""
_FILES_KEPT_MAX: Final = 32
_FOREIGN_FOLDERS: Final = frozenset({"node_modules", "site-packages"})

_Stamp = tuple[int, int]


class Sources:
    """Reader of the files below one folder that keeps the last few while they do not change."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._kept: dict[str, tuple[_Stamp, list[str]]] = {}

    @property
    def project(self) -> Path:
        """Return the project's root."""
        return self._project

    def own(self, path: str) -> str | None:
        """Make a path relative to the project; `None` for files of others, such as installed packages."""
        inside = path.removeprefix(f"{self._project}/")
        return None if inside == path or _is_foreign(inside) else inside

    def text(self, file: str) -> str:
        """Return the text of a file given relative to the project; empty when it cannot be read."""
        return "\n".join(self._lines(file))

    def line(self, file: str, number: int) -> str | None:
        """Return one line, from 1, of a file given relative to the project."""
        lines = self._lines(file)
        return lines[number - 1] if 0 < number <= len(lines) else None

    def frame(self, location: Location) -> str:
        """Show the lines around a location, with a caret below its column; empty when they cannot be read.

        Shape:
            ```
              2 | export const handler = async () => {
            > 3 |   throw new Error('no')
                |         ^
              4 | }
            ```
        """
        lines = self._lines(location.file)
        if not 0 < location.line <= len(lines):
            return ""
        first = max(location.line - _AROUND_LINES, 1)
        last = min(location.line + _AROUND_LINES, len(lines))
        while last > location.line and not lines[last - 1].strip():
            last -= 1
        while first < location.line and not lines[first - 1].strip():
            first += 1
        digits = len(str(last))
        # A long line is shown from shortly before the column.
        skipped = max((location.column or 0) - _LINE_CHARS_MAX + _AFTER_CHARS, 0)
        shown = []
        for number in range(first, last + 1):
            text = lines[number - 1][skipped:].replace("\t", " ")
            cut = text if len(text) <= _LINE_CHARS_MAX else f"{text[:_LINE_CHARS_MAX]}…"
            mark = ">" if number == location.line else " "
            shown.append(f"{mark} {number:>{digits}} | {cut}".rstrip())
            if number == location.line and location.column is not None:
                shown.append(f"  {'':>{digits}} | {' ' * (location.column - 1 - skipped)}^")
        return "\n".join(shown)

    def _lines(self, file: str) -> list[str]:
        path = (self._project / file).resolve()
        try:
            if _is_foreign(file) or not path.is_relative_to(self._project.resolve()):
                return []
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            kept = self._kept.get(file)
            if kept is not None and kept[0] == stamp:
                return kept[1]
            if status.st_size > _FILE_BYTES_MAX:
                return []
            lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
        except (OSError, ValueError):
            return []
        if len(self._kept) >= _FILES_KEPT_MAX:
            self._kept.clear()
        self._kept[file] = (stamp, lines)
        return lines


def _is_foreign(inside: str) -> bool:
    return any(part in _FOREIGN_FOLDERS or part.startswith(".") for part in PurePosixPath(inside).parts)
