"""The small npm package in created projects that finds the polystep command and becomes it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import polystep.cli.scaffold as scaffold

LAUNCHER = Path(scaffold.__file__).parent / "templates" / "shared" / "launcher"

# Tells when it is ready and which signals it got: one line each, and a last one for how many came in all.
SIGNAL_COUNTER = f"""#!{sys.executable}
import signal
watched = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
signal.pthread_sigmask(signal.SIG_BLOCK, watched)
print("ready", flush=True)
first = signal.sigwait(watched)
more = signal.sigtimedwait(watched, 0.5)
print(f"{{signal.Signals(first).name}} and {{more and signal.Signals(more.si_signo).name}}", flush=True)
"""


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def saying(path: Path, word: str) -> Path:
    return program(path, f'#!/bin/sh\necho "{word}: $*"\n')


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    assert found is not None, "node is missing; install Node 20 or newer"
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with nothing in it but the launcher, as npm links it."""
    folder = tmp_path / "shop"
    copy_launcher(folder / "launcher")
    (folder / "node_modules" / ".bin").mkdir(parents=True)
    (folder / "node_modules" / "polystep-launcher").symlink_to("../launcher")
    (folder / "node_modules" / ".bin" / "polystep").symlink_to("../polystep-launcher/polystep.mjs")
    return folder


@pytest.fixture
def environment(project: Path, tmp_path: Path, node: str) -> dict[str, str]:
    """A PATH as `npm run` sets it: the project's bin folder first, then one of our own, then node."""
    bare = tmp_path / "node-only"
    bare.mkdir()
    (bare / "node").symlink_to(node)
    folders = [project / "node_modules" / ".bin", tmp_path / "path", bare, Path("/bin"), Path("/usr/bin")]
    return {"PATH": os.pathsep.join(map(str, folders)), "HOME": str(tmp_path)}


def copy_launcher(target: Path) -> None:
    shutil.copytree(LAUNCHER, target)
    (target / "polystep.mjs").chmod(0o755)  # as npm does with every `bin`


def launch(project: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["node_modules/.bin/polystep", "dev", "--port", "0"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_it_takes_the_first_place_that_has_the_command(
    project: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    recorded = saying(tmp_path / "recorded" / "polystep", "recorded")
    (project / ".polystep").mkdir()
    (project / ".polystep" / "command").write_text(f"{recorded}\n")
    chosen = saying(tmp_path / "chosen" / "tool", "chosen")
    above = saying(project.parent / ".venv" / "bin" / "polystep", "above")
    on_path = saying(tmp_path / "path" / "polystep", "path")
    own = saying(project / ".venv" / "bin" / "polystep", "venv")

    heard = [launch(project, {**environment, "POLYSTEP_COMMAND": str(chosen)}).stdout]
    for place in (own, above, recorded, on_path):
        heard.append(launch(project, environment).stdout)
        place.unlink()
    assert heard == [
        "chosen: dev --port 0\n",
        "venv: dev --port 0\n",
        "above: dev --port 0\n",
        "recorded: dev --port 0\n",
        "path: dev --port 0\n",
    ]


def test_it_says_what_to_install_when_there_is_no_command_and_fetches_nothing(
    project: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    for fetcher in ("uvx", "pipx", "npx"):
        saying(tmp_path / "path" / fetcher, fetcher)
    done = launch(project, environment)
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr.startswith("polystep was not found. It is a Python program that npm does not install")
    installed = [line.split()[-1] for line in re.findall(r"(?:uv tool|pip) install \S+", done.stderr)]
    assert installed != []
    assert [name for name in installed if not name.startswith(("git+", "/"))] == []


def test_a_recorded_command_that_is_gone_is_named(project: Path, environment: dict[str, str]) -> None:
    (project / ".polystep").mkdir()
    (project / ".polystep" / "command").write_text("/gone/.venv/bin/polystep\n")
    done = launch(project, environment)
    assert done.stderr.startswith(
        "The command that made this project, /gone/.venv/bin/polystep, is gone.\npolystep was"
    )


def test_the_other_project_called_polystep_is_passed_over(
    project: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    programs = (project / ".venv" / "bin" / "polystep", tmp_path / "path" / "polystep")
    packages = [saying(each, "found").parents[1] / "lib" / "python3.12" / "site-packages" for each in programs]
    for folder in packages:
        (folder / "polystep-2.0.dist-info").mkdir(parents=True)
    assert launch(project, environment).stderr.startswith("polystep was not found.")
    (packages[1] / "polystep_host-0.1.0.dist-info").mkdir()
    assert launch(project, environment).stdout == "found: dev --port 0\n"


def test_it_finds_the_project_where_npm_copied_it_instead_of_linking(
    project: Path, environment: dict[str, str]
) -> None:
    (project / "node_modules" / "polystep-launcher").unlink()
    copy_launcher(project / "node_modules" / "polystep-launcher")
    saying(project / ".venv" / "bin" / "polystep", "venv")
    assert launch(project, environment).stdout == "venv: dev --port 0\n"


def test_a_chosen_command_that_is_missing_is_an_error_and_not_passed_over(
    project: Path, environment: dict[str, str]
) -> None:
    saying(project / ".venv" / "bin" / "polystep", "venv")
    done = launch(project, {**environment, "POLYSTEP_COMMAND": "/no/such/polystep"})
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr == (
        'POLYSTEP_COMMAND is "/no/such/polystep", which is not a program. Correct it, or unset it to search for '
        "polystep.\n"
    )


def test_a_command_that_is_the_launcher_itself_is_passed_over(
    project: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    (project / ".polystep").mkdir()
    (project / ".polystep" / "command").write_text(str(project / "node_modules" / ".bin" / "polystep"))
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "polystep").symlink_to(project / "launcher" / "polystep.mjs")
    assert launch(project, environment).stderr.startswith("The command that made this project, ")


@pytest.mark.parametrize(("ending", "status"), [("exit 3", 3), ("exit 0", 0), ("kill -KILL $$", -9)])
def test_the_status_of_the_command_is_its_own(
    project: Path, environment: dict[str, str], ending: str, status: int
) -> None:
    program(project / ".venv" / "bin" / "polystep", f"#!/bin/sh\n{ending}\n")
    assert launch(project, environment).returncode == status


def test_a_command_that_cannot_run_is_named(project: Path, environment: dict[str, str]) -> None:
    command = program(project / ".venv" / "bin" / "polystep", "#!/no/such/interpreter\n")
    done = launch(project, environment)
    assert (done.returncode, done.stderr.startswith(f"{command} could not be started: ")) == (127, True)


@pytest.fixture
def launched(project: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The launcher with a signal counter behind it and no terminal, in a session of its own."""
    program(project / ".venv" / "bin" / "polystep", SIGNAL_COUNTER)
    with subprocess.Popen(
        ["node_modules/.bin/polystep"],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_launcher_alone_reaches_the_command_once(
    launched: subprocess.Popen[str], sent: signal.Signals
) -> None:
    launched.send_signal(sent)
    output, _ = launched.communicate(timeout=30)
    assert (output, launched.returncode) == (f"{sent.name} and None\n", 0)


def test_a_command_under_npm_is_told_to_stop_when_its_parent_has_gone(
    project: Path, environment: dict[str, str]
) -> None:
    """npm and the shell it starts do not pass SIGTERM on."""
    program(project / ".venv" / "bin" / "polystep", SIGNAL_COUNTER)
    with subprocess.Popen(
        ["/bin/sh", "-c", "node_modules/.bin/polystep; true"],
        cwd=project,
        env={**environment, "npm_lifecycle_event": "dev"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == "ready\n"
        shell.terminate()
        assert shell.stdout.readline() == "SIGTERM and None\n"


def press_ctrl_c(project: Path, environment: dict[str, str]) -> str:
    """What the command says of its signals when a terminal sends Ctrl-C to it and the launcher."""
    # `pty.spawn` gives the launcher a terminal of its own, and writes our stdin into it.
    terminal = "import pty, sys; sys.exit(pty.spawn(['node_modules/.bin/polystep']) >> 8)"
    with subprocess.Popen(
        [sys.executable, "-c", terminal],
        cwd=project,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    ) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\r\n"
            process.stdin.write(b"\x03")
            heard = process.stdout.readline()
            process.stdin.close()
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()
    return heard.decode().removeprefix("^C").strip()


def test_ctrl_c_in_a_terminal_reaches_the_command_once(project: Path, environment: dict[str, str]) -> None:
    program(project / ".venv" / "bin" / "polystep", SIGNAL_COUNTER)
    assert press_ctrl_c(project, environment) == "SIGINT and None"


def test_ctrl_c_in_a_terminal_is_left_to_the_terminal(project: Path, environment: dict[str, str]) -> None:
    """A command that has left the terminal's group hears nothing: the launcher passes nothing on."""
    apart = SIGNAL_COUNTER.replace("import signal\n", "import os, signal\nos.setpgrp()\n").replace(
        "first = signal.sigwait(watched)", "first = signal.SIGTERM"
    )
    program(project / ".venv" / "bin" / "polystep", apart)
    assert press_ctrl_c(project, environment) == "SIGTERM and None"
