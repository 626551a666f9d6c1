"""`polystep init`: what it adds to a folder that is there already, and what it leaves as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.commands import polystep

MOTIA = """{
    "name": "shop",
    "scripts": {
        "postinstall": "motia install",
        "dev": "motia dev",
        "lint": "eslint ."
    },
    "files": ["a", "b"],
    "dependencies": {
        "@motiadev/core": "0.17.14",
        "@motiadev/stream-client-react": "0.17.14",
        "motia": "0.17.14"
    }
}
"""
STEP = "import { z } from 'zod'\nexport const config = {}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path.resolve()
    (root / "src").mkdir()
    (root / "src" / "hello.step.ts").write_text(STEP)
    return root


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_adds_scripts_and_launcher_and_keeps_every_other_character(project: Path) -> None:
    (project / "package.json").write_text(MOTIA)
    done = polystep("init", "--yes", "--project", str(project))
    assert done.exit_code == 0, done.output
    text = (project / "package.json").read_text()
    assert text == MOTIA.replace('"eslint ."\n', '"eslint .",\n        "start": "polystep start"\n').replace(
        "    }\n}\n", '    },\n    "devDependencies": {\n        "polystep-launcher": "file:launcher"\n    }\n}\n'
    )
    assert sorted(path.name for path in (project / "launcher").iterdir()) == [
        "motia.mjs",
        "package.json",
        "polystep.mjs",
    ]
    assert json.loads((project / "launcher" / "package.json").read_text())["bin"] == {
        "polystep": "polystep.mjs",
        "motia": "motia.mjs",
    }
    assert (project / ".polystep" / "command").exists()


def test_it_says_what_may_go_and_what_is_missing(project: Path) -> None:
    (project / "package.json").write_text(MOTIA)
    (project / "python_modules").mkdir()
    (project / "src" / "score_step.py").write_text("from pydantic import BaseModel\n")
    said = polystep("init", "--yes", "--project", str(project)).stdout
    postinstall = (
        '- The script "postinstall" calls motia. polystep installs Python packages when it starts; to remove it: '
        "npm pkg delete scripts.postinstall"
    )
    assert [line.strip() for line in said.splitlines() if line.startswith("  - ")] == [
        "- polystep needs none of Motia's packages; to remove them: npm uninstall @motiadev/core motia",
        postinstall,
        "- python_modules/ is Motia's Python environment; polystep does not use it, and it may be deleted.",
        "- Steps import zod, which package.json does not name: npm install zod",
        "- Steps import pydantic, which requirements.txt does not name: add it there.",
    ]


def test_a_dry_run_and_a_missing_yes_change_nothing(project: Path) -> None:
    (project / "package.json").write_text(MOTIA)
    before = snapshot(project)
    dry = polystep("init", "--dry-run", "--project", str(project))
    assert (dry.exit_code, "Nothing was changed: this was a dry run." in dry.stdout) == (0, True)
    assert "+ launcher/polystep.mjs" in dry.stdout
    assert '    +        "start": "polystep start"' in dry.stdout
    assert "to remove them: npm uninstall @motiadev/core motia" in dry.stdout
    asked = polystep("init", "--project", str(project))
    assert (asked.exit_code, asked.stderr) == (
        1,
        "✖ Nothing was changed. To change what is shown above: polystep init --yes\n",
    )
    assert snapshot(project) == before


def test_a_second_time_there_is_nothing_to_do(project: Path) -> None:
    (project / "package.json").write_text(MOTIA)
    polystep("init", "--yes", "--project", str(project))
    before = snapshot(project)
    again = polystep("init", "--project", str(project))
    assert (again.exit_code, f"{project} has everything that polystep needs." in again.stdout) == (0, True)
    assert snapshot(project) == before


def test_a_launcher_folder_of_the_users_own_is_left_alone(project: Path) -> None:
    (project / "package.json").write_text('{"scripts": {"dev": "vite", "start": "node ."}}')
    (project / "launcher").mkdir()
    (project / "launcher" / "rocket.ts").write_text("mine")
    assert polystep("init", "--yes", "--project", str(project)).exit_code == 0
    assert snapshot(project / "launcher") == {"rocket.ts": b"mine"}
    assert sorted(snapshot(project / "polystep-launcher")) == ["package.json", "polystep.mjs"]
    assert json.loads((project / "package.json").read_text()) == {
        "scripts": {"dev": "vite", "start": "node ."},
        "devDependencies": {"polystep-launcher": "file:polystep-launcher"},
    }
    other = project / "other"
    (other / "launcher").mkdir(parents=True)
    (other / "polystep-launcher").mkdir()
    (other / "package.json").write_text("{}")
    refused = polystep("init", "--yes", "--project", str(other))
    assert (refused.exit_code, "already holds launcher and polystep-launcher" in refused.stderr) == (1, True)


def test_a_folder_of_python_steps_needs_nothing(tmp_path: Path) -> None:
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps" / "hello_step.py").write_text("config = {}\n")
    before = snapshot(tmp_path)
    done = polystep("init", "--project", str(tmp_path))
    assert (done.exit_code, done.stdout.endswith(f"Next:\n  polystep dev --project {tmp_path}\n")) == (0, True)
    assert snapshot(tmp_path) == before


def test_a_folder_of_typescript_steps_without_a_package_json_gets_one(project: Path) -> None:
    assert polystep("init", "--yes", "--project", str(project)).exit_code == 0
    package = json.loads((project / "package.json").read_text())
    assert package["scripts"] == {"dev": "polystep dev", "start": "polystep start"}
    assert package["devDependencies"] == {"polystep-launcher": "file:launcher"}
    assert sorted(snapshot(project / "launcher")) == ["package.json", "polystep.mjs"]


def test_a_folder_without_steps_is_told_where_they_belong(tmp_path: Path) -> None:
    done = polystep("init", "--project", str(tmp_path))
    assert f"No steps were found in {tmp_path}. Put files such as hello.step.ts" in done.stdout


@pytest.mark.parametrize("text", ["{", "[]", '{"scripts": "x"}', '{"scripts": []}', '{"devDependencies": 1}', "\xff"])
def test_a_package_json_that_cannot_be_used_is_named_and_kept(project: Path, text: str) -> None:
    (project / "package.json").write_text(text, encoding="latin-1")
    before = snapshot(project)
    refused = polystep("init", "--yes", "--project", str(project))
    assert (refused.exit_code, refused.stderr.startswith(f"✖ {project}/package.json cannot be used: ")) == (1, True)
    assert snapshot(project) == before


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    refused = polystep("init", "--project", str(tmp_path / "none"))
    assert (refused.exit_code, refused.stderr.startswith(f"✖ {tmp_path}/none is not a folder.")) == (1, True)
