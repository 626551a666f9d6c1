"""Log lines of steps and of the host: stored, and shown in the terminal with the errors among their fields below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import orjson

from polystep.contracts.locations import location_from
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.reporter import Reporter
from polystep.contracts.values import JSONObject, JSONValue
from polystep.execution.attempts import OpenAttempt
from polystep.runners import adds_nothing
from polystep.trace import TraceRecorder

_OF_A_LOCATION: Final = ("place", "frame", "stack")
"""Fields of the host's own lines that lead to a location in a step."""
_OF_AN_ERROR: Final = ("name", "message", "stack")
"""As the bridges describe an error among the fields of a line (PS-9.4)."""


class LogLines:
    """Log that stores and shows one line after the other."""

    def __init__(
        self, recorder: TraceRecorder, reporter: Reporter, clock: Clock, readable: Callable[[JSONObject], JSONObject]
    ) -> None:
        """`readable` is given `{name, message, stack}` of an error that a step logs."""
        self._recorder = recorder
        self._reporter = reporter
        self._clock = clock
        self._readable = readable

    def keep(
        self,
        level: str,
        message: str,
        fields: JSONObject | None,
        attempt: OpenAttempt | None,
        source: str,
        time_ms: int | None = None,
    ) -> None:
        """Store a line and show it; a line of no attempt is shown with its `source`."""
        at_ms = self._clock.now_ms() if time_ms is None else time_ms
        below = _shown_below(fields, source) if fields else ()
        if fields and below:
            fields = {name: self._made_readable(value) for name, value in fields.items()}
        step, trace_id, run_id = (
            (None, None, None) if attempt is None else (attempt.step.name, attempt.trace_id, attempt.run_id)
        )
        share = None if attempt is None else attempt.share
        kept = self._recorder.log(
            level, message, fields=fields, step=step, trace_id=trace_id, run_id=run_id, source=source, time_ms=at_ms,
            share=share,
        )  # fmt: skip
        shown, details = _apart(kept.fields, below) if below and kept.fields else (kept.fields, "")
        who = step if step is not None else source
        self._reporter.log(
            level, kept.message, time_ms=at_ms, step=who, trace_id=trace_id, fields=shown, details=details
        )

    def _made_readable(self, value: JSONValue) -> JSONValue:
        return self._readable(value) if isinstance(value, dict) and _is_error(value) else value


def _shown_below(fields: JSONObject, source: str) -> Sequence[str]:
    """List the fields that JSON on one line would make unreadable."""
    if source == "host" and "stack" in fields:
        return [name for name in _OF_A_LOCATION if name in fields]
    return [name for name, value in fields.items() if isinstance(value, dict) and _is_error(value)]


def _is_error(value: JSONObject) -> bool:
    return all(isinstance(value.get(name), str) for name in _OF_AN_ERROR)


def _apart(kept: str, below: Sequence[str]) -> tuple[str | None, str]:
    """Split the fields that are shown below from the others; fields too large for the trace stay as they are."""
    fields: JSONObject = orjson.loads(kept)
    if not all(name in fields for name in below):
        return kept, ""
    taken = {name: fields.pop(name) for name in below}
    lines = location_lines(taken) if "stack" in taken else [_text(name, value) for name, value in taken.items()]
    return orjson.dumps(fields).decode() if fields else None, "\n".join(lines)


def location_lines(error: JSONObject) -> list[str]:
    """List the location of an error, the source around it, and its stack if that says more."""
    location, stack = location_from(error.get("place")), error.get("stack")
    if location is not None and error.get("frame") and isinstance(stack, str) and adds_nothing(stack, location):
        stack = None
    return [str(each) for each in (location, error.get("frame"), stack) if each]


def _text(name: str, value: JSONValue) -> str:
    error = value if isinstance(value, dict) else {}
    head = ": ".join(str(error[part]) for part in ("name", "message") if error.get(part))
    return "\n".join(str(part) for part in (f"{name}: {head}", error.get("stack")) if part)
