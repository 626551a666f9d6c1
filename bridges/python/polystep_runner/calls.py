"""Calls that a handler makes of the host, and the run they belong to (PS-7.3, PS-8)."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Coroutine, Generator
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final

from polystep_runner.errors import PolystepError

AnyFuture = asyncio.Future[Any] | concurrent.futures.Future[Any]


class Run:
    """One attempt of one step, from `step.run` to its answer."""

    __slots__ = ("_settled", "answered", "failed", "id", "open", "request_id", "task")

    def __init__(self, id: str, request_id: int) -> None:
        self.id = id
        self.request_id = request_id
        self.answered = False
        self.task: asyncio.Task[None] | None = None
        self.open: set[Call] = set()
        """Calls that the host has not answered."""
        self.failed: list[Call] = []
        self._settled: asyncio.Future[None] | None = None

    def finished(self, call: Call) -> None:
        """Note that the host answered `call`."""
        self.open.discard(call)
        if not self.open and self._settled is not None and not self._settled.done():
            self._settled.set_result(None)

    async def settle(self) -> None:
        """Return when the host has answered every call of this run. Source: PS-7.3."""
        while self.open:
            self._settled = asyncio.get_running_loop().create_future()
            await self._settled

    def unnoticed_error(self) -> PolystepError | None:
        """The first error of a call that nobody awaited: it must not be lost."""
        return next((call.error for call in self.failed if not call.awaited), None)


CURRENT_RUN: Final[ContextVar[Run | None]] = ContextVar("polystep_run", default=None)
"""Whose code is running: for output, log lines and outgoing calls."""


class Call(Coroutine[Any, Any, Any]):
    """A call that is on its way, awaited or not, as often as one likes.

    It is a coroutine by type, so that `asyncio.create_task` and `TaskGroup.create_task` take it as they take
    the coroutines of Motia's context. A thread that can't await it asks for `result()`.
    """

    __slots__ = ("_answer", "_future", "_iterator", "_run", "awaited", "error")

    def __init__(self, run: Run, future: AnyFuture, answer: object) -> None:
        self._run = run
        self._future = future
        self._answer = answer
        self._iterator: Generator[Any, Any, Any] | None = None
        self.awaited = False
        self.error: PolystepError | None = None
        run.open.add(self)

    def finish(self, error: PolystepError | None, result: object) -> None:
        """Settle with what the host answered; on the event loop's thread."""
        future = self._future
        if error is not None:
            self.error = error
            self._run.failed.append(self)
        if not future.done():
            if error is None:
                future.set_result(result if self._answer is None else self._answer)
            else:
                future.set_exception(error)
                future.exception()  # read once: what nobody awaits fails the run instead of being warned of
        self._run.finished(self)

    def result(self, timeout_s: float | None = None) -> Any:
        """Wait in a plain (not async) handler and return the value.

        Raises:
            RuntimeError: Called where `await` belongs: waiting here would stop every run of this process.
            TimeoutError: `timeout_s` passed.
        """
        if isinstance(self._future, concurrent.futures.Future):
            self.awaited = True
            return self._future.result(timeout_s)
        raise RuntimeError("result() is for plain `def` handlers; in an `async def` handler, await this call.")

    def __await__(self) -> Generator[Any, Any, Any]:
        self.awaited = True
        future = self._future
        return (future if isinstance(future, asyncio.Future) else asyncio.wrap_future(future)).__await__()

    def send(self, value: Any) -> Any:
        """Go on, as a coroutine does."""
        if self._iterator is None:
            self._iterator = self.__await__()
        return self._iterator.send(value)

    def throw(self, typ: Any, val: Any = None, tb: TracebackType | None = None) -> Any:
        """Raise inside, as a coroutine does."""
        if self._iterator is None:
            self._iterator = self.__await__()
        return self._iterator.throw(typ if val is None else val)

    def close(self) -> None:
        """Nothing to end: the host answers in any case."""
