"""Build of a bundle: a project is checked, its packages are locked, and everything is put into one archive."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from polystep import __version__
from polystep.bundle import (
    PYTHON_LOCK,
    Maker,
    Package,
    TreeFile,
    bill_of_materials,
    digest,
    fits,
    is_python_lock,
    languages_of,
    lock_head,
    manifest,
    named,
    names_packages,
    node_packages,
    pack,
    python_list,
    python_packages,
    read_tree,
    write_archive,
)
from polystep.codegen import outdated, type_files, write
from polystep.contracts.errors import LoadFailed
from polystep.contracts.steps import Flow
from polystep.project import Checked, Settings, check_project
from polystep.runners import PROTOCOL, run_uv
from polystep.stores import SCHEMA

_NODE: Final = frozenset({"typescript", "javascript"})
_PYTHON_MIN: Final = "3.11"
"""Oldest Python that polystep supports: a lock fits it and all later ones."""
_PLACE: Final = "app"
"""Folder of the project's files in a bundle."""


@dataclass(frozen=True, slots=True)
class Built:
    """Result of a build."""

    checked: Checked
    out: Path | None = None
    """The bundle; `None` when the project has findings that forbid one."""
    digest: str = ""
    size_bytes: int = 0
    files: int = 0
    packages: tuple[Package, ...] = ()


async def build_bundle(
    project: Path,
    settings: Settings,
    shell: Mapping[str, str],
    progress: Callable[[str], None],
    *,
    out: Path,
    strict: bool,
) -> Built:
    """Check a project and write its bundle; nothing is written when it has errors.

    The generated types and the lock of Python packages are brought up to date first: they belong to the project.

    Args:
        project: Its folder.
        settings: Of the project.
        shell: Variables of the shell.
        progress: Takes a line when something that takes long begins.
        out: The file to write.
        strict: Warnings forbid a bundle too.

    Raises:
        PolystepError: Packages are not locked, a file does not belong into a bundle, or a file cannot be written.
    """
    checked = await check_project(project, settings, shell, progress)
    if not checked.is_good(strict=strict):
        return Built(checked)
    flow = checked.flow
    stale = await asyncio.to_thread(lambda: outdated(type_files(flow, project), project))
    if stale:
        progress(f"Types written: {', '.join(stale)}")
        write(stale, project)
    languages = languages_of(flow)
    packages = node_packages(project) if languages & _NODE else ()
    if "python" in languages:
        packages = (*packages, *await _python_packages(project, settings.runners.python.requirements, progress))
    tar, count = await asyncio.to_thread(_packed, project, flow, packages, out)
    size_bytes = await asyncio.to_thread(write_archive, tar, out)
    return Built(checked, out, digest(tar), size_bytes, count, packages)


def _packed(project: Path, flow: Flow, packages: Sequence[Package], out: Path) -> tuple[bytes, int]:
    files = read_tree(project, leave_out=out)
    name, version = named(files)
    maker = Maker(__version__, PROTOCOL, SCHEMA)
    content = {f"{_PLACE}/{path}": file for path, file in files.items()}
    content["manifest.json"] = _document(manifest(name, version, maker, flow, files, packages))
    content["sbom.cdx.json"] = _document(bill_of_materials(name, version, __version__, packages))
    return pack(content), len(files)


def _document(value: object) -> TreeFile:
    return TreeFile((json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False) + "\n").encode())


async def _python_packages(project: Path, chosen: str | None, progress: Callable[[str], None]) -> tuple[Package, ...]:
    """List the locked Python packages; a lock that is missing or out of date is made."""
    source = python_list(project, chosen)
    if not names_packages(source):
        return ()
    if is_python_lock(source):
        return python_packages(source[0])
    lock = project / PYTHON_LOCK
    if not fits(lock, source):
        progress(f"Locking the packages of {source[0].name} in {PYTHON_LOCK}…")
        await _lock(project, source, lock)
    return python_packages(lock)


async def _lock(project: Path, source: Sequence[Path], lock: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="polystep-lock-") as folder:
        made = Path(folder) / PYTHON_LOCK
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(lock, made)  # versions that still fit stay
        if len(source) > 1:
            arguments = ["export", "--frozen", "--no-dev", "--no-emit-project", "--no-header", "--no-annotate"]
        else:
            arguments = ["pip", "compile", str(source[0]), "--universal", f"--python-version={_PYTHON_MIN}"]
            arguments += ["--generate-hashes", "--no-header", "--no-annotate"]
        status, output = await run_uv(project, *arguments, "-o", str(made))
        if status != 0:
            raise LoadFailed(
                f"The packages of {source[0].name} could not be locked (uv {arguments[0]}):\n{output}\n"
                "Mend what it names, then build again."
            )
        write({PYTHON_LOCK: f"{lock_head(source)}\n{made.read_text('utf-8')}"}, project)
