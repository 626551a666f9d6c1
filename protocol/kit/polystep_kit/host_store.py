"""State and stream items in memory, with which the scripted host answers the calls of runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from polystep_kit.changes import Unfit, changed
from polystep_kit.codec import pack
from polystep_kit.host_case import RUNNER_FRAME_BYTES_MAX

TOPIC: Final = "kit.event"
STREAM: Final = "live"
ERRORS: Final = {
    "internal": 1, "method_not_found": 2, "invalid_params": 3, "invalid_value": 4, "frame_too_large": 5,
    "run_ended": 13, "topic_not_declared": 23, "stream_not_found": 24, "key_reused": 27, "conflict": 29,
    "ask_not_found": 30, "ask_answered": 31,
}  # fmt: skip


class Refused(Exception):
    """A call is answered with an error."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name

    def to_wire(self) -> dict[str, Any]:
        """Shape: PS-9.1."""
        retryable = self.name in ("internal", "conflict")
        return {"code": ERRORS[self.name], "name": self.name, "message": str(self), "retryable": retryable, "data": {}}


class HostStore:
    """The calls of PS-8 by name."""

    def __init__(self, emitted: Callable[[str, Any], None]) -> None:
        self._emitted = emitted
        self._state: dict[str, dict[str, Any]] = {}
        self._items: dict[str, dict[str, dict[str, Any]]] = {}

    def call(self, method: str, params: dict[str, Any]) -> Any:
        """The result of a call.

        Raises:
            Refused: It has none.
        """
        kind, _, verb = method.partition(".")
        if method == "emit":
            return self._emit(params)
        if kind == "state" and verb in ("get", "set", "update", "delete", "get_group", "page", "clear"):
            return self._of_state(verb, params)
        if kind == "streams" and verb in ("get", "set", "delete", "get_group", "page", "send"):
            return self._of_streams(verb, params)
        raise Refused("method_not_found", f"There is no method {method}.")

    def _emit(self, params: dict[str, Any]) -> None:
        if params["topic"] != TOPIC:
            raise Refused("topic_not_declared", f"{params['topic']} is not declared.")
        self._emitted(params["run"], params["data"])

    def _of_state(self, verb: str, params: dict[str, Any]) -> Any:
        group = self._state.setdefault(_text(params, "group"), {})
        if verb == "get_group":
            return list(group.values())
        if verb == "page":
            return _page(params, {key: {"key": key, "value": group[key]} for key in sorted(group)})
        if verb == "clear":
            return group.clear()
        key = _text(params, "key")
        if verb == "set":
            group[key] = params["value"]
            return None
        if verb == "update":
            return _update(group, key, params.get("ops"))
        return group.get(key) if verb == "get" else group.pop(key, None)

    def _of_streams(self, verb: str, params: dict[str, Any]) -> Any:
        if _text(params, "stream") != STREAM:
            raise Refused("stream_not_found", f"There is no stream {params['stream']}.")
        group = self._items.setdefault(_text(params, "group"), {})
        if verb == "get_group":
            return list(group.values())
        if verb == "page":
            return _page(params, group)
        if verb == "send":
            return None
        id = _text(params, "id")
        if verb == "set" and params["data"] is not None:
            group[id] = {**params["data"], "id": id, "_createdAt": 0, "__motia": {"stream": STREAM}}
            return group[id]
        return None if verb == "set" else group.get(id) if verb == "get" else group.pop(id, None)


def _update(group: dict[str, Any], key: str, ops: Any) -> Any:
    try:
        made = changed(group.get(key), ops)
    except Unfit as error:
        raise Refused(*error.args) from error
    group[key] = made
    if made is None:
        del group[key]
    return made


def _page(params: dict[str, Any], entries: dict[str, Any]) -> dict[str, Any]:
    """Part of a group (PS-8.12): its cursor is the last key behind a mark."""
    cursor, limit, only = params.get("cursor", "after:"), params.get("limit", len(entries) or 1), params.get("only")
    if not isinstance(cursor, str) or not cursor.startswith("after:") or type(limit) is not int or limit < 1:
        raise Refused("invalid_params", "cursor and limit are those of a page")
    keys = list(entries)
    after = cursor.removeprefix("after:")
    start = keys.index(after) + 1 if after in entries else 0
    chosen: list[str] = []
    for key in keys[start : start + limit]:
        if chosen and len(pack([entries[each] for each in [*chosen, key]])) > RUNNER_FRAME_BYTES_MAX // 2:
            break
        chosen.append(key)
    more = {"cursor": f"after:{chosen[-1]}"} if start + len(chosen) < len(keys) else {}
    if only == "keys":
        return {"items": chosen, **more}
    items = [entries[key] for key in chosen]
    return {"items": [each["value"] for each in items] if only == "values" and "value" in items[0] else items, **more}


def _text(params: dict[str, Any], name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str):
        raise Refused("invalid_params", f"{name} must be a text.")
    return value
