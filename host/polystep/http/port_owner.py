"""Owner of a port of this machine, as far as the system tells: for the message that the port is taken."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_LISTENING: Final = "0A"
"""The state of a listening socket in the kernel's tables."""


@dataclass(frozen=True, slots=True)
class PortOwner:
    """Program that has a port."""

    name: str = "another program"
    pid: int | None = None
    project: Path | None = None
    """Of a polystep host: what it runs."""

    def __str__(self) -> str:
        if self.pid is None:
            return self.name
        if self.project is not None:
            return f"the polystep of {self.project} (process {self.pid})"
        return f"{self.name} (process {self.pid})"


def port_owner(port: int) -> PortOwner:
    """Look up who listens on a TCP port. Linux names processes of the same user; elsewhere it is another program."""
    inodes = {inode for table in ("tcp", "tcp6") for inode in _listeners(_PROC / "net" / table, port)}
    for process in _processes() if inodes else ():
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if any(_inode(link) in inodes for link in (process / "fd").iterdir()):
                return _describe(process)
    return PortOwner()


def _listeners(table: Path, port: int) -> Iterator[str]:
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return
    for line in lines:
        # sl, local address, remote address, state, queues, timer, retransmits, user, timeout, inode
        fields = line.split()
        if len(fields) > 9 and fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
            yield fields[9]


def _processes() -> Iterator[Path]:
    yield from (entry for entry in _PROC.iterdir() if entry.name.isdigit())


def _inode(link: Path) -> str:
    with contextlib.suppress(OSError):
        target = link.readlink().name
        if target.startswith("socket:["):
            return target.removeprefix("socket:[").removesuffix("]")
    return ""


def _describe(process: Path) -> PortOwner:
    pid = int(process.name)
    name = (process / "comm").read_text().strip() or "another program"
    words = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    return PortOwner(name, pid, _project(process, pid, words))


def _project(process: Path, pid: int, words: list[str]) -> Path | None:
    """Find the project of a host: the folder that it was given or started in, if that names this process."""
    here = (process / "cwd").readlink()
    given = [after for word, after in pairwise(words) if word == "--project"]
    given += [word.partition("=")[2] for word in words if word.startswith("--project=")]
    for folder in (here / given[-1] if given else here, here):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if json.loads((folder / ".polystep" / "host.json").read_bytes())["pid"] == pid:
                return folder.resolve()
    return None
