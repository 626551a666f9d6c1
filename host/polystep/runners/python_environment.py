"""Python environments of a project: made by uv, one for each set of packages, the last good one kept."""

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
from polystep.contracts.private import project_home
from polystep.contracts.steps import Finding
from polystep.runners.commands import run_command
from polystep.runners.installs import is_complete, last_complete, mark_used, prune
from polystep.runners.kinds import Progress

_CERTIFICATES: Final = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_SHOWN_CHARS_MAX: Final = 3000


class PythonEnvironments:
    """Environments of projects, found or made for the packages that a project lists.

    Each set of packages has a folder of its own, named by hash, and `.polystep/venv` points to the current one. So an
    install that fails leaves the environment that worked, and going back to recent packages costs nothing.
    """

    def __init__(self, requirements: str | None = None) -> None:
        """Prepare; nothing is installed.

        Args:
            requirements: File with the packages, relative to the project; by default `requirements.txt`, else
                `pyproject.toml` (through `uv.lock` where there is one).
        """
        self._requirements = requirements
        self._failed: tuple[object, Finding] | None = None
        """Package lists whose install failed last, as they were saved, and the reason."""

    async def find(self, project: Path, progress: Progress) -> tuple[Path, Finding | None]:
        """Find the environment of a project, and install what is missing.

        Returns:
            Its folder, and a problem: when the install fails, the environment used last goes on serving.

        Raises:
            LoadFailed: The install failed, and there is no earlier environment.
        """
        source = _sources(project, self._requirements)
        needed = f"msgpack=={importlib.metadata.version('msgpack')}"
        base = hashlib.sha256(f"{sys.version}\0{needed}\0".encode())
        made_with = base.hexdigest()
        for path in source:
            base.update(path.read_bytes())
        home = project_home(project)
        target = home / f"venv-{base.hexdigest()[:12]}"
        problem = None
        if not is_complete(target) or not interpreter(target).exists():
            earlier = last_complete(home, "venv", made_with)
            if earlier is None:
                await _install(project, target, needed, source, progress)
            else:
                problem = await self._try(project, target, needed, source, progress)
                target = target if problem is None else earlier
        mark_used(target, made_with)
        _point(home / "venv", target)
        await asyncio.to_thread(prune, target)
        return target, problem

    async def _try(
        self, project: Path, target: Path, needed: str, source: Sequence[Path], progress: Progress
    ) -> Finding | None:
        """Install and return the reason of a failure. After one, try again when a list of packages was saved."""
        saved = (target, [(path, path.stat().st_mtime_ns) for path in source])
        if self._failed is not None and self._failed[0] == saved:
            return self._failed[1]
        try:
            await _install(project, target, needed, source, progress)
        except LoadFailed as error:
            message = f"{error.message}\nUntil then Python steps run with the packages that were installed before."
            problem = Finding("project", "error", source[0].name if source else "", message)
            self._failed = (saved, problem)
            return problem
        self._failed = None
        return None


def interpreter(environment: Path) -> Path:
    """Return the Python of an environment."""
    return environment / "bin" / "python"


def _sources(project: Path, requirements: str | None) -> tuple[Path, ...]:
    """List the files that name the project's packages; uv reads the first one."""
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


async def _install(project: Path, target: Path, needed: str, source: Sequence[Path], progress: Progress) -> None:
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
        await _uv(project, "pip", "install", "--compile-bytecode", "--python", str(interpreter(target)), *wanted)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


async def run_uv(project: Path, *arguments: str) -> tuple[int, str]:
    """Run uv in a project, with the machine's certificates; returns its status and what it complained about."""
    return await run_command(project, uv.find_uv_bin(), "--quiet", "--no-progress", *_certificates(), *arguments)


async def _uv(project: Path, *arguments: str) -> None:
    status, output = await run_uv(project, *arguments)
    if status != 0:
        raise LoadFailed(
            f"The project's Python packages could not be installed (uv {arguments[0]}):\n{output[-_SHOWN_CHARS_MAX:]}\n"
            "Mend the requirements and save: it is tried again."
        )


def _certificates() -> tuple[str, ...]:
    """Use the machine's own certificates, as pip and npm do: behind a company's proxy no others work."""
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
