"""Guard that ends programs of steps when the host is gone, also after `kill -9`: a small shell that outlives it.

A runner ends with the host by itself, or by the kernel's hand. Programs that its steps started know of neither. So the
shell learns the process group of each runner; when its input ends, which no way of ending the host can prevent, it
kills the groups that are left. A program that has made a session or a group of its own is out of reach.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Final

from polystep.runners.spawn import pipe

_SCRIPT: Final = """
trap '' HUP INT TERM
groups=
while read -r change group; do
  kept=
  for each in $groups; do [ "$each" = "$group" ] || kept="$kept $each"; done
  groups=$kept
  [ "$change" = + ] && groups="$groups $group"
done
for each in $groups; do kill -s KILL -- "-$each"; done
"""


class Guard:
    """Guard of one pool, started with its first runner, since most commands need none."""

    def __init__(self) -> None:
        self._pid: int | None = None
        self._input = -1

    def add(self, group: int) -> None:
        """Watch the process group of a runner that has started."""
        if self._pid is None:
            self._start()
        self._tell("+", group)

    def remove(self, group: int) -> None:
        """Forget a group that was killed: its number may soon belong to another program."""
        self._tell("-", group)

    def stop(self) -> None:
        """End the shell; every group it knows has ended."""
        pid, self._pid = self._pid, None
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(self._input)

    def _start(self) -> None:
        read, self._input = pipe()
        os.set_blocking(self._input, False)
        nothing = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (1, 2)]
        try:
            self._pid = os.posix_spawn(
                "/bin/sh",
                ["/bin/sh", "-c", _SCRIPT],
                {},
                file_actions=[(os.POSIX_SPAWN_DUP2, read, 0), *nothing],
                setpgroup=0,
            )
        finally:
            os.close(read)

    def _tell(self, change: str, group: int) -> None:
        # It is gone when somebody killed it; then only the runners themselves end with the host.
        if self._pid is not None:
            with contextlib.suppress(OSError):
                os.write(self._input, f"{change} {group}\n".encode())
