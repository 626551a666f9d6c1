"""What `polystep check` prints, and with which status it ends. Real projects: tests/e2e/test_contracts.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from polystep.app import Checked
from polystep.cli import check as check_module
from polystep.cli.check import in_ci
from polystep.cli.main import app
from polystep.contracts.errors import LoadFailed
from polystep.contracts.steps import Finding, Flow, SourceFile, StepSpec

ERROR = Finding("load", "error", "steps/b.step.ts", "no import\nat x")
WARNING = Finding("topic", "warning", "steps/a.step.ts", "A emits t, but no step subscribes to it.")
STEP = StepSpec("A", "noop", SourceFile("steps/a.step.ts", "step", "typescript", "node"), None)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call the verb on a project in which these findings are made."""

    def call(*findings: Finding, ci: str = "", options: tuple[str, ...] = ()) -> tuple[int, str]:
        async def found(project: Path, *_: object) -> Checked:
            assert project == tmp_path.resolve()
            return Checked(Flow({"A": STEP}), findings)

        monkeypatch.setattr(check_module, "check_project", found)
        result = CliRunner().invoke(app, ["check", "--project", str(tmp_path), *options], env={"CI": ci})
        return result.exit_code, result.output

    return call


def test_a_project_in_order_passes(run: Any) -> None:
    assert run() == (0, "✔ 1 step and 0 streams loaded, nothing is wrong.\n")


def test_findings_are_shown_by_file_with_their_further_lines(run: Any) -> None:
    status, output = run(WARNING, ERROR)
    assert status == 1
    assert output.splitlines() == [
        "steps/a.step.ts",
        "  ⚠ warning  A emits t, but no step subscribes to it.",
        "steps/b.step.ts",
        "  ✖ error  no import",
        "      at x",
        "1 step and 0 streams loaded; 1 error and 1 warning.",
    ]


@pytest.mark.parametrize(
    ("ci", "options", "status"),
    [
        ("", (), 0),
        ("false", (), 0),
        ("true", (), 1),
        ("1", (), 1),
        ("", ("--strict",), 1),
        ("true", ("--no-strict",), 0),
    ],
)
def test_warnings_fail_where_they_are_to(run: Any, ci: str, options: tuple[str, ...], status: int) -> None:
    ended, output = run(WARNING, ci=ci, options=options)
    assert ended == status
    assert output.endswith(f"0 errors and 1 warning{', which count as errors here' if status else ''}.\n")


def test_the_json_says_all_of_it(run: Any) -> None:
    status, output = run(WARNING, ci="1", options=("--json",))
    assert (status, json.loads(output)) == (
        1,
        {
            "ok": False,
            "strict": True,
            "steps": 1,
            "streams": 0,
            "errors": 0,
            "warnings": 1,
            "findings": [
                {
                    "kind": "topic",
                    "severity": "warning",
                    "file": "steps/a.step.ts",
                    "place": None,
                    "message": "A emits t, but no step subscribes to it.",
                }
            ],
        },
    )


def test_a_project_that_is_none_or_has_broken_settings_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = CliRunner().invoke(app, ["check", "--project", str(tmp_path / "gone")])
    assert (gone.exit_code, "is not a folder. Name the project with --project." in gone.output) == (1, True)
    (tmp_path / "polystep.toml").write_text("[nothing]")
    broken = CliRunner().invoke(app, ["check", "--project", str(tmp_path)])
    assert (broken.exit_code, "polystep.toml is not usable" in broken.output) == (1, True)

    async def fails(*_: object) -> Checked:
        raise LoadFailed("no runner")

    (tmp_path / "polystep.toml").write_text("")
    monkeypatch.setattr(check_module, "check_project", fails)
    failed = CliRunner().invoke(app, ["check", "--project", str(tmp_path)])
    assert (failed.exit_code, failed.output) == (1, "✖ no runner\n")


def test_ci_is_what_its_services_set() -> None:
    assert [in_ci({"CI": value}) for value in ("true", "1", "woodpecker", "", "0", "False")] == [True] * 3 + [False] * 3
    assert not in_ci({})


def test_calls_that_runs_have_made_twice_are_warnings(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    effect = {"step": "A", "method": "POST", "url": "http://u/pay", "calls": 3, "legs": 2, "traceId": "abc"}
    monkeypatch.setattr(check_module, "ask", lambda *_: {"effects": [effect]})
    assert "nothing is wrong" in run()[1]
    status, output = run(options=("--runs",))
    assert (status, "A made POST http://u/pay 3 times in 2 legs of one run, outside `once` (trace abc)" in output) == (
        0,
        True,
    ), output
    assert run(options=("--runs", "--strict"))[0] == 1
