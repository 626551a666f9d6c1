"""What a handler is given: `req` and `context`, in the spellings of Motia's Python steps."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final

from polystep_runner.calls import Call, Run
from polystep_runner.peer import Peer

_SNAKE_CASE: Final = {
    "path_params": "pathParams",
    "query_params": "queryParams",
    "raw_body": "rawBody",
}


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
    """Log lines of one run. Never raises: a field that can't be sent goes as text."""

    def __init__(self, peer: Peer, run: Run) -> None:
        self._peer = peer
        self._run = run

    def debug(self, message: object = "", *args: object, **fields: object) -> None:
        """Log at level `debug`; `args` is a dict of fields, other values become `{"data": value}`."""
        self._write("debug", message, args, fields)

    def info(self, message: object = "", *args: object, **fields: object) -> None:
        """Log at level `info`."""
        self._write("info", message, args, fields)

    def warn(self, message: object = "", *args: object, **fields: object) -> None:
        """Log at level `warn`."""
        self._write("warn", message, args, fields)

    warning = warn

    def error(self, message: object = "", *args: object, **fields: object) -> None:
        """Log at level `error`."""
        self._write("error", message, args, fields)

    def exception(self, message: object = "", *args: object, **fields: object) -> None:
        """Log at level `error`, with the exception that is being handled as the field `error`."""
        self._write("error", message, args, {"error": sys.exception(), **fields})

    def _write(self, level: str, message: object, args: tuple[object, ...], fields: dict[str, object]) -> None:
        given = [value for value in args if value is not None]
        merged: Mapping[Any, Any] = fields
        if len(given) == 1 and isinstance(given[0], Mapping):
            merged = {**given[0], **fields} if fields else given[0]
        elif given:
            merged = {"data": given[0] if len(given) == 1 else given, **fields}
        self._peer.log(self._run, level, message, merged, "logger")


class State:
    """The state that all steps share: values by group and key. Every call starts at once, awaited or not."""

    def __init__(self, peer: Peer, run: Run) -> None:
        self._peer = peer
        self._run = run

    def get(self, group: str, key: str) -> Call:
        """The value, None when there is none."""
        return self._peer.call(self._run, "state.get", {"group": group, "key": key})

    def set(self, group: str, key: str, value: object) -> Call:
        """Write or replace; gives `value` back."""
        return self._peer.call(self._run, "state.set", {"group": group, "key": key, "value": value}, value)

    def delete(self, group: str, key: str) -> Call:
        """Remove; gives the old value or None."""
        return self._peer.call(self._run, "state.delete", {"group": group, "key": key})

    def get_group(self, group: str) -> Call:
        """A list of the group's values."""
        return self._peer.call(self._run, "state.get_group", {"group": group})

    getGroup = get_group

    def clear(self, group: str) -> Call:
        """Remove a whole group."""
        return self._peer.call(self._run, "state.clear", {"group": group})


class Stream:
    """One stream; items come back with `id`, `_createdAt` and `__motia` added."""

    def __init__(self, peer: Peer, run: Run, name: str) -> None:
        self._peer = peer
        self._run = run
        self._name = name

    def get(self, group: str, id: str) -> Call:
        """The item, None when there is none."""
        return self._call("get", {"group": group, "id": id})

    def set(self, group: str, id: str, data: object) -> Call:
        """Write or replace; gives the item. With None nothing is written."""
        return self._call("set", {"group": group, "id": id, "data": data})

    def delete(self, group: str, id: str) -> Call:
        """Remove; gives the old item or None."""
        return self._call("delete", {"group": group, "id": id})

    def get_group(self, group: str) -> Call:
        """A list of the group's items."""
        return self._call("get_group", {"group": group})

    getGroup = get_group

    def send(self, channel: Mapping[str, Any], event: Mapping[str, Any]) -> Call:
        """Tell subscribers `{type, data}` without storing it; `channel` is `{groupId, id?}`."""
        params = {"group": channel.get("groupId", channel.get("group_id")), "event": event}
        if channel.get("id") is not None:
            params["id"] = channel["id"]
        return self._call("send", params)

    def _call(self, verb: str, params: dict[str, Any]) -> Call:
        return self._peer.call(self._run, f"streams.{verb}", {"stream": self._name, **params})


class Streams:
    """Streams by name: `context.streams.ticketStatus`, `context.streams["ticketStatus"]`."""

    def __init__(self, peer: Peer, run: Run) -> None:
        self._peer = peer
        self._run = run

    def __getitem__(self, name: str) -> Stream:
        return Stream(self._peer, self._run, name)

    def __getattr__(self, name: str) -> Stream:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]


class Context:
    """The second argument of a handler (the only one of a cron handler)."""

    def __init__(self, peer: Peer, run: Run, params: Mapping[str, Any]) -> None:
        self.trace_id: str = params.get("trace_id", "")
        self.flows: list[str] = params.get("flows") or []
        self.attempt: int = params.get("attempt", 1)
        """1 for the first start; grows with every retry."""
        self.logger = Logger(peer, run)
        self.state = State(peer, run)
        self.streams = Streams(peer, run)
        self._peer = peer
        self._run = run

    @property
    def traceId(self) -> str:
        """The same as `trace_id`."""
        return self.trace_id

    def emit(self, event: Mapping[str, Any] | None = None, /, **fields: Any) -> Call:
        """Emit `{"topic", "data", "messageGroupId"?}`, or the same as keywords. Starts at once, awaited or not."""
        given = {**(event or {}), **fields}
        params = {"topic": given.get("topic"), "data": given.get("data")}
        message_group_id = given.get("messageGroupId", given.get("message_group_id"))
        if message_group_id is not None:
            params["message_group_id"] = message_group_id
        return self._peer.call(self._run, "emit", params)
