"""The Python runner: `_step.py` files in an environment that uv makes for the project."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.metadata
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uv

from polystep.contracts.errors import LoadFailed
from polystep.contracts.steps import SourcePattern
from polystep.runners.commands import run_command
from polystep.runners.kinds import Launch, Progress, RunnerKind, bridge_folder
from polystep.runners.python_failures import explain

_PATTERNS: Final = (
    SourcePattern("_step.py", "step", "python", "python"),
    SourcePattern(".step.py", "step", "python", "python"),
    SourcePattern("_stream.py", "stream", "python", "python"),
    SourcePattern(".stream.py", "stream", "python", "python"),
)
_PACKAGE_LISTS: Final = frozenset({"requirements.txt", "pyproject.toml", "uv.lock"})
_CERTIFICATES: Final = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_DONE: Final = ".polystep-complete"
"""Written when everything is installed, and touched at every use."""
_KEPT_OLD: Final = 2
"""Environments kept beside the current one: for runners that still finish their runs, and for going back."""


def python_kind(requirements: str | None = None) -> RunnerKind:
    """Runs `*_step.py` and `*_stream.py` (and `.step.py`, as older projects have it).

    Args:
        requirements: File with the project's packages, relative to the project; by default `requirements.txt`, else
            `pyproject.toml` (through `uv.lock` where there is one).
    """

    async def prepare(project: Path, progress: Progress) -> Launch:
        python = await _environment(project, requirements, progress)
        environment = {
            "VIRTUAL_ENV": str(python.parents[1]),
            # Lines appear when they are written, and Python's own encoding choice never depends on the terminal.
            "PYTHONUNBUFFERED": "1",
            "PYTHONUTF8": "1",
        }
        return Launch((str(python), str(bridge_folder("python") / "launch.py")), environment)

    needs = _PACKAGE_LISTS | {requirements} if requirements else _PACKAGE_LISTS
    return RunnerKind("python", _PATTERNS, prepare, explain=explain, needs=needs)


async def _environment(project: Path, requirements: str | None, progress: Progress) -> Path:
    """Make or find the environment for what the project asks for; returns its interpreter.

    Each set of packages has a folder of its own, named by hash, and `.polystep/venv` points to the current one. So an
    install that fails leaves the environment that worked, and going back to recent packages costs nothing.
    """
    source = _requirements(project, requirements)
    needed = f"msgpack=={importlib.metadata.version('msgpack')}"
    digest = hashlib.sha256(f"{sys.version}\0{needed}\0".encode())
    for path in source:
        digest.update(path.read_bytes())
    home = project / ".polystep"
    target = home / f"venv-{digest.hexdigest()[:12]}"
    python = target / "bin" / "python"
    if not (target / _DONE).exists() or not python.exists():
        await _install(project, target, python, needed, source, progress)
    (target / _DONE).touch()
    _point(home / "venv", target)
    await asyncio.to_thread(_prune, home, target)
    return python


def _requirements(project: Path, requirements: str | None) -> tuple[Path, ...]:
    """The files that say which packages the project needs; the first one is what uv reads."""
    if requirements is not None:
        chosen = project / requirements
        if not chosen.is_file():
            raise LoadFailed(f"polystep.toml names {requirements} for Python's packages, but there is no such file.")
        return (chosen,)
    for name in ("requirements.txt", "pyproject.toml"):
        if (project / name).is_file():
            lock = project / "uv.lock"
            return (project / name, lock) if name == "pyproject.toml" and lock.is_file() else (project / name,)
    return ()


async def _install(
    project: Path, target: Path, python: Path, needed: str, source: Sequence[Path], progress: Progress
) -> None:
    progress("Setting up Python for this project (.polystep/venv)…")
    shutil.rmtree(target, ignore_errors=True)
    try:
        await _uv(project, "venv", "--python", sys.executable, "--no-project", str(target))
        wanted = [needed]
        if len(source) == 2:
            exported = target / "requirements.txt"
            await _uv(
                project, "export", "--frozen", "--no-dev", "--no-emit-project", "--no-hashes", "-o", str(exported)
            )
            wanted += ["-r", str(exported)]
        elif source:
            progress(f"Installing the packages of {source[0].name}…")
            wanted += ["-r", str(source[0])]
        await _uv(project, "pip", "install", "--python", str(python), *wanted)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


async def _uv(project: Path, *arguments: str) -> None:
    status, output = await run_command(
        project, uv.find_uv_bin(), "--quiet", "--no-progress", *_certificates(), *arguments
    )
    if status != 0:
        raise LoadFailed(
            f"The project's Python packages could not be installed (uv {arguments[0]}):\n{output[-3000:]}\n"
            "Mend the requirements and save: it is tried again."
        )


def _certificates() -> tuple[str, ...]:
    """The machine's own certificates, as pip and npm use them: behind a company's proxy no others are good."""
    return ("--system-certs",) if any(Path(store).exists() for store in _CERTIFICATES) else ()


def _point(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == Path(target.name):
        return
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)
    fresh = link.with_name("venv.next")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target.name, target_is_directory=True)
    fresh.replace(link)


def _prune(home: Path, current: Path) -> None:
    """Remove all environments but the current one and those used last."""
    others = [path for path in home.glob("venv-*") if path != current and path.is_dir()]
    for old in sorted(others, key=_used_s, reverse=True)[_KEPT_OLD:]:
        shutil.rmtree(old, ignore_errors=True)


def _used_s(environment: Path) -> float:
    try:
        return (environment / _DONE).stat().st_mtime
    except OSError:
        return 0.0  # an install that was interrupted
