"""Run of the unit and contract rings on each Python that pyproject.toml names and this machine has.

Each version gets an environment of its own below `.venv`, synced from the lock. A version that is not installed is
named and not run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RINGS = ("tests/unit", "tests/contract")


def main(arguments: Sequence[str]) -> int:
    """Test the named versions, or all that the classifiers name besides this one; returns the exit status."""
    wanted = list(arguments) or [each for each in versions() if each != running()]
    results = {version: run(version) for version in wanted}
    for version, result in results.items():
        print(f"Python {version}: {result}")
    return int("failed" in results.values())


def versions() -> list[str]:
    """List the versions of the classifiers, oldest first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found = (re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", each) for each in project["classifiers"])
    return sorted((match[1] for match in found if match), key=lambda text: int(text.partition(".")[2]))


def running() -> str:
    """Return the version of this interpreter."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def run(version: str) -> str:
    """Run the rings on one version; returns the result in words."""
    interpreter = next(interpreters(version), None)
    if interpreter is None:
        return "not installed here, so not run"
    began_s = time.monotonic()
    python = environment(version, interpreter)
    command = [python, "-m", "pytest", "-q", "-n", "auto", "-p", "no:cacheprovider", *RINGS]
    done = subprocess.run(command, cwd=ROOT, check=False)
    return f"passed in {time.monotonic() - began_s:.0f} s" if done.returncode == 0 else "failed"


def interpreters(version: str) -> Iterator[str]:
    """Find interpreters of a version: on PATH, those of pyenv, and those beside the one that runs."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    beside = [
        each for folder in (pyenv, Path(sys.base_prefix).parent) for each in folder.glob(f"{version}.*/bin/python")
    ]
    candidates = [f"python{version}", *map(str, sorted(beside, reverse=True))]
    ask = "import sys; print(sys.executable, *sys.version_info[:2])"
    for candidate in candidates:
        try:
            done = subprocess.run([candidate, "-c", ask], capture_output=True, text=True, check=False)
        except OSError:
            continue
        # What pyenv puts on PATH answers for versions that are not chosen, with an error.
        executable, *found = done.stdout.split() or [""]
        if done.returncode == 0 and ".".join(found) == version:
            yield executable


def environment(version: str, interpreter: str) -> str:
    """Make or update the environment of a version; returns its Python."""
    folder = ROOT / ".venv" / f"python{version}"
    python = str(folder / "bin" / "python")
    uv = [str(ROOT / ".venv" / "bin" / "uv"), "--quiet"]
    if not Path(python).exists():
        subprocess.run([*uv, "venv", "--python", interpreter, str(folder)], cwd=ROOT, check=True)
    sync = ["pip", "sync", "--python", python, "--require-hashes", "requirements.lock"]
    subprocess.run([*uv, *sync], cwd=ROOT, check=True)
    install = ["pip", "install", "--python", python, "--no-deps", "--no-build-isolation", "--editable", "."]
    subprocess.run([*uv, *install], cwd=ROOT, check=True)
    return python


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
