"""What the documents room says of routes and answers is what the http room does."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from polystep.contracts.errors import Overloaded, RunnerGone, RunTimedOut, StepFailed
from polystep.contracts.events import ChangeType, StreamChange
from polystep.contracts.steps import Flow, StreamSpec
from polystep.documents import ProjectInformation, asyncapi_document, openapi_document
from polystep.documents.templates import templates_of
from polystep.http import HttpSettings
from polystep.http.routes import RouteTable
from polystep.http.socket_frames import Subject, change_frame, error_frame, read_message, sync_frame
from tests.unit.http.fakes import TOKEN, HttpHarness, RequiresSubject, api_step, running

SETTINGS = HttpSettings(port=0, token=TOKEN, body_bytes_max=100, body_timeout_s=0.05)
STEP = api_step("Reply", "POST", "/tickets/:id")
INFORMATION = ProjectInformation("test")


def described(answer: str) -> dict[str, Any]:
    """The document's schema of one shared answer, with what it refers to."""
    document: Any = openapi_document(Flow({STEP.name: STEP}), INFORMATION)
    responses = document["paths"]["/tickets/{id}"]["post"]["responses"]
    name = responses[answer]["$ref"].rpartition("/")[2]
    response = document["components"]["responses"][name]
    schema = response["content"]["application/json"]["schema"]
    example = response["content"]["application/json"]["example"]
    # Closed: what the server adds to its answers must be added to the document.
    whole = {**schema, "components": document["components"], "unevaluatedProperties": False}
    jsonschema.Draft202012Validator(whole).validate(example)
    return {"schema": whole, "headers": response.get("headers", {})}


async def check(harness: HttpHarness, status: int, send: Callable[[], Any]) -> None:
    async with send() as answer:
        assert answer.status == status
        body = await answer.json()
        said = described(str(status))
        jsonschema.Draft202012Validator(said["schema"]).validate(body)
        assert ("X-Trace-Id" in answer.headers) <= ("X-Trace-Id" in said["headers"])
        assert ("Retry-After" in answer.headers) == ("Retry-After" in said["headers"])


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (400, {"json": {}}),
        (400, {"data": b"{", "headers": {"Content-Type": "application/json"}}),
        (400, {"data": b"9" * 20, "headers": {"Content-Type": "application/json"}}),
        (400, {"data": b"\xff", "headers": {"Content-Type": "text/plain"}}),
        (400, {"params": [("a", "b")] * 1001}),
        (403, {"headers": {"Host": "evil.example"}}),
        (413, {"data": b"x" * 200}),
        (415, {"data": b"x", "headers": {"Content-Type": "text/plain; charset=utf-7"}}),
        (431, {"headers": {"X-Large": "x" * 20_000}}),
    ],
)
async def test_each_refusal_has_the_shape_that_the_document_says(status: int, request_: dict[str, Any]) -> None:
    async with running(STEP, settings=SETTINGS) as harness:
        harness.project.validators[STEP.name] = RequiresSubject()
        await check(harness, status, lambda: harness.client.post("/tickets/1", **request_))


@pytest.mark.parametrize(
    ("status", "error"),
    [(500, StepFailed("no")), (503, Overloaded("full")), (503, RunnerGone("gone")), (504, RunTimedOut("late"))],
)
async def test_each_failure_of_a_run_has_the_shape_that_the_document_says(status: int, error: Exception) -> None:
    async with running(STEP, settings=SETTINGS) as harness:
        harness.steps.result = error
        await check(harness, status, lambda: harness.client.post("/tickets/1"))


async def test_a_body_that_never_ends_has_the_answer_that_the_document_says() -> None:
    async with running(STEP, settings=SETTINGS) as harness:

        async def dribble() -> Any:
            yield b"x"
            await asyncio.Event().wait()

        await check(harness, 408, lambda: harness.client.post("/tickets/1", data=dribble()))


async def test_a_parameter_that_is_missing_has_the_answer_that_the_document_says() -> None:
    async with running(STEP, settings=dataclasses.replace(SETTINGS, dev=True)) as harness:
        await check(harness, 404, lambda: harness.client.post("/tickets/"))


@pytest.mark.parametrize(
    "path",
    [
        "/", "/tickets", "/tickets/", "/users/:id", "/users/:id/", "/users/:id?", "/:page?", "/a/:x?/c/:y?",
        "/a/:x?/:y?", "/files/*", "/*/of/*", "/:from-:to", "/v:major(\\d+).:minor(\\d+)", "/:a/:b/:c",
        "/caf%C3%A9/größe", "/café/v:x(\\d+)", "/{id}/a b", "/a*b/:größe",
    ],
)  # fmt: skip
def test_every_template_filled_in_is_a_path_that_the_step_answers_with_those_values(path: str) -> None:
    table = RouteTable([api_step("Step", "GET", path)])
    for template in templates_of(path):
        values = {each.name: str(at + 1) for at, each in enumerate(template.parameters)}
        filled = template.text
        for name, value in values.items():
            filled = filled.replace(f"{{{name}}}", value)
        match = table.match("GET", filled)
        assert match is not None, filled
        named = {each.declared.name: values[each.name] for each in template.parameters}
        assert {name: value for name, value in match.params.items() if value} == named


def test_steps_without_a_template_are_those_that_no_request_reaches() -> None:
    for path in ("/100%", "/%FF", "/:id([)"):
        assert templates_of(path) == []
        assert RouteTable([api_step("Step", "GET", path)]).shown == []


CARD: dict[str, Any] = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "below": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["title"],
    "additionalProperties": False,
}
ITEM: Any = {"title": "x", "below": [{"title": "y"}], "id": "1", "_createdAt": 5}


@pytest.fixture(scope="module")
def messages() -> dict[str, dict[str, Any]]:
    """Schemas of a stream's messages, by type."""
    source = STEP.source
    document: Any = asyncapi_document(Flow({}, {"board": StreamSpec("board", source, CARD)}), INFORMATION)
    components = document["components"]
    return {
        name.partition(".")[2]: {**message["payload"], "components": components}
        for name, message in components["messages"].items()
    }


def frame_of(payload: bytes) -> Any:
    return json.loads(payload[payload.index(b"{") :])


CHANGES: tuple[ChangeType, ...] = ("create", "update", "delete")


def test_frames_are_what_the_document_says(messages: dict[str, dict[str, Any]]) -> None:
    item_subject, group_subject = Subject("board", "g", "1"), Subject("board", "g", None)
    frames: list[tuple[str, bytes]] = [
        (type_, change_frame(StreamChange(type_, "board", "g", "1", {**ITEM}, 7))) for type_ in CHANGES
    ]
    custom: Any = {"type": "moved", "data": [1]}
    frames += [
        ("sync", sync_frame(item_subject, 7, json.dumps(ITEM).encode())),
        ("sync", sync_frame(group_subject, 7, json.dumps([ITEM]).encode())),
        ("event", change_frame(StreamChange("event", "board", "g", None, custom, 7))),
        ("event", error_frame(item_subject, 7, "STREAM_ACCESS_DENIED", "Access denied")),
    ]
    for type_, frame in frames:
        validator = jsonschema.Draft7Validator(messages[type_])
        validator.validate(frame_of(frame))
        for other in messages.keys() - {type_}:
            assert not jsonschema.Draft7Validator(messages[other]).is_valid(frame_of(frame)), (type_, other)
        wrong = json.loads(json.dumps(frame_of(frame)).replace('"title": "x"', '"title": 1'))
        assert validator.is_valid(wrong) == (wrong == frame_of(frame))


@pytest.mark.parametrize("type_", ["join", "leave"])
def test_what_clients_may_send_is_what_the_document_says(messages: dict[str, dict[str, Any]], type_: str) -> None:
    validator = jsonschema.Draft7Validator(messages[type_])
    sent: Any = {"type": type_, "data": {"streamName": "board", "groupId": "g", "id": "1", "subscriptionId": "s"}}
    for left_out in ((), ("id",), ("id", "subscriptionId")):
        data = {key: value for key, value in sent["data"].items() if key not in left_out}
        validator.validate({**sent, "data": data})
        assert read_message(json.dumps({**sent, "data": data})) is not None
    assert not validator.is_valid({"type": type_, "data": {"groupId": "g"}})
