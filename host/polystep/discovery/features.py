"""Feature cards: notes about lines of a step's file, in a JSON file beside it.

Source: Motia 0.17 shows `<file of the step>-features.json`, for a step below `src/` the one below `tutorial/`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

SUFFIX: Final = "-features.json"
FEATURES_BYTES_MAX: Final = 256 * 1024
"""A larger file is not read."""
FEATURES_MAX: Final = 200
"""Cards of one step."""
_RANGES_MAX: Final = 200
"""Lines, or ranges of them, of one card."""
_PROBLEMS_MAX: Final = 10
_LINES: Final = re.compile(r"\s*(\d{1,7})\s*(?:-\s*(\d{1,7})\s*)?")


@dataclass(frozen=True, slots=True)
class Feature:
    """Card: a note about lines of a file."""

    id: str
    title: str
    description: str
    lines: tuple[tuple[int, int], ...]
    """First and last line of each range, from 1."""
    link: str | None
    """As it stands in the file; whoever shows it decides whether it is one."""


@dataclass(frozen=True, slots=True)
class Features:
    """Cards of one step, and what is wrong with their file, in words."""

    file: str
    cards: tuple[Feature, ...]
    problems: tuple[str, ...]


def read_features(project: Path, source: str, lines: int | None) -> Features | None:
    """Read the cards of a step; `None` when there is no file with cards.

    Args:
        project: The project's root.
        source: File of the step, relative to the root.
        lines: Number of lines of that file; `None` when it is not known.
    """
    file = features_file(project, source)
    return None if file is None else _read(project, file, lines)


def features_file(project: Path, source: str) -> str | None:
    """Find the file with the cards of a step: the one beside it, else that in the folder of a tutorial."""
    places = [source + SUFFIX]
    if source.startswith("src/"):
        places.append(f"tutorial/{source.removeprefix('src/')}{SUFFIX}")
    return next((place for place in places if (project / place).is_file()), None)


def _read(project: Path, file: str, lines: int | None) -> Features:
    try:
        with (project / file).open("rb") as opened:
            data = opened.read(FEATURES_BYTES_MAX + 1)
    except OSError as error:
        return Features(file, (), (f"It cannot be read: {error.strerror}.",))
    if len(data) > FEATURES_BYTES_MAX:
        return Features(file, (), (f"It is larger than {FEATURES_BYTES_MAX // 1024} KiB and is not read.",))
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as broken:
        return Features(file, (), (f"It is not JSON: {broken.msg}, in line {broken.lineno}.",))
    if not isinstance(value, list):
        return Features(file, (), ('It must be a list of cards: [{"title": …, "lines": ["4-11"]}].',))
    reader = _Reader(lines)
    cards = [card for at, each in enumerate(value[:FEATURES_MAX], 1) if (card := reader.card(at, each)) is not None]
    if len(value) > FEATURES_MAX:
        reader.problems.append(f"It has {len(value)} cards; the first {FEATURES_MAX} are shown.")
    return Features(file, tuple(cards), _bounded(reader.problems))


@dataclass(slots=True)
class _Reader:
    """Reader of cards, with what it has found to be wrong."""

    lines: int | None
    problems: list[str] = field(default_factory=list)

    def card(self, at: int, value: Any) -> Feature | None:
        if not isinstance(value, dict):
            self.problems.append(f"Card {at} is not an object.")
            return None
        title = value.get("title")
        if not isinstance(title, str) or not title.strip():
            self.problems.append(f'Card {at} has no text "title".')
            return None
        texts = {name: self._text(at, name, value.get(name)) for name in ("id", "description", "link")}
        ranges = self._ranges(at, value.get("lines"))
        last = max((end for _, end in ranges), default=0)
        if self.lines is not None and last > self.lines:
            self.problems.append(f'Card {at}, "{title[:80]}", is about line {last}, and the file has {self.lines}.')
        return Feature(texts["id"], title, texts["description"], ranges, texts["link"] or None)

    def _text(self, at: int, name: str, value: Any) -> str:
        if value is None or isinstance(value, str):
            return value or ""
        self.problems.append(f'The "{name}" of card {at} is not text.')
        return ""

    def _ranges(self, at: int, value: Any) -> tuple[tuple[int, int], ...]:
        if value is None:
            return ()
        if not isinstance(value, list):
            self.problems.append(f'The "lines" of card {at} is not a list such as ["7", "11-12"].')
            return ()
        found = []
        for each in value[:_RANGES_MAX]:
            text = str(each) if isinstance(each, int) and not isinstance(each, bool) else each
            match = _LINES.fullmatch(text) if isinstance(text, str) else None
            first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
            if 1 <= first <= last:
                found.append((first, last))
            else:
                self.problems.append(f'Card {at} has the lines {_shown(each)}: write them as "7" or "11-12".')
        return tuple(found)


def _bounded(problems: list[str]) -> tuple[str, ...]:
    more = len(problems) - _PROBLEMS_MAX
    return (*problems[:_PROBLEMS_MAX], *([f"{more} more of its cards are wrong."] if more > 0 else []))


def _shown(value: Any) -> str:
    return orjson.dumps(value).decode()[:80]
