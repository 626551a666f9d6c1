"""Words that the installed command offers to a shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from polystep.cli.main import app


def verbs() -> list[str]:
    shown = [command for command in app.registered_commands if not command.hidden]
    return [command.name or str(command.callback and command.callback.__name__) for command in shown]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("polystep st", [name for name in verbs() if name.startswith("st")]),
        ("polystep dev --po", ["--port"]),
        ("polystep create --template he", ["hello"]),
    ],
)
def test_the_shell_completes_verbs_options_and_choices(typed: str, offered: list[str]) -> None:
    command = Path(sys.executable).with_name("polystep")
    asked = {**os.environ, "_POLYSTEP_COMPLETE": "complete_bash", "COMP_WORDS": typed}
    asked["COMP_CWORD"] = str(len(typed.split()) - 1)
    done = subprocess.run([command], env=asked, capture_output=True, text=True, check=False, timeout=60)
    assert sorted(done.stdout.split()) == sorted(offered)
