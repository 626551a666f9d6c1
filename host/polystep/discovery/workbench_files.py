"""Files that only the Workbench of Motia reads: pictures of steps, and notes beside their source."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from polystep.contracts.steps import Finding
from polystep.discovery.files import SOURCE_FOLDERS, files_below

_NAME: Final = re.compile(r".+[._]step(?:\.[tj]sx|(?:\.\w+)?-features\.json)")
_SHOWN_MAX: Final = 5


def find_workbench_files(project: Path) -> tuple[Finding, ...]:
    """Name all of them in one warning; return nothing when there are none."""
    found = sorted(
        path.relative_to(project).as_posix()
        for folder in SOURCE_FOLDERS
        for path in files_below(project / folder)
        if _NAME.fullmatch(path.name)
    )
    if not found:
        return ()
    more = len(found) - _SHOWN_MAX
    shown = ", ".join(found[:_SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")
    message = f"Only Motia's Workbench reads these files, so they have no effect: {shown}. Remove them."
    return (Finding("project", "warning", "", message),)
