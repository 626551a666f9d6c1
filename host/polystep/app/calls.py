"""What runners may call (PS-8): each method checks its run, records the operation, and asks a room."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

from polystep.app.console import Console
from polystep.app.emits import Emits
from polystep.app.log_lines import LogLines
from polystep.app.nowhere import Nowhere
from polystep.app.runs import OpenRun, OpenRuns
from polystep.app.verdicts import item_broken
from polystep.bus import Bus
from polystep.contracts.errors import InvalidParams, Overloaded
from polystep.contracts.futures import then
from polystep.contracts.groups import PageQuery
from polystep.contracts.ports import AnswerStream, Clock
from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery import SchemaValidator
from polystep.runners import Blocked, Failures
from polystep.state import State
from polystep.streams import Streams
from polystep.trace import TraceRecorder
from polystep.wire import FittedAnswer

_LEVELS: Final = ("debug", "info", "warn", "error")
_TIME_MS_MAX: Final = 2**43
"""Unix time in the year 2248; what is beyond is no time, and no terminal can show it."""

_OTHERS_SHOWN_MAX: Final = 3
"""Steps named, when nobody can tell which of them blocks."""

_log = logging.getLogger("polystep.calls")


class Calls:
    """The table of runner → host calls."""

    def __init__(
        self,
        runs: OpenRuns,
        bus: Bus,
        state: State,
        streams: Streams,
        recorder: TraceRecorder,
        console: Console,
        clock: Clock,
        item_validator: Callable[[str], SchemaValidator | None],
        input_validator: Callable[[str], SchemaValidator | None],
        nowhere: Nowhere,
        failures: Failures,
    ) -> None:
        """`failures` finds the places of errors, and of what blocks a runner."""
        self._runs = runs
        self._nowhere = nowhere
        self._emits = Emits(bus, recorder, input_validator, self._warn)
        self._state = state
        self._streams = streams
        self._recorder = recorder
        self._failures = failures
        self._lines = LogLines(recorder, console, clock, failures.readable)
        self._item_validator = item_validator

    @property
    def methods(self) -> Mapping[str, Callable[[JSONObject], object]]:
        """Requests, by name."""
        return {
            "emit": self._emit,
            "state.get": self._state_get,
            "state.set": self._state_set,
            "state.delete": self._state_delete,
            "state.get_group": self._state_get_group,
            "state.page": self._state_page,
            "state.clear": self._state_clear,
            "streams.get": self._streams_get,
            "streams.set": self._streams_set,
            "streams.delete": self._streams_delete,
            "streams.get_group": self._streams_get_group,
            "streams.page": self._streams_page,
            "streams.send": self._streams_send,
            "response.start": self._response_start,
            "response.write": self._response_write,
        }

    @property
    def notifications(self) -> Mapping[str, Callable[[JSONObject], None]]:
        """Notifications, by name."""
        return {"log": _contained(self._log), "span": _contained(self._span)}

    def output(self, runner: str, stream: str, line: str) -> None:
        """Take a line that a runner's process wrote by itself, from whatever run or thread."""
        if line.strip():
            self._lines.keep("warn" if stream == "stderr" else "info", line, None, None, f"{runner} {stream}")

    def blocked(self, told: Blocked) -> None:
        """Tell of a handler that keeps its runner from everything else: on the console, and in the trace of its run."""
        who = told.step or " or ".join(told.others[:_OTHERS_SHOWN_MAX]) or "Something"
        behind = f"{told.waiting} run{' waits' if told.waiting == 1 else 's wait'} behind it"
        message = (
            f"{who} blocks the {told.runner} runner: it has not let anything else run for {told.for_s:.1f} s, and "
            f"{behind}. New runs go to another process. Await what takes long, or move it off the event loop."
        )
        fields = self._failures.of_stack(told.stack) if told.stack else None
        self._lines.keep("warn", message, fields, self._runs.find(told.run), "host")

    def _emit(self, params: JSONObject) -> Awaitable[None] | None:
        run = self._runs.get(params.get("run"))
        topic, data = _text(params, "topic"), params.get("data")
        key = params.get("message_group_id")
        deliveries = self._emits.plan(run, topic, data, None if key is None else str(key))
        recorded: JSONObject = {
            "topic": topic,
            "data": data,
            "subscribers": [delivery.step for delivery in deliveries],
        }
        if not deliveries:
            recorded["note"] = self._nowhere.notice(topic)
        refused: list[JSONValue] = [delivery.step for delivery in deliveries if delivery.refused is not None]
        self._record(run, "emit", {**recorded, "refused": refused} if refused else recorded)
        return self._emits.send(run, deliveries)

    def _state_get(self, params: JSONObject) -> Awaitable[JSONValue]:
        run, group, key = self._runs.get(params.get("run")), _text(params, "group"), _text(params, "key")
        self._record(run, "state", {"operation": "get", "group": group, "key": key})
        return self._state.get(group, key)

    def _state_set(self, params: JSONObject) -> Awaitable[None]:
        run, group, key = self._runs.get(params.get("run")), _text(params, "group"), _text(params, "key")
        value = params.get("value")
        self._record(run, "state", {"operation": "set", "group": group, "key": key, "value": value})
        return self._state.set(group, key, value)

    def _state_delete(self, params: JSONObject) -> Awaitable[JSONValue]:
        run, group, key = self._runs.get(params.get("run")), _text(params, "group"), _text(params, "key")
        self._record(run, "state", {"operation": "delete", "group": group, "key": key})
        return self._state.delete(group, key)

    def _state_get_group(self, params: JSONObject) -> FittedAnswer:
        run, group = self._runs.get(params.get("run")), _text(params, "group")
        self._record(run, "state", {"operation": "getGroup", "group": group})
        return FittedAnswer(partial(self._state.whole, group))

    def _state_page(self, params: JSONObject) -> FittedAnswer:
        run, group, query = self._runs.get(params.get("run")), _text(params, "group"), _page_query(params)
        if not _continues_whole(query):
            self._record(run, "state", {"operation": "getGroup", "group": group, **_shown_query(query)})
        return FittedAnswer(partial(self._state.page, group, query))

    def _state_clear(self, params: JSONObject) -> Awaitable[None]:
        run, group = self._runs.get(params.get("run")), _text(params, "group")
        self._record(run, "state", {"operation": "clear", "group": group})
        return then(self._state.clear(group), lambda _: None)

    def _streams_get(self, params: JSONObject) -> Awaitable[JSONObject | None]:
        run, stream, group, id_ = self._item(params)
        self._record(run, "stream", {"operation": "get", "stream": stream, "group": group, "id": id_})
        return self._streams.get(stream, group, id_)

    def _streams_set(self, params: JSONObject) -> Awaitable[JSONObject | None]:
        run, stream, group, id_ = self._item(params)
        data = params.get("data")
        self._record(run, "stream", {"operation": "set", "stream": stream, "group": group, "id": id_, "data": data})
        self._check_item(stream, id_, data)
        return self._streams.set(stream, group, id_, data)

    def _streams_delete(self, params: JSONObject) -> Awaitable[JSONObject | None]:
        run, stream, group, id_ = self._item(params)
        self._record(run, "stream", {"operation": "delete", "stream": stream, "group": group, "id": id_})
        return self._streams.delete(stream, group, id_)

    def _streams_get_group(self, params: JSONObject) -> FittedAnswer:
        run = self._runs.get(params.get("run"))
        stream, group = _text(params, "stream"), _text(params, "group")
        self._record(run, "stream", {"operation": "getGroup", "stream": stream, "group": group})
        return FittedAnswer(partial(self._streams.whole, stream, group))

    def _streams_page(self, params: JSONObject) -> FittedAnswer:
        run = self._runs.get(params.get("run"))
        stream, group, query = _text(params, "stream"), _text(params, "group"), _page_query(params)
        if not _continues_whole(query):
            recorded: JSONObject = {"operation": "getGroup", "stream": stream, "group": group}
            self._record(run, "stream", {**recorded, **_shown_query(query)})
        return FittedAnswer(partial(self._streams.page, stream, group, query))

    def _streams_send(self, params: JSONObject) -> None:
        run = self._runs.get(params.get("run"))
        stream, group, event = _text(params, "stream"), _text(params, "group"), params.get("event")
        id_ = None if params.get("id") is None else _text(params, "id")
        if not isinstance(event, dict):
            raise InvalidParams(f"streams.{stream}.send(channel, event): event must be an object with a `type`.")
        self._record(run, "stream", {"operation": "send", "stream": stream, "group": group, "id": id_, "event": event})
        self._streams.send(stream, group, id_, event)

    async def _response_start(self, params: JSONObject) -> None:
        run = self._runs.get(params.get("run"))
        status, answer = params.get("status"), _answer_of(run)
        try:
            run.begin_stream()
        except Overloaded as error:
            run.refused = error
            raise
        await answer.start(status, params.get("headers"))
        self._record(run, "response", {"operation": "start", "status": status})

    async def _response_write(self, params: JSONObject) -> None:
        # No operation of the trace: there may be thousands of chunks. The result of the run counts them.
        await _answer_of(self._runs.get(params.get("run"))).write(params.get("data"))

    def _log(self, params: JSONObject) -> None:
        level = params.get("level")
        fields, time_ms = params.get("fields"), params.get("time_ms")
        self._lines.keep(
            level if isinstance(level, str) and level in _LEVELS else "info",
            str(params.get("message", "")),
            fields if isinstance(fields, dict) else None,
            self._runs.find(params.get("run")),
            str(params.get("source", "logger")),
            round(time_ms) if isinstance(time_ms, (int, float)) and 0 <= time_ms < _TIME_MS_MAX else None,
        )

    def _warn(self, run: OpenRun, message: str, fields: JSONObject) -> None:
        self._lines.keep("error", message, fields, run, "host")

    def _span(self, params: JSONObject) -> None:
        run = self._runs.find(params.get("run"))
        if run is not None:
            kept = {key: value for key, value in params.items() if key not in ("run", "type")}
            self._record(run, "http", kept)

    def _item(self, params: JSONObject) -> tuple[OpenRun, str, str, str]:
        run = self._runs.get(params.get("run"))
        return run, _text(params, "stream"), _text(params, "group"), _text(params, "id")

    def _check_item(self, stream: str, id_: str, data: JSONValue) -> None:
        """No data writes nothing, so there is nothing to check; events that are sent are no items."""
        validator = self._item_validator(stream)
        if validator is None or data is None or not (issues := validator.issues(data)):
            return
        if isinstance(data, dict):
            # What a handler got from `get` and writes back carries the members that the host has added, and what it
            # writes gets its id from the host: clients see both.
            plain = {key: value for key, value in data.items() if key not in ("id", "_createdAt", "__motia")}
            readings = (validator.issues(plain), validator.issues({**plain, "id": id_}))
            issues = min(readings, key=len)
            if not issues:
                return
        raise item_broken(stream, issues)

    def _record(self, run: OpenRun, type_: str, data: JSONObject) -> None:
        self._recorder.operation(run.run_id, run.attempt, run.share, type_, data)


def _answer_of(run: OpenRun) -> AnswerStream:
    if run.answer is None:
        raise InvalidParams(f"{run.step.name} is no HTTP step: nobody waits for a response.")
    return run.answer


def _text(params: JSONObject, name: str) -> str:
    value = params.get(name)
    if isinstance(value, str):
        return value
    # Ids from databases are often numbers; JavaScript would turn them into text without a word, 7.0 into "7".
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise InvalidParams(f"`{name}` must be a text; it is {value!r}.")


def _page_query(params: JSONObject) -> PageQuery:
    cursor, limit, only = params.get("cursor"), params.get("limit"), params.get("only")
    if isinstance(limit, float) and limit.is_integer():
        limit = int(limit)
    if cursor is not None and not isinstance(cursor, str):
        raise InvalidParams(f"`cursor` must be the `cursor` of the page before; it is {cursor!r}.")
    if limit is not None and (type(limit) is not int or limit < 1):
        raise InvalidParams(f"`limit` must be an integer from 1 up; it is {limit!r}.")
    match only:
        case None | "values" | "keys":
            return PageQuery(cursor, limit, only)
    raise InvalidParams(f'`only` must be "values" or "keys"; it is {only!r}.')


def _continues_whole(query: PageQuery) -> bool:
    """Report whether a bridge reads a whole group: user code made one call, which was recorded with the first page."""
    return query.only == "values" and query.cursor is not None


def _shown_query(query: PageQuery) -> JSONObject:
    """Show in a trace which part of a group was read."""
    given: JSONObject = {"cursor": query.cursor, "limit": query.limit}
    shown: JSONObject = {name: value for name, value in given.items() if value is not None}
    return {**shown, "keysOnly": True} if query.only == "keys" else shown


def _contained(notification: Callable[[JSONObject], None]) -> Callable[[JSONObject], None]:
    """Whatever a notification holds, it must not end the channel that it came through."""

    def take(params: JSONObject) -> None:
        try:
            notification(params)
        except Exception:  # noqa: BLE001 - nobody waits for an answer, and the runs beside it are not to blame
            _log.exception("A runner's notification could not be taken")

    return take
