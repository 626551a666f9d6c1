"""Signals: events that are kept for runs which wait for them, or will."""

from __future__ import annotations

from typing import Final, NamedTuple

from polystep.contracts.values import JSONValue

KEPT_MS: Final = 7 * 86_400_000
"""A signal is kept for so long, or for the longest wait for its topic that was seen, if that is more."""


class Wanted(NamedTuple):
    """Events that a wait takes: those of a topic that have a value at a path of their data."""

    topic: str
    path: str
    """Names with dots between them; empty where every event of the topic is taken."""
    value: str
    """The value as text; empty where every event is taken."""


class SignalWait(NamedTuple):
    """New wait for the first of some events."""

    wanted: tuple[Wanted, ...]
    for_ms: int


class ChildCall(NamedTuple):
    """New wait for the result of another step, whose delivery leaves with it."""

    run_id: str
    """Run of the step that is called."""


def wanted_of_call(run_id: str) -> Wanted:
    """Return what a call of a run waits for."""
    return Wanted("", "call", run_id)


def value_at(data: JSONValue, path: str) -> str | None:
    """Return the value at a path of an event's data, as text; `None` when there is none that can be compared."""
    if not path:
        return ""
    for name in path.split("."):
        if not isinstance(data, dict) or name not in data:
            return None
        data = data[name]
    return as_text(data)


def as_text(value: JSONValue) -> str | None:
    """Return the text by which a value is compared: 7, 7.0 and "7" are alike. `None` of maps, lists and nil."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int | float):
        return repr(value)
    return value if isinstance(value, str) else None
