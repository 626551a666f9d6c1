"""Files that only a Workbench reads: pictures of steps, and feature cards beside their source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from polystep.contracts.steps import Finding, SourceFile
from polystep.discovery.features import SUFFIX, read_features
from polystep.discovery.files import SOURCE_FOLDERS, files_below

_PICTURE: Final = re.compile(r".+[._]step\.[tj]sx")
_CARDS: Final = re.compile(rf"(.+[._]step(\.\w+)?){re.escape(SUFFIX)}")
_SHOWN_MAX: Final = 5


def find_workbench_files(project: Path, sources: Sequence[SourceFile]) -> tuple[Finding, ...]:
    """Check the cards of steps, and name those without a step, and pictures in one warning."""
    files = sorted(
        path.relative_to(project).as_posix()
        for folder in SOURCE_FOLDERS
        for path in files_below(project / folder)
        if _PICTURE.fullmatch(path.name) or _CARDS.fullmatch(path.name)
    )
    steps = {source.path for source in sources if source.kind == "step"}
    pictures = [file for file in files if not file.endswith(SUFFIX)]
    cards = [file for file in files if file.endswith(SUFFIX)]
    return (*_pictures(pictures), *_without_step(cards, steps), *_wrong_cards(project, sorted(steps)))


def _pictures(files: Sequence[str]) -> Iterator[Finding]:
    if files:
        more = len(files) - _SHOWN_MAX
        shown = ", ".join(files[:_SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")
        message = f"Only Motia's Workbench reads these files, so they have no effect: {shown}. Remove them."
        yield Finding("project", "warning", "", message)


def _without_step(files: Sequence[str], steps: set[str]) -> Iterator[Finding]:
    for file in files:
        source = file.removesuffix(SUFFIX)
        if source in steps:
            continue
        name = source.rsplit("/", 1)[-1]
        reason = f": there is no step {name} beside it."
        if "." not in re.split(r"[._]step", name)[-1]:
            reason = f". Name it after the whole name of a step's file, such as {name}.ts{SUFFIX}."
        yield Finding("project", "warning", file, f"It is shown with no step{reason}")


def _wrong_cards(project: Path, steps: Sequence[str]) -> Iterator[Finding]:
    for step in steps:
        features = read_features(project, step, None)
        if features is not None:
            # Only now: most steps have no cards, and need not be read again.
            features = read_features(project, step, _count_lines(project / step)) or features
            for problem in features.problems:
                yield Finding("project", "warning", features.file, problem)


def _count_lines(path: Path) -> int | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data.count(b"\n") + (not data.endswith(b"\n"))
