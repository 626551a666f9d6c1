"""Search for files that look like steps, streams or access files but have a wrong name or place."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePath
from typing import Final

from polystep.contracts.steps import Finding, SourcePattern
from polystep.discovery.files import SOURCE_FOLDERS, files_below, is_searched

_NAME: Final = re.compile(r"(?P<stem>.*?)[._-]?(?P<kind>step|stream|access)s?(?P<ending>\.\w+)", re.IGNORECASE)
_ENDINGS: Final = {".mjs": ".js", ".cjs": ".js", ".mts": ".ts", ".cts": ".ts"}
"""Right endings, by endings that the host ignores."""
_CONFIG: Final = re.compile(r"\bconfig\b")
_RULE: Final = re.compile(
    r"^(?:export (?:async )?(?:const|let|function) authenticate\b|(?:async )?def authenticate\b)", re.MULTILINE
)
_SHOWN: Final = {"step": "a step", "stream": "a stream", "access": "an access file"}
_READ_BYTES_MAX: Final = 65_536
_ENTRIES_MAX: Final = 1000
"""Entries read of each folder beside the source folders: it may hold a million files, and every reload looks again."""
_ELSEWHERE: Final = frozenset({"out", "docs", "examples", "test", "tests", "launcher", *SOURCE_FOLDERS})
"""Folders at the root whose files are not misplaced steps."""


def find_misnamed(project: Path, patterns: Iterable[SourcePattern]) -> tuple[Finding, ...]:
    """Look in the source folders, in the root, and in the folders right below it.

    A file counts when its name is close to the name of a step and it has something called `config`:
    `checkout-steps.ts` may be a helper.
    """
    known = tuple(pattern for pattern in patterns if not pattern.in_root)
    found = [*_in_place(project, known), *_out_of_place(project, known)]
    return tuple(sorted(found, key=lambda finding: finding.file))


def _in_place(project: Path, patterns: Sequence[SourcePattern]) -> Iterator[Finding]:
    for folder in SOURCE_FOLDERS:
        for path in files_below(project / folder):
            right = _right_name(path.name, patterns)
            if right is not None and _holds(path, right[1]):
                name, kind = right
                file = path.relative_to(project)
                reason = f"It looks like {_SHOWN[kind]}, but its name is not {_SHOWN[kind]}'s"
                yield _finding(file, reason, file.with_name(name))


def _out_of_place(project: Path, patterns: Sequence[SourcePattern]) -> Iterator[Finding]:
    """Find files with the name of a step, or close to it, outside the source folders."""
    for path in _beside(project):
        named = next((each for each in patterns if _is_named(path.name, each)), None)
        right = (path.name, named.kind) if named is not None else _right_name(path.name, patterns)
        if right is not None and _holds(path, right[1]):
            name, kind = right
            file = path.relative_to(project)
            # `routes/a.step.ts` may keep its folder: `steps/routes/a.step.ts`.
            there = PurePath(SOURCE_FOLDERS[0]) / file.with_name(name)
            folders = " and ".join(f"{folder}/" for folder in SOURCE_FOLDERS)
            yield _finding(file, f"It looks like {_SHOWN[kind]}, but only files under {folders} are loaded", there)


def _beside(project: Path) -> Iterator[Path]:
    for entry in sorted(project.iterdir()):
        if entry.name not in _ELSEWHERE and is_searched(PurePath(entry.name)):
            yield from [entry] if entry.is_file() else _files_in(entry)


def _files_in(folder: Path) -> list[Path]:
    if folder.is_symlink() or not folder.is_dir():
        return []
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in islice(entries, _ENTRIES_MAX) if entry.is_file()]
    except OSError:
        return []  # a file that cannot be read is not a step either


def _right_name(name: str, patterns: Sequence[SourcePattern]) -> tuple[str, str] | None:
    """Return the right name of the file and its kind; `None` when the name is right, or the file is something else."""
    if name.startswith(".") or any(_is_named(name, pattern) for pattern in patterns):
        return None
    parts = _NAME.fullmatch(name)
    if parts is None:
        return None
    kind, ending = parts["kind"].lower(), parts["ending"].lower()
    ending = _ENDINGS.get(ending, ending)
    for pattern in patterns:
        if pattern.kind == kind and PurePath(pattern.suffix).suffix == ending:
            return f"{parts['stem'] or 'my'}{pattern.suffix}", kind
    return None


def _is_named(name: str, pattern: SourcePattern) -> bool:
    return name.endswith(pattern.suffix) and name != pattern.suffix


def _holds(path: Path, kind: str) -> bool:
    """Report whether a file has what its kind needs: something called `config`, or an `authenticate` of its own."""
    needed = _RULE if kind == "access" else _CONFIG
    try:
        with path.open("rb") as file:
            return needed.search(file.read(_READ_BYTES_MAX).decode("utf-8", "replace")) is not None
    except OSError:
        return False


def _finding(file: PurePath, reason: str, right: PurePath) -> Finding:
    return Finding("project", "warning", file.as_posix(), f"{reason}. Call it {right.as_posix()}.")
