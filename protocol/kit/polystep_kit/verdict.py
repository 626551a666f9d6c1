"""One check, from what was asked for to what is printed and the exit status."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from polystep_kit.cases import all_cases
from polystep_kit.check import PATIENCE_S, Checker, Outcome, Report, language_of, levels_upto
from polystep_kit.fuzz import fuzz
from polystep_kit.fuzz_report import fuzz_json, fuzz_lines, show_fuzzed
from polystep_kit.host import Failed
from polystep_kit.host_cases import HOST_CASES
from polystep_kit.host_check import LEVEL, check_host
from polystep_kit.manifest import NoSteps
from polystep_kit.report import as_json, as_lines
from polystep_kit.selection import NothingChosen, Selection
from polystep_kit.steps import ConformanceSteps, steps_in, steps_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Request for checks, with their options."""

    command: Sequence[str]
    """Starts the runner, or the host."""
    is_host: bool = False
    """The command is a host's: runners are played to it."""
    steps: Path | None = None
    """Folder of conformance steps; by default those that the kit has for the runner's language."""
    level: str | None = None
    """The level to reach; by default those of `kit.json`."""
    only: tuple[str, ...] = ()
    """See `Selection`."""
    as_json: bool = False
    patience_s: float = PATIENCE_S
    fuzz: int | None = None
    """So many faulty frames instead of the checks."""
    seed: int = 1


def perform(wanted: Wanted) -> int:
    """Check, and print what came of it; returns 0 when everything passed, 1 when not, 2 when it could not be tried."""
    try:
        return asyncio.run(_fuzz(wanted) if wanted.fuzz is not None else _check(wanted))
    except (NoSteps, NothingChosen, Failed, OSError) as error:
        print(f"✖ {error}", file=sys.stderr)
        return 2


async def _check(wanted: Wanted) -> int:
    report = await (_host(wanted) if wanted.is_host else _runner(wanted))
    if wanted.as_json:
        print(json.dumps(as_json(report), indent=2, ensure_ascii=False))
    else:
        print("\n".join(as_lines(report)))
    return 1 if report.failures or not report.outcomes else 0


async def _host(wanted: Wanted) -> Report:
    selection = Selection(wanted.only)
    selection.demand([each.case for each in HOST_CASES], (LEVEL,))
    return await check_host(located(wanted.command), wanted.patience_s, only=lambda each: selection.takes(each.case))


async def _runner(wanted: Wanted) -> Report:
    command, selection = located(wanted.command), Selection(wanted.only)
    steps = await _steps(wanted, command)
    levels = levels_upto(wanted.level) if wanted.level else steps.levels
    selection.demand(all_cases(), levels)
    steps.demand(case for case in all_cases() if case.level in levels and selection.takes(case))
    progress = _Progress(is_shown=sys.stderr.isatty())
    with steps.project() as project:
        checker = Checker(command, steps, project, patience_s=wanted.patience_s, on_outcome=progress.tell)
        report = await checker.run(levels, only=selection.takes, judge_all=True)
    progress.clear()
    return report


async def _fuzz(wanted: Wanted) -> int:
    command = located(wanted.command)
    steps = await _steps(wanted, command)
    steps.demand_files(("script",))
    with steps.project() as project:
        report = await fuzz(
            command,
            steps,
            project,
            frames=wanted.fuzz or 0,
            seed=wanted.seed,
            patience_s=wanted.patience_s,
            on_progress=show_fuzzed if sys.stderr.isatty() else lambda _: None,
        )
    if wanted.as_json:
        print(json.dumps(fuzz_json(report), indent=2, ensure_ascii=False))
    else:
        print("\n".join(fuzz_lines(report)))
    return 1 if report.failures else 0


async def _steps(wanted: Wanted, command: Sequence[str]) -> ConformanceSteps:
    if wanted.steps is not None:
        return steps_in(wanted.steps)
    with tempfile.TemporaryDirectory(prefix="polystep-kit-") as folder:
        return steps_of(await language_of(command, Path(folder), wanted.patience_s))


class _Progress:
    """Progress on one line of a terminal."""

    def __init__(self, *, is_shown: bool) -> None:
        self._is_shown = is_shown
        self._done = 0

    def tell(self, outcome: Outcome) -> None:
        self._done += 1
        if self._is_shown:
            print(f"\r{self._done} checks, now {outcome.case.id:<60}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._is_shown:
            print(f"\r{'':<80}\r", end="", file=sys.stderr, flush=True)


def located(command: Sequence[str]) -> list[str]:
    """The command as it works from another folder: files that are named relative to this one get their full path.

    Raises:
        Failed: There is no such program; the text says where it was looked for.
    """
    program = _program(command[0])
    rest = [str(Path(each).resolve()) if "/" in each and Path(each).exists() else each for each in command[1:]]
    rest = [str(Path(each).resolve()) if Path(each).is_file() else each for each in rest]
    return [program, *rest]


def _program(name: str) -> str:
    path = Path(name)
    if "/" not in name:
        found = shutil.which(name)
        if found is not None:
            return str(Path(found).absolute())
        here = f" There is a file of this name here: to run it, write ./{name}." if path.is_file() else ""
        raise Failed(f"The program {name} was not found on PATH.{here}")
    if not path.is_file():
        raise Failed(f"The program {name} does not exist. It is looked for from {Path.cwd()}.")
    if not os.access(path, os.X_OK):
        raise Failed(f"{name} is not executable. Run `chmod +x {name}`, or name its interpreter before it.")
    return str(path.absolute())
