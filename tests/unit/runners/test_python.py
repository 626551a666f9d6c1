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
from polystep.runners.python import _prune
from tests.unit.runners.scripted import bounded

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
        staged = await bounded(runners.stage([STEP]))
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
        assert await bounded(runners.run(params, 10)) == {
            "prefix": str((project / ".polystep" / "venv").resolve()),
            "input": 1,
        }
        assert said == ["Setting up Python for this project (.polystep/venv)…"]
        made = environments(project)
        runners.switch(await bounded(runners.stage([STEP])))
        assert (len(said), environments(project)) == (1, made)
    finally:
        await bounded(runners.stop(0))


async def test_bad_requirements_fail_clearly_and_the_environment_that_worked_stays(project: Path) -> None:
    said: list[str] = []
    kind = python_kind()
    good = await bounded(kind.prepare(project, said.append))
    worked = (project / ".polystep" / "venv").resolve()
    (project / "requirements.txt").write_text("./no-such-package\n")
    with pytest.raises(LoadFailed) as failed:
        await bounded(kind.prepare(project, said.append))
    first, *_, last = failed.value.message.splitlines()
    assert first == "The project's Python packages could not be installed (uv pip):"
    assert "no-such-package" in failed.value.message
    assert last == "Mend the requirements and save: it is tried again."
    assert ((project / ".polystep" / "venv").resolve(), environments(project)) == (worked, [worked.name])
    (project / "requirements.txt").unlink()
    assert await bounded(kind.prepare(project, said.append)) == good


async def test_the_packages_of_the_chosen_file_are_installed(project: Path) -> None:
    package(project)
    (project / "requirements.txt").write_text("./no-such-package\n")
    (project / "mine.txt").write_text("./greeting\n")
    said: list[str] = []
    launch = await bounded(python_kind("mine.txt").prepare(project, said.append))
    code = "from importlib.metadata import version; print(version('greeting'), version('msgpack'))"
    done = await bounded(run_command(project, launch.command[0], "-c", code))
    assert done == (0, f"1.0 {importlib.metadata.version('msgpack')}")
    assert said[1] == "Installing the packages of mine.txt…"


async def test_a_chosen_file_that_is_missing_is_named(project: Path) -> None:
    with pytest.raises(LoadFailed) as failed:
        await python_kind("mine.txt").prepare(project, lambda _: None)
    assert failed.value.message == "polystep.toml names mine.txt for Python's packages, but there is no such file."


async def test_a_pyproject_that_only_configures_tools_installs_nothing_more(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.ruff]\nline-length = 100\n")
    launch = await bounded(python_kind().prepare(project, lambda _: None))
    assert Path(launch.command[0]).exists()


def test_only_the_current_environment_and_the_two_used_last_are_kept(tmp_path: Path) -> None:
    for number, name in enumerate(["venv-a", "venv-b", "venv-c", "venv-d"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".polystep-complete").touch()
        os.utime(tmp_path / name / ".polystep-complete", (1000 + number, 1000 + number))
    (tmp_path / "venv-interrupted").mkdir()
    (tmp_path / "venv").symlink_to("venv-a")
    _prune(tmp_path, tmp_path / "venv-a")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["venv", "venv-a", "venv-c", "venv-d"]
