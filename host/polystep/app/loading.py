"""Loads a project once, without serving it: for the verbs that check it or describe it to other tools."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from polystep.app.config_places import placed
from polystep.app.kinds import kinds_of
from polystep.app.settings import Settings, read_settings
from polystep.app.standin import local_model_variables, stand_in_variables, stand_in_wanted
from polystep.app.terminal_text import MARK
from polystep.app.variables import read_variables
from polystep.contracts.clock import SystemClock
from polystep.contracts.errors import LoadFailed
from polystep.contracts.steps import CronTrigger, Finding, Flow, LoadFailure, SourceFile, SourcePattern
from polystep.contracts.values import JSONObject
from polystep.discovery import (
    Validators,
    build_flow,
    compile_validators,
    find_misnamed,
    find_sources,
    find_workbench_files,
)
from polystep.runners import RunnerCalls, RunnerPool, Sources, Staged, child_environment
from polystep.schedule import cron_problem

LOADING: Final = "Its language is still starting."
"""Said of files that wait to be loaded."""
_NO_MODEL: Final = "http://127.0.0.1:9/"
"""Where nothing answers: a file that asks a model while it loads is told so at once."""


async def load_flow(
    project: Path, settings: Settings, shell: Mapping[str, str], progress: Callable[[str], None]
) -> Flow:
    """Load every step and stream file of a project with its real runners, and end them again.

    Nothing is stored, served or locked: a host of the same project may run beside it. Files that do not load are in
    `Flow.failures`, and what the contracts between steps get wrong in `Flow.findings`.

    Args:
        project: The project's root.
        settings: Of its `polystep.toml`.
        shell: The environment that the runners inherit, beside the project's `.env`.
        progress: Told what takes long, and what step files print or log while they load, set off with `│`.
    """
    variables = read_variables(project)
    dotenv = variables.values
    environment = child_environment(shell, dotenv, {})
    if stand_in_wanted(environment, allowed=True):
        # Many steps make their client while they load, and clients want a key even when nothing is asked of them.
        environment = child_environment(shell, dotenv, stand_in_variables(_NO_MODEL))
    environment |= local_model_variables(environment)

    def printed(text: str) -> None:
        progress(f"{MARK}{text}")  # no line of a step file looks like one of the host's

    def logged(params: JSONObject) -> None:
        printed(str(params.get("message", "")))

    calls = RunnerCalls({}, {"log": logged, "span": lambda _: None}, lambda _runner, _stream, line: printed(line))
    pools = [
        RunnerPool(kind, project, calls, lambda: environment, progress) for kind in kinds_of(settings.runners, project)
    ]
    try:
        patterns = [pattern for pool in pools for pattern in pool.kind.patterns]
        sources, misnamed = await asyncio.to_thread(find_files, project, patterns)
        staged = await asyncio.gather(
            *(pool.stage([each for each in sources if each.runner == pool.kind.name]) for pool in pools)
        )
    finally:
        await asyncio.gather(*(pool.stop(0) for pool in pools))
    flow, _ = assemble(staged, settings.cron.timezone, SystemClock().now_ms())
    return placed(with_findings(flow, (*variables.findings, *misnamed)), Sources(project))


def assemble(
    staged: Sequence[Staged],
    default_timezone: str | None,
    now_ms: int,
    *,
    pending: Sequence[LoadFailure] = (),
    before: Flow | None = None,
) -> tuple[Flow, Validators]:
    """Put together what all languages have loaded, with everything that is wrong with it.

    Args:
        staged: What each runner has loaded.
        default_timezone: For cron steps that name none.
        now_ms: Unix time, from when on cron steps are to fire.
        pending: Files that are still to be loaded: what they contain is unknown, as with files that fail.
        before: What was loaded until now; see `build_flow`.
    """
    loaded = [file for result in staged for file in result.loaded]
    failures = [failure for result in staged for failure in result.failures]
    flow, validators = compile_validators(build_flow(loaded, (*failures, *pending), before))
    flow = _without_pending(flow, pending)
    return with_findings(flow, (*problems_of(staged), *cron_problems(flow, default_timezone, now_ms))), validators


def _without_pending(flow: Flow, pending: Sequence[LoadFailure]) -> Flow:
    """Take what waits to be loaded out of what fails. WebSockets wait for files that may decide about streams."""
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
    """Cron steps that never fire."""
    return [
        Finding("cron", "error", step.source.path, f"{step.name} never fires: {problem}")
        for step in flow.steps.values()
        if isinstance(step.trigger, CronTrigger) and (problem := cron_problem(step.trigger, default_timezone, now_ms))
    ]


def find_files(project: Path, patterns: Sequence[SourcePattern]) -> tuple[tuple[SourceFile, ...], tuple[Finding, ...]]:
    """Every step and stream file, and what is wrong with the names of others."""
    return find_sources(project, patterns), (*find_misnamed(project, patterns), *find_workbench_files(project))


def project_sources(project: Path) -> tuple[SourceFile, ...]:
    """Every step and stream file of a project, found by its name.

    Raises:
        LoadFailed: `polystep.toml` is not usable.
    """
    kinds = kinds_of(read_settings(project).runners, project)
    return find_sources(project, [pattern for kind in kinds for pattern in kind.patterns])


async def prepare_runners(project: Path, settings: Settings, progress: Callable[[str], None]) -> dict[str, str]:
    """Install what the runners of a project's files need, and start none.

    Returns:
        By runner, what is wrong with it; empty when it is ready.
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


def problems_of(staged: Iterable[Staged]) -> list[Finding]:
    """List problems of the environments that files were loaded in."""
    return [each.problem for each in staged if each.problem is not None]


def with_findings(flow: Flow, more: Sequence[Finding]) -> Flow:
    """The flow, and what is wrong with the project beside its files."""
    found = tuple(sorted((*more, *flow.findings), key=lambda finding: finding.file))
    return dataclasses.replace(flow, findings=found)
