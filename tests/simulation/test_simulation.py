"""Promise of the bus over a hundred thousand lives of events, and proof that a broken bus would be found.

In a process of its own: the order of events depends on the seed alone when the hashes of texts do.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.mutants import MUTANTS

ROOT = Path(__file__).resolve().parents[2]
PARTS = 4
LIVES = 100_000


def simulate(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.timeout(900)  # half a minute on an idle core
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_broken_in_a_hundred_thousand_lives(part: int) -> None:
    assert "nothing broken" in simulate("--first", str(part * 100_000), "--lives", str(LIVES // PARTS))


def test_a_seed_is_the_same_whenever_it_runs() -> None:
    for seed in ("3", "16"):
        first, second = simulate("--seed", seed), simulate("--seed", seed)
        assert first == second
        assert re.search(r"all well; \d{2,} lives, trace [0-9a-f]{24}", first) is not None
        assert first.count("\n") > 200


@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(4))
def test_planted_faults_are_found(part: int) -> None:
    assert len(MUTANTS) >= 12
    names = sorted(MUTANTS)[part::4]
    said = simulate("--mutants", *names)
    assert f"{len(names)} of {len(names)} planted faults found" in said


def test_a_fault_is_said_with_the_command_that_shows_it_again() -> None:
    said = simulate("--mutants", "a stored event wakes nobody")
    assert re.search(r"python -m tests\.simulation --seed \d+", said) is not None
