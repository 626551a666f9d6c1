"""Files that look like steps, streams or access files and are none by name or place, each with the right name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePath
from typing import Final

from polystep.contracts.steps import Finding, SourcePattern
from polystep.discovery.files import PASSED_OVER, SOURCE_FOLDERS, files_below

_NAME: Final = re.compile(r"(?P<stem>.*?)[._-]?(?P<kind>step|stream|access)s?(?P<ending>\.\w+)", re.IGNORECASE)
_ENDINGS: Final = {".mjs": ".js", ".cjs": ".js", ".mts": ".ts", ".cts": ".ts"}
"""What to call files whose endings are not looked for."""
_CONFIG: Final = re.compile(r"\bconfig\b")
_RULE: Final = re.compile(
    r"^(?:export (?:async )?(?:const|let|function) authenticate\b|(?:async )?def authenticate\b)", re.MULTILINE
)
_SHOWN: Final = {"step": "a step", "stream": "a stream", "access": "an access file"}
_READ_BYTES_MAX: Final = 65_536
_ENTRIES_MAX: Final = 1000
"""Of each folder beside the source folders: it may hold a million files of data, and every reload looks again."""
_ELSEWHERE: Final = frozenset(
    {"dist", "build", "out", "docs", "examples", "test", "tests", "launcher", *SOURCE_FOLDERS}
)
"""Folders at the root whose files are no steps that were put into the wrong place."""


def find_misnamed(project: Path, patterns: Iterable[SourcePattern]) -> tuple[Finding, ...]:
    """Look in the source folders, in the root, and in the folders right below it.

    A file counts when its name is close to a step's and it has something called `config`: `checkout-steps.ts` may well
    be a helper.
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
    """Find files with the name of a step, or close to it, that lie where none is looked for."""
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
        if not (entry.name.startswith(".") or entry.name in PASSED_OVER or entry.name in _ELSEWHERE):
            yield from [entry] if entry.is_file() else _files_in(entry)


def _files_in(folder: Path) -> list[Path]:
    if folder.is_symlink() or not folder.is_dir():
        return []
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in islice(entries, _ENTRIES_MAX) if entry.is_file()]
    except OSError:
        return []  # what cannot be read is no step either


def _right_name(name: str, patterns: Sequence[SourcePattern]) -> tuple[str, str] | None:
    """The name that the file should have, and what it is then; `None` when it has it, or is something else."""
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
    """Look for what a file of this kind must have: something called `config`, or an `authenticate` of its own."""
    needed = _RULE if kind == "access" else _CONFIG
    try:
        with path.open("rb") as file:
            return needed.search(file.read(_READ_BYTES_MAX).decode("utf-8", "replace")) is not None
    except OSError:
        return False


def _finding(file: PurePath, reason: str, right: PurePath) -> Finding:
    return Finding("project", "warning", file.as_posix(), f"{reason}. Call it {right.as_posix()}.")
