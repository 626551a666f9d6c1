"""A created project, as npm takes it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from polystep.cli.create import create_project
from polystep.cli.scaffold import Template


def test_npm_installs_a_created_project_and_its_steps_pass_the_type_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target, _ = create_project("shop", Template.HELLO, None)
    command = tmp_path / "command"
    command.write_text('#!/bin/sh\necho "called with: $*"\nexit 7\n')
    command.chmod(0o755)
    npm = shutil.which("npm")
    assert npm is not None, "npm is missing; install Node 20 or newer"

    def run(*arguments: str, polystep: Path = command) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "POLYSTEP_COMMAND": str(polystep)}
        return subprocess.run(
            [*arguments], cwd=target, env=environment, capture_output=True, text=True, timeout=100, check=False
        )

    installed = run(npm, "install", "--no-audit", "--no-fund", "--prefer-offline")
    assert installed.returncode == 0, installed.stderr
    direct = run("node_modules/.bin/polystep", "dev", "--port", "3001")
    assert (direct.returncode, direct.stdout) == (7, "called with: dev --port 3001\n")
    through_npm = run(npm, "run", "--silent", "dev", "--", "--port", "3002")
    assert (through_npm.returncode, through_npm.stdout) == (7, "called with: dev --port 3002\n")
    checked = run(npm, "run", "--silent", "check", polystep=Path(sys.executable).with_name("polystep"))
    assert (checked.returncode, checked.stdout) == (0, "types.d.ts written\npolystep_types.py written\n")
