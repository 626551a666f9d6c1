"""The benchmark can be asked for help, runs each of its measures, and describes it."""

import re
import subprocess
import sys
from pathlib import Path

from tests.bench.__main__ import MEASURES


def test_every_measure_is_run_and_described(root: Path) -> None:
    modules = {path.stem for path in (root / "tests" / "bench" / "measures").glob("*.py")}
    described = re.findall(r"^### `(\w+)`$", (root / "tests" / "bench" / "README.md").read_text("utf-8"), re.MULTILINE)
    assert set(MEASURES) == modules
    assert described == list(MEASURES)


def test_the_command_says_what_it_takes(root: Path) -> None:
    command = [sys.executable, "-m", "tests.bench", "--help"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("--only", "--seconds", "--quick", "--json", "--keep", "--peer", *MEASURES):
        assert word in done.stdout


def test_a_wrong_argument_is_named(root: Path) -> None:
    for arguments, said in (
        (("--only", "nothing"), "invalid choice: 'nothing'"),
        (("--seconds", "0.2"), "--seconds is at least 1"),
        (("--peer", "/no/such/folder"), "--peer /no/such/folder is no folder"),
    ):
        command = [sys.executable, "-m", "tests.bench", *arguments]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert said in done.stderr
