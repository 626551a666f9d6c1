"""Report of each load in the terminal: steps that are new, changed or gone, and problems not shown yet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from polystep.contracts.ports.reporter import Reporter
from polystep.contracts.steps import Finding, Flow, SourcePattern, StepSpec, StreamSpec
from polystep.discovery import SOURCE_FOLDERS


class Report:
    """Reporter that compares each flow with the one before."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._shown: frozenset[Finding] = frozenset()
        """Findings that were shown. While a file is broken some are not made, and are no news when it loads again."""

    def switched(self, before: Flow, now: Flow, changed: frozenset[str], *, is_complete: bool) -> None:
        """Show what is new in a flow.

        Args:
            before: The flow until now.
            now: The flow from now on.
            changed: Files whose change is shown as an update, and whose failures and findings are shown again.
            is_complete: Every file loads, so a finding that is not made any more is no problem any more.
        """
        self._steps(before, now, changed)
        self._failures(before, now, changed)
        if now.access is not None and now.access != before.access:
            self._reporter.info(f"WebSockets are authenticated by {now.access.source.path}")
        for finding in now.findings:
            if finding not in self._shown or (finding.kind == "project" and finding.file in changed):
                self._reporter.finding(finding)
        found = frozenset(now.findings)
        self._shown = found if is_complete else found | self._shown

    def nothing_found(self, root: Path, patterns: Sequence[SourcePattern]) -> None:
        """Show the folders where steps belong."""
        endings = ", ".join(f"*{pattern.suffix}" for pattern in patterns if pattern.kind == "step")
        self._reporter.warning(
            f"No steps were found in {root}. Put files that are called {endings} under "
            f"{' or '.join(f'{folder}/' for folder in SOURCE_FOLDERS)}."
        )

    def buried(self, step: str, count: int) -> None:
        """Name events whose step is in no file any more."""
        self._reporter.warning(
            f"{count} waiting events were for {step}, which no file has any more. They are in the dead letters: "
            "bring the step back and replay them."
        )

    def _steps(self, before: Flow, now: Flow, changed: frozenset[str]) -> None:
        old, new = _by_key(before), _by_key(now)
        # A file whose step has another name now was changed, and is still there.
        kept = {spec.source.path for spec in old.values()} & {spec.source.path for spec in new.values()}
        for key, spec in new.items():
            if key not in old and spec.source.path not in kept:
                self._reporter.step("CREATED", spec)
            elif spec != old.get(key) or spec.source.path in changed:
                self._reporter.step("UPDATED", spec)
        for key, spec in old.items():
            if key not in new and spec.source.path not in kept:
                self._reporter.step("REMOVED", spec)

    def _failures(self, before: Flow, now: Flow, changed: frozenset[str]) -> None:
        shown: dict[str, str] = {}
        for failure in now.failures:
            if failure not in before.failures or failure.source.path in changed:
                first = shown.setdefault(failure.message, failure.source.path)
                is_first = first == failure.source.path
                self._reporter.failure(failure.source, failure.message if is_first else f"The same as {first}.")


def _by_key(flow: Flow) -> dict[str, StepSpec | StreamSpec]:
    steps: dict[str, StepSpec | StreamSpec] = {f"step {name}": step for name, step in flow.steps.items()}
    return {**steps, **{f"stream {name}": stream for name, stream in flow.streams.items()}}
