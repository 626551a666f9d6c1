"""What is told of a saved `.env` or `polystep.toml`."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from polystep.console import Console
from polystep.project import SettingSources, read_settings
from polystep.project.edits import Edits
from polystep.project.environment import Environment


class Told:
    """Edits of one project, and the lines they caused."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._output = io.StringIO()
        self._console = Console(self._output, colour=False)
        environment = Environment(root, {"SHELL_SETS": "shell"}, self._console, lambda _: None)
        self._edits = Edits(SettingSources(root), read_settings(root), environment, self._console)

    def save(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)
        self._edits.show(frozenset({name}))

    def lines(self) -> list[str]:
        self._console.stop()
        return self._output.getvalue().splitlines()


@pytest.fixture
def told(tmp_path: Path) -> Told:
    (tmp_path / ".env").write_text("KEPT=1\nCHANGED=1\nGONE=1\n")
    (tmp_path / "polystep.toml").write_text("[http]\ndocs = true\n")
    return Told(tmp_path)


def test_variables_that_changed_are_named_without_their_values(told: Told) -> None:
    told.save(".env", "KEPT=1\nCHANGED=secret\nNEW=secret\n")
    told.save(".env", "KEPT=1\nCHANGED=secret\nNEW=secret\n# a comment\n")
    assert told.lines() == ["➜ .env: the steps were loaded again with the new CHANGED, GONE, NEW."]


def test_a_variable_that_the_shell_sets_too_has_no_effect_and_is_named(told: Told) -> None:
    told.save(".env", "KEPT=1\nCHANGED=1\nGONE=1\nSHELL_SETS=file\n")
    (line,) = told.lines()
    assert line == (
        "⚠ [WARNING] .env: SHELL_SETS changed, but the shell that started polystep sets it too, and the shell's value "
        "counts. Unset it there and start again."
    )


def test_settings_that_changed_are_named_with_the_restart_that_they_need(told: Told) -> None:
    runner = "[runners.perl]\npattern = '_step.pl'\ncommand = ['perl']\n"
    told.save("polystep.toml", f"[http]\nbody_bytes_max = 5\n[cron]\ntimezone = 'UTC'\n{runner}")
    told.save("polystep.toml", "[http]\ndocs = true\n")
    names = "cron.timezone, http.body_bytes_max, runners.perl"
    assert told.lines() == [
        f"⚠ [WARNING] polystep.toml: {names} changed. Restart polystep to use it.",
        "➜ polystep.toml: its settings are those in use.",
    ]


def test_settings_that_are_wrong_are_told_before_the_restart_that_would_fail(told: Told) -> None:
    told.save("polystep.toml", "[http]\ndcos = true\n")
    first, detail = told.lines()
    assert first.endswith("polystep.toml is not usable: polystep goes on with the settings it was started with.")
    assert detail.startswith("  │   http.dcos: there is no such setting. Did you mean docs?")
