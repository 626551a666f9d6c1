"""How the end of a handler becomes a response, a trace and a line in the terminal."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from polystep.contracts.errors import (
    ContractBroken,
    InvalidValue,
    Issue,
    Overloaded,
    StepFailed,
)
from polystep.contracts.values import JSONObject, JSONValue
from polystep.runners import Failures, RunnerPool
from tests.unit.execution.parts import API, Parts, Pool, executing
from tests.unit.execution.rooms import TRACE, Answer, Rooms

FAILED = StepFailed("no", {"name": "ValueError", "message": "bad value", "stack": "at x"})


REQUEST: JSONObject = {"body": {"n": 1}, "headers": {}, "pathParams": {"id": "7"}, "queryParams": {"q": "x"}}


async def test_an_http_run_gives_the_handlers_answer_and_is_traced(parts: Parts, pool: Pool, rooms: Rooms) -> None:
    pool.answer = {"status": 201, "body": "b"}
    assert await parts.http_runs.run_http(API, REQUEST, TRACE, Answer()) == {"status": 201, "body": "b"}
    ((params, timeout_s, suspect),) = pool.asked
    assert (params["input"], params["type"], params["attempt"], timeout_s, suspect) == (REQUEST, "api", 1, 300.0, False)
    await rooms.recorder.flush()
    (run,) = cast("Any", await rooms.traces.trace(TRACE))["runs"]
    assert (run["status"], run["trigger"], run["attempts"][0]["result"]) == (
        "completed",
        {
            "kind": "http",
            "method": "POST",
            "path": "/a/:id",
            "pathParams": {"id": "7"},
            "queryParams": {"q": "x"},
            "body": {"n": 1},
        },
        {"status": 201, "body": "b"},
    )


async def test_a_streamed_answer_is_traced_as_what_was_sent_and_has_no_deadline(
    parts: Parts, pool: Pool, rooms: Rooms
) -> None:
    answer = Answer()
    pool.answer = "without meaning"
    await parts.http_runs.run_http(API, REQUEST, TRACE, answer)
    assert pool.more_s() == 0
    answer.started = True
    assert pool.more_s() == API.timeout_s
    assert await parts.http_runs.run_http(API, REQUEST, "b" * 32, answer) == answer.summary


async def test_a_client_that_leaves_a_stream_is_no_failure(parts: Parts, pool: Pool, rooms: Rooms) -> None:
    pool.error = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await parts.http_runs.run_http(API, REQUEST, TRACE, Answer(started=True, client_left=True))
    await rooms.recorder.flush()
    (run,) = cast("Any", await rooms.traces.trace(TRACE))["runs"]
    assert (run["status"], run["error"], run["attempts"][0]["result"]) == (
        "completed",
        None,
        {"status": 200, "streamed": {"chunks": 2, "bytes": 7}, "clientLeft": True},
    )
    assert rooms.lines() == []


async def test_a_failed_http_run_raises_and_is_shown(parts: Parts, pool: Pool, rooms: Rooms) -> None:
    pool.error = FAILED
    with pytest.raises(StepFailed):
        await parts.http_runs.run_http(API, REQUEST, TRACE, Answer())
    await rooms.recorder.flush()
    (run,) = cast("Any", await rooms.traces.trace(TRACE))["runs"]
    assert (run["status"], run["error"]["message"], len(rooms.runs)) == ("failed", "bad value", 0)
    assert rooms.lines() == [
        "✖ [ERROR] A: ValueError: bad value",
        "  │ at x",
        f"  │ The client got an error answer. Trace {TRACE}",
    ]


async def test_a_rejected_request_is_traced_without_a_handler(parts: Parts, pool: Pool, rooms: Rooms) -> None:
    parts.http_runs.reject_http(API, REQUEST, TRACE, [Issue(("n",), "is required", "required")])
    await rooms.recorder.flush()
    (run,) = cast("Any", await rooms.traces.trace(TRACE))["runs"]
    assert (run["status"], run["error"]["issues"], pool.asked) == (
        "rejected",
        [{"path": ["n"], "message": "is required", "code": "required"}],
        [],
    )


async def test_a_request_that_the_steps_own_validation_refuses_is_rejected_like_ours(
    parts: Parts, pool: Pool, rooms: Rooms
) -> None:
    issues: JSONValue = [{"path": ["queryParams", "n"], "message": "is odd", "code": "custom"}]
    pool.error = ContractBroken("its own words", {"issues": issues, "part": "body"})
    with pytest.raises(ContractBroken) as refused:
        await parts.http_runs.run_http(API, REQUEST, TRACE, Answer())
    assert (refused.value.http_status, refused.value.data) == (400, {"issues": issues})
    await rooms.recorder.flush()
    (run,) = cast("Any", await rooms.traces.trace(TRACE))["runs"]
    message = "The request does not fit the step's contract."
    assert (run["status"], run["error"]) == (
        "rejected",
        {"name": "contract_broken", "message": message, "issues": issues},
    )
    # It is the client's fault, not the step's: nothing is printed.
    assert rooms.lines() == []


async def test_an_answer_that_finds_no_room_for_its_stream_is_an_overload_and_not_the_steps_failure(
    parts: Parts, pool: Pool, rooms: Rooms
) -> None:
    full = Overloaded("2048 streamed answers are open.")

    class Full(Pool):
        def begin_stream(self, run: str) -> None:
            raise full

        async def run(self, params: JSONObject, timeout_s: float, **_: Any) -> JSONValue:
            with pytest.raises(Overloaded):
                self.rooms.runs.get(params["run"]).begin_stream()
            self.rooms.runs.get(params["run"]).refused = full
            raise StepFailed("overloaded", {"name": "overloaded"})

    parts.handlers._pools = {"node": cast("RunnerPool", Full(rooms))}
    with pytest.raises(Overloaded) as refused:
        await parts.http_runs.run_http(API, REQUEST, TRACE, Answer())
    assert (refused.value, rooms.lines()) == (full, [])


async def test_what_fails_without_a_place_leads_to_the_handler(rooms: Rooms, pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps/a.step.ts").write_text("const a = 1\nexport const handler = async () => ({ body: NaN })\n")
    parts = executing(rooms, pool, Failures(tmp_path))
    for error in (StepFailed("no", {"name": "string", "message": "x", "stack": ""}), InvalidValue("result.body: NaN")):
        pool.error = error
        with pytest.raises(type(error)):
            await parts.http_runs.run_http(API, {"method": "GET"}, TRACE, Answer())
    parts.http_runs.response_refused(API, TRACE, "It returned nothing.")
    assert rooms.lines() == [
        "✖ [ERROR] A: thrown string: x",
        "  │ steps/a.step.ts:2",
        "  │ What was thrown is no Error, so it has no place: throw new Error(…) instead.",
        f"  │ The client got an error answer. Trace {TRACE}",
        "✖ [ERROR] A: invalid_value: result.body: NaN",
        "  │ steps/a.step.ts:2",
        f"  │ The client got an error answer. Trace {TRACE}",
        "✖ [ERROR] A: its answer cannot be sent",
        "  │ It returned nothing.",
        "  │ steps/a.step.ts:2",
        f"  │ Trace {TRACE}",
    ]
