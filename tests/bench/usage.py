"""What processes cost: time on a processor and resident memory, by role, from `/proc` (Linux)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Roles = Mapping[str, Sequence[int]]
"""Process ids by what they do, such as `host` and `node`."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What happened between a start and an end."""

    wall_s: float
    cpu_s: Mapping[str, float] = field(default_factory=dict)
    """Time on a processor by role, all threads together."""
    rss_mib: Mapping[str, float] = field(default_factory=dict)
    """Resident memory at the end, by role."""


class Meter:
    """Measures from its making to each call of `read`."""

    def __init__(self, roles: Callable[[], Roles]) -> None:
        """Begin; `roles` is asked again at the end, when a process may have been replaced."""
        self._roles = roles
        self._began_s = time.monotonic()
        self._before = {pid: cpu_s(pid) for pids in roles().values() for pid in pids}

    def read(self) -> Usage:
        """What has been used so far."""
        wall_s = time.monotonic() - self._began_s
        roles = self._roles()
        return Usage(
            wall_s,
            {role: sum(cpu_s(pid) - self._before.get(pid, 0.0) for pid in pids) for role, pids in roles.items()},
            {role: sum(rss_mib(pid) for pid in pids) for role, pids in roles.items()},
        )


def cpu_s(pid: int) -> float:
    """Seconds that a process has been on a processor, its ended threads included; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    # Ticks are 10 ms: far below what any measurement here takes.
    return (int(fields[11]) + int(fields[12])) / 100


def rss_mib(pid: int) -> float:
    """Resident memory; 0 when the process is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * 4096 / 2**20


def children_of(pid: int) -> list[tuple[int, str]]:
    """Ids and command lines of the processes that this one started, and those that they started."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[tuple[int, str]] = []
    waiting = [pid]
    while waiting:
        for child in parents.get(waiting.pop(), ()):
            waiting.append(child)
            try:
                command = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            found.append((child, command))
    return found
