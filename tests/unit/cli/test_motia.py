"""Motia's verbs are recognised, also in the words of Motia's own command."""

from __future__ import annotations

from pathlib import Path

import pytest

from polystep import __version__
from polystep.cli.motia import translate
from tests.unit.cli.commands import polystep


@pytest.mark.parametrize("verb", ["cloud", "docker", "generate", "rules"])
@pytest.mark.parametrize("before", [[], ["motia"]])
def test_a_verb_that_is_not_ours_says_what_to_do_instead_and_fails(verb: str, before: list[str]) -> None:
    done = polystep(*before, verb, "anything", "--topic", "x", "-p", "3000")
    assert (done.exit_code, done.stdout) == (1, "")
    first, second = f"✖ `{verb}` is a verb of Motia. ", "polystep"
    assert done.stderr.startswith(first)
    assert second in done.stderr.removeprefix(first)


@pytest.mark.parametrize("arguments", [["version"], ["--version"], ["motia", "version"], ["motia", "-V"]])
def test_the_version_is_told_by_either_name(arguments: list[str]) -> None:
    done = polystep(*arguments)
    assert (done.exit_code, done.stdout) == (0, f"polystep {__version__}\n")


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("", "--help"),
        ("dev", "dev"),
        ("dev -p 4000 -H 127.0.0.1 -v -d -m", "dev -p 4000 -H 127.0.0.1"),
        ("start --debug --motia-dir /x --port 1", "start --port 1"),
        ("generate openapi", "openapi --out openapi.json"),
        ("generate openapi -t Shop -o api.json -v 2", "openapi --out api.json"),
        ("generate step", "generate step"),
        ("generate-types", "generate-types"),
        ("install -v", "install"),
        ("build --docker", "build"),
        ("emit --topic x --message {} -p 3000", "emit x {}"),
        ("emit --topic x", "emit x"),
        ("emit x --step A", "emit x --step A"),
    ],
)
def test_the_arguments_of_motia_become_ours(given: str, taken: str) -> None:
    assert translate(given.split()) == taken.split()


def test_install_prepares_the_runners_of_the_steps_there_are(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    nothing = polystep("install", "--project", str(root))
    assert (nothing.exit_code, nothing.stdout) == (
        0,
        f"No steps were found in {root}, so there is nothing to install.\n",
    )
    (root / "steps").mkdir()
    (root / "steps" / "a_step.py").write_text("config = {}\n")
    done = polystep("install", "--project", str(root))
    assert (done.exit_code, done.stdout) == (
        0,
        "Setting up Python for this project (.polystep/venv)…\n✔ python is ready.\n",
    )
    assert (root / ".polystep" / "venv" / "bin" / "python").exists()
    (root / "requirements.txt").write_text("./no-such-package\n")
    failed = polystep("install", "--project", str(root))
    assert (failed.exit_code, failed.stderr.startswith("✖ python: requirements.txt: The project's Python")) == (1, True)
