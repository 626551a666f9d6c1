"""Which runners a project has: the shipped ones, and those that its `polystep.toml` names."""

from __future__ import annotations

from pathlib import Path

from polystep.app.settings import RunnersSection
from polystep.runners import RunnerKind, foreign_kind, node_kind, python_kind, ruby_kind


def kinds_of(runners: RunnersSection, project: Path) -> dict[RunnerKind, int]:
    """Every runner kind of a project, with how many processes share its runs; one without files costs nothing."""
    kinds = {
        node_kind(): runners.node.processes,
        python_kind(runners.python.requirements): runners.python.processes,
        ruby_kind(): runners.ruby.processes,
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
        kinds[kind] = section.processes
    return kinds
