"""Tree of a project: the files that go into its bundle, and those that never do."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from polystep.bundle.ignore import Rule, is_ignored, read_rules
from polystep.contracts.errors import LoadFailed
from polystep.contracts.limits import BUNDLE_BYTES_MAX, BUNDLE_FILES_MAX

_NEVER: Final = frozenset(
    {".git", ".hg", ".svn", ".polystep", "node_modules", "python_modules", ".motia", ".venv", "__pycache__"}
)
"""Names that no rule takes back: what is made by tools, and what holds data of this machine."""
_EXAMPLE: Final = ".env.example"
_USUAL: Final = """
/dist/
/*.tar
/*.tar.gz
/*.tgz
.DS_Store
.idea/
.vscode/
.mypy_cache/
.pytest_cache/
.ruff_cache/
*.pyc
*.swp
*.tsbuildinfo
*.pem
*.key
*.p12
*.pfx
id_rsa
id_ed25519
.npmrc
.pypirc
.netrc
"""
"""Left out unless a rule of the project takes it back: bundles, keys, passwords of registries, traces of editors."""
RULES: Final = (".gitignore", ".polystepignore")
"""Files of rules, in each folder; those of the second come last, so that it can take back what git leaves out."""
_LARGEST_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class TreeFile:
    """One file of a bundle."""

    content: bytes
    executable: bool = False


def read_tree(project: Path, leave_out: Path | None = None) -> Mapping[str, TreeFile]:
    """Read every file that belongs to a project, by its path in it, sorted.

    A link to a file in the project is that file's content.

    Args:
        project: The project's folder.
        leave_out: A file that is no part of it, such as the bundle itself.

    Raises:
        LoadFailed: A link leads out of the project or to a folder, a file cannot be read, or it is too much.
    """
    root = project.resolve()
    found = dict(sorted(_walk(root, "", read_rules(_USUAL))))
    if leave_out is not None:
        found = {path: place for path, place in found.items() if place != leave_out.resolve()}
    if len(found) > BUNDLE_FILES_MAX:
        raise LoadFailed(
            f"{project} has {len(found)} files, and a bundle holds {BUNDLE_FILES_MAX}. "
            "Name what does not belong to the project in .polystepignore."
        )
    _check_size(found)
    return {path: _read(root, path, place) for path, place in found.items()}


def _walk(root: Path, folder: str, above: tuple[Rule, ...]) -> Iterator[tuple[str, Path]]:
    here = root / folder
    own = [read_rules(_text(here / name), folder) for name in RULES]
    rules = (*above, *(rule for each in own for rule in each))
    try:
        entries = sorted(os.scandir(here), key=lambda entry: entry.name)
    except OSError as error:
        raise LoadFailed(f"{here} cannot be read: {error.strerror or error}.") from error
    for entry in entries:
        path = f"{folder}/{entry.name}" if folder else entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name in _NEVER or _is_secret(entry.name) or is_ignored(path, is_folder, rules):
            continue
        if is_folder:
            yield from _walk(root, path, rules)
        else:
            yield path, _target(root, path)


def _is_secret(name: str) -> bool:
    """Report whether a file holds variables: `.env`, `.env.production`; the example has names alone."""
    return name == ".env" or (name.startswith(".env.") and name != _EXAMPLE)


def _target(root: Path, path: str) -> Path:
    place = root / path
    if not place.is_symlink():
        if not stat.S_ISREG(place.stat().st_mode):
            raise LoadFailed(f"{path} is no file. Remove it, or name it in .polystepignore.")
        return place
    target = Path(os.path.realpath(place))  # of a circle of links too
    inside = target.relative_to(root).parts if target.is_relative_to(root) else ()
    if not target.is_file() or not inside:
        raise LoadFailed(
            f"{path} is a link to {place.readlink()}: a bundle holds files of the project alone. "
            "Replace the link by what it leads to, or name it in .polystepignore."
        )
    if any(part in _NEVER or _is_secret(part) for part in inside):
        raise LoadFailed(f"{path} is a link to {place.readlink()}, which never goes into a bundle. Remove the link.")
    return target


def _check_size(found: Mapping[str, Path]) -> None:
    sizes = {path: place.stat().st_size for path, place in found.items()}
    total = sum(sizes.values())
    if total > BUNDLE_BYTES_MAX:
        largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:_LARGEST_SHOWN]
        listed = "".join(f"\n  {sizes[path] / 1e6:10.1f} MB  {path}" for path in largest)
        raise LoadFailed(
            f"The project has {total / 1e6:.1f} MB, and a bundle holds {BUNDLE_BYTES_MAX / 1e6:.0f} MB. "
            f"Name what does not belong to it in .polystepignore. The largest files:{listed}"
        )


def _read(root: Path, path: str, place: Path) -> TreeFile:
    try:
        return TreeFile(place.read_bytes(), bool(place.stat().st_mode & stat.S_IXUSR))
    except OSError as error:
        raise LoadFailed(f"{root / path} cannot be read: {error.strerror or error}.") from error


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
