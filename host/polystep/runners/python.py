"""Python runner: `_step.py` files in an environment that uv makes for the project."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from polystep.contracts.steps import SourcePattern
from polystep.runners.kinds import Launch, Progress, RunnerKind, bridge_folder
from polystep.runners.python_environment import PythonEnvironments, interpreter
from polystep.runners.python_failures import explain

_PATTERNS: Final = (
    SourcePattern("_step.py", "step", "python", "python"),
    SourcePattern(".step.py", "step", "python", "python"),
    SourcePattern("_stream.py", "stream", "python", "python"),
    SourcePattern(".stream.py", "stream", "python", "python"),
    SourcePattern("_access.py", "access", "python", "python"),
)
_PACKAGE_LISTS: Final = frozenset({"requirements.txt", "pyproject.toml", "uv.lock"})


def python_kind(requirements: str | None = None) -> RunnerKind:
    """Make the kind that runs `*_step.py`, `*_stream.py`, `*_access.py`, and `.step.py` of older projects.

    Args:
        requirements: File with the project's packages, relative to the project; by default `requirements.txt`, else
            `pyproject.toml` (through `uv.lock` where there is one).
    """
    environments = PythonEnvironments(requirements)

    async def prepare(project: Path, progress: Progress) -> Launch:
        home, problem = await environments.find(project, progress)
        environment = {
            "VIRTUAL_ENV": str(home),
            # Lines appear when they are written, and Python's own encoding choice never depends on the terminal.
            "PYTHONUNBUFFERED": "1",
            "PYTHONUTF8": "1",
        }
        return Launch((str(interpreter(home)), str(bridge_folder("python") / "launch.py")), environment, problem)

    needs = _PACKAGE_LISTS | {requirements} if requirements else _PACKAGE_LISTS
    return RunnerKind("python", _PATTERNS, prepare, explain=explain, needs=needs)
