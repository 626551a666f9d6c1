"""Loading of a project: its files are found, loaded by their runners, and put together to one flow.

A live project loads each language again and again; the verbs that check or describe a project load everything once.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from polystep.console import MARK
from polystep.contracts.clock import SystemClock
from polystep.contracts.ports.clock import Clock
from polystep.contracts.steps import CronTrigger, Finding, Flow, LoadFailure, SourceFile, SourcePattern
from polystep.contracts.values import JSONObject
from polystep.discovery import (
    Validators,
    build_flow,
    compile_validators,
    find_misnamed,
    find_sources,
    find_workbench_files,
    pass_over_shadowed,
)
from polystep.project.environment import read_variables, runner_environment
from polystep.project.locations import located
from polystep.project.runner_kinds import kinds_of
from polystep.project.settings import Settings
from polystep.runners import RunnerCalls, RunnerPool, Sources, Staged
from polystep.schedule import cron_problem

LOADING: Final = "Its language is still starting."
"""Reason of files that wait to be loaded."""
_NO_MODEL: Final = "http://127.0.0.1:9/"
"""An address where nothing answers: the model call of a file that loads fails at once."""


class Loader:
    """Loader that finds the files of a project and puts together the results of its runners."""

    def __init__(
        self, project: Path, pools: Mapping[str, RunnerPool], default_timezone: str | None, clock: Clock
    ) -> None:
        """`default_timezone` is for cron steps that name none; the machine's zone when it is `None`."""
        self.project = project
        self.pools = pools
        self._default_timezone = default_timezone
        self._clock = clock

    @property
    def patterns(self) -> list[SourcePattern]:
        """List the patterns of the files that the runners load."""
        return [pattern for pool in self.pools.values() for pattern in pool.kind.patterns]

    async def find(self) -> tuple[Sequence[SourceFile], Sequence[Finding]]:
        """Find every step, stream and access file, and problems with the names of others."""
        return await asyncio.to_thread(find_files, self.project, self.patterns)

    async def start_ahead(self) -> None:
        """Start a process of each runner that has files, which the first load takes."""
        sources, _ = await self.find()
        for name in {source.runner for source in sources}:
            self.pools[name].start_ahead()

    async def stage(self, runner: str, sources: Sequence[SourceFile]) -> Staged:
        """Load the files of one runner in a new generation of its processes."""
        return await self.pools[runner].stage([source for source in sources if source.runner == runner])

    async def assemble(
        self,
        staged: Sequence[Staged],
        more: Sequence[Finding],
        *,
        pending: Sequence[LoadFailure] = (),
        before: Flow | None = None,
    ) -> tuple[Flow, Validators]:
        """Put the results of all languages together to one flow, with every problem and its location.

        Args:
            staged: Results of the runners.
            more: Problems beside those of the files' content.
            pending: Files that are still to be loaded: their content is unknown, as with files that fail.
            before: The flow until now; see `build_flow`.
        """
        now_ms = self._clock.now_ms()
        flow, validators = assemble(staged, self._default_timezone, now_ms, pending=pending, before=before)
        flow = await asyncio.to_thread(located, with_findings(flow, more), Sources(self.project))
        return flow, validators

    def cron_triggers(self, flow: Flow) -> dict[str, CronTrigger]:
        """List the cron steps of a flow, each with its timezone."""
        return {
            step.name: dataclasses.replace(step.trigger, timezone=step.trigger.timezone or self._default_timezone)
            for step in flow.steps.values()
            if isinstance(step.trigger, CronTrigger)
        }


async def load_flow(
    project: Path, settings: Settings, shell: Mapping[str, str], progress: Callable[[str], None]
) -> Flow:
    """Load every step and stream file of a project once with its real runners, and end them again.

    Nothing is stored, served or locked: a host of the same project may run beside it. Files that do not load are in
    `Flow.failures`, problems with the contracts between steps in `Flow.findings`.

    Args:
        project: The project's root.
        settings: Of its `polystep.toml`.
        shell: The environment that the runners inherit, beside the project's `.env`.
        progress: Takes news of what takes long, and prints and logs of step files, set off with `│`.
    """
    variables = read_variables(project)
    # Many steps make their client while they load, and clients want a key even when nothing is asked of them.
    environment = runner_environment(shell, variables.values, stand_in_url=_NO_MODEL)

    def printed(text: str) -> None:
        progress(f"{MARK}{text}")  # no line of a step file looks like one of the host's

    def logged(params: JSONObject) -> None:
        printed(str(params.get("message", "")))

    calls = RunnerCalls({}, {"log": logged, "span": lambda _: None}, lambda _runner, _stream, line: printed(line))
    kinds = kinds_of(settings.runners, project)
    pools = {kind.name: RunnerPool(kind, project, calls, lambda: environment, progress) for kind in kinds}
    loader = Loader(project, pools, settings.cron.timezone, SystemClock())
    try:
        sources, misnamed = await loader.find()
        staged = await asyncio.gather(*(loader.stage(name, sources) for name in pools))
    finally:
        await asyncio.gather(*(pool.stop(0) for pool in pools.values()))
    flow, _ = await loader.assemble(staged, (*variables.findings, *misnamed))
    return flow


def assemble(
    staged: Sequence[Staged],
    default_timezone: str | None,
    now_ms: int,
    *,
    pending: Sequence[LoadFailure] = (),
    before: Flow | None = None,
) -> tuple[Flow, Validators]:
    """Put the results of all languages together to one flow, with every problem.

    Args:
        staged: Results of the runners.
        default_timezone: For cron steps that name none.
        now_ms: Unix time, from when on cron steps are to fire.
        pending: Files that are still to be loaded: their content is unknown, as with files that fail.
        before: The flow until now; see `build_flow`.
    """
    loaded = [file for result in staged for file in result.loaded]
    failures = [failure for result in staged for failure in result.failures]
    flow, validators = compile_validators(build_flow(loaded, (*failures, *pending), before))
    flow = _without_pending(flow, pending)
    return with_findings(flow, (*problems_of(staged), *cron_problems(flow, default_timezone, now_ms))), validators


def _without_pending(flow: Flow, pending: Sequence[LoadFailure]) -> Flow:
    """Take waiting files out of the failures; WebSockets wait for those that may decide about streams."""
    if not pending:
        return flow
    waiting = {failure.source.path for failure in pending if failure.source.kind != "step"}
    found = tuple(each for each in flow.findings if each.kind != "access" or each.file not in waiting)
    failures = tuple(each for each in flow.failures if each not in pending)
    is_wrong = any(each.kind == "access" and each.severity == "error" for each in found)
    is_wrong = is_wrong or any(each.source.kind == "access" for each in failures)
    # Never opened here: a reason that is none of the waiting files' stays.
    closed = flow.access_closed if is_wrong or not waiting else LOADING
    return dataclasses.replace(flow, failures=failures, findings=found, access_closed=closed)


def cron_problems(flow: Flow, default_timezone: str | None, now_ms: int) -> list[Finding]:
    """List cron steps that never fire."""
    return [
        Finding("cron", "error", step.source.path, f"{step.name} never fires: {problem}")
        for step in flow.steps.values()
        if isinstance(step.trigger, CronTrigger) and (problem := cron_problem(step.trigger, default_timezone, now_ms))
    ]


def find_files(project: Path, patterns: Sequence[SourcePattern]) -> tuple[tuple[SourceFile, ...], tuple[Finding, ...]]:
    """Find every step, stream and access file, and problems with the names of others."""
    sources, shadowed = pass_over_shadowed(find_sources(project, patterns))
    return sources, (*shadowed, *find_misnamed(project, patterns), *find_workbench_files(project, sources))


def problems_of(staged: Iterable[Staged]) -> list[Finding]:
    """List problems of the environments that files were loaded in."""
    return [each.problem for each in staged if each.problem is not None]


def with_findings(flow: Flow, more: Sequence[Finding]) -> Flow:
    """Add problems of the project beside its files to a flow."""
    found = tuple(sorted((*more, *flow.findings), key=lambda finding: finding.file))
    return dataclasses.replace(flow, findings=found)
