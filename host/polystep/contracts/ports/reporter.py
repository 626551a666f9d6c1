"""Port of the terminal."""

from __future__ import annotations

from typing import Protocol

from polystep.contracts.steps import Finding, SourceFile, StepSpec, StreamSpec


class Reporter(Protocol):
    """Shows the user of a host what happens. Never blocks, never raises."""

    def info(self, text: str) -> None:
        """Show something that the user wants to know."""
        ...

    def warning(self, text: str) -> None:
        """Show something that is likely a mistake."""
        ...

    def error(self, text: str, details: str = "") -> None:
        """Show something that does not work; `details` are further lines, set off."""
        ...

    def step(self, verb: str, spec: StepSpec | StreamSpec) -> None:
        """Show that a step or stream was `CREATED`, `UPDATED` or `REMOVED`."""
        ...

    def finding(self, finding: Finding) -> None:
        """Show a problem of the project."""
        ...

    def failure(self, source: SourceFile, message: str) -> None:
        """Show a file that does not load."""
        ...

    def log(
        self,
        level: str,
        message: str,
        *,
        time_ms: int,
        step: str | None,
        trace_id: str | None,
        fields: str | None,
        details: str = "",
    ) -> None:
        """Show one log line; `fields` are JSON, `details` are further lines, set off."""
        ...
