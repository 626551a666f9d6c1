"""Installs of a project below `.polystep/`, one folder for each version: marked when complete, pruned when old."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from polystep.contracts.limits import ENVIRONMENTS_KEPT

_DONE: Final = ".polystep-complete"
"""Mark that is written when everything is installed, and touched at every use."""
_UNFINISHED_KEPT_S: Final = 3600.0
"""Age below which an unmarked install stays: another process, such as `polystep check`, may be installing it."""


def is_complete(install: Path) -> bool:
    """Report whether the install came to its end."""
    return (install / _DONE).exists()


def mark_used(install: Path, base: str = "") -> None:
    """Mark the install as complete and in use.

    Args:
        install: Its folder.
        base: Names what it was made with; `last_complete` finds it for the same base only.
    """
    (install / _DONE).write_text(base)


def prune(current: Path) -> None:
    """Remove the other versions of an install, except the complete one used last.

    Args:
        current: The one in use, called `<kind>-<hash>`; folders of the same kind beside it are the others.
    """
    kind = current.name.rpartition("-")[0]
    others = [path for path in current.parent.glob(f"{kind}-*") if path != current and path.is_dir()]
    complete = sorted(filter(is_complete, others), key=last_used_s, reverse=True)
    unfinished_until_s = last_used_s(current) - _UNFINISHED_KEPT_S
    abandoned = [path for path in others if not is_complete(path) and _changed_s(path) < unfinished_until_s]
    for old in (*complete[ENVIRONMENTS_KEPT:], *abandoned):
        shutil.rmtree(old, ignore_errors=True)


def last_complete(home: Path, kind: str, base: str) -> Path | None:
    """Find the complete install of a kind, with this base, that was used last."""
    fitting = [path for path in home.glob(f"{kind}-*") if _base(path) == base]
    return max(fitting, key=last_used_s, default=None)


def last_used_s(install: Path) -> float:
    """Return the time of its last use by the file system's clock; 0 when it is not complete."""
    try:
        return (install / _DONE).stat().st_mtime
    except OSError:
        return 0.0


def _changed_s(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0


def _base(install: Path) -> str | None:
    try:
        return (install / _DONE).read_text()
    except OSError:
        return None
