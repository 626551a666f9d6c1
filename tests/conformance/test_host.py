"""The host passes the kit's checks of a host, and each of these is proven by a host that breaks its one rule."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from polystep_kit.host_case import HostCase
from polystep_kit.host_cases import HOST_CASES
from polystep_kit.host_check import check_host
from polystep_kit.report import as_json, as_lines

POLYSTEP = [str(Path(sys.executable).with_name("polystep"))]
PATIENCE_S = 3.0
"""Broken hosts keep their checks waiting; see `retried`."""
PATIENT_S = 20.0
AT_ONCE = 4

SECTIONS = sorted({case.clause.split(".")[0] for case in HOST_CASES})


async def failures(command: Sequence[str], patience_s: float, channel: str = "stdio") -> dict[str, str | None]:
    """The checks that a host fails, with the reasons."""
    report = await check_host(command, patience_s, channel=channel)
    assert len(report.outcomes) == len(HOST_CASES)
    return {outcome.case.id: outcome.failure for outcome in report.failures}


def broken(check: str) -> list[str]:
    """The command of the scripted host with the fault of a check."""
    return [sys.executable, "-m", "polystep_kit.broken_host", check]


async def retried(check: str) -> list[str]:
    """Again with more time when a busy machine may be why something else failed too."""
    found = list(await failures(broken(check), PATIENCE_S))
    return found if found == [f"host.{check}"] else list(await failures(broken(check), PATIENT_S))


@pytest.mark.e2e
@pytest.mark.parametrize("channel", ["stdio", "private"])
async def test_the_host_passes_everything(channel: str) -> None:
    assert await failures(POLYSTEP, PATIENT_S, channel) == {}


async def test_the_scripted_host_passes_everything_and_reports_it() -> None:
    report = await check_host(broken("none"), PATIENT_S)
    assert report.failures == []
    assert as_json(report)["levels"] == {"host": {"passed": len(HOST_CASES), "total": len(HOST_CASES)}}
    assert any(line.startswith("host ") for line in as_lines(report))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("section", SECTIONS)
async def test_each_fault_fails_its_check_and_no_other(section: str) -> None:
    free = asyncio.Semaphore(AT_ONCE)

    async def prove(case: HostCase) -> tuple[str, list[str]]:
        async with free:
            return f"host.{case.name}", await retried(case.name)

    proofs = await asyncio.gather(*(prove(case) for case in HOST_CASES if case.clause.split(".")[0] == section))
    assert [proof for proof in proofs if proof[1] != [proof[0]]] == []


def test_every_check_has_a_fault_and_its_own_name() -> None:
    assert [case.name for case in HOST_CASES if not case.fault] == []
    assert len({case.name for case in HOST_CASES}) == len(HOST_CASES) >= 90
