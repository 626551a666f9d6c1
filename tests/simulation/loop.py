"""Event loop of simulated processes on a virtual clock: its order depends on a seed alone, and nothing in it waits.

Each process has a queue of its own, as if it had a loop of its own: what it calls comes in the order of the calls.
Which process has the next turn is drawn. A process can be frozen, as by SIGSTOP, and killed between any two callbacks:
no line of it runs after that.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final, TypeVar

T = TypeVar("T")

TURNS_MAX: Final = 50_000
"""Callbacks at one moment of the clock: beyond it something calls itself without end."""


class Spinning(Exception):
    """Callbacks follow each other without end, and the clock stands still."""


class Process:
    """Process on the simulated machine."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ready: deque[asyncio.Handle] = deque()
        self.tasks: list[asyncio.Task[Any]] = []
        """Held until the world ends: a coroutine that is collected would run its `finally`."""
        self.is_dead = False
        self.is_frozen = False
        self.context = copy_context()
        self.context.run(_PROCESS.set, self)

    def kill(self) -> None:
        """Let no line of it run any more."""
        self.is_dead = True
        self.ready.clear()
        for task in self.tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]


_PROCESS: ContextVar[Process] = ContextVar("process")


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs callbacks; time moves on when nothing is left to do."""

    def __init__(self, chance: random.Random) -> None:
        self._is_over = False
        super().__init__()
        self._chance = chance
        self.now_us = 0
        self._order = itertools.count()
        self._timers: list[tuple[int, int, asyncio.TimerHandle]] = []
        self._processes: list[Process] = []
        self._dead: list[Process] = []
        self.trouble: list[str] = []
        """Exceptions that nobody has caught."""

    def process(self, name: str) -> Process:
        """Add a process."""
        made = Process(name)
        self._processes.append(made)
        return made

    def kill(self, process: Process) -> None:
        """Let no line of a process run any more."""
        process.kill()
        self._processes.remove(process)
        self._dead.append(process)

    def spawn(self, process: Process, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a task in a process."""
        return self.create_task(work, context=process.context.copy())

    def run_in(self, process: Process, work: Coroutine[Any, Any, T]) -> T:
        """Run until the work is done, and return its result."""
        asyncio._set_running_loop(self)
        try:
            done = self.spawn(process, work)
            self._turn()
            while not done.done():
                self._wake()
                self._turn()
            return done.result()
        finally:
            asyncio._set_running_loop(None)

    def close(self) -> None:
        """Let nothing run any more."""
        self._is_over = True
        for process in self._processes:
            process.kill()

    # --- What asyncio asks of a loop ---

    def time(self) -> float:
        """Return virtual seconds."""
        return self.now_us / 1_000_000

    def get_debug(self) -> bool:
        """Return that nothing is debugged."""
        return False

    def is_closed(self) -> bool:
        """Return whether nothing runs any more."""
        return self._is_over

    def create_future(self) -> asyncio.Future[Any]:
        """Make a future."""
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        """Make a task of the process that asks."""
        context = copy_context() if context is None else context
        task: asyncio.Task[T] = asyncio.Task(coro, loop=self, name=name, context=context)
        context[_PROCESS].tasks.append(task)
        return task

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:  # type: ignore[override]
        """Call in the next turn of its process."""
        context = copy_context() if context is None else context
        handle = asyncio.Handle(callback, args, self, context)
        process = context[_PROCESS]
        if not process.is_dead:
            process.ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call after so many virtual seconds."""
        context = copy_context() if context is None else context
        when_us = self.now_us + max(round(delay * 1_000_000), 0)
        timer = asyncio.TimerHandle(when_us / 1_000_000, callback, args, self, context)
        heapq.heappush(self._timers, (when_us, next(self._order), timer))
        return timer

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call at a virtual time."""
        return self.call_later(when - self.time(), callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Nothing: it is passed over when its time comes."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Note an exception that nobody has caught."""
        if not self._is_over:
            self.trouble.append(f"{context.get('message')}: {context.get('exception')!r}")

    def _turn(self) -> None:
        turns = 0
        while able := [each for each in self._processes if each.ready and not each.is_frozen]:
            process = able[0] if len(able) == 1 else self._chance.choice(able)
            # What is ready now, as one round of a loop: what it calls comes in the next one.
            for _ in range(len(process.ready)):
                if process.is_dead or process.is_frozen:
                    break
                handle = process.ready.popleft()
                if not handle.cancelled():
                    handle._run()
            turns += 1
            if turns > TURNS_MAX:
                raise Spinning(f"{process.name} calls itself without end")

    def _wake(self) -> None:
        if not self._timers:
            raise Spinning("nothing is left to do, and something is waited for")
        self.now_us = max(self.now_us, self._timers[0][0])
        while self._timers and self._timers[0][0] <= self.now_us:
            timer = heapq.heappop(self._timers)[2]
            process = timer._context[_PROCESS]  # type: ignore[attr-defined]
            if not timer.cancelled() and not process.is_dead:
                process.ready.append(timer)


class SimulatedClock:
    """Clock of the simulated machines: steady time is the loop's, the wall is set apart from it."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop
        self.set_by_ms = 0
        """Time by which the wall clock was set ahead."""

    def now_ms(self) -> int:
        """Return the wall time."""
        return 1_767_225_600_000 + self._loop.now_us // 1000 + self.set_by_ms

    def monotonic_s(self) -> float:
        """Return the steady time."""
        return self._loop.now_us / 1_000_000

    async def sleep(self, delay_s: float) -> None:
        """Wait in steady time."""
        await asyncio.sleep(max(delay_s, 0.0))
