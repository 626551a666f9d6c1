"""Stacks of each language: their frames, the location of an error, the part that a step's author needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from polystep.contracts.locations import Location
from polystep.runners.sources import Sources

# Messages are part of stacks and hold texts of clients, so each form takes a time that grows with the line alone.
_FRAMES: Final = (
    # JavaScript: `    at async handler (file:///p/steps/a.step.ts:3:9)`.
    re.compile(
        r"^(?P<lead>\s+)at (?:[^()]*\(|async )?(?:file://)?(?P<path>/[^()]*?|node:[^()]*?):(?P<line>\d+):(?P<column>\d+)\)?$"
    ),
    # Without a file: `    at JSON.parse (<anonymous>)`.
    re.compile(r"^(?P<lead>\s+)at .*<anonymous>.*$"),
    # Python, also inside an exception group: `  |   File "/p/steps/a_step.py", line 3, in handler`.
    re.compile(r'^(?P<lead>[ |+]*)File "(?P<path>[^"]+)", line (?P<line>\d+)'),
    # Ruby: `/p/steps/a_step.rb:3:in 'handler'`.
    re.compile(r"^(?P<lead>\s*(?:from )?)(?P<path>/[^:]+):(?P<line>\d+):in .*$"),
)  # fmt: skip
_MARKS: Final = re.compile(r"^[ |+]*[~^]+\s*$")
_CHAINED: Final = re.compile(r"^(?:The above exception was|During handling of the above exception)", re.MULTILINE)
_IN_GROUP: Final = re.compile(r"^ *\+-\+-", re.MULTILINE)
_LATER_ERROR: Final = re.compile(r"^(?:Caused by: |Error \d+ of \d+: )")
_PACKAGE: Final = re.compile(r".*/(?:node_modules|site-packages)/(@[^/]+/[^/]+|[^/]+)")
_NAMES_SHOWN_MAX: Final = 3
_UNFOLDED_LINES_MAX: Final = 20


@dataclass(slots=True)
class _Frame:
    lead: str
    path: str | None
    line: int
    column: int | None
    lines: list[str]
    offset: int | None = field(default=None)
    """Columns of the marked part, from the first character of the line that is not a space (Python)."""


def location_of(sources: Sources, stack: str) -> Location | None:
    """Find the innermost location in the project where the outermost error was raised."""
    if "Traceback (most recent call last):" in stack or _FRAMES[2].search(stack):
        # The outermost exception comes last, and its innermost frame is the last one; parts of a group follow it.
        last = _IN_GROUP.split(_CHAINED.split(stack)[-1])[0]
        frames = [each for each in _read(last) if isinstance(each, _Frame)][::-1]
    else:
        frames = [each for each in _read(stack) if isinstance(each, _Frame)]
    return next(filter(None, (_place(sources, frame) for frame in frames)), None)


def folded(sources: Sources, stack: str, message: str) -> str:
    """Leave the message out of a stack, make paths of the project relative, and count frames of libraries."""
    items = _without_message(_read(stack), message)
    if not any(isinstance(each, _Frame) and _is_own(sources, each) for each in items):
        return "\n".join("\n".join(_lines(items)).split("\n")[:_UNFOLDED_LINES_MAX])
    shown: list[str] = []
    foreign: list[_Frame] = []
    for item in [*items, ""]:
        if isinstance(item, _Frame) and not _is_own(sources, item):
            foreign.append(item)
            continue
        if foreign:
            shown.append(_counted(foreign))
            foreign = []
        shown += _lines([item])
    return "\n".join(shown[:-1]).replace(f"{sources.project}/", "")


def adds_nothing(stack: str, location: Location) -> bool:
    """Report whether a folded stack has one frame, whose source is shown already."""
    first, *rest = [line for line in stack.split("\n") if line != "Traceback (most recent call last):"] or [""]
    if f'File "{location.file}", line {location.line},' in first:
        # The source again, and Python's marks below it.
        return all(line.startswith("    ") for line in rest)
    return not rest and f"{location.file}:{location.line}" in first


def _read(stack: str) -> list[_Frame | str]:
    items: list[_Frame | str] = []
    for line in stack.rstrip().split("\n"):
        match = next(filter(None, (form.match(line) for form in _FRAMES)), None)
        last = items[-1] if items else None
        if match is not None:
            found = {"path": None, "line": None, "column": None, **match.groupdict()}
            column = None if found["column"] is None else int(found["column"])
            items.append(_Frame(str(found["lead"]), found["path"], int(found["line"] or 0), column, [line]))
        elif isinstance(last, _Frame) and _belongs(last, line):
            if _MARKS.match(line) and len(last.lines) > 1:
                start = len(last.lead) + 2
                last.offset = min((line.find(mark, start) for mark in "^" if mark in line), default=start) - start
            last.lines.append(line)
        else:
            items.append(line)
    return items


def _belongs(frame: _Frame, line: str) -> bool:
    """Report whether a line is the source text, or the marks below it, that Python prints under a frame."""
    return "File " in frame.lines[0] and line.startswith(f"{frame.lead}  ")


def _place(sources: Sources, frame: _Frame) -> Location | None:
    file = None if frame.path is None else sources.own(frame.path)
    if file is None:
        return None
    column = frame.column
    if column is None and (line := sources.line(file, frame.line)) is not None:
        # Without marks the whole line is meant.
        column = len(line) - len(line.lstrip()) + (frame.offset or 0) + 1
    return Location(file, frame.line, column)


def _is_own(sources: Sources, frame: _Frame) -> bool:
    return frame.path is not None and sources.own(frame.path) is not None


def _without_message(items: list[_Frame | str], message: str) -> list[_Frame | str]:
    """Leave out the message, which is shown above the stack."""
    texts = [each for each in items if isinstance(each, str)]
    if any(text.endswith("Traceback (most recent call last):") for text in texts):
        end = len(items)
        while end > 0 and isinstance(items[end - 1], str):
            end -= 1
        tail = "\n".join(_lines(items[end:]))
        return items[:end] if message in tail and not _IN_GROUP.search(tail) else items
    start = 0
    while start < len(items) and isinstance(item := items[start], str) and not _LATER_ERROR.match(item):
        start += 1
    return items[start:]


def _counted(frames: Sequence[_Frame]) -> str:
    names = dict.fromkeys(match[1] for frame in frames if frame.path and (match := _PACKAGE.match(frame.path)))
    more = ", …" if len(names) > _NAMES_SHOWN_MAX else ""
    shown = f" ({', '.join([*names][:_NAMES_SHOWN_MAX])}{more})" if names else ""
    count = f"{len(frames)} library frame" if len(frames) == 1 else f"{len(frames)} library frames"
    return f"{frames[0].lead.removesuffix('from ')}… {count}{shown}"


def _lines(items: Iterable[_Frame | str]) -> list[str]:
    return [line for item in items for line in (item.lines if isinstance(item, _Frame) else [item])]
