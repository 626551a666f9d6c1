"""Search for step, stream and access files by their names.

A file counts when it lies under `steps/` or `src/` and its name has an ending of a runner, or when it lies in the root
and has a full name of a runner. `is_searched` has the one rule for folders, for whoever looks for files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import Final

from polystep.contracts.steps import SourceFile, SourcePattern

SOURCE_FOLDERS: Final = ("steps", "src")
_SOURCE_ROOTS: Final = tuple((folder,) for folder in SOURCE_FOLDERS)
_PACKAGES: Final = frozenset({"node_modules", "__pycache__", "venv", "python_modules"})
"""Folders that hold packages."""
_OUTPUTS: Final = frozenset({"dist", "build"})
"""Folders that builds write to; below a source folder they are folders of steps like any other."""


def is_searched(folder: PurePath) -> bool:
    """Report whether a folder, given relative to the project, may hold steps, or helpers that steps import."""
    parts = folder.parts
    if not all(map(_is_own, parts)):
        return False
    return parts[:1] in _SOURCE_ROOTS or _OUTPUTS.isdisjoint(parts)


def find_sources(project: Path, patterns: Sequence[SourcePattern]) -> tuple[SourceFile, ...]:
    """Find every step, stream and access file of a project, sorted by path."""
    known = [pattern for pattern in patterns if not pattern.in_root]
    found = [
        SourceFile(pattern.suffix, pattern.kind, pattern.language, pattern.runner)
        for pattern in patterns
        if pattern.in_root and (project / pattern.suffix).is_file()
    ]
    for folder in SOURCE_FOLDERS:
        for path in files_below(project / folder):
            pattern = next((each for each in known if path.name.endswith(each.suffix)), None)
            # A name that equals the suffix is not a step: `_step.py` leaves no name. Hidden files belong to editors:
            # `.#hello.step.ts` is a lock.
            if pattern is not None and path.name != pattern.suffix and not path.name.startswith("."):
                relative = path.relative_to(project).as_posix()
                found.append(SourceFile(relative, pattern.kind, pattern.language, pattern.runner))
    return tuple(sorted(found, key=lambda source: source.path))


def files_below(root: Path) -> Iterator[Path]:
    """Yield every file in a source folder and the folders in it, without those of packages."""
    # `os.walk` does not follow links to folders, so a link cannot lead out of the project or into a circle.
    for folder, folders, names in os.walk(root):
        folders[:] = filter(_is_own, folders)
        yield from (Path(folder) / name for name in names)


def _is_own(folder: str) -> bool:
    """Report whether a folder of this name is the project's own: no packages, and not hidden."""
    return folder not in _PACKAGES and not folder.startswith(".")
