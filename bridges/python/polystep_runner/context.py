"""The context of a handler, in the spellings of Motia's Python steps, and the calls that it makes (PS-7, PS-8)."""

import asyncio
import concurrent.futures
import sys
from collections.abc import Callable, Coroutine, Generator, Mapping, Set
from contextvars import ContextVar
from typing import Any, Final

from polystep_runner.adapters.stored import stored
from polystep_runner.channel import Channel, Finish
from polystep_runner.codec import plain, plain_name
from polystep_runner.errors import PolystepError
from polystep_runner.features.listeners import Listeners
from polystep_runner.features.pages import Groups

_NAMES: Final = frozenset({"topic", "group", "key", "stream", "id", "message_group_id"})


class Call(Coroutine[Any, Any, Any]):
    """A call that is on its way, awaited or not, as often as one likes; plain handlers ask for `result()`.

    It is a coroutine by type, so that `asyncio.create_task` takes it as it takes those of Motia's context.
    """

    def __init__(self, run: "Run", given: object) -> None:
        self._run, self._given = run, given  # what `state.set` was given is its value, too (PS-8.4)
        self._on_loop, self.awaited = run.channel.is_here(), False
        self._future: Any = run.channel.loop.create_future() if self._on_loop else concurrent.futures.Future()
        self._iterator: Generator[Any, Any, Any] | None = None
        run.open.add(self)

    def finish(self, error: PolystepError | None, result: object) -> None:
        """Settle with what the host answered; on the event loop's thread."""
        run = self._run
        if error is not None:
            run.failed[self] = error
        if not self._future.done():  # whoever waited may have been cancelled
            given = result if self._given is None else self._given
            self._future.set_result(given) if error is None else self._future.set_exception(error)
            self._future.exception()  # read once: what nobody awaits fails the run instead of being warned of
        run.open.discard(self)
        if not run.open and run.settled is not None and not run.settled.done():
            run.settled.set_result(None)

    def result(self, timeout_s: float | None = None) -> Any:
        """Wait for the value in a plain (not async) handler; raises TimeoutError after `timeout_s`."""
        if self._on_loop:  # waiting here would stop every run of this process
            raise RuntimeError("result() is for plain `def` handlers; in an `async def` handler, await this call.")
        self.awaited = True
        return self._future.result(timeout_s)

    def __await__(self) -> Generator[Any, Any, Any]:
        self.awaited = True
        return (self._future if self._on_loop else asyncio.wrap_future(self._future)).__await__()

    def send(self, value: Any) -> Any:
        """Go on, as a coroutine does."""
        self._iterator = self._iterator or self.__await__()
        return self._iterator.send(value)

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> Any:
        """Raise inside, as a coroutine does."""
        return (self._iterator or self.__await__()).throw(typ if val is None else val)

    def close(self) -> None:
        """Nothing to end: the host answers in any case."""


class Run:
    """One attempt of one step, from `step.run` to its answer."""

    def __init__(self, request_id: int, params: dict[str, Any], channel: Channel, features: Set[str]) -> None:
        self.id, self.type, self.params, self.features = params["run"], params["type"], params, features
        self.request_id, self.channel, self.answered = request_id, channel, False
        self.task: asyncio.Task[None] | None = None
        self.open: set[Call] = set()
        self.failed: dict[Call, PolystepError] = {}
        self.settled: asyncio.Future[None] | None = None

    def call(self, method: str, params: dict[str, Any], via: Callable[[Finish], Finish] = lambda end: end) -> Call:
        """Start a call at once, from any thread; what `via` makes of its end is given the answer."""
        call, message = Call(self, params.get("value")), {"run": self.id}
        try:
            for name, value in params.items():
                if type(value) is not str or not value.isascii():
                    value = plain_name(value, name) if name in _NAMES else plain(value, name)
                message[name] = value
            self.channel.request(method, message, via(call.finish))
        except PolystepError as error:
            self.channel.loop.call_soon_threadsafe(call.finish, error, None)
        return call

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Tell the host something of this run; never raises."""
        self.channel.notify(method, {"run": self.id, **params})

    async def settle(self) -> PolystepError | None:
        """Wait until the host has answered every call; return an error that nobody took (PS-7.4)."""
        while self.open:
            self.settled = self.channel.loop.create_future()
            await self.settled
        return next((error for call, error in self.failed.items() if not call.awaited), None)


CURRENT_RUN: Final[ContextVar[Run | None]] = ContextVar("polystep_run", default=None)
"""Whose code is running: for output, log lines and outgoing calls."""


class _Part:
    """A part of the context: of one run, and maybe of one stream."""

    def __init__(self, run: Run, **scope: str) -> None:
        self._run, self._scope = run, scope


def _logging(level: str) -> Callable[..., None]:
    def log(self: "Logger", message: object = "", *args: object, **fields: object) -> None:
        given = [value for value in args if value is not None]
        if given:
            data = given[0] if len(given) == 1 else given
            fields = {**(data if isinstance(data, Mapping) else {"data": data}), **fields}
        self._run.channel.log(self._run, level, message, fields, "logger")
        self.tell(level, message, args)

    return log


class Logger(_Part, Listeners):
    """Log lines of one run. After the message comes a dict of fields, or other values, or keywords."""

    debug, info, error = _logging("debug"), _logging("info"), _logging("error")
    warn = warning = _logging("warn")

    def exception(self, message: object = "", *args: object, **fields: object) -> None:
        """Log at level `error`, with the exception that is being handled as the field `error`."""
        self.error(message, *args, **{"error": sys.exception(), **fields})


def _calling(method: str, *names: str, via: Callable[[Finish], Finish] = lambda end: end) -> Callable[..., Call]:
    """A call with the arguments that section 8 of the protocol lists."""

    def call(self: _Part, *args: object, **named: object) -> Call:
        params = dict(zip(names, args, strict=False)) | named
        if len(args) + len(named) != len(names) or (named and params.keys() != {*names}):
            raise TypeError(f"{method}() takes {', '.join(names)}")
        return self._run.call(method, self._scope | params, via)

    return call


class State(_Part, Groups):
    """The state that all steps share: values by group and key. Every call starts at once, awaited or not."""

    get, delete = _calling("state.get", "group", "key", via=stored), _calling("state.delete", "group", "key")
    set, clear = _calling("state.set", "group", "key", "value"), _calling("state.clear", "group")


class Stream(_Part, Groups):
    """One stream; items come back with `id`, `_createdAt` and `__motia` added."""

    get, delete = _calling("streams.get", "group", "id"), _calling("streams.delete", "group", "id")
    set = _calling("streams.set", "group", "id", "data")

    def send(self, channel: Mapping[str, Any], event: Mapping[str, Any]) -> Call:
        """Tell subscribers `{type, data}` without storing it; `channel` is `{groupId, id?}`."""
        params = {**self._scope, "group": channel.get("groupId", channel.get("group_id")), "event": event}
        return self._run.call("streams.send", params if channel.get("id") is None else {**params, "id": channel["id"]})


class Streams(_Part):
    """Streams by name: `context.streams.ticketStatus`, `context.streams["ticketStatus"]`."""

    def __getitem__(self, name: str) -> Stream:
        return Stream(self._run, stream=name)

    def __getattr__(self, name: str) -> Stream:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]


class Context:
    """The second argument of a handler (the only one of a cron handler)."""

    def __init__(self, run: Run) -> None:
        self.trace_id = self.traceId = run.params["trace_id"]
        self.attempt: int = run.params["attempt"]
        self.flows: list[str] = run.params.get("flows") or []
        self._run, self.logger, self.state, self.streams = run, Logger(run), State(run), Streams(run)

    def emit(self, event: Mapping[str, Any] | None = None, /, **fields: Any) -> Call:
        """Emit `{"topic", "data", "messageGroupId"?}`, or the same as keywords. Starts at once, awaited or not."""
        given = {**(event or {}), **fields}
        # `type` was the topic's name before Motia 0.1.
        params = {"topic": given.get("topic", given.get("type")), "data": given.get("data")}
        group = given.get("messageGroupId", given.get("message_group_id"))
        return self._run.call("emit", params if group is None else {**params, "message_group_id": group})
