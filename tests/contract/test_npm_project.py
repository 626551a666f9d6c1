"""Created projects: npm takes them, and what they bring loads, has its types and passes its own tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from polystep.cli.create import create_project
from polystep.cli.recipe import Language, Recipe, Template


@pytest.mark.timeout(600)  # npm and the compiler take a while beside tests on every core
def test_npm_installs_a_created_project_and_its_steps_pass_the_type_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target, _ = create_project("shop", Recipe(Template.HELLO, Language.MIXED), None)
    command = tmp_path / "command"
    command.write_text('#!/bin/sh\necho "called with: $*"\nexit 7\n')
    command.chmod(0o755)
    npm = shutil.which("npm")
    assert npm is not None, "npm is missing; install Node 20 or newer"

    def run(*arguments: str, polystep: Path = command) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "POLYSTEP_COMMAND": str(polystep)}
        return subprocess.run(
            [*arguments], cwd=target, env=environment, capture_output=True, text=True, timeout=250, check=False
        )

    installed = run(npm, "install", "--no-audit", "--no-fund", "--prefer-offline")
    assert installed.returncode == 0, installed.stderr
    direct = run("node_modules/.bin/polystep", "dev", "--port", "3001")
    assert (direct.returncode, direct.stdout) == (7, "called with: dev --port 3001\n")
    through_npm = run(npm, "run", "--silent", "dev", "--", "--port", "3002")
    assert (through_npm.returncode, through_npm.stdout) == (7, "called with: dev --port 3002\n")
    checked = run(npm, "run", "--silent", "check", polystep=Path(sys.executable).with_name("polystep"))
    assert (checked.returncode, checked.stdout) == (0, "types.d.ts written\npolystep_types.py written\n")


ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = re.compile(r"```\w+\n(?://|#) (steps/\S+)\n(.*?)```", re.DOTALL)


def project_in(language: Language) -> Path:
    """Write one project that holds all of the templates in a language, with the packages of this checkout."""
    project, _ = create_project("shop", Recipe(Template.HELLO, language), None)
    approval, _ = create_project("approval", Recipe(Template.APPROVAL, language), None)
    for folder in ("steps", "tests"):
        shutil.copytree(approval / folder, project / folder, dirs_exist_ok=True)
    (project / "node_modules").symlink_to(ROOT / "node_modules")  # as npm would install them
    return project


def run(project: Path, *command: str) -> tuple[int, str]:
    """Run a command with this checkout's polystep first on PATH; returns its status and what it printed."""
    here = Path(sys.executable).parent
    path = f"{here}{os.pathsep}{ROOT / 'node_modules' / '.bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    done = subprocess.run([*command], cwd=project, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("language", [Language.TS, Language.JS, Language.PYTHON])
def test_the_templates_load_without_a_finding_and_with_their_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: Language
) -> None:
    monkeypatch.chdir(tmp_path)
    project = project_in(language)
    _, printed = run(project, "polystep", "check", "--strict")
    assert "✔ 4 steps and 0 streams loaded, nothing is wrong." in printed, printed
    if language is not Language.PYTHON:
        status, printed = run(project, "npm", "run", "--silent", "check")
        assert status == 0, printed


@pytest.mark.parametrize(
    ("language", "step"),
    [(Language.TS, "hello.step.ts"), (Language.JS, "hello.step.js"), (Language.PYTHON, "hello_step.py")],
)
def test_the_tests_of_the_templates_pass_and_find_a_step_that_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: Language, step: str
) -> None:
    monkeypatch.chdir(tmp_path)
    project = project_in(language)
    status, printed = run(project, "npm", "test", "--silent")
    assert status == 0, printed
    source = (project / "steps" / step).read_text()
    (project / "steps" / step).write_text(source.replace("Hello, ", "Bye, "))
    status, printed = run(project, "npm", "test", "--silent")
    assert (status, "Bye, " in printed) == (1, True)


def test_the_examples_for_coding_agents_are_a_project_without_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project, _ = create_project("shop", Recipe(Template.EMPTY, Language.MIXED), None)
    (project / "node_modules").symlink_to(ROOT / "node_modules")
    examples = EXAMPLE.findall((project / "AGENTS.md").read_text())
    assert [path for path, _ in examples] == [
        "steps/create-order.step.ts",
        "steps/ship_order_step.py",
        "steps/count-orders.step.js",
    ]
    for path, source in examples:
        (project / path).write_text(source)
    _, printed = run(project, "polystep", "check", "--strict")
    assert "✔ 3 steps and 0 streams loaded, nothing is wrong." in printed, printed
