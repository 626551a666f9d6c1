"""Questions of the command line about a project, or about the shipped runners, that need no running host."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from polystep.contracts.errors import LoadFailed
from polystep.contracts.steps import SourceFile
from polystep.discovery import find_sources
from polystep.project import Settings, kinds_of, read_settings
from polystep.runners import bridge_folder, node_kind, ruby_kind

SHIPPED: Final = ("node", "python", "ruby")


async def shipped_command(language: str, folder: Path) -> Sequence[str]:
    """Return the command of a shipped runner, for the conformance kit.

    Args:
        language: One of `SHIPPED`.
        folder: Where the Node runner may install what it needs, when it comes from a wheel.

    Raises:
        LoadFailed: The language is missing on this machine; the message says what to install.
    """
    match language:
        case "python":
            # This interpreter has the one package that the bridge needs: a project's environment would add nothing.
            return (sys.executable, str(bridge_folder("python") / "launch.py"))
        case "node":
            return (await node_kind().prepare(folder, print)).command
        case "ruby":
            return (await ruby_kind().prepare(folder, print)).command
    raise LoadFailed(f"There is no shipped runner for {language}; there are {', '.join(SHIPPED)}.")


def project_sources(project: Path) -> tuple[SourceFile, ...]:
    """Find every step and stream file of a project by its name.

    Raises:
        LoadFailed: `polystep.toml` is not usable.
    """
    kinds = kinds_of(read_settings(project).runners, project)
    return find_sources(project, [pattern for kind in kinds for pattern in kind.patterns])


async def prepare_runners(project: Path, settings: Settings, progress: Callable[[str], None]) -> dict[str, str]:
    """Install what the runners of a project's files need, and start none.

    Returns:
        By runner, its problem; empty when it is ready.
    """
    problems = {}
    for kind in kinds_of(settings.runners, project):
        if find_sources(project, kind.patterns):
            try:
                launch = await kind.prepare(project, progress)
            except LoadFailed as error:
                problems[kind.name] = error.message
            else:
                problems[kind.name] = "" if launch.problem is None else str(launch.problem)
    return problems
