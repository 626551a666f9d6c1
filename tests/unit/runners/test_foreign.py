"""A runner that is not ours: its program is found, or it is said what to do."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path, PurePath

import pytest

from polystep.contracts.errors import LoadFailed
from polystep.contracts.steps import SourcePattern
from polystep.runners import Launch, PoolSize, RunnerKind, RunnerPool, foreign_kind
from tests.unit.runners.scripted import RUNNER, Script, bounded, params, replace, run


def kind(project: Path, *command: str) -> RunnerKind:
    return foreign_kind(
        "perl", steps=["_step.pl"], streams=["_stream.pl"], command=command, channel="stdio", project=project
    )


def launch(project: Path, *command: str) -> Launch:
    async def prepare() -> Launch:
        return await kind(project, *command).prepare(project, lambda _: None)

    return asyncio.run(prepare())


def test_its_files_are_its_own_language() -> None:
    made = kind(Path("/p"), "perl")
    assert made.patterns == (
        SourcePattern("_step.pl", "step", "perl", "perl"),
        SourcePattern("_stream.pl", "stream", "perl", "perl"),
    )
    assert (made.name, made.channel, made.standby) == ("perl", "stdio", False)


def test_a_program_of_the_machine_gets_its_arguments_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "sh").write_text("not this one")
    assert launch(tmp_path, "sh", "runner.sh", "-x").command == (shutil.which("sh"), "runner.sh", "-x")


@pytest.mark.parametrize("name", ["runner", "tools/runner", "./tools/runner"])
def test_a_program_of_the_project_is_found(tmp_path: Path, name: str) -> None:
    program = tmp_path / name
    program.parent.mkdir(exist_ok=True)
    program.touch(mode=0o755)
    assert launch(tmp_path, name).command == (str(program),)


def test_a_program_by_its_full_path_is_taken(tmp_path: Path) -> None:
    assert launch(tmp_path, sys.executable, "x.py").command == (sys.executable, "x.py")


@pytest.mark.parametrize("name", ["no-such-program", "tools/none"])
def test_a_missing_program_says_what_to_do(tmp_path: Path, name: str) -> None:
    with pytest.raises(LoadFailed) as refused:
        launch(tmp_path, name)
    assert refused.value.message == (
        f'The perl runner\'s program "{name}" was found neither on PATH nor in the project. Install it, or correct '
        "[runners.perl] command in polystep.toml, then start again."
    )


def test_a_program_that_is_no_program_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "runner.pl").touch(mode=0o644)
    with pytest.raises(LoadFailed, match=r"it is not executable. Run `chmod \+x runner.pl`, or name its interpreter"):
        launch(tmp_path, "runner.pl")


@pytest.mark.parametrize(
    ("path", "concerned"),
    [
        ("lib/Shop.pl", True),
        ("tools/runner", True),
        ("config.json", True),
        ("other/runner", False),
        ("tools/other", False),
    ],
)
def test_files_of_its_command_that_lie_in_the_project_concern_it(tmp_path: Path, path: str, concerned: bool) -> None:
    made = kind(tmp_path, "./tools/runner", str(tmp_path / "config.json"), "--out", "/etc/passwd", "../x", ".")
    assert made.concerns(PurePath(path)) is concerned


async def test_it_runs_steps_over_stdio_from_the_projects_root(script: Script) -> None:
    shutil.copy(RUNNER, script.root / "runner.py")
    made = foreign_kind(
        "other",
        steps=["_step.x"],
        streams=[],
        command=[sys.executable, "runner.py"],
        channel="stdio",
        project=script.root,
    )
    pool = RunnerPool(
        made, script.root, script.calls, lambda: script.environment, lambda _: None, PoolSize(standby=True)
    )
    pool.begin_standby()
    try:
        await replace(pool, script.file("a.script"))
        seen = await bounded(run(pool, "r", "params"))
        assert (seen["file"], pool._standby) == (params("r", "x")["file"], None)
    finally:
        await bounded(pool.stop(0))
