"""Runner kinds: their files, how their processes start, which changes reload them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Literal

from polystep.contracts.steps import Finding, SourcePattern
from polystep.contracts.values import JSONObject
from polystep.runners.failures import NOT_ERRORS, Failures

Progress = Callable[[str], None]
"""Takes a text for the user while something takes long, such as installing packages."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Command of a runner process."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables added to the environment of the steps."""
    problem: Finding | None = field(default=None, compare=False)
    """Problem that does not keep the runner from starting, such as packages that could not be installed."""


def explain_load_failure(project: Path, file: str, data: JSONObject) -> str:
    """Explain in one sentence why a file did not load: `steps/a_step.pl:3 failed to load: Error: no such table`.

    The location is the innermost one in the project, which may be a file that the step imports.

    Args:
        project: The project's root.
        file: Relative to it.
        data: `{name, message, stack}` as the runner answered it; members may be missing or empty (PS-9.4).
    """
    name, message = (str(data.get(each) or "").strip() for each in ("name", "message"))
    found = Failures(project).of_load(file, data)
    location = file if found is None or f"{found.file}:" in message else found
    name = f"thrown {name}" if name in NOT_ERRORS else name
    why = ": ".join(part for part in (name, message.replace(f"{project}/", "")) if part)
    return f"{location} failed to load: {why or 'its runner does not say why'}"


@dataclass(frozen=True, slots=True)
class RunnerKind:
    """Kind of runner for one or more languages, shipped or foreign."""

    name: str
    patterns: tuple[SourcePattern, ...]
    prepare: Callable[[Path, Progress], Awaitable[Launch]]
    """Makes the environment for a project when it is missing, and returns how to start.

    Raises `LoadFailed` with what to do when that is not possible.
    """
    channel: Literal["private", "stdio"] = "private"
    explain: Callable[[Path, str, JSONObject], str] = explain_load_failure
    """`(project, file, {name, message, stack})` of a file that did not load → the text for its user (PS-6.3)."""
    imports: frozenset[str] = frozenset()
    """Endings of further files that steps may import, such as `.json`; those of its step files are known anyway."""
    needs: frozenset[str] = frozenset()
    """Further files that reload it, relative to the project: lists of packages, its own program."""
    standby: bool = True
    """A process may wait without steps: until it loads some, it has read nothing of the project."""

    def concerns(self, path: PurePath) -> bool:
        """Report whether a process may have loaded this file, given relative to the project."""
        endings = {PurePath(pattern.suffix).suffix for pattern in self.patterns} | self.imports
        return path.suffix in endings or path.as_posix() in self.needs


def bridge_folder(language: str) -> Path:
    """Find a shipped bridge: beside the host in a checkout, inside the package in an installed wheel."""
    package = Path(__file__).resolve().parents[1]
    packaged = package / "_bridges" / language
    return packaged if packaged.is_dir() else package.parents[1] / "bridges" / language
