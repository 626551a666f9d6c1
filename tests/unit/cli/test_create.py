"""`polystep create`: what it writes, what it refuses, and that npm accepts it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from polystep.cli import scaffold
from polystep.cli.create import create, create_project, this_command
from polystep.cli.recipe import Language, Recipe, Template
from polystep.cli.scaffold import CreateRefused, package_name, project_files

APP = typer.Typer()
APP.command()(create)
COMMAND = Path("/opt/polystep/bin/polystep")
HELLO = Recipe(Template.HELLO, Language.MIXED)
EMPTY = Recipe(Template.EMPTY, Language.MIXED)
TICKETS = Recipe(Template.TICKET_TRIAGE, Language.MIXED)
SHARED = [
    ".env.example",
    ".gitignore",
    ".polystep/command",
    "AGENTS.md",
    "README.md",
    "launcher/package.json",
    "launcher/polystep.mjs",
    "package.json",
    "polystep_types.py",
    "requirements.txt",
    "tsconfig.json",
    "types.d.ts",
]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


NODE_TESTS = "node --import tsx --test tests/*.test.ts"
PYTHON_TESTS = "polystep install && .polystep/venv/bin/python -m unittest tests/test_*.py"


@pytest.mark.parametrize(
    ("recipe", "files", "packages", "tests"),
    [
        (
            HELLO,
            ["steps/greet_step.py", "steps/hello.step.ts", "tests/hello.test.ts", "tests/test_greet.py"],
            ["zod"],
            f"{NODE_TESTS} && {PYTHON_TESTS}",
        ),
        (
            Recipe(Template.HELLO, Language.TS),
            ["steps/greet.step.ts", "steps/hello.step.ts", "tests/greet.test.ts", "tests/hello.test.ts"],
            ["zod"],
            NODE_TESTS,
        ),
        (
            Recipe(Template.APPROVAL, Language.JS),
            [
                "steps/approve-expense.step.js",
                "steps/request-expense.step.js",
                "tests/approve-expense.test.js",
                "tests/request-expense.test.js",
            ],
            ["zod"],
            "node --test tests/*.test.js",
        ),
        (
            TICKETS,
            [
                "steps/announce-digest.step.js",
                "steps/daily-digest.step.ts",
                "steps/extract_keywords_step.py",
                "steps/lib/ticket.ts",
                "steps/request-reply.step.ts",
                "steps/send-reply.step.ts",
                "steps/submit-ticket.step.ts",
                "steps/ticket-status.stream.ts",
                "steps/triage-ticket.step.ts",
                "tests/submit-ticket.test.ts",
                "tests/test_extract_keywords.py",
            ],
            ["openai", "zod"],
            f"{NODE_TESTS} && {PYTHON_TESTS}",
        ),
        (EMPTY, ["steps/.gitkeep"], [], "polystep check"),
    ],
)
def test_a_project_has_the_files_of_its_template(
    place: Path, recipe: Recipe, files: list[str], packages: list[str], tests: str
) -> None:
    target, count = create_project("shop", recipe, COMMAND)
    assert (target, count) == (place / "shop", len(SHARED) + len(files))
    assert tree(target) == sorted([*SHARED, *files])
    package = json.loads((target / "package.json").read_text())
    assert (package["name"], package["type"], sorted(package["dependencies"])) == ("shop", "module", packages)
    assert package["scripts"] == {
        "dev": "polystep dev",
        "build": "polystep build",
        "start": "polystep start",
        "test": tests,
        "check": "polystep generate-types && tsc",
        "generate-types": "polystep generate-types",
    }
    assert package["devDependencies"]["polystep-launcher"] == "file:launcher"
    assert ("tsx" in package["devDependencies"]) == ("tsx" in tests)
    assert (target / "README.md").read_text().startswith("# shop\n\nA backend made of step files")
    assert (target / ".polystep" / "command").read_text() == f"{COMMAND}\n"
    assert {".env", ".polystep/", "dist/", "node_modules/"} <= set((target / ".gitignore").read_text().split())
    assert os.access(target / "launcher" / "polystep.mjs", os.X_OK)
    assert [entry.name for entry in place.iterdir()] == ["shop"]


@pytest.mark.parametrize("template", [Template.HELLO, Template.APPROVAL, Template.EMPTY])
def test_a_project_in_python_needs_nothing_of_node(place: Path, template: Template) -> None:
    target, _ = create_project("shop", Recipe(template, Language.PYTHON), None)
    assert not {"tsconfig.json", "types.d.ts"} & set(tree(target))
    package = json.loads((target / "package.json").read_text())
    assert (package["dependencies"], package["devDependencies"]) == ({}, {"polystep-launcher": "file:launcher"})
    assert package["scripts"]["check"] == "polystep check"
    assert "npm run" not in (target / "AGENTS.md").read_text()


def test_javascript_is_checked_for_types_where_it_is_the_language(place: Path) -> None:
    create_project("js", Recipe(Template.HELLO, Language.JS), None)
    create_project("mixed", HELLO, None)
    checked = [json.loads((place / name / "tsconfig.json").read_text())["compilerOptions"] for name in ("js", "mixed")]
    assert [options.get("checkJs", False) for options in checked] == [True, False]


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("template", [Template.HELLO, Template.APPROVAL, Template.EMPTY])
def test_the_pages_name_files_that_are_there_and_leave_no_gap(
    place: Path, template: Template, language: Language
) -> None:
    target, _ = create_project("shop", Recipe(template, language), None)
    for page in ("README.md", "AGENTS.md"):
        assert re.findall(r"\{(?!item)\w+\}", (target / page).read_text()) == []
    named = set(re.findall(r"`(steps/\S+)`", (target / "README.md").read_text()))
    there = {path for path in tree(target) if path.startswith("steps/") and not path.endswith(".gitkeep")}
    assert named == there or template is Template.EMPTY


def test_the_ticket_triage_template_is_the_repositorys_own_sample(place: Path) -> None:
    sample = Path(__file__).resolve().parents[3] / "steps"
    target, _ = create_project("tickets", TICKETS, None)
    for path in sample.rglob("*.step.*"):
        assert (target / "steps" / path.name).read_bytes() == path.read_bytes()


def test_an_installation_without_the_sample_says_so(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = place / "site" / "polystep" / "cli"
    shutil.copytree(Path(scaffold.__file__).parent, copy)
    monkeypatch.setattr(scaffold, "__file__", str(copy / "scaffold.py"))
    with pytest.raises(CreateRefused, match='steps of the template "ticket-triage" are missing'):
        create_project("tickets", TICKETS, None)
    packaged = place / "site" / "polystep" / "_templates" / "ticket-triage" / "steps"
    packaged.mkdir(parents=True)
    (packaged / "submit-ticket.step.ts").write_text("// from the wheel")
    create_project("tickets", TICKETS, None)
    assert (place / "tickets" / "steps" / "submit-ticket.step.ts").read_text() == "// from the wheel"


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("shop", "shop"),
        ("My Shop 2", "my-shop-2"),
        ("Café Zürich", "cafe-zurich"),
        (".hidden_", "hidden"),
        ("a.b_c", "a.b_c"),
        ("日本", "polystep-app"),
        ("@scope/x", "scope-x"),
        ("zod", "zod-app"),
        ("TypeScript", "typescript-app"),
        ("node_modules", "node_modules-app"),
        ("x" * 300, "x" * 214),
    ],
)
def test_any_folder_name_becomes_a_name_that_npm_accepts(folder: str, name: str) -> None:
    assert package_name(folder) == name


def test_the_current_folder_may_hold_other_files(place: Path) -> None:
    (place / "LICENSE").write_text("mine")
    (place / ".git").mkdir()
    target, _ = create_project(".", HELLO, None)
    assert target == place
    assert tree(place) == sorted([*project_files(HELLO, "x", None), "LICENSE"])


def test_the_current_folder_is_refused_if_a_file_is_in_the_way(place: Path) -> None:
    (place / "package.json").write_text("{}")
    (place / "steps").mkdir()
    with pytest.raises(CreateRefused) as caught:
        create_project(".", HELLO, None)
    assert str(caught.value) == (
        f"{place} already holds package.json, steps. Move them away, or create the project in a folder of its own: "
        "polystep create my-app. To run a project that is there already: polystep init"
    )
    assert tree(place) == ["package.json"]


def test_another_folder_must_be_empty(place: Path) -> None:
    (place / "shop").mkdir()
    create_project("shop", EMPTY, None)
    with pytest.raises(CreateRefused) as caught:
        create_project("shop", EMPTY, None)
    assert str(caught.value) == (
        f"{place}/shop already holds .env.example, .gitignore, AGENTS.md, README.md, launcher, …. "
        "Choose another name, or empty the folder first."
    )


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("taken", "taken is a file. Choose another name."),
        ("no/such/shop", "The folder no/such does not exist. Make it first, or choose another place."),
        ("taken/shop", "The folder taken does not exist. Make it first, or choose another place."),
        ("broken", "broken is a link that leads nowhere. Choose another name."),
        (" ", "The name of the folder is empty or has unprintable characters. Choose another name."),
        ("a\0b", "The name of the folder is empty or has unprintable characters. Choose another name."),
    ],
)
def test_an_impossible_place_is_refused(place: Path, folder: str, message: str) -> None:
    (place / "taken").write_text("")
    (place / "broken").symlink_to(place / "nowhere")
    with pytest.raises(CreateRefused) as caught:
        create_project(folder, HELLO, None)
    assert str(caught.value) == message
    assert sorted(entry.name for entry in place.iterdir()) == ["broken", "taken"]


def test_a_name_too_long_for_the_disk_is_refused(place: Path) -> None:
    with pytest.raises(CreateRefused, match="File name too long"):
        create_project("x" * 300, HELLO, None)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("folder", ["shop", "."])
def test_a_failure_in_the_middle_leaves_nothing_behind(
    place: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "kept").write_text("mine")
    rename = Path.rename

    def fail_late(self: Path, target: Path) -> Path:
        if Path(target).name in ("shop", "steps"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_late)
    with pytest.raises(CreateRefused) as caught:
        create_project(folder, HELLO, COMMAND)
    assert str(caught.value) == (
        f"The project could not be written to {folder}: No space left on device. Nothing was left behind."
    )
    assert [entry.name for entry in place.iterdir()] == ["kept"]


def test_the_command_prints_what_comes_next(place: Path) -> None:
    result = CliRunner().invoke(APP, ["my shop", "--template", "empty", "--no-install"])
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            f'Created {place}/my shop from the template "empty" ({len(tree(place))} files).',
            "",
            "Next:",
            "  cd 'my shop'",
            "  npm install",
            "  npm run dev",
        ],
    )


def test_a_refusal_goes_to_stderr_with_status_1(place: Path) -> None:
    (place / "shop").write_text("")
    result = CliRunner().invoke(APP, ["shop"])
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "shop is a file. Choose another name.\n")


def test_yes_asks_nothing_and_takes_the_defaults(place: Path) -> None:
    result = CliRunner().invoke(APP, ["--yes", "--no-install"])
    assert result.exit_code == 0
    assert (place / "my-app" / "steps" / "hello.step.ts").is_file()


def test_a_template_that_is_not_there_in_a_language_is_refused(place: Path) -> None:
    result = CliRunner().invoke(APP, ["shop", "-t", "ticket-triage", "-l", "js"])
    expected = (
        'The template "ticket-triage" has steps in TypeScript, JavaScript and Python: leave --language away, or choose '
        "another template, such as --template approval.\n"
    )
    assert (result.exit_code, result.stderr) == (1, expected)
    assert list(place.iterdir()) == []


@pytest.fixture
def programs(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH."""
    folder = place / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def npm_that(folder: Path, script: str) -> None:
    (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "npm").chmod(0o755)


def last_lines(result: Result) -> list[str]:
    return [line.strip() for line in result.stdout.split("Next:")[1].splitlines() if line.strip()]


def test_what_npm_has_installed_is_not_among_the_next_steps(programs: Path) -> None:
    npm_that(programs, 'echo "$@" > called')
    result = CliRunner().invoke(APP, ["shop", "-t", "empty"])
    assert (result.exit_code, last_lines(result)) == (0, ["cd shop", "npm run dev"])
    assert (programs.parent / "shop" / "called").read_text().split() == [
        "install",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]
    assert "Installing Node packages" in result.stderr


def test_an_install_that_fails_leaves_the_project_and_says_how_to_go_on(programs: Path) -> None:
    npm_that(programs, "echo registry.example refused; exit 7")
    result = CliRunner().invoke(APP, ["shop", "-t", "empty"])
    assert (result.exit_code, last_lines(result)) == (0, ["cd shop", "npm install", "npm run dev"])
    assert "✖ npm install failed (status 7):" in result.stderr
    assert "registry.example refused" in result.stderr
    assert "The project is complete; try npm install there." in result.stderr
    (programs / "npm").unlink()
    without = CliRunner().invoke(APP, ["other", "-t", "empty"])
    assert (without.exit_code, last_lines(without)) == (0, ["cd other", "npm install", "npm run dev"])
    assert "npm was not found. Install Node 20" in without.stderr


def test_a_project_in_python_is_prepared_without_npm(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm_that(programs, "exit 1")
    monkeypatch.setattr(sys, "argv", [str(programs / "polystep")])
    (programs / "polystep").write_text("")
    (programs / "polystep").chmod(0o755)
    result = CliRunner().invoke(APP, ["shop", "-l", "python"])
    assert (result.exit_code, last_lines(result)) == (0, ["cd shop", "polystep dev"])
    assert (programs.parent / "shop" / ".polystep" / "venv" / "bin" / "python").exists()
    monkeypatch.setenv("PATH", "/nowhere")
    again = CliRunner().invoke(APP, ["other", "-l", "python", "--no-install"])
    assert last_lines(again) == ["cd other", f"{programs}/polystep dev"]


def test_without_a_terminal_a_missing_name_is_an_error_and_no_question(place: Path) -> None:
    result = CliRunner().invoke(APP, [], input="never-read\n")
    assert (result.exit_code, result.stderr) == (1, "The project needs a name: polystep create my-app\n")
    assert list(place.iterdir()) == []


def test_on_a_terminal_it_asks_until_the_answer_is_a_template(place: Path) -> None:
    program = (
        "import typer; from polystep.cli.create import create; "
        "app = typer.Typer(); app.command()(create); app(['--no-install'])"
    )
    # `pty.spawn` gives the command a terminal of its own, and writes our stdin into it.
    terminal = f"import pty, sys; sys.exit(pty.spawn([sys.executable, '-c', {program!r}]) >> 8)"
    done = subprocess.run(
        [sys.executable, "-c", terminal],
        input=b"shop\nnope\nempty\nruby\npython\n",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done
    assert b'There is no template "nope".' in done.stdout
    assert b'There is no language "ruby".' in done.stdout
    assert not (place / "shop" / "tsconfig.json").exists()
    assert (place / "shop" / "steps" / ".gitkeep").is_file()


def test_the_recorded_command_is_the_one_beside_this_python(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["-m"])
    monkeypatch.setattr(sys, "executable", str(place / "python"))
    assert this_command() is None
    (place / "polystep").write_text("")
    assert this_command() == place / "polystep"
    (place / "other").mkdir()
    (place / "other" / "polystep").write_text("")
    monkeypatch.setattr(sys, "argv", ["other/polystep"])
    assert this_command() == place / "other" / "polystep"
