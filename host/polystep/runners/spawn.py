"""Start of children with chosen descriptors, in process groups of their own, and their exit status.

`subprocess` can pass descriptors on only under the numbers they happen to have; the protocol wants 3 and 4 (PS-2.1).
So this uses `posix_spawn`, which also is safe beside threads. The group lets a stop reach what user code started, and
keeps a terminal's Ctrl-C from the runners: the host decides when they end.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import functools
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FIRST_FREE_FD: Final = 10
"""Lowest number of our ends, above those that the child uses, so that no `dup2` overwrites one."""
_IN_FOLDER: Final = 'cd "$0" && exec "$@"'
"""Shell that changes the folder, which posix_spawn cannot, and replaces itself by the command."""


@dataclass(slots=True)
class Child:
    """Process that was started."""

    pid: int
    ended: asyncio.Future[int]
    """Exit status; negative is the signal that killed it."""

    def kill_group(self, number: signal.Signals) -> None:
        """Signal the process and everything it started, if any of it is left.

        Nothing happens once it has ended: its group was killed then, and another program may have the number by now.
        """
        if not self.ended.done():
            _signal_group(self.pid, number)


def spawn(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], descriptors: Mapping[int, int]
) -> Child:
    """Start `command` in `folder`.

    Args:
        command: Program and arguments; the program with its full path.
        folder: The working directory.
        environment: All variables the child gets.
        descriptors: Descriptor in the child → ours. Those not named are closed, 0 reads nothing.

    When the process ends, by itself or not, the rest of its group is killed.

    Raises:
        OSError: It could not be started.
        ValueError: A variable or an argument cannot be passed on, such as one with a zero byte.
    """
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_CLOSE, number) for number in _inherited() if number not in descriptors
    ]
    if 0 not in descriptors:
        actions.append((os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0))
    actions += [(os.POSIX_SPAWN_DUP2, ours, theirs) for theirs, ours in descriptors.items()]
    arguments = ["/bin/sh", "-c", _IN_FOLDER, str(folder), *_die_with_host(), *command]
    pid = os.posix_spawn(
        "/bin/sh", arguments, dict(environment), file_actions=actions, setpgroup=0, setsigdef=[signal.SIGPIPE]
    )
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()
    # One thread that only waits: it needs no signal handler, and works under every event loop.
    threading.Thread(target=_wait, args=(pid, loop, ended), name=f"wait:{pid}", daemon=True).start()
    return Child(pid, ended)


@functools.cache
def _die_with_host() -> tuple[str, ...]:
    """Return a prefix of a command that has the kernel kill it with the host, where there is one (Linux).

    A runner sees the end of its channel and exits by itself, unless user code blocks it. The shipped bridges watch for
    that too; a foreign runner need not.
    """
    tool = shutil.which("setpriv")
    if tool is None:
        return ()
    prefix = (tool, "--pdeathsig", "KILL", "--")
    # Small systems have a setpriv without the option.
    tried = subprocess.run([*prefix, "true"], check=False, capture_output=True)
    return prefix if tried.returncode == 0 else ()


def pipe() -> tuple[int, int]:
    """Make a pipe `(read, write)` whose numbers do not collide with the child's, closed in every child."""
    low = os.pipe()
    high: list[int] = []
    try:
        high += [fcntl.fcntl(low[0], fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_FD)]
        high += [fcntl.fcntl(low[1], fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_FD)]
    except OSError:
        for end in high:
            os.close(end)
        raise
    finally:
        for end in low:
            os.close(end)
    return high[0], high[1]


def _inherited() -> list[int]:
    """List the descriptors that the host's parent left open for children; runners have no use for them."""
    found = []
    for number in [int(path.name) for path in Path("/dev/fd").iterdir()]:
        with contextlib.suppress(OSError):
            if number > 2 and os.get_inheritable(number):
                found.append(number)
    return found


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _wait(pid: int, loop: asyncio.AbstractEventLoop, ended: asyncio.Future[int]) -> None:
    if hasattr(os, "waitid"):
        # Killed before the process is reaped: until then nobody else can have its number.
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        _signal_group(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    else:  # macOS before Python 3.13
        _, status = os.waitpid(pid, 0)
        _signal_group(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(status)
    # The loop may be closed already when the whole host ends at once.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(_tell, ended, code)


def _tell(ended: asyncio.Future[int], code: int) -> None:
    if not ended.done():
        ended.set_result(code)
