"""Calls of running handlers (PS-8): each method checks its attempt, records the operation, and asks a room."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeAlias

from polystep.contracts.errors import InvalidParams, Overloaded
from polystep.contracts.futures import then
from polystep.contracts.pages import PageQuery
from polystep.contracts.ports.http import ResponseStream
from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery import Loaded
from polystep.execution.attempts import OpenAttempt, OpenAttempts
from polystep.execution.emit import Emits
from polystep.execution.emit_options import OPTIONS, event_id
from polystep.execution.violations import item_broken
from polystep.state import State
from polystep.streams import Streams
from polystep.trace import TraceRecorder
from polystep.wire import FittedAnswer, WatchedAnswer

_Item: TypeAlias = "Awaitable[JSONObject | None]"
_Call = Callable[[OpenAttempt, JSONObject, JSONObject], object]
"""Function that carries out a call of an attempt with its params, and puts its trace into the second map.

A call that leaves the map empty is not recorded.
"""


class Calls:
    """Table of the calls from runner to host."""

    def __init__(
        self,
        attempts: OpenAttempts,
        emits: Emits,
        state: State,
        streams: Streams,
        recorder: TraceRecorder,
        loaded: Loaded,
    ) -> None:
        self._attempts = attempts
        self._emits = emits
        self._state = state
        self._streams = streams
        self._recorder = recorder
        self._loaded = loaded

    @property
    def methods(self) -> Mapping[str, Callable[[JSONObject], object]]:
        """Methods, by the name of their request."""
        return {
            "emit": partial(self._traced, "emit", self._emit),
            "emit.cancel": partial(self._traced, "emit", self._emit_cancel),
            "state.get": partial(self._traced, "state", self._state_get),
            "state.set": partial(self._traced, "state", self._state_set),
            "state.update": partial(self._traced, "state", self._state_update),
            "state.delete": partial(self._traced, "state", self._state_delete),
            "state.get_group": partial(self._traced, "state", self._state_get_group),
            "state.page": partial(self._traced, "state", self._state_page),
            "state.clear": partial(self._traced, "state", self._state_clear),
            "streams.get": partial(self._traced, "stream", self._streams_get),
            "streams.set": partial(self._traced, "stream", self._streams_set),
            "streams.delete": partial(self._traced, "stream", self._streams_delete),
            "streams.get_group": partial(self._traced, "stream", self._streams_get_group),
            "streams.page": partial(self._traced, "stream", self._streams_page),
            "streams.send": partial(self._traced, "stream", self._streams_send),
            "response.start": partial(self._traced, "response", self._response_start),
            "response.write": self._response_write,
        }

    def _traced(self, type_: str, carry_out: _Call, params: JSONObject) -> object:
        """Carry out a call, and record it with the time until its answer was sent."""
        began_s = self._recorder.now_s()
        attempt = self._attempts.get(params.get("run"))
        traced: JSONObject = {}
        sent = partial(self._recorder.context_call, attempt, type_, traced, began_s)
        try:
            answer = carry_out(attempt, params, traced)
        except Exception as error:
            if traced:
                sent(error)
            raise
        return WatchedAnswer(answer, sent) if traced else answer

    def _emit(self, attempt: OpenAttempt, params: JSONObject, traced: JSONObject) -> Awaitable[object] | None:
        topic, data, key = _text(params, "topic"), params.get("data"), params.get("message_group_id")
        group = None if key is None else str(key)
        if OPTIONS.isdisjoint(params):
            return self._emits.emit(attempt, topic, data, group, traced)
        try:
            options = self._emits.options(params)
        except InvalidParams:
            traced |= {"topic": topic, "data": data}
            raise
        return self._emits.emit(attempt, topic, data, group, traced, options)

    def _emit_cancel(self, attempt: OpenAttempt, params: JSONObject, traced: JSONObject) -> Awaitable[bool]:
        return self._emits.cancel(attempt, _text(params, "topic"), event_id(params.get("id")), traced)

    def _state_get(self, attempt: OpenAttempt, params: JSONObject, traced: JSONObject) -> Awaitable[JSONValue]:
        group, key = _text(params, "group"), _text(params, "key")
        traced |= {"operation": "get", "group": group, "key": key}
        return self._state.get(group, key)

    def _state_set(self, attempt: OpenAttempt, params: JSONObject, traced: JSONObject) -> Awaitable[None]:
        group, key = _text(params, "group"), _text(params, "key")
        value = params.get("value")
        traced |= {"operation": "set", "group": group, "key": key, "value": value}
        return self._state.set(group, key, value)

    def _state_update(self, attempt: OpenAttempt, params: JSONObject, traced: JSONObject) -> Awaitable[JSONValue]:
        group, key, ops = _text(params, "group"), _text(params, "key"), params.get("ops")
        traced |= {"operation": "update", "group": group, "key": key, "ops": ops}
        return self._state.update(group, key, ops)

    def _state_delete(self, attempt: OpenAttempt, params: JSONObject, traced: JSONObject) -> Awaitable[JSONValue]:
        group, key = _text(params, "group"), _text(params, "key")
        traced |= {"operation": "delete", "group": group, "key": key}
        return self._state.delete(group, key)

    def _state_get_group(self, attempt: OpenAttempt, params: JSONObject, traced: JSONObject) -> FittedAnswer:
        group = _text(params, "group")
        traced |= {"operation": "getGroup", "group": group}
        return FittedAnswer(partial(self._state.whole, group))

    def _state_page(self, attempt: OpenAttempt, params: JSONObject, traced: JSONObject) -> FittedAnswer:
        group, query = _text(params, "group"), _page_query(params)
        if not _continues_whole(query):
            traced |= {"operation": "getGroup", "group": group, **_shown_query(query)}
        return FittedAnswer(partial(self._state.page, group, query))

    def _state_clear(self, attempt: OpenAttempt, params: JSONObject, traced: JSONObject) -> Awaitable[None]:
        group = _text(params, "group")
        traced |= {"operation": "clear", "group": group}
        return then(self._state.clear(group), lambda _: None)

    def _streams_get(self, attempt: OpenAttempt, params: JSONObject, traced: JSONObject) -> _Item:
        stream, group, id_ = _item(params)
        traced |= {"operation": "get", "stream": stream, "group": group, "id": id_}
        return self._streams.get(stream, group, id_)

    def _streams_set(self, attempt: OpenAttempt, params: JSONObject, traced: JSONObject) -> _Item:
        stream, group, id_ = _item(params)
        data = params.get("data")
        traced |= {"operation": "set", "stream": stream, "group": group, "id": id_, "data": data}
        self._check_item(stream, id_, data)
        return self._streams.set(stream, group, id_, data)

    def _streams_delete(self, attempt: OpenAttempt, params: JSONObject, traced: JSONObject) -> _Item:
        stream, group, id_ = _item(params)
        traced |= {"operation": "delete", "stream": stream, "group": group, "id": id_}
        return self._streams.delete(stream, group, id_)

    def _streams_get_group(self, attempt: OpenAttempt, params: JSONObject, traced: JSONObject) -> FittedAnswer:
        stream, group = _text(params, "stream"), _text(params, "group")
        traced |= {"operation": "getGroup", "stream": stream, "group": group}
        return FittedAnswer(partial(self._streams.whole, stream, group))

    def _streams_page(self, attempt: OpenAttempt, params: JSONObject, traced: JSONObject) -> FittedAnswer:
        stream, group, query = _text(params, "stream"), _text(params, "group"), _page_query(params)
        if not _continues_whole(query):
            traced |= {"operation": "getGroup", "stream": stream, "group": group, **_shown_query(query)}
        return FittedAnswer(partial(self._streams.page, stream, group, query))

    def _streams_send(self, attempt: OpenAttempt, params: JSONObject, traced: JSONObject) -> None:
        stream, group, event = _text(params, "stream"), _text(params, "group"), params.get("event")
        id_ = None if params.get("id") is None else _text(params, "id")
        if not isinstance(event, dict):
            raise InvalidParams(f"streams.{stream}.send(channel, event): event must be an object with a `type`.")
        traced |= {"operation": "send", "stream": stream, "group": group, "id": id_, "event": event}
        self._streams.send(stream, group, id_, event)

    def _response_start(self, attempt: OpenAttempt, params: JSONObject, traced: JSONObject) -> Awaitable[None]:
        status, response = params.get("status"), _response_of(attempt)
        traced |= {"operation": "start", "status": status}
        try:
            attempt.begin_stream()
        except Overloaded as error:
            attempt.refused = error
            raise
        return response.start(status, params.get("headers"))

    async def _response_write(self, params: JSONObject) -> None:
        # No operation of the trace: there may be thousands of chunks. The result of the attempt counts them.
        await _response_of(self._attempts.get(params.get("run"))).write(params.get("data"))

    def _check_item(self, stream: str, id_: str, data: JSONValue) -> None:
        """Check the data of an item; no data writes nothing, and events that are sent are no items."""
        validator = self._loaded.validators.item(stream)
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


def _response_of(attempt: OpenAttempt) -> ResponseStream:
    if attempt.response is None:
        raise InvalidParams(f"{attempt.step.name} is no HTTP step: nobody waits for a response.")
    return attempt.response


def _item(params: JSONObject) -> tuple[str, str, str]:
    return _text(params, "stream"), _text(params, "group"), _text(params, "id")


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
    """Describe for a trace the part of a group that was read."""
    given: JSONObject = {"cursor": query.cursor, "limit": query.limit}
    shown: JSONObject = {name: value for name, value in given.items() if value is not None}
    return {**shown, "keysOnly": True} if query.only == "keys" else shown
