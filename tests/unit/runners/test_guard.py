"""The shell that outlives the host: it kills the groups that are left, and no others."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess

from polystep.runners.guard import Guard
from tests.unit.runners.scripted import until_gone


def group() -> subprocess.Popen[bytes]:
    """A process group of its own, as a runner has."""
    return subprocess.Popen(["sleep", "3600"], process_group=0)


def reap(process: subprocess.Popen[bytes]) -> int:
    """The status of a process that is ending."""
    return process.wait(10)


async def test_groups_that_are_left_are_killed_when_the_host_is_gone() -> None:
    guard = Guard()
    left, ended, also_left = group(), group(), group()
    for each in (left, ended, also_left):
        guard.add(each.pid)
    guard.remove(ended.pid)
    # The end of its input is all that the shell sees of a host that was killed.
    os.close(guard._input)
    assert guard._pid is not None
    assert (await asyncio.to_thread(os.waitpid, guard._pid, 0))[1] == 0
    assert (reap(left), reap(also_left)) == (-signal.SIGKILL, -signal.SIGKILL)
    assert ended.poll() is None
    ended.kill()
    reap(ended)


async def test_a_stop_ends_it_and_nothing_else() -> None:
    guard = Guard()
    guard.stop()
    left = group()
    guard.add(left.pid)
    pid = guard._pid
    assert pid is not None
    guard.stop()
    await until_gone(pid)
    assert left.poll() is None
    left.kill()
    reap(left)


async def test_a_guard_that_somebody_killed_costs_nobody_else() -> None:
    guard = Guard()
    guard.add(2**22)
    assert guard._pid is not None
    os.kill(guard._pid, signal.SIGKILL)
    await until_gone(guard._pid)
    guard.add(2**22)
    guard.remove(2**22)
    guard.stop()
