"""Every check of the kit is proven: a runner that breaks its one rule fails it, and fails nothing else."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable

import pytest

from polystep_kit.cases import LEVELS, Case, all_cases
from polystep_kit.check import Checker
from polystep_kit.faults import fault_of
from polystep_kit.steps import steps_of

COMMAND = [sys.executable, "-m", "polystep_kit.reference"]
PATIENCE_S = 1.5
"""Broken runners keep their checks waiting. Enough for a Python process to start on a busy machine, see `retried`."""
PATIENT_S = 20.0
AT_ONCE = 4

CASES = all_cases()
TALKING = {"calls", "durable", "emits", "hello", "load", "log", "response", "schema", "streams"}
"""Checks in which every kind of message is sent; values and frames only repeat `step.run` and `drain`."""
GROUPS = sorted({case.id.split(".")[0] for case in CASES} - {"schema"})


async def failures(check: str, wanted: Iterable[str], patience_s: float) -> list[str]:
    """The checks among `wanted` that a runner with the fault of `check` fails."""
    steps = steps_of("reference")
    chosen = set(wanted)
    with steps.project() as project:
        checker = Checker(COMMAND, steps, project, patience_s=patience_s, environment={"POLYSTEP_KIT_FAULT": check})
        report = await checker.run(LEVELS, only=lambda case: case.id in chosen)
    return [outcome.case.id for outcome in report.failures]


def neighbours(case: Case) -> list[str]:
    """The case with those before and after it, which use the same process where they can."""
    at = CASES.index(case)
    return [each.id for each in CASES[max(at - 2, 0) : at + 3] if not each.schema]


async def retried(check: str, wanted: list[str]) -> list[str]:
    """Again with more time when a busy machine may be why something else failed too."""
    found = await failures(check, wanted, PATIENCE_S)
    return found if found == [check] else await failures(check, wanted, PATIENT_S)


async def test_the_reference_runner_passes_everything() -> None:
    assert await failures("", [case.id for case in CASES], PATIENT_S) == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("group", GROUPS)
async def test_each_fault_fails_its_check_and_no_other(group: str) -> None:
    free = asyncio.Semaphore(AT_ONCE)

    async def prove(case: Case) -> tuple[str, list[str]]:
        async with free:
            return case.id, await retried(case.id, neighbours(case))

    proofs = await asyncio.gather(*(prove(case) for case in CASES if case.id.split(".")[0] == group))
    assert [proof for proof in proofs if proof[1] != [proof[0]]] == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", [case for case in CASES if case.schema], ids=lambda case: case.id)
async def test_a_malformed_message_fails_its_schema_and_no_other_check(case: Case) -> None:
    assert await retried(case.id, [each.id for each in CASES if each.id.split(".")[0] in TALKING]) == [case.id]


def test_every_check_has_a_fault_and_its_own_id() -> None:
    assert [case.id for case in CASES if not fault_of(case)] == []
    assert len({case.id for case in CASES}) == len(CASES) >= 120
