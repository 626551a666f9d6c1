"""Faults of deliberately broken runners: each check has one fault, which must fail that check and no other.

A fault is data beside its check (`fault` in scenarios and vectors), or what `fault_of` makes of the case. It acts
only while that check is played, which every request names in its member `kit`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final

from polystep_kit.cases import Case, all_cases
from polystep_kit.codec import pack

_SCHEMA_FAULTS: Final[dict[str, dict[str, Any]]] = {
    "schema.envelope": {"everywhere": True, "of": "kit.ping", "extra": [2, "log"]},
    "schema.error": {"everywhere": True, "of": "kit.ping", "error": {"retryable": "no"}},
    "schema.result.hello": {"everywhere": True, "of": "hello", "merge": {"frame_bytes_max": 5}},
    "schema.result.step.load": {"everywhere": True, "of": "step.load", "merge": {"warnings": "none"}},
    "schema.params.emit": {"in": "calls.caught", "of": "emit", "params": {"message_group_id": 7}},
    "schema.params.emit.cancel": {"in": "emits.caught", "of": "emit.cancel", "params": {"id": 7}},
    "schema.params.state": {"in": "calls.caught_state", "of": "state.get", "params": {"group": 7}},
    "schema.params.response": {"in": "response.empty", "of": "response.start", "params": {"run": ""}},
    "schema.params.once": {"in": "durable.kept", "of": "once.begin", "params": {"shared": 7}},
    "schema.params.wait": {"in": "durable.sleep", "of": "wait", "params": {"site": 7}},
    "schema.params.ask.answer": {"in": "durable.answer_refused", "of": "ask.answer", "params": {"id": ""}},
    "schema.params.streams": {"in": "calls.caught_stream", "of": "streams.get", "params": {"group": 7}},
    "schema.notification.log": {"everywhere": True, "of": "kit.ping", "extra": [2, "log", {"level": "loud"}]},
    "schema.notification.span": {"everywhere": True, "of": "kit.ping", "extra": [2, "span", {}]},
    "schema.notification.span.open": {"everywhere": True, "of": "kit.ping", "extra": [2, "span.open", {}]},
}


def fault_of(case: Case) -> dict[str, Any]:
    """The fault of a check: its own, or one that answers wrongly.

    Shape: `of` is a method, or `*`; what is done to its answer: `answer` (another result), `error` (members of the
    error), `merge` (members of the result), `drop`, `twice`, `bytes` (before it), `extra` (a message after it);
    to calls and notifications: `params`, `drop`. `exit`: end with this status when the case's first message arrives.
    `flag`: a name that the reference runner knows. `in`: the case in which it acts; `everywhere`: in all.
    """
    if case.schema:
        return _SCHEMA_FAULTS[case.id]
    if case.fault:
        return case.fault
    verbs = {"run": "step.run", "load": "step.load", "hello": "hello", "request": "", "chunks": "*"}
    for step in case.steps:
        verb = next(iter(step))
        if verb in verbs:
            return {"of": step["request"] if verb == "request" else verbs[verb], "answer": "broken"}
    return {}


class Faults:
    """The one fault of a broken runner; none when the name is empty."""

    def __init__(self, check: str) -> None:
        self._fault: dict[str, Any] = {}
        self._case = ""
        self._everywhere = False
        self._where = check
        if check:
            case = next((each for each in all_cases() if each.id == check), None)
            if case is None:
                raise SystemExit(f"POLYSTEP_KIT_FAULT names {check}, which is no check.")
            self._fault = fault_of(case)
            self._where = self._fault.get("in", check)
            self._everywhere = bool(self._fault.get("everywhere"))

    @property
    def _acts(self) -> bool:
        return bool(self._fault) and (self._everywhere or self._case == self._where)

    @property
    def flag(self) -> str:
        """Return the current fault of the runner itself."""
        return str(self._fault.get("flag", "")) if self._acts else ""

    def enter(self, params: dict[str, Any], method: str) -> None:
        """Note which case a request belongs to."""
        told = params.get("kit")
        if isinstance(told, dict):
            self._case = str(told.get("case"))
        if method not in ("hello", "step.load") or self._fault.get("of") == method:
            self._exit()

    def enter_unread(self, body: bytes) -> None:
        """Note the case of a message that cannot be decoded: it is in there all the same."""
        if self._where and pack("case") + pack(self._where) in body:
            self._case = self._where
            self._exit()

    def arrived(self) -> None:
        """A frame came, of whatever kind."""
        if self._fault.get("at") == "frame":
            self._exit()

    def _exit(self) -> None:
        if self._acts and "exit" in self._fault:
            os._exit(self._fault["exit"])

    def status_at_end(self) -> int:
        """The exit status when the input ends."""
        return 9 if self.flag == "exits_badly" else 0

    def drops(self, method: str) -> bool:
        """Report whether a notification is dropped."""
        return self._acts and self._fault.get("of") == method and "drop" in self._fault

    def params(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return the params of a call or notification as they are sent."""
        if self._acts and self._fault.get("of") in (method, "*") and "params" in self._fault:
            return {**params, **self._fault["params"]}
        return params

    def answers(self, method: str, message: list[Any]) -> Iterator[list[Any]]:
        """Return the messages that are sent for an answer."""
        if not self._acts or not self._concerns(method):
            yield message
            return
        _, id, error, result = message
        if "drop" in self._fault:
            return
        if "answer" in self._fault:
            error, result = None, self._fault["answer"]
        if "error" in self._fault and error is not None:
            error = {**error, **self._fault["error"]}
        if "merge" in self._fault and isinstance(result, dict):
            result = {**result, **self._fault["merge"]}
        yield [1, id, error, result]
        if "twice" in self._fault:
            yield [1, id, error, result]

    def before_answer(self) -> bytes:
        """Bytes that do not belong on the channel."""
        return bytes.fromhex(self._fault["bytes"]) if self._acts and "bytes" in self._fault else b""

    def extras(self, method: str) -> Iterator[list[Any]]:
        """Messages that do not belong there, after an answer."""
        if self._acts and self._concerns(method) and "extra" in self._fault:
            yield self._fault["extra"]

    def _concerns(self, method: str) -> bool:
        of = self._fault.get("of")
        return of == method or (of == "*" and method not in ("hello", "step.load", "kit.ping"))
