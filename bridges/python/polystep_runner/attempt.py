"""Attempts of steps and their calls of the host (PS-7, PS-8)."""

import asyncio
import concurrent.futures
from collections.abc import Callable, Coroutine, Generator, Set
from contextvars import ContextVar
from typing import Any, Final

from polystep_runner.channel import Channel, Finish
from polystep_runner.codec import plain, plain_name
from polystep_runner.errors import PolystepError

_NAMES: Final = frozenset({"topic", "group", "key", "stream", "id", "message_group_id"})


class Call(Coroutine[Any, Any, Any]):
    """Call that is on its way, awaited or not, also more than once; plain handlers ask for `result()`.

    It is a coroutine by type, so that `asyncio.create_task` takes it as it takes those of Motia's context.
    """

    def __init__(self, attempt: "Attempt", given: object) -> None:
        self._attempt, self._given = attempt, given  # what `state.set` was given is its value, too (PS-8.4)
        self._on_loop, self.awaited = attempt.channel.is_here(), False
        self.future: Any = attempt.channel.loop.create_future() if self._on_loop else concurrent.futures.Future()
        self._iterator: Generator[Any, Any, Any] | None = None
        attempt.open.add(self)

    def finish(self, error: PolystepError | None, result: object) -> None:
        """Settle with the host's answer, on the event loop's thread."""
        attempt = self._attempt
        if error is not None:
            attempt.failed[self] = error
        if not self.future.done():  # whoever waited may have been cancelled
            given = result if self._given is None else self._given
            self.future.set_result(given) if error is None else self.future.set_exception(error)
            self.future.exception()  # read once: what nobody awaits fails the run instead of being warned of
        attempt.release(self)

    def result(self, timeout_s: float | None = None) -> Any:
        """Wait for the value in a plain (not async) handler; raises TimeoutError after `timeout_s`."""
        if self._on_loop:  # waiting here would stop every run of this process
            raise RuntimeError("result() is for plain `def` handlers; in an `async def` handler, await this call.")
        self.awaited = True
        return self.future.result(timeout_s)

    def __await__(self) -> Generator[Any, Any, Any]:
        self.awaited = True
        return (self.future if self._on_loop else asyncio.wrap_future(self.future)).__await__()

    def send(self, value: Any) -> Any:
        """Go on, as a coroutine does."""
        self._iterator = self._iterator or self.__await__()
        return self._iterator.send(value)

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> Any:
        """Raise inside, as a coroutine does."""
        return (self._iterator or self.__await__()).throw(typ if val is None else val)

    def close(self) -> None:
        """End nothing: the host answers in any case."""


class Attempt:
    """One call of one handler, from `step.run` to its answer."""

    def __init__(self, request_id: int, params: dict[str, Any], channel: Channel, features: Set[str]) -> None:
        self.id, self.type, self.params, self.features = params["run"], params["type"], params, features
        self.request_id, self.channel, self.answered = request_id, channel, False
        self.task: asyncio.Task[None] | None = None
        self.open: set[object] = set()  # calls, and whatever else the answer waits for
        self.waits: set[Call] = set()
        self.failed: dict[Call, PolystepError] = {}
        self.settled: asyncio.Future[None] | None = None

    def call(self, method: str, params: dict[str, Any], via: Callable[[Finish], Finish] = lambda end: end) -> Call:
        """Start a call at once, from any thread; `via` may wrap the function that takes its answer."""
        given = params.get("value") if method == "state.set" else None  # PS-8.4
        call, message = Call(self, given), {"run": self.id}
        try:
            for name, value in params.items():
                if type(value) is not str or not value.isascii():
                    value = plain_name(value, name) if name in _NAMES else plain(value, name)
                message[name] = value
            self.channel.request(method, message, via(call.finish))
        except PolystepError as error:
            self.channel.loop.call_soon_threadsafe(call.finish, error, None)
        return call

    def release(self, call: object) -> None:
        """Wait no more for a call."""
        self.open.discard(call)
        if not self.open and self.settled is not None and not self.settled.done():
            self.settled.set_result(None)

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification of this run; never raises."""
        self.channel.notify(method, {"run": self.id, **params})

    async def settle(self) -> PolystepError | None:
        """Wait until the host has answered every call; return an error that nobody took (PS-7.4)."""
        while self.open:
            self.settled = self.channel.loop.create_future()
            await self.settled
        return next((error for call, error in self.failed.items() if not call.awaited), None)


CURRENT_ATTEMPT: Final[ContextVar[Attempt | None]] = ContextVar("polystep_attempt", default=None)
"""Attempt whose code is running: for output, log lines and outgoing calls."""
