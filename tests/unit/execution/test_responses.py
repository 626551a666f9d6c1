"""Responses against `responseSchema`: a warning by default, refused or not checked where the project says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from polystep.contracts.ids import Ids
from polystep.contracts.responses import ResponsePolicy
from polystep.contracts.steps import Flow, HttpTrigger, SourceFile, StepSpec
from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery import Loaded, Validators, compile_validators
from polystep.execution import FailedAttempts, Handlers, HttpRuns
from polystep.execution.responses import Responses
from polystep.execution.violations import ResponseBroken
from polystep.runners import RunnerPool
from tests.unit.execution.rooms import TRACE, Answer, Rooms
from tests.unit.execution.rooms import rooms as make_rooms

NUMBER: JSONObject = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}
SCHEMAS: dict[str, JSONObject] = {
    "200": NUMBER,
    "201": {"type": "string", "minLength": 2},
    "202": {"type": ["object", "null"]},
    "204": NUMBER,
    "4XX": {"type": "object", "required": ["error"]},
}
SOURCE = SourceFile("steps/a.step.ts", "step", "typescript", "node")


def api(name: str, **schemas: JSONObject) -> StepSpec:
    return StepSpec(name, "api", SOURCE, HttpTrigger("GET", f"/{name}", response_schema=schemas))


STEP, PLAIN = api("A", **SCHEMAS), api("B")


class Answers:
    """What a test asks, and what it hears."""

    def __init__(self, rooms: Rooms, policy: ResponsePolicy, step: StepSpec = STEP) -> None:
        self.rooms = rooms
        self.step = step
        self.loaded = Loaded(validators=self.compiled())
        self.responses = Responses(self.loaded, rooms.recorder, rooms.console, policy)

    def compiled(self) -> Validators:
        return compile_validators(Flow({"A": self.step, "B": PLAIN}))[1]

    def check(self, result: JSONValue, step: StepSpec = STEP) -> str | None:
        try:
            self.responses.check(step, result, TRACE, "0123456789abcdef")
        except ResponseBroken as broken:
            return broken.message
        return None


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    async with make_rooms(tmp_path) as built:
        yield built


@pytest.mark.parametrize(
    "result",
    [
        {"status": 200, "body": {"n": 1}},
        {"status": 200.0, "body": {"n": 1}},
        {"status": 201, "body": "ok"},
        {"status": 201, "body": b"\x89PNG"},
        {"status": 202},
        {"status": 204},
        {"status": 204, "body": {"n": "x"}},  # has no body on the wire
        {"status": 404, "body": {"error": "x"}},
        # These are for the HTTP room to refuse.
        {"status": "200", "body": {}},
        {"status": True, "body": {}},
        {"body": {}},
        [],
        None,
    ],
)
async def test_what_fits_or_is_no_answer_is_let_through(rooms: Rooms, result: JSONValue) -> None:
    assert Answers(rooms, "error").check(result) is None
    assert Answers(rooms, "warn").check(result) is None
    assert rooms.lines() == []


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"status": 200, "body": {}}, "A with status 200 does not fit config.responseSchema.200: body.n is required."),
        (
            {"status": 200, "body": {"n": "1"}},
            'A with status 200 does not fit config.responseSchema.200: body.n "1" is not of type "number".',
        ),
        ({"status": 200}, "A with status 200 does not fit config.responseSchema.200: body is missing."),
        (
            {"status": 200, "body": "text"},
            'A with status 200 does not fit config.responseSchema.200: body "text" is not of type "object".',
        ),
        (
            {"status": 200, "body": b"text"},
            'A with status 200 does not fit config.responseSchema.200: body "text" is not of type "object".',
        ),
        (
            {"status": 201, "body": "a"},
            'A with status 201 does not fit config.responseSchema.201: body "a" is shorter than 2 characters.',
        ),
        (
            {"status": 422, "body": {}},
            "A with status 422 does not fit config.responseSchema.4XX: body.error is required.",
        ),
    ],
)  # fmt: skip
async def test_what_does_not_fit_can_be_an_error(rooms: Rooms, result: JSONValue, message: str) -> None:
    assert Answers(rooms, "error").check(result) == f"The answer of {message}"


async def test_what_does_not_fit_is_a_warning_by_default(rooms: Rooms) -> None:
    answers = Answers(rooms, "warn")
    assert answers.check({"status": 200, "body": {}}) is None
    message = "The answer of A with status 200 does not fit config.responseSchema.200: body.n is required. It was sent."
    (log,) = await rooms.logs()
    assert (log["level"], log["message"], log["step"], log["traceId"]) == ("warn", message, "A", TRACE)
    assert log["fields"] == {"issues": [{"path": ["n"], "message": "is required", "code": "required"}]}
    assert rooms.lines() == [f"⚠ [WARNING] {message} Trace {TRACE}"]


async def test_a_step_and_path_is_reported_once_until_the_next_reload(rooms: Rooms) -> None:
    schema: JSONObject = {"properties": {"a": NUMBER, "list": {"items": NUMBER}}, "required": ["b"]}
    step = api("A", **{"200": schema})
    answers = Answers(rooms, "warn", step)
    broken: JSONObject = {"a": {}, "b": 1, "list": [{"n": 1}, {}, {}]}
    bodies: list[JSONValue] = [broken, broken, {**broken, "list": [{}]}, {"a": {"n": "x"}}, {"a": {}}]
    for body in bodies:
        assert answers.check({"status": 200, "body": body}, step) is None
    answers.loaded.validators = answers.compiled()
    assert answers.check({"status": 200, "body": {"a": {}, "b": 1}}, step) is None
    said = [str(log["message"]).partition("responseSchema.200: ")[2] for log in reversed(await rooms.logs())]
    assert said == [
        "body.a.n is required; body.list.1.n is required. It was sent.",
        "body.b is required. It was sent.",
        "body.a.n is required. It was sent.",
    ]


async def test_warnings_between_two_reloads_are_bounded(rooms: Rooms) -> None:
    schema: JSONObject = {"additionalProperties": {"type": "number"}}
    step = api("A", **{"200": schema})
    answers = Answers(rooms, "warn", step)
    for number in range(1100):
        assert answers.check({"status": 200, "body": {f"k{number}": "x"}}, step) is None
    lines = rooms.lines()
    assert len(lines) == 1001
    assert lines[-1] == "⚠ [WARNING] Further problems of responses are not shown until the next reload."


async def test_nothing_is_checked_where_the_project_says_so(rooms: Rooms) -> None:
    answers = Answers(rooms, "off")
    assert answers.check({"status": 200, "body": {}}) is None
    assert answers.check({"status": 500, "body": {}}) is None
    assert (rooms.lines(), await rooms.logs()) == ([], [])


@pytest.mark.parametrize("policy", ["warn", "error"])
async def test_a_status_that_is_not_listed_is_told_once_until_the_next_reload(
    rooms: Rooms, policy: ResponsePolicy
) -> None:
    answers = Answers(rooms, policy)
    for status in (500, 500, 503, 500):
        assert answers.check({"status": status, "body": None}) is None
    assert answers.check({"status": 500}, PLAIN) is None
    answers.loaded.validators = answers.compiled()
    assert answers.check({"status": 500}) is None
    said = [str(log["message"]) for log in reversed(await rooms.logs())]
    assert [message.split(",")[0] for message in said] == [
        "A answered with status 500",
        "A answered with status 503",
        "A answered with status 500",
    ]
    assert said[0].endswith(
        "which config.responseSchema does not list (200, 201, 202, 204, 4XX). Add it, so that clients know of it."
    )


async def test_a_broken_answer_fails_its_run_with_path_and_reason(rooms: Rooms) -> None:
    class Pool:
        def is_full(self) -> bool:
            return False

        async def run(self, params: JSONObject, timeout_s: float, **_: object) -> JSONValue:
            return {"status": 200, "body": {"n": "x"}}

    answers = Answers(rooms, "error")
    handlers = Handlers(rooms.runs, {"node": cast("RunnerPool", Pool())}, rooms.recorder)
    failures = FailedAttempts(rooms.recorder, rooms.console, lambda error, _: error, lambda: None)
    runs = HttpRuns(handlers, answers.responses, failures, rooms.recorder, rooms.clock, Ids())
    with pytest.raises(ResponseBroken) as broken:
        await runs.run_http(STEP, {}, TRACE, Answer())
    assert (broken.value.http_status, broken.value.name) == (500, "contract_broken")
    await rooms.recorder.flush()
    (run,) = cast("Any", await rooms.traces.trace(TRACE))["runs"]
    assert (run["status"], run["error"]["data"]["issues"][0]["path"]) == ("failed", ["n"])
    lines = rooms.lines()
    assert lines[0] == (
        "✖ [ERROR] A: contract_broken: The answer of A with status 200 does not fit config.responseSchema.200: "
        'body.n "x" is not of type "number".'
    )
