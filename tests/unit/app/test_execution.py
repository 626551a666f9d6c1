"""How the end of a handler becomes an outcome, an answer, a trace and a line in the terminal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from polystep.app.execution import Execution
from polystep.app.nowhere import Nowhere
from polystep.contracts.errors import (
    ContractBroken,
    HostStopping,
    InvalidValue,
    Issue,
    LoadFailed,
    Overloaded,
    PolystepError,
    RunCancelled,
    RunnerGone,
    RunTimedOut,
    StepFailed,
)
from polystep.contracts.events import UNKNOWN_STEP, Delivery, NewDelivery, Outcome, ParkedEvent
from polystep.contracts.ids import Ids
from polystep.contracts.steps import Flow, HttpTrigger, SourceFile, StepSpec
from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery import SchemaValidator, Validators
from polystep.runners import Failures, RunnerPool
from polystep.wire import pack
from tests.unit.app import house as house_module
from tests.unit.app.house import TRACE, Answer, House, event_step

STEP = event_step("E", "t", flows=("f",), timeout_s=7.0)
API = StepSpec("A", "api", SourceFile("steps/a.step.ts", "step", "typescript", "node"), HttpTrigger("POST", "/a/:id"))
RUN = "0123456789abcdef"


class Pool:
    """Answers or fails, and remembers what it was asked."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.answer: JSONValue = None
        self.error: BaseException | None = None
        self.asked: list[tuple[JSONObject, float, bool]] = []
        self.open_runs = 0
        self.emits: list[NewDelivery] = []
        self.unlimited: Callable[[], bool] = lambda: False

    async def run(
        self, params: JSONObject, timeout_s: float, *, suspect: bool = False, unlimited: Callable[[], bool]
    ) -> JSONValue:
        self.unlimited = unlimited
        self.asked.append((params, timeout_s, suspect))
        run = self.house.runs.get(params["run"])
        self.open_runs = len(self.house.runs)
        run.emits += self.emits
        if self.error is not None:
            raise self.error
        return self.answer


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_module.house(tmp_path, STEP) as built:
        yield built


@pytest.fixture
def pool(house: House) -> Pool:
    return Pool(house)


@pytest.fixture
def execution(house: House, pool: Pool) -> Execution:
    return executing(house, pool)


def executing(house: House, pool: Pool, failures: Failures | None = None) -> Execution:
    validators = Validators({}, {"E": SchemaValidator({"type": "object", "required": ["n"]})}, {})
    return Execution(
        house.runs,
        lambda _: cast("RunnerPool", pool),
        lambda: validators,
        house.recorder,
        house.console,
        house.clock,
        Ids(),
        "warn",
        Nowhere(house.console, Flow, dev=False),
        (lambda error, _: error) if failures is None else failures.of_handler,
        lambda: None,
    )


def delivery(data: JSONValue = None, *, attempt: int = 1, crashes: int = 0) -> Delivery:
    packed = pack({"n": 1} if data is None else data)
    return Delivery(5, 9, "event", "e", "t", "E", packed, TRACE, RUN, None, None, attempt, 0, crashes, 0)


async def test_a_handler_is_called_with_everything_that_its_run_needs(execution: Execution, pool: Pool) -> None:
    await execution.run_delivery(delivery(attempt=2, crashes=1), STEP)
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


async def test_a_completed_run_gives_its_emits_and_is_closed(execution: Execution, pool: Pool, house: House) -> None:
    pool.emits = [NewDelivery("e2", "event", "x", "X", b"", TRACE, "1" * 16, RUN)]
    assert await execution.run_delivery(delivery(), STEP) == Outcome("completed", emits=tuple(pool.emits))
    assert (pool.open_runs, len(house.runs)) == (1, 0)


def described(error: PolystepError, **more: Any) -> JSONObject:
    return {"name": error.name, "message": error.message, "code": error.name, **more}


FAILED = StepFailed("no", {"name": "ValueError", "message": "bad value", "stack": "at x"})
OWN, NEIGHBOUR, UNKNOWN, UNSAID = (
    RunnerGone("gone", {"fault": fault} if fault else None) for fault in ("own", "neighbour", "unknown", None)
)


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
    execution: Execution, pool: Pool, house: House, error: PolystepError, outcome: Outcome
) -> None:
    pool.error = error
    pool.emits = [NewDelivery("e2", "event", "x", "X", b"", TRACE, "1" * 16, RUN)]
    assert await execution.run_delivery(delivery(), STEP) == outcome
    assert len(house.runs) == 0


async def test_data_that_breaks_the_input_goes_to_the_dead_letters_without_a_handler(
    execution: Execution, pool: Pool
) -> None:
    outcome = await execution.run_delivery(delivery({"m": 1}), STEP)
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
    execution: Execution, pool: Pool, retryable: bool
) -> None:
    issues: JSONValue = [{"path": ["n"], "message": "is required", "code": "required"}]
    native = ContractBroken("its own words", {"issues": issues})
    native.retryable = retryable
    pool.error = native
    assert await execution.run_delivery(delivery(), STEP) == Outcome(
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
async def test_a_verdict_without_issues_keeps_its_message(execution: Execution, pool: Pool, data: JSONObject) -> None:
    pool.error = ContractBroken("too short", data)
    outcome = await execution.run_delivery(delivery(), STEP)
    assert outcome.error is not None
    assert outcome.error["data"] == {"issues": [{"path": [], "message": "too short", "code": "contract_broken"}]}


async def test_odd_issues_are_read_as_well_as_can_be(execution: Execution, pool: Pool) -> None:
    odd: JSONValue = [{"path": ["a", 1, True, None, 1.5], "message": 7}, {"path": "x", "code": ["y"]}]
    pool.error = ContractBroken("no", {"issues": odd})
    outcome = await execution.run_delivery(delivery(), STEP)
    assert outcome.error is not None
    assert outcome.error["data"] == {
        "issues": [
            {"path": ["a", 1, "True", "None", "1.5"], "message": "does not fit", "code": "contract_broken"},
            {"path": [], "message": "does not fit", "code": "contract_broken"},
        ]
    }


async def test_a_refused_event_is_a_failed_run_without_an_attempt(execution: Execution, house: House) -> None:
    error: JSONObject = {"name": "contract_broken", "message": "data.n is required."}
    execution.enqueued([NewDelivery("e", "event", "t", "E", pack({}), TRACE, RUN, None, refused=error)])
    await house.recorder.flush()
    trace = cast("Any", await house.traces.trace(TRACE))
    (run,) = trace["runs"]
    assert (trace["status"], run["status"], run["error"], run["attempts"]) == ("failed", "failed", error, [])


async def test_a_run_that_is_cancelled_is_closed(execution: Execution, pool: Pool, house: House) -> None:
    pool.error = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await execution.run_delivery(delivery(), STEP)
    assert len(house.runs) == 0


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
    execution: Execution,
    house: House,
    outcome: Outcome,
    retry_in_ms: int | None,
    buried: bool,
    run_status: str,
    attempt_status: str,
    lines: list[str],
) -> None:
    new = NewDelivery("e", "event", "t", "E", pack({"n": 1}), TRACE, RUN, None)
    execution.enqueued([new])
    await execution.run_delivery(delivery(), STEP)
    retry_at_ms = None if retry_in_ms is None else house.clock.now_ms() + retry_in_ms
    execution.settled(delivery(), outcome, retry_at_ms, buried)
    await house.recorder.flush()
    trace = cast("Any", await house.traces.trace(TRACE))
    (run,) = trace["runs"]
    (attempt,) = run["attempts"]
    assert (run["status"], attempt["status"], run["trigger"]) == (
        run_status,
        attempt_status,
        {"kind": "event", "topic": "t", "data": {"n": 1}},
    )
    assert house.lines() == lines


async def test_a_late_answer_that_was_refused_is_shown(execution: Execution, house: House) -> None:
    execution.superseded(delivery())
    assert house.lines() == ["⚠ [WARNING] E: an answer came after its lease had passed on; it was refused."]


REQUEST: JSONObject = {"body": {"n": 1}, "headers": {}, "pathParams": {"id": "7"}, "queryParams": {"q": "x"}}


async def test_an_http_run_gives_the_handlers_answer_and_is_traced(
    execution: Execution, pool: Pool, house: House
) -> None:
    pool.answer = {"status": 201, "body": "b"}
    assert await execution.run_http(API, REQUEST, TRACE, Answer()) == {"status": 201, "body": "b"}
    ((params, timeout_s, suspect),) = pool.asked
    assert (params["input"], params["type"], params["attempt"], timeout_s, suspect) == (REQUEST, "api", 1, 300.0, False)
    await house.recorder.flush()
    (run,) = cast("Any", await house.traces.trace(TRACE))["runs"]
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
    execution: Execution, pool: Pool, house: House
) -> None:
    answer = Answer()
    pool.answer = "without meaning"
    await execution.run_http(API, REQUEST, TRACE, answer)
    assert pool.unlimited() is False
    answer.started = True
    assert pool.unlimited() is True
    assert await execution.run_http(API, REQUEST, "b" * 32, answer) == answer.summary


async def test_a_client_that_leaves_a_stream_is_no_failure(execution: Execution, pool: Pool, house: House) -> None:
    pool.error = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await execution.run_http(API, REQUEST, TRACE, Answer(started=True, client_left=True))
    await house.recorder.flush()
    (run,) = cast("Any", await house.traces.trace(TRACE))["runs"]
    assert (run["status"], run["error"], run["attempts"][0]["result"]) == (
        "completed",
        None,
        {"status": 200, "streamed": {"chunks": 2, "bytes": 7}, "clientLeft": True},
    )
    assert house.lines() == []


async def test_a_failed_http_run_raises_and_is_shown(execution: Execution, pool: Pool, house: House) -> None:
    pool.error = FAILED
    with pytest.raises(StepFailed):
        await execution.run_http(API, REQUEST, TRACE, Answer())
    await house.recorder.flush()
    (run,) = cast("Any", await house.traces.trace(TRACE))["runs"]
    assert (run["status"], run["error"]["message"], len(house.runs)) == ("failed", "bad value", 0)
    assert house.lines() == [
        "✖ [ERROR] A: ValueError: bad value",
        "  │ at x",
        f"  │ The client got an error answer. Trace {TRACE}",
    ]


async def test_a_rejected_request_is_traced_without_a_handler(execution: Execution, pool: Pool, house: House) -> None:
    execution.reject_http(API, REQUEST, TRACE, [Issue(("n",), "is required", "required")])
    await house.recorder.flush()
    (run,) = cast("Any", await house.traces.trace(TRACE))["runs"]
    assert (run["status"], run["error"]["issues"], pool.asked) == (
        "rejected",
        [{"path": ["n"], "message": "is required", "code": "required"}],
        [],
    )


async def test_a_request_that_the_steps_own_validation_refuses_is_rejected_like_ours(
    execution: Execution, pool: Pool, house: House
) -> None:
    issues: JSONValue = [{"path": ["queryParams", "n"], "message": "is odd", "code": "custom"}]
    pool.error = ContractBroken("its own words", {"issues": issues, "part": "body"})
    with pytest.raises(ContractBroken) as refused:
        await execution.run_http(API, REQUEST, TRACE, Answer())
    assert (refused.value.http_status, refused.value.data) == (400, {"issues": issues})
    await house.recorder.flush()
    (run,) = cast("Any", await house.traces.trace(TRACE))["runs"]
    message = "The request does not fit the step's contract."
    assert (run["status"], run["error"]) == (
        "rejected",
        {"name": "contract_broken", "message": message, "issues": issues},
    )
    # It is the client's fault, not the step's: nothing is printed.
    assert house.lines() == []


async def test_a_parked_event_is_a_waiting_run_until_it_is_known_where_it_goes(
    execution: Execution, house: House
) -> None:
    parked = [
        NewDelivery("e", "event", topic, UNKNOWN_STEP, pack(1), TRACE, f"{number}" * 16, None)
        for number, topic in enumerate(("work", "lonely", "later"))
    ]
    execution.enqueued(parked)
    for number, (new, steps) in enumerate(zip(parked, (["W"], []), strict=False)):
        execution.unparked(
            ParkedEvent(number, new.event_id, new.topic, new.data, TRACE, new.run_id, None, None, ()), steps
        )
    await house.recorder.flush()
    trace = cast("Any", await house.traces.trace(TRACE))
    assert [(run["step"], run["status"]) for run in trace["runs"]] == [
        (UNKNOWN_STEP, "completed"),
        (UNKNOWN_STEP, "completed"),
        (UNKNOWN_STEP, "waiting"),
    ]
    assert sorted((line["runId"], line["level"], line["message"]) for line in await house.logs()) == [
        ("0" * 16, "info", "The event of work was delivered to W."),
        ("1" * 16, "warn", "No step subscribes to lonely: the event went nowhere."),
    ]


async def test_an_answer_that_finds_no_room_for_its_stream_is_an_overload_and_not_the_steps_failure(
    execution: Execution, pool: Pool, house: House
) -> None:
    full = Overloaded("2048 streamed answers are open.")

    class Full(Pool):
        def begin_stream(self, run: str) -> None:
            raise full

        async def run(self, params: JSONObject, timeout_s: float, **_: Any) -> JSONValue:
            with pytest.raises(Overloaded):
                self.house.runs.get(params["run"]).begin_stream()
            self.house.runs.get(params["run"]).refused = full
            raise StepFailed("overloaded", {"name": "overloaded"})

    execution._pools = lambda _: cast("RunnerPool", Full(house))
    with pytest.raises(Overloaded) as refused:
        await execution.run_http(API, REQUEST, TRACE, Answer())
    assert (refused.value, house.lines()) == (full, [])


async def test_a_delivery_whose_emits_find_a_full_queue_is_postponed(
    execution: Execution, pool: Pool, house: House
) -> None:
    pool.error = Overloaded("The queue of B is full.")
    outcome = await execution.run_delivery(delivery(), STEP)
    assert outcome.status == "postponed"
    assert outcome.error is not None
    assert outcome.error["message"] == "The queue of B is full."
    execution.settled(delivery(), outcome, house.clock.now_ms() + 5000, False)
    assert house.lines() == []


async def test_what_fails_without_a_place_leads_to_the_handler(house: House, pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps/a.step.ts").write_text("const a = 1\nexport const handler = async () => ({ body: NaN })\n")
    execution = executing(house, pool, Failures(tmp_path))
    for error in (StepFailed("no", {"name": "string", "message": "x", "stack": ""}), InvalidValue("result.body: NaN")):
        pool.error = error
        with pytest.raises(type(error)):
            await execution.run_http(API, {"method": "GET"}, TRACE, Answer())
    execution.answer_refused(API, TRACE, "It returned nothing.")
    assert house.lines() == [
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
