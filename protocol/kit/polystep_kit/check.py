"""Plays every case that a language's runner is expected to pass, and gathers what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from polystep_kit.cases import LEVELS, Case, all_cases
from polystep_kit.host import Failed, PlayedHost
from polystep_kit.manifest import NoSteps
from polystep_kit.messages import MessageSchemas, Violation
from polystep_kit.player import Player, said
from polystep_kit.steps import ConformanceSteps

_OPTIONAL = (("notification:span",), ("notification:span.open",))
"""Kinds of messages that no runner has to send (PS-8.9, PS-8.28)."""
_FAILED_STARTS_MAX = 5
PATIENCE_S = 10.0
"""No single wait is longer. The protocol's own limits are shorter, but busy machines are slow."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of one case."""

    case: Case
    failure: str | None
    """One sentence, or None when it passed."""
    note: str = ""
    """Checks that the process had been through before a failure."""


@dataclass(slots=True)
class Report:
    """Outcomes of all cases."""

    runner: str
    """Name from its `hello`."""
    levels: tuple[str, ...]
    outcomes: list[Outcome] = field(default_factory=list)
    left_out: list[Case] = field(default_factory=list)
    """Checks of what `kit.json` does not list."""
    notes: list[str] = field(default_factory=list)
    """Notes for the author that are no failures."""

    @property
    def failures(self) -> list[Outcome]:
        """The cases that did not pass."""
        return [outcome for outcome in self.outcomes if outcome.failure is not None]


class Checker:
    """Runs cases against one runner command, sharing a process between cases that do not need one of their own."""

    def __init__(
        self,
        command: Sequence[str],
        steps: ConformanceSteps,
        project: Path,
        *,
        patience_s: float = PATIENCE_S,
        environment: Mapping[str, str] | None = None,
        on_outcome: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        self._environment = environment
        self._command = command
        self._steps = steps
        self._project = project
        self._patience_s = patience_s
        self._on_outcome = on_outcome
        self._schemas = MessageSchemas()
        self._violations: list[Violation] = []
        self._seen: set[str] = set()
        self._failed_starts = 0
        """In a row."""
        self._language: str | None = None
        """Answer of the runner to its last `hello`."""
        self._shared: PlayedHost | None = None

    async def run(
        self, levels: Sequence[str], *, only: Callable[[Case], bool] = lambda _: True, judge_all: bool = False
    ) -> Report:
        """Play the cases of these levels.

        Args:
            levels: Of the cases.
            only: Chooses among them.
            judge_all: Report malformed messages of every kind that comes, also where its check is not chosen.
        """
        report = Report(" ".join(self._command), tuple(levels))
        cases = [case for case in all_cases() if case.level in levels]
        try:
            for case in filter(only, cases):
                if not self._steps.can(case):
                    report.left_out.append(case)
                else:
                    self._tell(report, self._judged(case) if case.schema else await self._play(case))
            for case in cases if judge_all else ():
                if case.schema and not only(case) and (violation := self._violation(case)):
                    self._tell(report, Outcome(case, violation))
        finally:
            await self._end_shared()
        if self._language not in (None, self._steps.language):
            report.notes.append(
                f"in hello the language is {self._language!r}, in kit.json {self._steps.language!r}: give them one name"
            )
        return report

    def _tell(self, report: Report, outcome: Outcome) -> None:
        report.outcomes.append(outcome)
        self._on_outcome(outcome)

    async def _play(self, case: Case) -> Outcome:
        host: PlayedHost | None = None
        if self._failed_starts >= _FAILED_STARTS_MAX:
            return Outcome(case, "not tried: the runner did not start")
        self._failed_starts += 1
        try:
            host = await self._host_for(case)
            self._failed_starts = 0
            await Player(host, self._steps, case).play()
        except Failed as failed:
            # What is wrong with this process must not fail the cases after it.
            await self._drop(host)
            return Outcome(case, str(failed), "" if host is None else _been_through(host.played))
        except BaseException:
            await self._drop(host)
            raise
        if case.start:
            await self._end(host)
        return Outcome(case, None)

    async def _host_for(self, case: Case) -> PlayedHost:
        if not case.start and self._shared is not None and not self._shared.process.is_closed:
            return self._shared
        if not case.start:
            await self._end_shared()
        host = PlayedHost(self._command, self._project, self._schemas, self._patience_s)
        host.case = case.id if case.start else ""
        await host.start(
            case.start.get("channel", "stdio"), self._environment, with_parent=bool(case.start.get("parent"))
        )
        try:
            if case.start.get("hello", {}) is not False:
                await self._greet(host, case)
        except BaseException:
            await self._end(host)
            raise
        if not case.start:
            self._shared = host
        return host

    async def _greet(self, host: PlayedHost, case: Case) -> None:
        asked = await host.ask("hello", host.hello(**case.start.get("hello", {})))
        error, result = await host.answer(asked, "hello")
        if error is not None:
            raise Failed(f"hello was answered with an error: {said(error)}")
        self._language = result.get("language") if isinstance(result, dict) else None
        file = self._steps.files["script"]
        asked = await host.ask("step.load", {"file": file, "kind": "step"})
        error, _ = await host.answer(asked, f"step.load of {file}")
        if error is not None:
            raise Failed(f"{file} could not be loaded: {said(error)}")

    async def _drop(self, host: PlayedHost | None) -> None:
        if host is self._shared:
            self._shared = None
        await self._end(host)

    async def _end(self, host: PlayedHost | None) -> None:
        if host is not None:
            await host.stop()
            self._violations += host.violations
            self._seen |= host.seen

    async def _end_shared(self) -> None:
        shared, self._shared = self._shared, None
        await self._end(shared)

    def _violation(self, case: Case) -> str | None:
        """Describe the fault of a message of a kind."""
        for violation in self._violations + ([] if self._shared is None else self._shared.violations):
            if case.judges(violation.kind):
                return f"the {violation.sender} sent a malformed {violation.kind}: {violation.reason}"
        return None

    def _judged(self, case: Case) -> Outcome:
        violation = self._violation(case)
        if violation is not None:
            return Outcome(case, violation)
        seen = self._seen | (set() if self._shared is None else self._shared.seen)
        # Sending these is a bridge's choice; everything else must have been there to be held against it.
        is_optional = case.schema in _OPTIONAL
        if not is_optional and not any(case.judges(kind) for kind in seen):
            return Outcome(case, "no such message came")
        return Outcome(case, None)


def _been_through(played: Sequence[str]) -> str:
    if not played:
        return ""
    before = played[0] if len(played) == 1 else f"{len(played)} checks, the last of them {played[-1]},"
    return f"in a process that had played {before} before"


def levels_upto(level: str) -> tuple[str, ...]:
    """A level and those before it."""
    return LEVELS[: LEVELS.index(level) + 1]


async def language_of(command: Sequence[str], project: Path, patience_s: float = PATIENCE_S) -> str:
    """Ask a runner in a `hello` for the name of its language.

    Raises:
        NoSteps: It does not answer; the text says what it did.
    """
    host = PlayedHost(command, project, MessageSchemas(), patience_s)
    try:
        await host.start("stdio")
        error, result = await host.answer(await host.ask("hello", host.hello()), "hello")
    except (Failed, OSError) as failed:
        raise NoSteps(f"The runner could not be asked for its language: {failed}") from failed
    finally:
        await host.stop()
    if error is not None or not isinstance(result, dict) or not isinstance(result.get("language"), str):
        raise NoSteps(
            f"The runner does not name its language in hello (PS-5.1); it answered {(error or result)!r:.300}"
        )
    return str(result["language"])
