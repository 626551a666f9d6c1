"""Foreign runner: any program that speaks protocol/SPEC.md, named by an entry of `polystep.toml`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from polystep.contracts.errors import LoadFailed
from polystep.contracts.steps import SourcePattern
from polystep.runners.kinds import Launch, Progress, RunnerKind


def foreign_kind(
    name: str,
    *,
    steps: Sequence[str],
    streams: Sequence[str],
    command: Sequence[str],
    channel: Literal["private", "stdio"],
    project: Path,
) -> RunnerKind:
    """Make the kind of `[runners.<name>]`.

    Args:
        name: Of the entry; also what people see as its files' language.
        steps: How the names of its step files end, such as `_step.pl`.
        streams: The same of its stream files.
        command: Program and arguments. The program is looked for on PATH and in the project; arguments that name files
            of the project work because the process starts in the project's root.
        channel: Over which descriptors it speaks (PS-2.1).
        project: The project's root. Files of the command that lie in it reload the runner when they change.
    """

    async def prepare(root: Path, _: Progress) -> Launch:
        return Launch((_program(name, command[0], root), *command[1:]))

    patterns = [SourcePattern(ending, "step", name, name) for ending in steps]
    patterns += [SourcePattern(ending, "stream", name, name) for ending in streams]
    return RunnerKind(
        name,
        tuple(patterns),
        prepare,
        channel,
        needs=frozenset(filter(None, (_inside(project, part) for part in command))),
        # It may lie in the project itself, or read files of it when it starts: one that waits could be an old one.
        standby=False,
    )


def _program(name: str, program: str, project: Path) -> str:
    """Find the full path of a command's program.

    Raises:
        LoadFailed: There is none; the message says what to do.
    """
    own = project / program
    # A plain name means the machine's program, as in a shell, before a file of the project that happens to have it.
    found = shutil.which(program) if os.sep not in program else None
    if found is None and own.is_file():
        if not os.access(own, os.X_OK):
            raise LoadFailed(
                f"{program} cannot be started as the {name} runner: it is not executable. Run `chmod +x {program}`, "
                f"or name its interpreter first in [runners.{name}] command of polystep.toml."
            )
        found = str(own)
    if found is None:
        raise LoadFailed(
            f'The {name} runner\'s program "{program}" was found neither on PATH nor in the project. Install it, or '
            f"correct [runners.{name}] command in polystep.toml, then start again."
        )
    return found


def _inside(project: Path, part: str) -> str | None:
    """Make a part of the command a path relative to the project; `None` when it names no file there."""
    path = Path(os.path.normpath(project / part))
    return path.relative_to(project).as_posix() if path.is_relative_to(project) and path != project else None
