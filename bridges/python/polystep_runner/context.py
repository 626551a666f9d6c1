"""What a handler is given, in the spellings of Motia's Python steps, and the calls that it makes (PS-7, PS-8)."""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
from collections.abc import Callable, Coroutine, Generator, Mapping
from contextvars import ContextVar
from typing import Any, Final

from polystep_runner.channel import Channel
from polystep_runner.codec import plain, plain_name
from polystep_runner.errors import PolystepError

_NAMES: Final = frozenset({"topic", "group", "key", "stream", "id", "message_group_id"})
_SNAKE_CASE: Final = {"path_params": "pathParams", "query_params": "queryParams", "raw_body": "rawBody"}


class Run:
    """One attempt of one step, from `step.run` to its answer."""

    __slots__ = ("answered", "channel", "failed", "id", "open", "request_id", "settled", "task")

    def __init__(self, id: str, request_id: int, channel: Channel) -> None:
        self.id, self.request_id, self.channel = id, request_id, channel
        self.answered = False
        self.task: asyncio.Task[None] | None = None
        self.open: set[Call] = set()
        self.failed: list[Call] = []
        self.settled: asyncio.Future[None] | None = None

    def call(self, method: str, params: dict[str, Any], answer: object = None) -> Call:
        """Start a call at once, from any thread; `answer`, when it is not None, is given instead of the host's."""
        call, message = Call(self, answer), {"run": self.id}
        try:
            for name, value in params.items():
                if type(value) is not str or not value.isascii():
                    value = plain_name(value, name) if name in _NAMES else plain(value, name)
                message[name] = value
            self.channel.request(method, message, call.finish)
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
        return next((call.error for call in self.failed if not call.awaited), None)


CURRENT_RUN: Final[ContextVar[Run | None]] = ContextVar("polystep_run", default=None)
"""Whose code is running: for output, log lines and outgoing calls."""


class Call(Coroutine[Any, Any, Any]):
    """A call that is on its way, awaited or not, as often as one likes; plain handlers ask for `result()`.

    It is a coroutine by type, so that `asyncio.create_task` takes it as it takes those of Motia's context.
    """

    __slots__ = ("_answer", "_future", "_iterator", "_on_loop", "_run", "awaited", "error")

    def __init__(self, run: Run, answer: object) -> None:
        on_loop = run.channel.is_here()
        self._future: Any = run.channel.loop.create_future() if on_loop else concurrent.futures.Future()
        self._run, self._answer, self._on_loop = run, answer, on_loop
        self._iterator: Generator[Any, Any, Any] | None = None
        self.awaited = False
        self.error: PolystepError | None = None
        run.open.add(self)

    def finish(self, error: PolystepError | None, result: object) -> None:
        """Settle with what the host answered; on the event loop's thread."""
        run, self.error = self._run, error
        if error is not None:
            run.failed.append(self)
        if not self._future.done() and error is None:
            self._future.set_result(result if self._answer is None else self._answer)
        elif not self._future.done():
            self._future.set_exception(error)
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


class Request(dict[str, Any]):
    """An HTTP request: `req["body"]`, `req.get("pathParams")`, and also `req.body`, `req.path_params`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[_SNAKE_CASE.get(name, name)]
        except KeyError:
            raise AttributeError(f"The request has no {name!r}; it has {', '.join(self)}.") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[_SNAKE_CASE.get(name, name)] = value


class Logger:
    """Log lines of one run. After the message comes a dict of fields, or other values, or keywords; never raises."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def _write(self, level: str, message: object, args: tuple[Any, ...], fields: dict[str, object]) -> None:
        given = [value for value in args if value is not None]
        if len(given) == 1:
            fields = {**(given[0] if isinstance(given[0], Mapping) else {"data": given[0]}), **fields}
        elif given:
            fields = {"data": given, **fields}
        self._run.channel.log(self._run, level, message, fields, "logger")

    @staticmethod
    def _at(level: str) -> Callable[..., None]:
        return lambda self, message="", *args, **fields: self._write(level, message, args, fields)

    debug, info, warn, error = map(_at, ("debug", "info", "warn", "error"))
    warning = warn

    def exception(self, message: object = "", *args: object, **fields: object) -> None:
        """Log at level `error`, with the exception that is being handled as the field `error`."""
        self._write("error", message, args, {"error": sys.exception(), **fields})


class _Room:
    """What `context.state` and streams are made of: calls with the arguments that section 8 of the protocol lists."""

    def __init__(self, run: Run, **scope: str) -> None:
        self._run, self._scope = run, scope


def _calling(method: str, *names: str) -> Callable[..., Call]:
    def call(self: _Room, *args: object, **named: object) -> Call:
        params = dict(zip(names, args, strict=False)) | named
        if len(args) + len(named) != len(names) or (named and params.keys() != {*names}):
            raise TypeError(f"{method}() takes {', '.join(names)}")
        return self._run.call(method, self._scope | params, params.get("value"))

    return call


class State(_Room):
    """The state that all steps share: values by group and key. Every call starts at once, awaited or not."""

    get, delete = _calling("state.get", "group", "key"), _calling("state.delete", "group", "key")
    set, clear = _calling("state.set", "group", "key", "value"), _calling("state.clear", "group")
    get_group = getGroup = _calling("state.get_group", "group")


class Stream(_Room):
    """One stream; items come back with `id`, `_createdAt` and `__motia` added."""

    get, delete = _calling("streams.get", "group", "id"), _calling("streams.delete", "group", "id")
    set, get_group = _calling("streams.set", "group", "id", "data"), _calling("streams.get_group", "group")
    getGroup = get_group

    def send(self, channel: Mapping[str, Any], event: Mapping[str, Any]) -> Call:
        """Tell subscribers `{type, data}` without storing it; `channel` is `{groupId, id?}`."""
        params = {**self._scope, "group": channel.get("groupId", channel.get("group_id")), "event": event}
        return self._run.call("streams.send", params if channel.get("id") is None else {**params, "id": channel["id"]})


class Streams:
    """Streams by name: `context.streams.ticketStatus`, `context.streams["ticketStatus"]`."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __getitem__(self, name: str) -> Stream:
        return Stream(self._run, stream=name)

    def __getattr__(self, name: str) -> Stream:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]


class Context:
    """The second argument of a handler (the only one of a cron handler)."""

    def __init__(self, run: Run, params: Mapping[str, Any]) -> None:
        self.trace_id = self.traceId = params["trace_id"]
        self.attempt: int = params["attempt"]
        self.flows: list[str] = params.get("flows") or []
        self.logger, self.state, self.streams = Logger(run), State(run), Streams(run)
        self._run = run

    def emit(self, event: Mapping[str, Any] | None = None, /, **fields: Any) -> Call:
        """Emit `{"topic", "data", "messageGroupId"?}`, or the same as keywords. Starts at once, awaited or not."""
        given = {**(event or {}), **fields}
        params = {"topic": given.get("topic"), "data": given.get("data")}
        group = given.get("messageGroupId", given.get("message_group_id"))
        return self._run.call("emit", params if group is None else {**params, "message_group_id": group})
