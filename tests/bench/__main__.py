"""`python -m tests.bench`: measure, and print one table. `make bench ARGS=--help` says how."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop
from rich.console import Console

from tests.bench.machine import describe_machine
from tests.bench.measures.backlog import measure_backlog
from tests.bench.measures.events import measure_events
from tests.bench.measures.fanout import measure_fanout
from tests.bench.measures.http import measure_http
from tests.bench.measures.idle import measure_idle
from tests.bench.measures.installed import measure_installed
from tests.bench.measures.live import measure_live
from tests.bench.measures.saving import measure_saving
from tests.bench.measures.soak import measure_soak
from tests.bench.measures.starting import measure_starting
from tests.bench.measures.state_size import measure_state_size
from tests.bench.measures.tickets import measure_tickets
from tests.bench.measures.workbench import measure_workbench
from tests.bench.stack import ROOT
from tests.bench.suite import Measure, Suite
from tests.bench.table import show, to_json

MEASURES: Final[dict[str, Measure]] = {
    "http": measure_http,
    "events": measure_events,
    "tickets": measure_tickets,
    "fanout": measure_fanout,
    "idle": measure_idle,
    "starting": measure_starting,
    "saving": measure_saving,
    "backlog": measure_backlog,
    "state_size": measure_state_size,
    "live": measure_live,
    "workbench": measure_workbench,
    "soak": measure_soak,
    "installed": measure_installed,
}
"""By the name that `--only` takes, in the order of the table. `README.md` beside this file describes each."""

HAND_BUILT: Final = ROOT.parent / "shared" / "bench" / "handbuilt"
QUICK_S: Final = 1.0
FILE_COLUMNS: Final = 200
"""Width of the table where no terminal says its own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measures that were asked for; returns 1 when one of them failed."""
    asked = _asked(arguments)
    folder = Path(tempfile.mkdtemp(prefix="polystep-bench-"))
    progress = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    machine = describe_machine(folder)
    began_s = time.monotonic()
    suite = Suite(
        folder,
        lambda line: progress.print(f"{time.monotonic() - began_s:5.0f} s  {line}"),
        seconds=asked.seconds or (QUICK_S if asked.quick else 5.0),
        is_quick=asked.quick,
        peer=asked.peer,
    )
    try:
        failures = uvloop.run(_measure(suite, asked.only or list(MEASURES), keep=asked.keep))
    except KeyboardInterrupt:
        failures = {"interrupted": "what was found until then is above"}
    finally:
        if asked.keep:
            progress.print(f"The projects are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    _print(suite, machine, failures, to_stderr=asked.json == "-")
    if asked.json is not None:
        text = to_json(suite.rows, machine, suite.remarks, failures)
        if asked.json == "-":
            sys.stdout.write(text + "\n")
        else:
            Path(asked.json).write_text(text + "\n", encoding="utf-8")
    return 1 if failures else 0


async def _measure(suite: Suite, names: Sequence[str], *, keep: bool) -> dict[str, str]:
    """Run measures one after the other; returns why those failed that did."""
    failures: dict[str, str] = {}
    for number, name in enumerate(names, 1):
        suite.progress(f"{name} ({number} of {len(names)})")
        try:
            await MEASURES[name](suite)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the other measures are still worth having
            failures[name] = f"{type(error).__name__}: {error}"
            suite.progress(f"{name} failed: {failures[name]}")
        if not keep:
            for path in suite.folder.iterdir():
                await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
    return failures


def _print(suite: Suite, machine: dict[str, str], failures: dict[str, str], *, to_stderr: bool) -> None:
    console = Console(stderr=to_stderr, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = FILE_COLUMNS
    show(suite.rows, console)
    lines = [*suite.remarks, ", ".join(f"{name} {value}" for name, value in machine.items())]
    if suite.is_quick:
        lines.append("A quick run shows that the measures work; its figures are worth nothing.")
    lines += [f"FAILED {name}: {reason}" for name, reason in failures.items()]
    for line in ["", *lines]:
        console.print(line, markup=False, soft_wrap=True)


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.seconds is not None and asked.seconds < 1:
        parser.error("--seconds is at least 1: wrk counts in whole seconds")
    if asked.peer is not None and not asked.peer.is_dir():
        parser.error(f"--peer {asked.peer} is no folder")
    if asked.peer is None and not asked.no_peer and HAND_BUILT.is_dir():
        asked.peer = HAND_BUILT
    return asked


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measure polystep on this machine, beside the stack that one would build by hand. The table goes "
        "to the standard output, progress to the standard error; tests/bench/README.md says what each row means.",
    )
    parser.add_argument("--only", nargs="+", choices=list(MEASURES), metavar="NAME", help=", ".join(MEASURES))
    parser.add_argument("--seconds", type=float, help="length of one case of a throughput measure (5)")
    parser.add_argument("--quick", action="store_true", help="everything tiny: do the measures work?")
    parser.add_argument("--json", metavar="FILE", help="write the results there too; - for the standard output")
    parser.add_argument("--keep", action="store_true", help="leave the projects, to look at them")
    peer = parser.add_mutually_exclusive_group()
    peer.add_argument(
        "--peer", type=Path, metavar="PATH", help="sources of the hand-built stack (../shared/bench/handbuilt)"
    )
    peer.add_argument("--no-peer", action="store_true", help="leave the hand-built stack out")
    return parser


if __name__ == "__main__":
    sys.exit(main())
