"""Notifications of runners (PS-8): log lines and spans of handlers, output of processes, blocked event loops."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

from polystep.contracts.limits import TRACE_MODEL_CALL_BYTES_MAX, TRACE_VALUE_BYTES_MAX
from polystep.contracts.values import JSONObject
from polystep.execution.attempts import OpenAttempts, OpenCall
from polystep.execution.log_lines import LogLines
from polystep.execution.model_calls import model_call
from polystep.runners import Blocked, Failures
from polystep.trace import TraceRecorder

_LEVELS: Final = ("debug", "info", "warn", "error")
_TIME_MS_MAX: Final = 2**43
"""Unix time in the year 2248; what is beyond is no time, and no terminal can show it."""
_TYPE_CHARS_MAX: Final = 64
"""Of the type of a span, which the protocol leaves open."""
_TEXT_CHARS_MAX: Final = 2048
"""Of the name and the address of a call that is under way."""
CALLS_OPEN_MAX: Final = 100
"""Calls of one attempt that are shown while they are under way; the others are seen at their ends."""
_OTHERS_SHOWN_MAX: Final = 3
"""Steps that are named when the one that blocks is unknown."""

_log = logging.getLogger("polystep.calls")


class Notifications:
    """Table of the notifications from runner to host."""

    def __init__(self, attempts: OpenAttempts, lines: LogLines, recorder: TraceRecorder, failures: Failures) -> None:
        """`failures` finds the location of the code that blocks a runner."""
        self._attempts = attempts
        self._lines = lines
        self._recorder = recorder
        self._failures = failures

    @property
    def methods(self) -> Mapping[str, Callable[[JSONObject], None]]:
        """Methods, by the name of their notification."""
        return {"log": _contained(self._log), "span": _contained(self._span), "span.open": _contained(self._span_open)}

    def output(self, runner: str, stream: str, line: str) -> None:
        """Log a line that a runner's process wrote by itself, from whatever attempt or thread."""
        if line.strip():
            self._lines.keep("warn" if stream == "stderr" else "info", line, None, None, f"{runner} {stream}")

    def blocked(self, report: Blocked) -> None:
        """Warn of a handler that keeps its runner from everything else: in the terminal, and in its trace."""
        who = report.step or " or ".join(report.others[:_OTHERS_SHOWN_MAX]) or "Something"
        behind = f"{report.waiting} run{' waits' if report.waiting == 1 else 's wait'} behind it"
        message = (
            f"{who} blocks the {report.runner} runner: it has not let anything else run for {report.for_s:.1f} s, and "
            f"{behind}. New runs go to another process. Await what takes long, or move it off the event loop."
        )
        fields = self._failures.of_stack(report.stack) if report.stack else None
        self._lines.keep("warn", message, fields, self._attempts.find(report.run), "host")

    def _log(self, params: JSONObject) -> None:
        level = params.get("level")
        fields, time_ms = params.get("fields"), params.get("time_ms")
        self._lines.keep(
            level if isinstance(level, str) and level in _LEVELS else "info",
            str(params.get("message", "")),
            fields if isinstance(fields, dict) else None,
            self._attempts.find(params.get("run")),
            str(params.get("source", "logger")),
            round(time_ms) if isinstance(time_ms, (int, float)) and 0 <= time_ms < _TIME_MS_MAX else None,
        )

    def _span(self, params: JSONObject) -> None:
        attempt = self._attempts.find(params.get("run"))
        if attempt is not None:
            kept = {key: value for key, value in params.items() if key not in ("run", "type", "exchange", "open")}
            if attempt.calls_open and isinstance(number := params.get("open"), int):
                attempt.calls_open.pop(number, None)
            if attempt.delivery is not None and attempt.delivery.resumes:
                # An attempt that was suspended has several legs: what two of them did happened twice.
                kept["leg"] = attempt.delivery.resumes
            bytes_max = TRACE_VALUE_BYTES_MAX
            if isinstance(exchange := params.get("exchange"), dict):
                kept, bytes_max = _with_model(kept, exchange), TRACE_MODEL_CALL_BYTES_MAX
            type_, began_ms, took_ms = params.get("type"), params.get("start_ms"), params.get("duration_ms")
            self._recorder.span(
                attempt,
                type_[:_TYPE_CHARS_MAX] if isinstance(type_, str) and type_ else "http",
                kept,
                began_ms if isinstance(began_ms, (int, float)) and 0 <= began_ms < _TIME_MS_MAX else None,
                took_ms if isinstance(took_ms, (int, float)) and 0 <= took_ms < _TIME_MS_MAX else 0.0,
                bytes_max,
            )

    def _span_open(self, params: JSONObject) -> None:
        """Take note of a call that lasts (PS-8.28); it is kept in memory only, until it or its attempt ends."""
        attempt, number = self._attempts.find(params.get("run")), params.get("open")
        name, began_ms, received = params.get("name"), params.get("start_ms"), params.get("received")
        if attempt is None or not isinstance(number, int) or not isinstance(name, str):
            return
        if not isinstance(began_ms, (int, float)) or not 0 <= began_ms < _TIME_MS_MAX:
            return
        calls = attempt.calls_open = attempt.calls_open or {}
        if number not in calls and len(calls) >= CALLS_OPEN_MAX:
            return
        given = params.get("attributes")
        attributes: JSONObject = {
            key: value[:_TEXT_CHARS_MAX]
            for key in ("method", "url")
            if isinstance(given, dict) and isinstance(value := given.get(key), str)
        }
        known = received if isinstance(received, int) and received >= 0 else None
        calls[number] = OpenCall(name[:_TEXT_CHARS_MAX], began_ms, attributes, known)
        self._attempts.on_call(attempt)


def _with_model(span: JSONObject, exchange: JSONObject) -> JSONObject:
    """Add what a call of a language model asked and was answered, instead of its texts."""
    attributes = span.get("attributes")
    given = attributes if isinstance(attributes, dict) else {}
    found = model_call(str(given.get("url", "")), exchange)
    if found is None:
        return span
    about, conversation = found
    return {**span, "attributes": {**given, **about}, **conversation}


def _contained(notification: Callable[[JSONObject], None]) -> Callable[[JSONObject], None]:
    """Wrap a notification so that nothing in it ends the channel that it came through."""

    def take(params: JSONObject) -> None:
        try:
            notification(params)
        except Exception:  # noqa: BLE001 - nobody waits for an answer, and the attempts beside it are not to blame
            _log.exception("A runner's notification could not be taken")

    return take
