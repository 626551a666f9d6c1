"""Simulation of the bus: many small worlds, or one of them again.

python -m tests.simulation                      worlds until 100,000 lives have ended
python -m tests.simulation --seed 17            the world of one seed, with its trace
python -m tests.simulation --mutants            plant each fault, and say how soon it is found
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
import time
import warnings
from typing import Final

from tests.simulation.mutants import MUTANTS, hunt
from tests.simulation.world import run_world

LIVES: Final = 100_000


def main() -> int:
    """Run what the command line says; returns 1 when something is broken."""
    asked = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__.partition("\n")[0])
    asked.add_argument("--seed", type=int, help="run the world of this seed alone, and print its trace")
    asked.add_argument("--first", type=int, default=0, help="the first seed of many")
    asked.add_argument(
        "--lives", type=int, default=LIVES, help=f"run worlds until so many lives have ended ({LIVES:,})"
    )
    asked.add_argument("--mutants", nargs="*", help="plant these faults, or all, each by itself")
    options = asked.parse_args()
    # The order of a set of texts differs from process to process, and the order of events with it.
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])
    logging.disable(logging.CRITICAL)
    warnings.filterwarnings("ignore", message=".*was never awaited")  # of hosts that died before they began
    gc.collect()
    gc.freeze()
    if options.mutants is not None:
        return _mutants(options.mutants or [*MUTANTS])
    if options.seed is not None:
        result = run_world(options.seed, is_told=True)
        print(
            result if result.trouble else f"seed {options.seed}: all well; {result.lives} lives, trace {result.trace}"
        )
        return int(result.trouble is not None)
    return _many(options.first, options.lives)


def _many(first: int, lives: int) -> int:
    seed, ended, attempts, virtual_s = first, 0, 0, 0.0
    while ended < lives:
        result = run_world(seed)
        gc.collect()
        if result.trouble is not None:
            print(result)
            return 1
        seed, ended, attempts = seed + 1, ended + result.lives, attempts + result.attempts
        virtual_s += result.virtual_s
    print(
        f"{ended:,} lives of events in {seed - first:,} worlds (seeds {first} to {seed - 1}), {attempts:,} attempts, "
        f"{virtual_s / 3600:.1f} virtual hours, {time.process_time():.1f} s of processor time: nothing broken"
    )
    return 0


def _mutants(names: list[str]) -> int:
    missed = 0
    for name in names:
        found = hunt(name)
        missed += found.trouble is None
        print(f"{name}: {f'found after {found.lives:,} lives: {found}' if found.trouble else 'NOT FOUND'}")
    print(f"{len(names) - missed} of {len(names)} planted faults found, {time.process_time():.1f} s of processor time")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
