"""`polystep protocol check`, as a program of its own: `python -m polystep_kit -- ruby runner.rb`."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from polystep_kit.cases import LEVELS
from polystep_kit.check import PATIENCE_S, Checker, Outcome, Report, language_of, levels_upto
from polystep_kit.fuzz import fuzz
from polystep_kit.fuzz_report import fuzz_json, fuzz_lines, show_fuzzed
from polystep_kit.host import Failed
from polystep_kit.host_case import HostCase
from polystep_kit.host_check import check_host
from polystep_kit.report import as_json, as_lines
from polystep_kit.steps import ConformanceSteps, NoSteps, known_languages, steps_of


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        prog="polystep protocol check",
        description="Play the host to a runner and report, clause by clause, whether it speaks the protocol.",
        epilog=f"Conformance steps come with the kit for: {', '.join(known_languages())}.",
    )
    made.add_argument("command", nargs="+", help="the runner's command, behind --")
    made.add_argument("--steps", type=Path, help="folder of conformance steps with kit.json; by the runner's language")
    made.add_argument("--level", choices=LEVELS, help="the level to reach; by default what kit.json says")
    made.add_argument("--host", action="store_true", help="the command is a host's: play runners to it instead")
    made.add_argument("--only", metavar="TEXT", default="", help="only checks whose id or clause begins like this")
    made.add_argument("--json", action="store_true", help="print one object: passed, total, failures, levels, clauses")
    made.add_argument(
        "--patience", type=float, default=PATIENCE_S, metavar="S", help="longest wait for anything, seconds"
    )
    made.add_argument("--fuzz", type=int, metavar="N", help="send N faulty frames instead of the checks")
    made.add_argument("--seed", type=int, default=1, metavar="S", help="which faulty frames (default: 1)")
    return made


async def check(
    command: Sequence[str],
    *,
    steps: ConformanceSteps | None = None,
    level: str | None = None,
    only: str = "",
    patience_s: float = PATIENCE_S,
    show_progress: bool = False,
) -> Report:
    """Check one runner.

    Raises:
        NoSteps: There are no conformance steps for it.
    """
    located = _located(command)
    steps = steps or await _steps_for(located, patience_s)
    levels = levels_upto(level) if level else steps.levels
    done = 0

    def tell(outcome: Outcome) -> None:
        nonlocal done
        done += 1
        if show_progress:
            print(f"\r{done} checks, now {outcome.case.id:<60}", end="", file=sys.stderr, flush=True)

    with steps.project() as project:
        checker = Checker(located, steps, project, patience_s=patience_s, on_outcome=tell)
        report = await checker.run(levels, only=lambda case: case.id.startswith(only) or case.clause.startswith(only))
    if show_progress:
        print(f"\r{'':<80}\r", end="", file=sys.stderr, flush=True)
    return report


async def _steps_for(command: Sequence[str], patience_s: float) -> ConformanceSteps:
    with tempfile.TemporaryDirectory(prefix="polystep-kit-") as folder:
        return steps_of(await language_of(command, Path(folder), patience_s))


async def _runner(options: argparse.Namespace, steps: ConformanceSteps | None) -> Report:
    return await check(
        options.command,
        steps=steps,
        level=options.level,
        only=options.only,
        patience_s=options.patience,
        show_progress=sys.stderr.isatty(),
    )


async def _host(options: argparse.Namespace) -> Report:
    def chosen(case: HostCase) -> bool:
        return case.case.id.startswith(options.only) or case.clause.startswith(options.only)

    return await check_host(_located(options.command), options.patience, only=chosen)


async def _fuzz(options: argparse.Namespace, steps: ConformanceSteps | None) -> int:
    located, patience_s = _located(options.command), options.patience
    steps = steps or await _steps_for(located, patience_s)
    tell = show_fuzzed if sys.stderr.isatty() else lambda _: None
    with steps.project() as project:
        report = await fuzz(
            located, steps, project, frames=options.fuzz, seed=options.seed, patience_s=patience_s, on_progress=tell
        )
    if options.json:
        print(json.dumps(fuzz_json(report), indent=2, ensure_ascii=False))
    else:
        print("\n".join(fuzz_lines(report)))
    return 1 if report.failures else 0


def _located(command: Sequence[str]) -> list[str]:
    """The command as it works from another folder: files that are named relative to this one get their full path."""
    program = shutil.which(command[0]) or command[0]
    rest = [str(Path(each).resolve()) if "/" in each and Path(each).exists() else each for each in command[1:]]
    rest = [str(Path(each).resolve()) if Path(each).is_file() else each for each in rest]
    return [str(Path(program).absolute()) if "/" in program else program, *rest]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; returns the exit status: 0 when everything passed, 1 when not, 2 when it could not be tried."""
    options = parser().parse_args(arguments)
    try:
        steps = steps_of("", options.steps) if options.steps else None
        if options.fuzz is not None:
            return asyncio.run(_fuzz(options, steps))
        report = asyncio.run(_host(options) if options.host else _runner(options, steps))
    except (NoSteps, Failed, OSError) as error:
        print(f"✖ {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(as_json(report), indent=2, ensure_ascii=False))
    else:
        print("\n".join(as_lines(report)))
    return 1 if report.failures or not report.outcomes else 0
