"""`polystep openapi` and `polystep asyncapi`, with a project that needs no loading."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from polystep.app import Settings
from polystep.cli.main import app
from polystep.contracts.errors import LoadFailed
from polystep.contracts.steps import Flow, HttpTrigger, LoadFailure, SourceFile, StepSpec

SOURCE = SourceFile("steps/hello.step.ts", "step", "typescript", "node")
FLOW = Flow({"Hello": StepSpec("Hello", "api", SOURCE, HttpTrigger("GET", "/grüße"))})
BROKEN = Flow(failures=(LoadFailure(SOURCE, "SyntaxError: torn"),))


def loading(monkeypatch: pytest.MonkeyPatch, flow: Flow) -> None:
    async def load(_: Path, __: Settings, ___: Mapping[str, str], progress: Callable[[str], None]) -> Flow:
        progress("Installing the packages…")
        return flow

    monkeypatch.setattr("polystep.cli.describe.load_flow", load)


def test_the_document_has_standard_output_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loading(monkeypatch, FLOW)
    done = CliRunner().invoke(app, ["openapi", "--project", str(tmp_path)])
    assert (done.exit_code, done.stderr) == (0, "Installing the packages…\n")
    assert list(json.loads(done.stdout)["paths"]) == ["/gr%C3%BC%C3%9Fe"]
    done = CliRunner().invoke(app, ["asyncapi", "--project", str(tmp_path)])
    assert json.loads(done.stdout)["asyncapi"] == "3.0.0"


def test_a_file_is_written_and_nothing_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loading(monkeypatch, FLOW)
    done = CliRunner().invoke(app, ["openapi", "--project", str(tmp_path), "--out", str(tmp_path / "api.json")])
    assert (done.exit_code, done.stdout) == (0, "")
    assert json.loads((tmp_path / "api.json").read_text())["info"]["title"] == tmp_path.name


def test_a_step_that_failed_is_named_and_the_rest_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loading(monkeypatch, BROKEN)
    done = CliRunner().invoke(app, ["openapi", "--project", str(tmp_path)])
    assert done.exit_code == 1
    assert json.loads(done.stdout)["paths"] == {}
    assert "✖ steps/hello.step.ts is not in the document:\n  │ SyntaxError: torn\n" in done.stderr


def test_what_cannot_be_done_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loading(monkeypatch, FLOW)
    done = CliRunner().invoke(app, ["openapi", "--project", str(tmp_path / "none")])
    assert (done.exit_code, "is not a folder" in done.stderr) == (1, True)
    done = CliRunner().invoke(app, ["openapi", "--project", str(tmp_path), "--out", str(tmp_path / "no" / "api.json")])
    assert (done.exit_code, "Name another file with --out" in done.stderr) == (1, True)

    async def refuse(*_: object) -> Flow:
        raise LoadFailed("Node is missing; install it.")

    monkeypatch.setattr("polystep.cli.describe.load_flow", refuse)
    done = CliRunner().invoke(app, ["asyncapi", "--project", str(tmp_path)])
    assert (done.exit_code, done.stdout) == (1, "")
    assert "Node is missing" in done.stderr
