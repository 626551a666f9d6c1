"""`polystep protocol check`, as a program of its own: `python -m polystep_kit -- ruby runner.rb`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from polystep_kit.cases import LEVELS
from polystep_kit.check import PATIENCE_S
from polystep_kit.steps import known_languages
from polystep_kit.verdict import Wanted, perform


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        prog="python -m polystep_kit",
        description="Play the host to a runner and report, clause by clause, whether it speaks the protocol.",
        epilog=f"Without --steps, the kit's own are taken, by the language in hello: {', '.join(known_languages())}.",
    )
    made.add_argument("command", nargs="+", help="the runner's command, behind --")
    made.add_argument("--steps", type=Path, help="folder of conformance steps with kit.json")
    made.add_argument("--level", choices=LEVELS, help="the level to reach; by default what kit.json says")
    made.add_argument("--host", action="store_true", help="the command is a host's: play runners to it instead")
    made.add_argument(
        "--only",
        metavar="TEXT",
        action="append",
        default=[],
        help="only checks whose id begins like this, or of this clause or section (PS-3.1, PS-3); may be repeated",
    )
    made.add_argument("--json", action="store_true", help="print one object: passed, total, failures, levels, clauses")
    made.add_argument(
        "--patience", type=float, default=PATIENCE_S, metavar="S", help="longest wait for anything, seconds"
    )
    made.add_argument("--fuzz", type=int, metavar="N", help="send N faulty frames instead of the checks")
    made.add_argument("--seed", type=int, default=1, metavar="S", help="which faulty frames (default: 1)")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; returns the exit status: 0 when everything passed, 1 when not, 2 when it could not be tried."""
    options = parser().parse_args(arguments)
    return perform(
        Wanted(
            command=options.command,
            is_host=options.host,
            steps=options.steps,
            level=options.level,
            only=tuple(options.only),
            as_json=options.json,
            patience_s=options.patience,
            fuzz=options.fuzz,
            seed=options.seed,
        )
    )
