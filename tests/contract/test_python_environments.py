"""The Python environment of a project, made by uv."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path

import pytest

from polystep.contracts.errors import LoadFailed
from polystep.contracts.steps import SourceFile
from polystep.contracts.values import JSONObject
from polystep.runners import RunnerCalls, RunnerPool, python_kind
from polystep.runners.commands import run_command
from tests.unit.runners.scripted import patient

STEP = SourceFile("steps/a_step.py", "step", "python", "python")
SOURCE = """
import sys
config = {"type": "event", "name": "A", "subscribes": ["t"]}
async def handler(input, context):
    return {"prefix": sys.prefix, "input": input}
"""


def package(project: Path) -> None:
    """A package of the project's own, so that an install needs no network beyond msgpack's."""
    (project / "greeting").mkdir()
    (project / "greeting" / "pyproject.toml").write_text('[project]\nname = "greeting"\nversion = "1.0"\n')


def environments(project: Path) -> list[str]:
    return sorted(path.name for path in (project / ".polystep").glob("venv-*"))


def pool(project: Path, said: list[str], requirements: str | None = None) -> RunnerPool:
    calls = RunnerCalls({}, {}, lambda *_: None)
    return RunnerPool(python_kind(requirements), project, calls, lambda: {"PATH": os.environ["PATH"]}, said.append)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path.resolve()
    (root / ".polystep").mkdir()
    (root / "steps").mkdir()
    (root / "steps" / "a_step.py").write_text(SOURCE)
    return root


async def test_an_environment_is_made_once_and_its_steps_run_in_it(project: Path) -> None:
    said: list[str] = []
    runners = pool(project, said)
    try:
        staged = await patient(runners.stage([STEP]))
        assert (list(staged.failures), [each.config["name"] for each in staged.loaded]) == ([], ["A"])
        runners.switch(staged)
        params: JSONObject = {
            "run": "r",
            "file": STEP.path,
            "step": "A",
            "type": "api",
            "input": 1,
            "trace_id": "t",
            "attempt": 1,
        }
        assert await patient(runners.run(params, 10)) == {
            "prefix": str((project / ".polystep" / "venv").resolve()),
            "input": 1,
        }
        assert said == ["Setting up Python for this project (.polystep/venv)…"]
        made = environments(project)
        runners.switch(await patient(runners.stage([STEP])))
        assert (len(said), environments(project)) == (1, made)
    finally:
        await patient(runners.stop(0))


async def test_bad_requirements_are_told_and_the_environment_that_worked_serves_on(project: Path) -> None:
    said: list[str] = []
    kind = python_kind()
    good = await patient(kind.prepare(project, said.append))
    worked = (project / ".polystep" / "venv").resolve()
    (project / "requirements.txt").write_text("./no-such-package\n")
    launch = await patient(kind.prepare(project, said.append))
    assert (launch.command, launch.environment) == (good.command, good.environment)
    assert launch.problem is not None
    assert (launch.problem.severity, launch.problem.file) == ("error", "requirements.txt")
    first, *_, advice, last = launch.problem.message.splitlines()
    assert first == "The project's Python packages could not be installed (uv pip):"
    assert "no-such-package" in launch.problem.message
    assert advice == "Mend the requirements and save: it is tried again."
    assert last == "Until then Python steps run with the packages that were installed before."
    assert ((project / ".polystep" / "venv").resolve(), environments(project)) == (worked, [worked.name])
    (project / "requirements.txt").unlink()
    assert await patient(kind.prepare(project, said.append)) == good


async def test_an_install_that_failed_is_tried_again_when_the_list_is_saved_and_not_before(project: Path) -> None:
    said: list[str] = []
    kind = python_kind()
    await patient(kind.prepare(project, said.append))
    (project / "requirements.txt").write_text("./greeting\n")
    tries = said.count("Installing the packages of requirements.txt…")
    problems = [(await patient(kind.prepare(project, said.append))).problem for _ in range(2)]
    assert problems[0] == problems[1] is not None
    assert said.count("Installing the packages of requirements.txt…") == tries + 1
    package(project)
    os.utime(project / "requirements.txt", (1, 1))
    assert (await patient(kind.prepare(project, said.append))).problem is None


async def test_without_an_earlier_environment_bad_requirements_fail_clearly(project: Path) -> None:
    (project / "requirements.txt").write_text("./no-such-package\n")
    with pytest.raises(LoadFailed, match="Mend the requirements and save: it is tried again"):
        await patient(python_kind().prepare(project, lambda _: None))
    assert environments(project) == []


async def test_steps_of_a_project_with_bad_requirements_load_and_the_problem_is_handed_on(project: Path) -> None:
    runners = pool(project, [])
    try:
        assert (await patient(runners.stage([STEP]))).problem is None
        (project / "requirements.txt").write_text("./no-such-package\n")
        staged = await patient(runners.stage([STEP]))
        assert ([each.config["name"] for each in staged.loaded], list(staged.failures)) == (["A"], [])
        assert staged.problem is not None and "no-such-package" in staged.problem.message
    finally:
        await patient(runners.stop(0))


async def test_the_packages_of_the_chosen_file_are_installed(project: Path) -> None:
    package(project)
    (project / "requirements.txt").write_text("./no-such-package\n")
    (project / "mine.txt").write_text("./greeting\n")
    said: list[str] = []
    launch = await patient(python_kind("mine.txt").prepare(project, said.append))
    code = "from importlib.metadata import version; print(version('greeting'), version('msgpack'))"
    done = await patient(run_command(project, launch.command[0], "-c", code))
    assert done == (0, f"1.0 {importlib.metadata.version('msgpack')}")
    assert said[1] == "Installing the packages of mine.txt…"


async def test_a_chosen_file_that_is_missing_is_named(project: Path) -> None:
    with pytest.raises(LoadFailed) as failed:
        await python_kind("mine.txt").prepare(project, lambda _: None)
    assert failed.value.message == "polystep.toml names mine.txt for Python's packages, but there is no such file."


async def test_a_pyproject_that_only_configures_tools_installs_nothing_more(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.ruff]\nline-length = 100\n")
    launch = await patient(python_kind().prepare(project, lambda _: None))
    assert Path(launch.command[0]).exists()
