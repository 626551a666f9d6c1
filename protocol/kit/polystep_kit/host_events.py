"""The checks of a host, continued: events with ids and times (PS-8.25)."""

from __future__ import annotations

from typing import Any, Final

from polystep_kit.host_case import REFUSES_AS, HostCase, Op, lives, result_schema


def _emit(name: str, **more: Any) -> Op:
    data = {"tell": f"nobody of {name}", "plays": [[]]}
    return {"call": "emit", "with": {"topic": "kit.event", "data": data, **more}}


def _cancel(id: str) -> Op:
    return {"call": "emit.cancel", "with": {"topic": "kit.event", "id": id}}


def _plays(name: str) -> tuple[Op, ...]:
    """An event with the id `name`, which has started."""
    told = {"tell": name, "plays": [[]]}
    return (
        {"call": "emit", "with": {"topic": "kit.event", "data": told, "id": name}, "is": None},
        {"played": name, "times": 1},
    )


EVENTS: Final = (
    HostCase(
        "event_cancelled",
        "PS-8.25",
        "emit.cancel tells whether it has removed an event that had not started",
        (
            {**_emit("cancelled", id="cancelled", delay="1h"), "is": None},
            {**_cancel("cancelled"), "is": True},
            {**_cancel("cancelled"), "is": False},
        ),
        {"flag": "cancels_no_event"},
    ),
    HostCase(
        "event_once",
        "PS-8.25",
        "an event whose id an earlier one has is not stored",
        (
            *_plays("event_once"),
            {**_emit("once", id="event_once", delay="1h"), "is": None},
            {**_cancel("event_once"), "is": False},
        ),
        {"flag": "forgets_ids"},
    ),
    HostCase(
        "event_replaced",
        "PS-8.25",
        "an event that replaces one which has not started is the only one with its id",
        (
            {**_emit("replaced", id="replaced", delay="1h"), "is": None},
            {**_emit("replaced", id="replaced", at="2100-01-01T00:00:00Z", replace=True), "error": "invalid_params"},
            {**_emit("replaced", id="replaced", delay="2h", replace=True), "is": None},
            {**_cancel("replaced"), "is": True},
            {**_cancel("replaced"), "is": False},
        ),
        REFUSES_AS,
    ),
    HostCase(
        "event_delay",
        "PS-8.25",
        "a delay that is no duration is answered invalid_params",
        ({**_emit("delay", delay="soon"), "error": "invalid_params"}, lives()),
        REFUSES_AS,
    ),
    HostCase(
        "event_at",
        "PS-8.25",
        "a time that is none is answered invalid_params",
        ({**_emit("at", at="tomorrow"), "error": "invalid_params"}, lives()),
        REFUSES_AS,
    ),
    HostCase(
        "event_replaces_nothing",
        "PS-8.25",
        "replace without an id is answered invalid_params",
        ({**_emit("nothing", replace=True), "error": "invalid_params"}, lives()),
        REFUSES_AS,
    ),
    result_schema("emit.cancel", "PS-8.25", _cancel("schema"), 1),
)
