"""`polystep create`: what it writes, what it refuses, and that npm accepts it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from polystep.cli import scaffold
from polystep.cli.create import create, create_project, this_command
from polystep.cli.scaffold import CreateRefused, Template, package_name, project_files

APP = typer.Typer()
APP.command()(create)
COMMAND = Path("/opt/polystep/bin/polystep")
SHARED = [
    ".env.example",
    ".gitignore",
    ".polystep/command",
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


@pytest.mark.parametrize(
    ("template", "steps", "packages"),
    [
        (Template.HELLO, ["greet_step.py", "hello.step.ts"], ["zod"]),
        (
            Template.TICKET_TRIAGE,
            [
                "announce-digest.step.js",
                "daily-digest.step.ts",
                "extract_keywords_step.py",
                "lib/ticket.ts",
                "request-reply.step.ts",
                "send-reply.step.ts",
                "submit-ticket.step.ts",
                "ticket-status.stream.ts",
                "triage-ticket.step.ts",
            ],
            ["openai", "zod"],
        ),
        (Template.EMPTY, [".gitkeep"], []),
    ],
)
def test_a_project_has_the_files_of_its_template(
    place: Path, template: Template, steps: list[str], packages: list[str]
) -> None:
    target, count = create_project("shop", template, COMMAND)
    assert (target, count) == (place / "shop", len(SHARED) + len(steps))
    assert tree(target) == sorted([*SHARED, *(f"steps/{step}" for step in steps)])
    package = json.loads((target / "package.json").read_text())
    assert (package["name"], package["type"], sorted(package["dependencies"])) == ("shop", "module", packages)
    assert package["scripts"] == {
        "dev": "polystep dev",
        "start": "polystep start",
        "check": "polystep generate-types && tsc",
    }
    assert package["devDependencies"]["polystep-launcher"] == "file:launcher"
    assert (target / "README.md").read_text().startswith("# shop\n\nA backend made of step files")
    assert (target / ".polystep" / "command").read_text() == f"{COMMAND}\n"
    assert {".env", ".polystep/", "node_modules/"} <= set((target / ".gitignore").read_text().split())
    assert os.access(target / "launcher" / "polystep.mjs", os.X_OK)
    assert [entry.name for entry in place.iterdir()] == ["shop"]


def test_the_ticket_triage_template_is_the_repositorys_own_sample(place: Path) -> None:
    sample = Path(__file__).resolve().parents[3] / "steps"
    target, _ = create_project("tickets", Template.TICKET_TRIAGE, None)
    for path in sample.rglob("*.step.*"):
        assert (target / "steps" / path.name).read_bytes() == path.read_bytes()


def test_an_installation_without_the_sample_says_so(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = place / "site" / "polystep" / "cli"
    shutil.copytree(Path(scaffold.__file__).parent, copy)
    monkeypatch.setattr(scaffold, "__file__", str(copy / "scaffold.py"))
    with pytest.raises(CreateRefused, match='steps of the template "ticket-triage" are missing'):
        create_project("tickets", Template.TICKET_TRIAGE, None)
    packaged = place / "site" / "polystep" / "_templates" / "ticket-triage" / "steps"
    packaged.mkdir(parents=True)
    (packaged / "submit-ticket.step.ts").write_text("// from the wheel")
    create_project("tickets", Template.TICKET_TRIAGE, None)
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
    target, _ = create_project(".", Template.HELLO, None)
    assert target == place
    assert tree(place) == sorted([*project_files(Template.HELLO, "x", None), "LICENSE"])


def test_the_current_folder_is_refused_if_a_file_is_in_the_way(place: Path) -> None:
    (place / "package.json").write_text("{}")
    (place / "steps").mkdir()
    with pytest.raises(CreateRefused) as caught:
        create_project(".", Template.HELLO, None)
    assert str(caught.value) == (
        f"{place} already holds package.json, steps. Move them away, or create the project in a folder of its own: "
        "polystep create my-app. To run a project that is there already: polystep init"
    )
    assert tree(place) == ["package.json"]


def test_another_folder_must_be_empty(place: Path) -> None:
    (place / "shop").mkdir()
    create_project("shop", Template.EMPTY, None)
    with pytest.raises(CreateRefused) as caught:
        create_project("shop", Template.EMPTY, None)
    assert str(caught.value) == (
        f"{place}/shop already holds .env.example, .gitignore, README.md, launcher, package.json, …. "
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
        create_project(folder, Template.HELLO, None)
    assert str(caught.value) == message
    assert sorted(entry.name for entry in place.iterdir()) == ["broken", "taken"]


def test_a_name_too_long_for_the_disk_is_refused(place: Path) -> None:
    with pytest.raises(CreateRefused, match="File name too long"):
        create_project("x" * 300, Template.HELLO, None)
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
        create_project(folder, Template.HELLO, COMMAND)
    assert str(caught.value) == (
        f"The project could not be written to {folder}: No space left on device. Nothing was left behind."
    )
    assert [entry.name for entry in place.iterdir()] == ["kept"]


def test_the_command_prints_what_comes_next(place: Path) -> None:
    result = CliRunner().invoke(APP, ["my shop", "--template", "empty"])
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
    result = CliRunner().invoke(APP, ["--yes"])
    assert result.exit_code == 0
    assert (place / "my-app" / "steps" / "hello.step.ts").is_file()


def test_without_a_terminal_a_missing_name_is_an_error_and_no_question(place: Path) -> None:
    result = CliRunner().invoke(APP, [], input="never-read\n")
    assert (result.exit_code, result.stderr) == (1, "The project needs a name: polystep create my-app\n")
    assert list(place.iterdir()) == []


def test_on_a_terminal_it_asks_until_the_answer_is_a_template(place: Path) -> None:
    program = "import typer; from polystep.cli.create import create; app = typer.Typer(); app.command()(create); app()"
    # `pty.spawn` gives the command a terminal of its own, and writes our stdin into it.
    terminal = f"import pty, sys; sys.exit(pty.spawn([sys.executable, '-c', {program!r}]) >> 8)"
    done = subprocess.run(
        [sys.executable, "-c", terminal], input=b"shop\nnope\nempty\n", capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done
    assert b'There is no template "nope".' in done.stdout
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
