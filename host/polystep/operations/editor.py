"""Operations that lead from a run or a step to its source: frames of an error, and the editor of the developer.

An editor is asked by ids alone: of a step, or of a run and a frame of its error. A page cannot name a file.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from polystep.contracts.locations import Location, location_from
from polystep.contracts.operations import OperationRefused, bad_parameter
from polystep.operations.editor_program import EditorFailed
from polystep.operations.operation import Operation, Params, Result, Whole
from polystep.operations.rooms import Rooms
from polystep.operations.traces import RunParams

AROUND_LINES: Final = 5
"""Shown before and after the line of a frame."""
FRAMES_MAX: Final = 20
_LINE_CHARS_MAX: Final = 400
_FILE_BYTES_MAX: Final = 4 * 1024 * 1024
_PATH: Final = r"(?P<file>[^\s()\"'<>][^()\"<>]*?)"
_FRAMES: Final = (
    re.compile(rf"^\s+at (?:async )?(?:(?P<name>[^()]+?) \()?{_PATH}:(?P<line>\d+):(?P<column>\d+)\)?$"),
    re.compile(r'^[ |+]*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<name>.+))?$'),
    re.compile(rf"^\s*(?:from )?{_PATH}:(?P<line>\d+):in (?P<name>.+)$"),
)
"""Frames of the project in a stack as traces keep it: paths are relative, and libraries are counted."""


class SourceFrame(Result):
    """Place in a file of the project where an error was raised, or a call that led there."""

    frame: int = Field(description="For open_in_editor.")
    file: str
    line: int
    column: int | None
    name: str | None = Field(description="Of the function.")
    first_line: int | None = Field(description="Number of the first of the lines; null when the file is gone.")
    lines: list[str]
    changed: bool = Field(description="The file was saved after the run: the lines may be others than those that ran.")


class RunError(Result):
    """Error of a run with the source around it, the innermost place first."""

    run_id: str
    name: str
    message: str
    stack: str
    frames: list[SourceFrame]


class OpenInEditorParams(Params):
    """Choose a step, or a frame of the error of a run."""

    step: str | None = None
    run_id: str | None = None
    frame: Whole = Field(0, description="Number of the frame, as run_error lists them.")


class Opened(Result):
    """File that the editor of this machine was asked to open."""

    file: str
    line: int
    editor: str = Field(description="Program.")


async def run_error(rooms: Rooms, params: RunParams) -> RunError | None:
    """Print the error of a run with the source around it, as the files are now."""
    queries = await rooms.traces.inspected()
    run = await queries.run(params.run_id)
    if run is None or not isinstance(error := run["error"], dict):
        return None
    ended_ms = run["endedAt"] if isinstance(run["endedAt"], int) else run["queuedAt"]
    found = _places(error)
    return RunError(
        run_id=params.run_id,
        name=str(error.get("name", "")),
        message=str(error.get("message", "")),
        stack=str(error.get("stack") or ""),
        frames=await asyncio.to_thread(lambda: [_frame(rooms.place.root, *each, int(str(ended_ms))) for each in found]),
    )


async def open_in_editor(rooms: Rooms, params: OpenInEditorParams) -> Opened | None:
    """Open the file of a step, or of a frame of the error of a run, in the editor of this machine.

    The editor is `[workbench] editor`, $POLYSTEP_EDITOR, or $VISUAL or $EDITOR where it has a window of its own.
    """
    if (params.step is None) == (params.run_id is None):
        raise bad_parameter("Give a step, or a runId.")
    location = await _location(rooms, params)
    if location is None:
        return None
    path = await asyncio.to_thread(_inside, rooms.place.root, location.file)
    if path is None:
        raise OperationRefused(409, "No such file", f"{location.file} is no file of the project any more.")
    try:
        program = await rooms.place.editor.open(path, location.line, location.column or 1)
    except EditorFailed as failed:
        raise OperationRefused(409, "No editor", str(failed)) from failed
    return Opened(file=location.file, line=location.line, editor=program)


async def _location(rooms: Rooms, params: OpenInEditorParams) -> Location | None:
    if params.step is not None:
        flow = rooms.project.flow
        known = rooms.project.declared.steps.get(params.step) or flow.streams.get(params.step)
        # A file that does not load has no name: its path is its id, and only paths that the host has listed count.
        broken = next((each.source.path for each in flow.failures if each.source.path == params.step), None)
        chosen = broken if known is None else known.source.path
        return None if chosen is None else Location(chosen, 1)
    queries = await rooms.traces.inspected()
    run = await queries.run(str(params.run_id))
    error = None if run is None else run["error"]
    places = _places(error) if isinstance(error, dict) else []
    return places[params.frame][1] if params.frame < len(places) else None


def _places(error: dict[str, Any]) -> list[tuple[int, Location, str | None]]:
    """List the places of an error in the project, the innermost first, with numbers."""
    stack = str(error.get("stack") or "")
    frames = [*_in_stack(stack)]
    if 'File "' in stack:  # Python names the innermost call last
        frames.reverse()
    place = location_from(error.get("place"))
    named: dict[tuple[str, int], tuple[Location, str | None]] = {}
    if place is not None:
        named[place.file, place.line] = place, None
    for location, name in frames:
        known = named.get((location.file, location.line))
        named[location.file, location.line] = (known[0] if known else location), name
    return [(at, location, name) for at, (location, name) in enumerate([*named.values()][:FRAMES_MAX])]


def _in_stack(stack: str) -> Iterator[tuple[Location, str | None]]:
    for line in stack.split("\n"):
        found = next(filter(None, (form.match(line) for form in _FRAMES)), None)
        if found is None or found["file"].startswith(("/", "node:", "file:")):
            continue
        groups = found.groupdict()
        column = groups.get("column")
        yield Location(found["file"], int(found["line"]), None if column is None else int(column)), groups.get("name")


def _inside(root: Path, file: str) -> Path | None:
    """Return the file when it lies in the project, wherever its links lead."""
    try:
        path = (root / file).resolve()
        is_inside = path.is_relative_to(root.resolve()) and path.is_file()
    except (OSError, ValueError):
        return None
    return path if is_inside else None


def _frame(root: Path, number: int, location: Location, name: str | None, ended_ms: int) -> SourceFrame:
    lines, changed = _lines(root, location.file), False
    first = max(location.line - AROUND_LINES, 1)
    shown = [] if lines is None else lines[first - 1 : location.line + AROUND_LINES]
    if lines is not None:
        changed = (root / location.file).stat().st_mtime * 1000 > ended_ms
    return SourceFrame(
        frame=number,
        file=location.file,
        line=location.line,
        column=location.column,
        name=name,
        first_line=first if shown else None,
        lines=[line[:_LINE_CHARS_MAX] for line in shown],
        changed=changed,
    )


def _lines(root: Path, file: str) -> list[str] | None:
    path = _inside(root, file)
    try:
        if path is None or path.stat().st_size > _FILE_BYTES_MAX:
            return None
        return path.read_text("utf-8", errors="replace").split("\n")
    except OSError:
        return None


OPERATIONS = (
    Operation("run_error", "GET runs/{runId}/error", RunParams, RunError, "reads", run_error),
    Operation("open_in_editor", "POST editor", OpenInEditorParams, Opened, "changes", open_in_editor),
)
