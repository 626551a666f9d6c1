"""The port through which HTTP asks about steps that are declared and do not run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from polystep.contracts.steps import Flow, StepSpec


class UnloadedView(Protocol):
    """Files that do not load, and runners that do not start; part of `ProjectView`."""

    @property
    def declared(self) -> Flow:
        """What is loaded, and what files that do not load at the moment declared last."""
        ...

    @property
    def missing(self) -> Mapping[str, str]:
        """Runners that have never started, by name, with the reason: any unknown path may be one of theirs."""
        ...

    def unloaded(self, step: StepSpec) -> str | None:
        """The reason why a step of `declared` does not run, for its author; `None` when it runs."""
        ...
