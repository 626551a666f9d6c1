"""Heartbeat of a process: notices within two seconds that user code blocks it, and which handlers linger.

A process with open runs is asked `ping` twice a second (PS-10.3). One that does not answer is *blocked*: it goes on
with what it has, and others take new runs. The bridge may name the code that blocks it (PS-10.4).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from polystep.contracts.errors import PolystepError
from polystep.contracts.limits import BLOCKED_AFTER_S, PING_EVERY_S
from polystep.contracts.values import JSONValue
from polystep.runners.process import Blocked, RunnerProcess

_CATCH_UP_S: Final = 0.05
"""Grace for a host that was late itself: frames that arrived meanwhile are read before the verdict."""


async def watch(process: RunnerProcess, changed: Callable[[RunnerProcess], None]) -> None:
    """Ping until the process is gone; return at once when it has no heartbeat.

    Args:
        process: A process that has started.
        changed: Called when the process is blocked, is free again, or has handlers that linger (PS-7.13).
    """
    if not process.has_heartbeat:
        return
    loop = asyncio.get_running_loop()
    while process.usable:
        await asyncio.sleep(PING_EVERY_S)
        if not process.runs and process.lingering_since_s is None:
            continue
        asked_s = loop.time()
        ping = process.ping()
        try:
            if not await _answered(ping):
                process.blocked_since_s = asked_s
                changed(process)
                await asyncio.wait([ping])
            lingering = process.read_ping(ping.result())
        except PolystepError:
            return
        finally:
            ping.cancel()
        was_blocked = process.is_blocked
        process.freed()
        if was_blocked:
            changed(process)
        if not lingering:
            process.lingering_since_s = None
            continue
        if process.lingering_since_s is None:
            process.lingering_since_s = loop.time()
        changed(process)


def describe(process: RunnerProcess) -> Blocked:
    """Describe a block as far as it is known now."""
    run = process.blocker
    since_s = process.blocked_since_s
    for_s = 0.0 if since_s is None else asyncio.get_running_loop().time() - since_s
    others = tuple(dict.fromkeys(process.runs.values()))
    return Blocked(
        process.kind.name,
        None if run is None else process.runs.get(run),
        run,
        process.blocker_stack,
        max(len(process.runs) - 1, 0),
        for_s,
        others,
    )


async def _answered(ping: asyncio.Future[JSONValue]) -> bool:
    await asyncio.wait([ping], timeout=BLOCKED_AFTER_S)
    if not ping.done():
        await asyncio.wait([ping], timeout=_CATCH_UP_S)
    return ping.done()
