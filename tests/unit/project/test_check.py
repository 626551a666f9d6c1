"""What a check gathers beside what is found at load."""

from __future__ import annotations

from pathlib import Path

import pytest

from polystep.contracts.steps import CronTrigger, Finding, Flow, LoadFailure, SourceFile, StepSpec
from polystep.project import Checked, Settings, check_project
from polystep.project import check as checking_module
from polystep.project.load import cron_problems


def cron(name: str, expression: str, timezone: str | None = None) -> StepSpec:
    source = SourceFile(f"steps/{name.lower()}.step.ts", "step", "typescript", "node")
    return StepSpec(name, "cron", source, CronTrigger(expression, timezone))


async def checked(monkeypatch: pytest.MonkeyPatch, flow: Flow, settings: Settings | None = None) -> Checked:
    async def loaded(*_: object) -> Flow:
        return flow

    monkeypatch.setattr(checking_module, "load_flow", loaded)
    return await check_project(Path("/project"), settings or Settings(), {}, print)


async def test_failures_and_findings_are_listed_by_file_errors_first(monkeypatch: pytest.MonkeyPatch) -> None:
    failure = LoadFailure(SourceFile("steps/a.step.ts", "step", "typescript", "node"), "no import")
    warning = Finding("config", "warning", "steps/bad.step.ts", "odd key")
    error = Finding("cron", "error", "steps/bad.step.ts", "never")
    found = await checked(monkeypatch, Flow({}, {}, (failure,), (warning, error)))
    assert [(each.file, each.kind, each.severity) for each in found.findings] == [
        ("steps/a.step.ts", "load", "error"),
        ("steps/bad.step.ts", "cron", "error"),
        ("steps/bad.step.ts", "config", "warning"),
    ]
    assert (found.errors, found.warnings, found.is_good(strict=False)) == (2, 1, False)


def test_a_cron_step_that_can_never_fire_is_found() -> None:
    steps = (cron("Bad", "61 * * * *"), cron("Good", "0 9 * * *"), cron("Never", "0 9 31 2 *"))
    found = cron_problems(Flow({step.name: step for step in steps}), None, 1_700_000_000_000)
    assert [(each.file, each.kind, each.severity) for each in found] == [
        ("steps/bad.step.ts", "cron", "error"),
        ("steps/never.step.ts", "cron", "error"),
    ]
    assert '"61 * * * *" is not usable' in found[0].message
    assert "matches no date" in found[1].message


def test_a_zone_of_the_project_that_is_none_is_found_at_the_steps_that_use_it() -> None:
    steps = {step.name: step for step in (cron("A", "0 9 * * *"), cron("B", "0 9 * * *", "UTC"))}
    found = cron_problems(Flow(steps), "Mars/Base", 1_700_000_000_000)
    assert [(each.file, each.kind, "Mars/Base" in each.message) for each in found] == [
        ("steps/a.step.ts", "cron", True)
    ]


async def test_a_folder_without_steps_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    found = await checked(monkeypatch, Flow())
    assert found.findings == (
        Finding(
            "project",
            "error",
            "",
            "No steps were found in /project. Put files such as hello.step.ts or hello_step.py under steps/ or src/.",
        ),
    )


@pytest.mark.parametrize(("severity", "good", "good_strict"), [("error", False, False), ("warning", True, False)])
def test_warnings_fail_a_strict_check_alone(severity: str, good: bool, good_strict: bool) -> None:
    found = Checked(Flow(), (Finding("topic", severity, "a", "b"),))  # type: ignore[arg-type]
    assert (found.is_good(strict=False), found.is_good(strict=True)) == (good, good_strict)
    assert Checked(Flow(), ()).is_good(strict=True)
