"""Context of a handler, in the spellings of Motia's Python steps (PS-8)."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from polystep_runner.adapters.stored import stored
from polystep_runner.attempt import Attempt, Call
from polystep_runner.channel import Finish
from polystep_runner.features.durable import Durable
from polystep_runner.features.emit import Emit
from polystep_runner.features.listeners import Listeners
from polystep_runner.features.pages import Groups
from polystep_runner.features.updates import Updates


class _Part:
    """Part of the context of one attempt, and maybe of one stream."""

    def __init__(self, attempt: Attempt, **scope: str) -> None:
        self._attempt, self._scope = attempt, scope


def _logging(level: str) -> Callable[..., None]:
    def log(self: "Logger", message: object = "", *args: object, **fields: object) -> None:
        given = [value for value in args if value is not None]
        if given:
            data = given[0] if len(given) == 1 else given
            fields = {**(data if isinstance(data, Mapping) else {"data": data}), **fields}
        self._attempt.channel.log(self._attempt, level, message, fields, "logger")
        self.announce(level, message, args)

    return log


class Logger(_Part, Listeners):
    """Logger of one attempt. After the message comes a dict of fields, or other values, or keywords."""

    debug, info, error = _logging("debug"), _logging("info"), _logging("error")
    warn = warning = _logging("warn")

    def exception(self, message: object = "", *args: object, **fields: object) -> None:
        """Log at level `error`, with the exception that is being handled as the field `error`."""
        self.error(message, *args, **{"error": sys.exception(), **fields})


def _calling(method: str, *names: str, via: Callable[[Finish], Finish] = lambda end: end) -> Callable[..., Call]:
    """Make a call with the arguments that section 8 of the protocol lists."""

    def call(self: _Part, *args: object, **named: object) -> Call:
        params = dict(zip(names, args, strict=False)) | named
        if len(args) + len(named) != len(names) or (named and params.keys() != {*names}):
            raise TypeError(f"{method}() takes {', '.join(names)}")
        return self._attempt.call(method, self._scope | params, via)

    return call


class State(_Part, Groups, Updates):
    """State that all steps share: values by group and key. Every call starts at once, awaited or not."""

    get, delete = _calling("state.get", "group", "key", via=stored), _calling("state.delete", "group", "key")
    set, clear = _calling("state.set", "group", "key", "value"), _calling("state.clear", "group")


class Stream(_Part, Groups):
    """One stream; items come back with `id`, `_createdAt` and `__motia` added."""

    get, delete = _calling("streams.get", "group", "id"), _calling("streams.delete", "group", "id")
    set = _calling("streams.set", "group", "id", "data")

    def send(self, channel: Mapping[str, Any], event: Mapping[str, Any]) -> Call:
        """Send `{type, data}` to subscribers without storing it; `channel` is `{groupId, id?}`."""
        item = {} if channel.get("id") is None else {"id": channel["id"]}
        group = channel.get("groupId", channel.get("group_id"))
        return self._attempt.call("streams.send", {**self._scope, "group": group, "event": event, **item})


class Streams(_Part):
    """Streams by name: `context.streams.ticketStatus`, `context.streams["ticketStatus"]`."""

    def __getitem__(self, name: str) -> Stream:
        return Stream(self._attempt, stream=name)

    def __getattr__(self, name: str) -> Stream:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]


class Context(Durable):
    """Second argument of a handler (the only one of a cron handler)."""

    def __init__(self, attempt: Attempt) -> None:
        self.trace_id = self.traceId = attempt.params["trace_id"]
        self.attempt: int = attempt.params["attempt"]
        self.flows: list[str] = attempt.params.get("flows") or []
        self._attempt, self.logger, self.emit = attempt, Logger(attempt), Emit(attempt)
        self.state, self.streams = State(attempt), Streams(attempt)
