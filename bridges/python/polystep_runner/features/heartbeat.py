"""Heartbeat: reports of code that blocks this process, and of cancelled handlers that go on (PS-10.4, PS-7.13)."""

import asyncio
import contextlib
import os
import select
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Executor, Future
from types import FrameType
from typing import Any, Final

from polystep_runner.attempt import CURRENT_ATTEMPT, Attempt
from polystep_runner.channel import Channel

_LOOK_S: Final = 0.25
_BLOCKED_LOOKS: Final = 4  # in a row, without that any of the input that waits was read
_STACK_CHARS_MAX: Final = 2000  # the notification has to fit into what a pipe takes at once
_OURS: Final = ("/polystep_runner/", "/asyncio/", "/launch.py", "/concurrent/futures/")


class Lingering:
    """Calls in threads, which nothing can end: they may outlive their cancelled run. Also starts the watch."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._calls: dict[Future[Any], Attempt | None] = {}
        threading.Thread(target=_watch, args=(channel,), name="polystep-watch", daemon=True).start()

    async def call(self, threads: Executor, function: Callable[..., Any], *args: Any) -> Any:
        """Call in a thread, and know of the call until it returns."""
        called = threads.submit(function, *args)
        self._calls[called] = CURRENT_ATTEMPT.get()
        called.add_done_callback(lambda done: self._calls.pop(done, None))
        return await asyncio.wrap_future(called)

    def ping(self, id: int, _params: dict[str, Any]) -> None:
        """Answer the number of answered runs whose handlers go on."""
        runs = {attempt for attempt in list(self._calls.values()) if attempt is not None and attempt.answered}
        self._channel.answer(id, {"lingering": len(runs)})


def _watch(channel: Channel) -> None:
    """Watch from beside the event loop: exit with the host (PS-2.5), report code that keeps the loop from reading."""
    # Not every system reports a hang-up to who asks for nothing else, so this thread asks for input too. The pause
    # keeps unread frames from spinning it.
    watched, reads, looks = select.poll(), 0, 0
    watched.register(channel.reading, select.POLLIN)
    while watched.poll() == [(channel.reading, select.POLLIN)]:
        looks = looks + 1 if reads == channel.reads else 0
        reads = channel.reads
        if looks == _BLOCKED_LOOKS:
            _report_blocked(channel)
        time.sleep(_LOOK_S)
    time.sleep(_LOOK_S)  # for the event loop to read the last frames
    os._exit(0)


def _report_blocked(channel: Channel) -> None:
    """Report the run whose code holds the event loop's thread, and its stack."""
    frame = sys._current_frames().get(channel.thread)
    if frame is None:
        return
    places = [each for each in traceback.extract_stack(frame) if not any(part in each.filename for part in _OURS)]
    stack = "".join(traceback.format_list(places)).rstrip()[-_STACK_CHARS_MAX:]
    attempt = _run_of(frame)
    with channel.lock, contextlib.suppress(OSError):
        channel.notify("blocked", ({"run": attempt.id} if attempt else {}) | {"stack": stack})
        # At once, since the loop cannot; it sends what the pipe does not take now.
        del channel.unsent[: os.write(channel.writing, channel.unsent)]


def _run_of(frame: FrameType | None) -> Attempt | None:
    """Find the run of the event loop's current callback: its context has it, also in tasks of user code."""
    while frame is not None:
        if frame.f_code.co_name == "_run" and frame.f_code.co_filename.endswith("/asyncio/events.py"):
            context = getattr(frame.f_locals.get("self"), "_context", None)
            return context.get(CURRENT_ATTEMPT) if context is not None else None
        frame = frame.f_back
    return None
