"""Memory of a runner process with everything that it has started, and its limit (`memory_mb` of `[runners.*]`).

The system is asked twice a second, and only where a limit is set. What counts is the resident size of each process of
the tree, so what forks share counts for each of them. It is read from `/proc`, which Linux has; elsewhere the limit is
not applied, and a line says so.
"""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import Final

from polystep.contracts.limits import MEMORY_EVERY_S, MEMORY_FAR_FACTOR
from polystep.runners.process import RunnerProcess

_MIB: Final = 1024 * 1024
_PROC: Final = Path("/proc")
_TREE_MAX: Final = 1000
"""Processes of one tree that are looked at."""

_log = logging.getLogger("polystep.runners")


async def outgrows(process: RunnerProcess) -> bool:
    """Wait until a process uses more than its limit; False when it has none, or is gone.

    One that uses as much before its first run would be replaced without end: its limit is not applied.
    """
    limit_mb = process.memory_limit_mb
    if limit_mb is None:
        return False
    if not measure(process):
        _log.warning("memory_mb of [runners.%s] is not applied: only Linux tells how much it uses", process.kind.name)
        return False
    if process.memory_mb > limit_mb:
        _log.error(
            "The %s runner uses %d MB before its first run, and memory_mb of [runners.%s] is %d: that is too little, "
            "and is not applied",
            process.kind.name,
            process.memory_mb,
            process.kind.name,
            limit_mb,
        )
        return False
    while process.usable:
        await asyncio.sleep(MEMORY_EVERY_S)
        measure(process)
        if process.memory_mb > limit_mb:
            return True
    return False


def is_far_over(process: RunnerProcess) -> bool:
    """Report whether a process uses so much that it must end at once, measured now."""
    measure(process)
    limit_mb = process.memory_limit_mb
    return limit_mb is not None and process.memory_mb > limit_mb * MEMORY_FAR_FACTOR


def measure(process: RunnerProcess) -> bool:
    """Note how much a process uses now, and the most it has used; False where the system does not tell."""
    pid = process.pid
    used = None if pid is None else tree_bytes(pid)
    if used is None:
        return False
    process.memory_mb = used // _MIB
    return True


def tree_bytes(pid: int, proc: Path = _PROC) -> int | None:
    """Return the resident bytes of a process and its descendants; `None` where the system does not tell."""
    total, found = 0, False
    waiting = [pid]
    for each in waiting:  # which grows meanwhile
        try:
            total += _resident_bytes(proc / str(each))
            found = True
            waiting += _children(proc / str(each))[: _TREE_MAX - len(waiting)]
        except (OSError, ValueError, IndexError):
            continue  # it has ended meanwhile
    return total if found else None


def _resident_bytes(folder: Path) -> int:
    return int((folder / "statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _children(folder: Path) -> list[int]:
    """Read the children of each of its threads."""
    return [
        int(child) for thread in (folder / "task").iterdir() for child in (thread / "children").read_bytes().split()
    ]
