"""Runners of a project: the shipped ones, and those that its `polystep.toml` names."""

from __future__ import annotations

from pathlib import Path

from polystep.project.settings import RunnerSection, RunnersSection
from polystep.runners import RunnerKind, foreign_kind, node_kind, python_kind, ruby_kind


def kinds_of(runners: RunnersSection, project: Path) -> dict[RunnerKind, RunnerSection]:
    """List the runner kinds of a project, with their settings; a kind without files costs nothing."""
    kinds: dict[RunnerKind, RunnerSection] = {
        node_kind(): runners.node,
        python_kind(runners.python.requirements): runners.python,
        ruby_kind(): runners.ruby,
    }
    for name, section in runners.foreign.items():
        kind = foreign_kind(
            name,
            steps=section.pattern,
            streams=section.stream_pattern,
            command=section.command,
            channel=section.channel,
            project=project,
        )
        kinds[kind] = section
    return kinds
