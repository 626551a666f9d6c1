"""How the end of a handler becomes the outcome of a delivery."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from polystep.contracts.errors import (
    ContractBroken,
    HostStopping,
    LoadFailed,
    PolystepError,
    RunCancelled,
    RunnerGone,
    RunTimedOut,
    StepFailed,
)
from polystep.contracts.events import NewDelivery, Outcome
from polystep.contracts.values import JSONObject, JSONValue
from tests.unit.execution.parts import RUN, STEP, Parts, Pool, delivery
from tests.unit.execution.rooms import TRACE, Rooms


def described(error: PolystepError, **more: Any) -> JSONObject:
    return {"name": error.name, "message": error.message, "code": error.name, **more}


FAILED = StepFailed("no", {"name": "ValueError", "message": "bad value", "stack": "at x"})


OWN, NEIGHBOUR, UNKNOWN, UNSAID = (
    RunnerGone("gone", {"fault": fault} if fault else None) for fault in ("own", "neighbour", "unknown", None)
)


async def test_a_handler_is_called_with_everything_that_its_run_needs(parts: Parts, pool: Pool) -> None:
    await parts.deliveries.run_delivery(delivery(attempt=2, crashes=1), STEP)
    assert pool.asked == [
        (
            {
                "run": f"{RUN}.9",
                "file": "steps/E.script",
                "step": "E",
                "type": "event",
                "input": {"n": 1},
                "trace_id": TRACE,
                "traceparent": f"00-{TRACE}-{RUN}-01",
                "attempt": 2,
                "flows": ["f"],
            },
            7.0,
            True,
        )
    ]


async def test_a_completed_run_gives_its_emits_and_is_closed(parts: Parts, pool: Pool, rooms: Rooms) -> None:
    pool.emits = [NewDelivery("e2", "event", "x", "X", b"", TRACE, "1" * 16, RUN)]
    assert await parts.deliveries.run_delivery(delivery(), STEP) == Outcome("completed", emits=tuple(pool.emits))
    assert (pool.open_runs, len(rooms.runs)) == (1, 0)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (
            FAILED,
            Outcome(
                "failed",
                error={"name": "ValueError", "message": "bad value", "stack": "at x", "code": "step_failed"},
                retryable=True,
            ),
        ),
        (
            StepFailed("said"),
            Outcome("failed", error={"name": "Error", "message": "said", "stack": None, "code": "step_failed"}),
        ),
        (RunTimedOut("late"), Outcome("failed", error=described(RunTimedOut("late")))),
        (RunCancelled("end"), Outcome("failed", error=described(RunCancelled("end")))),
        (LoadFailed("bad"), Outcome("failed", error=described(LoadFailed("bad")), retryable=False)),
        (OWN, Outcome("failed", error=described(OWN, data={"fault": "own"}))),
        (UNSAID, Outcome("failed", error=described(UNSAID))),
        (NEIGHBOUR, Outcome("released", error=described(NEIGHBOUR, data={"fault": "neighbour"}))),
        (UNKNOWN, Outcome("suspect", error=described(UNKNOWN, data={"fault": "unknown"}))),
        (HostStopping("stop"), Outcome("released", error=described(HostStopping("stop")))),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_every_end_has_its_outcome_and_a_failed_attempt_emits_nothing(
    parts: Parts, pool: Pool, rooms: Rooms, error: PolystepError, outcome: Outcome
) -> None:
    pool.error = error
    pool.emits = [NewDelivery("e2", "event", "x", "X", b"", TRACE, "1" * 16, RUN)]
    assert await parts.deliveries.run_delivery(delivery(), STEP) == outcome
    assert len(rooms.runs) == 0


async def test_data_that_breaks_the_input_goes_to_the_dead_letters_without_a_handler(parts: Parts, pool: Pool) -> None:
    outcome = await parts.deliveries.run_delivery(delivery({"m": 1}), STEP)
    assert outcome == Outcome(
        "failed",
        error={
            "name": "contract_broken",
            "message": 'The event "t" does not fit the input of E: data.n is required.',
            "code": "contract_broken",
            "data": {"issues": [{"path": ["n"], "message": "is required", "code": "required"}]},
        },
        retryable=False,
    )
    assert pool.asked == []


@pytest.mark.parametrize("retryable", [True, False])
async def test_a_verdict_of_the_steps_own_validation_is_the_same_as_ours(
    parts: Parts, pool: Pool, retryable: bool
) -> None:
    issues: JSONValue = [{"path": ["n"], "message": "is required", "code": "required"}]
    native = ContractBroken("its own words", {"issues": issues})
    native.retryable = retryable
    pool.error = native
    assert await parts.deliveries.run_delivery(delivery(), STEP) == Outcome(
        "failed",
        error={
            "name": "contract_broken",
            "message": 'The event "t" does not fit the input of E: data.n is required.',
            "code": "contract_broken",
            "data": {"issues": issues},
        },
        retryable=False,
    )


@pytest.mark.parametrize("data", [{}, {"issues": []}, {"issues": "no"}, {"issues": [7]}])
async def test_a_verdict_without_issues_keeps_its_message(parts: Parts, pool: Pool, data: JSONObject) -> None:
    pool.error = ContractBroken("too short", data)
    outcome = await parts.deliveries.run_delivery(delivery(), STEP)
    assert outcome.error is not None
    assert outcome.error["data"] == {"issues": [{"path": [], "message": "too short", "code": "contract_broken"}]}


async def test_odd_issues_are_read_as_well_as_can_be(parts: Parts, pool: Pool) -> None:
    odd: JSONValue = [{"path": ["a", 1, True, None, 1.5], "message": 7}, {"path": "x", "code": ["y"]}]
    pool.error = ContractBroken("no", {"issues": odd})
    outcome = await parts.deliveries.run_delivery(delivery(), STEP)
    assert outcome.error is not None
    assert outcome.error["data"] == {
        "issues": [
            {"path": ["a", 1, "True", "None", "1.5"], "message": "does not fit", "code": "contract_broken"},
            {"path": [], "message": "does not fit", "code": "contract_broken"},
        ]
    }


async def test_a_run_that_is_cancelled_is_closed(parts: Parts, pool: Pool, rooms: Rooms) -> None:
    pool.error = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await parts.deliveries.run_delivery(delivery(), STEP)
    assert len(rooms.runs) == 0
