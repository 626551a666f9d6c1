"""What tells one kind of runner from another: which files it runs, and how its process is started."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from polystep.contracts.steps import SourcePattern

Progress = Callable[[str], None]
"""Shown to the user while something takes long, such as installing packages."""


@dataclass(frozen=True, slots=True)
class Launch:
    """The command of a runner process."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to what the steps' environment already has."""


@dataclass(frozen=True, slots=True)
class RunnerKind:
    """A runner for one or more languages. A language that is not ours is one of these too."""

    name: str
    patterns: tuple[SourcePattern, ...]
    prepare: Callable[[Path, Progress], Awaitable[Launch]]
    """Makes the environment for a project, when it is not there yet, and says how to start.

    Raises `LoadFailed` with what to do when that is not possible.
    """
    channel: Literal["private", "stdio"] = "private"


def bridge_folder(language: str) -> Path:
    """Where a shipped bridge lies: beside the host in a checkout, inside the package in an installed wheel."""
    package = Path(__file__).resolve().parents[1]
    packaged = package / "_bridges" / language
    return packaged if packaged.is_dir() else package.parents[1] / "bridges" / language
