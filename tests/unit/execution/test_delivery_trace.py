"""How the ends of deliveries become traces and lines in the terminal."""

from __future__ import annotations

from typing import Any, cast

import pytest

from polystep.contracts.errors import (
    Overloaded,
)
from polystep.contracts.events import UNKNOWN_STEP, NewDelivery, Outcome, ParkedEvent
from polystep.contracts.values import JSONObject
from polystep.wire import pack
from tests.unit.execution.parts import RUN, STEP, Parts, Pool, delivery
from tests.unit.execution.rooms import TRACE, Rooms


async def test_a_refused_event_is_a_failed_run_without_an_attempt(parts: Parts, rooms: Rooms) -> None:
    error: JSONObject = {"name": "contract_broken", "message": "data.n is required."}
    parts.trace.enqueued([NewDelivery("e", "event", "t", "E", pack({}), TRACE, RUN, None, refused=error)])
    await rooms.recorder.flush()
    trace = cast("Any", await rooms.traces.trace(TRACE))
    (run,) = trace["runs"]
    assert (trace["status"], run["status"], run["error"], run["attempts"]) == ("failed", "failed", error, [])


@pytest.mark.parametrize(
    ("outcome", "retry_in_ms", "buried", "run_status", "attempt_status", "lines"),
    [
        (Outcome("completed"), None, False, "completed", "completed", []),
        (Outcome("released"), 0, False, "waiting", "interrupted", []),
        (Outcome("suspect"), 0, False, "waiting", "interrupted", []),
        (
            Outcome("failed", error={"name": "E", "message": "m"}),
            1500,
            False,
            "waiting",
            "failed",
            ["✖ [ERROR] E: E: m", f"  │ Attempt 1; the next one starts in 1.5 s. Trace {TRACE}"],
        ),
        (
            Outcome("failed", error={"name": "E", "message": "m", "stack": "at x\nat y"}),
            None,
            True,
            "failed",
            "failed",
            [
                "✖ [ERROR] E: E: m",
                "  │ at x",
                "  │ at y",
                f"  │ It is in the dead letters now and can be replayed. Trace {TRACE}",
            ],
        ),
    ],
)
async def test_a_settled_attempt_is_traced_and_its_failure_shown(
    parts: Parts,
    rooms: Rooms,
    outcome: Outcome,
    retry_in_ms: int | None,
    buried: bool,
    run_status: str,
    attempt_status: str,
    lines: list[str],
) -> None:
    new = NewDelivery("e", "event", "t", "E", pack({"n": 1}), TRACE, RUN, None)
    parts.trace.enqueued([new])
    await parts.deliveries.run_delivery(delivery(), STEP)
    retry_at_ms = None if retry_in_ms is None else rooms.clock.now_ms() + retry_in_ms
    parts.trace.settled(delivery(), outcome, retry_at_ms, buried)
    await rooms.recorder.flush()
    trace = cast("Any", await rooms.traces.trace(TRACE))
    (run,) = trace["runs"]
    (attempt,) = run["attempts"]
    assert (run["status"], attempt["status"], run["trigger"]) == (
        run_status,
        attempt_status,
        {"kind": "event", "topic": "t", "data": {"n": 1}},
    )
    assert rooms.lines() == lines


async def test_a_late_answer_that_was_refused_is_shown(parts: Parts, rooms: Rooms) -> None:
    parts.trace.superseded(delivery())
    assert rooms.lines() == ["⚠ [WARNING] E: an answer came after its lease had passed on; it was refused."]


async def test_a_parked_event_is_a_waiting_run_until_it_is_known_where_it_goes(parts: Parts, rooms: Rooms) -> None:
    parked = [
        NewDelivery("e", "event", topic, UNKNOWN_STEP, pack(1), TRACE, f"{number}" * 16, None)
        for number, topic in enumerate(("work", "lonely", "later"))
    ]
    parts.trace.enqueued(parked)
    for number, (new, steps) in enumerate(zip(parked, (["W"], []), strict=False)):
        parts.trace.unparked(
            ParkedEvent(number, new.event_id, new.topic, new.data, TRACE, new.run_id, None, None, ()), steps
        )
    await rooms.recorder.flush()
    trace = cast("Any", await rooms.traces.trace(TRACE))
    assert [(run["step"], run["status"]) for run in trace["runs"]] == [
        (UNKNOWN_STEP, "completed"),
        (UNKNOWN_STEP, "completed"),
        (UNKNOWN_STEP, "waiting"),
    ]
    assert sorted((line["runId"], line["level"], line["message"]) for line in await rooms.logs()) == [
        ("0" * 16, "info", "The event of work was delivered to W."),
        ("1" * 16, "warn", "No step subscribes to lonely: the event went nowhere."),
    ]


async def test_a_delivery_whose_emits_find_a_full_queue_is_postponed(parts: Parts, pool: Pool, rooms: Rooms) -> None:
    pool.error = Overloaded("The queue of B is full.")
    outcome = await parts.deliveries.run_delivery(delivery(), STEP)
    assert outcome.status == "postponed"
    assert outcome.error is not None
    assert outcome.error["message"] == "The queue of B is full."
    parts.trace.settled(delivery(), outcome, rooms.clock.now_ms() + 5000, False)
    assert rooms.lines() == []
