"""Step, stream and access files, found by their names.

A file counts when it lies under `steps/` or `src/` and its name ends as a runner says, or when it lies in the root and
has a name that a runner gives in full. Folders of packages,
`__pycache__` and what is hidden are passed over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from polystep.contracts.steps import SourceFile, SourcePattern

SOURCE_FOLDERS: Final = ("steps", "src")
PASSED_OVER: Final = frozenset({"node_modules", "__pycache__", "venv", "python_modules"})
"""Folders that hold packages."""


def find_sources(project: Path, patterns: Sequence[SourcePattern]) -> tuple[SourceFile, ...]:
    """Every step, stream and access file of a project, sorted by path."""
    known = [pattern for pattern in patterns if not pattern.in_root]
    found = [
        SourceFile(pattern.suffix, pattern.kind, pattern.language, pattern.runner)
        for pattern in patterns
        if pattern.in_root and (project / pattern.suffix).is_file()
    ]
    for folder in SOURCE_FOLDERS:
        for path in files_below(project / folder):
            pattern = next((each for each in known if path.name.endswith(each.suffix)), None)
            # A name that is nothing but the suffix is not a step of that name: `_step.py` has no name left. Hidden
            # files are the editors': `.#hello.step.ts` is a lock.
            if pattern is not None and path.name != pattern.suffix and not path.name.startswith("."):
                relative = path.relative_to(project).as_posix()
                found.append(SourceFile(relative, pattern.kind, pattern.language, pattern.runner))
    return tuple(sorted(found, key=lambda source: source.path))


def files_below(root: Path) -> Iterator[Path]:
    """Every file in a folder and the folders in it, without those of packages."""
    # `os.walk` follows no links to folders, so a link cannot lead out of the project or round in a circle.
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in PASSED_OVER and not name.startswith(".")]
        yield from (Path(folder) / name for name in names)
