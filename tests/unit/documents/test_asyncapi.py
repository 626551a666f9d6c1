"""The AsyncAPI document: what AsyncAPI's own schema accepts, with every topic and stream."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from polystep.contracts.steps import Emit, Flow
from polystep.documents import ProjectInformation, asyncapi_document
from tests.unit.documents.specs import api, event, flow, stream

_SCHEMA = Path(__file__).parents[3] / "node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"

TICKET: dict[str, Any] = {"$ref": "#/$defs/t", "$defs": {"t": {"type": "object", "required": ["subject"]}}}


@pytest.fixture(scope="module")
def specification() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(json.loads(_SCHEMA.read_text()))


def document(specification: jsonschema.Draft7Validator, described: Flow) -> Any:
    made = json.loads(json.dumps(asyncapi_document(described, ProjectInformation("shop", "1.0.0"))))
    specification.validate(made)
    for reference in references(made):
        assert resolve(made, reference) is not None
    return made


def references(value: Any) -> list[str]:
    """Every reference in a document."""
    if isinstance(value, list):
        return [each for item in value for each in references(item)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return own + [each for item in value.values() for each in references(item)]


def resolve(made: Any, reference: str) -> Any:
    for token in reference.removeprefix("#/").split("/"):
        made = made[token.replace("~1", "/").replace("~0", "~")]
    return made


def test_an_empty_project_has_a_valid_document(specification: jsonschema.Draft7Validator) -> None:
    made = document(specification, flow(api("GET /")))
    assert (made["channels"], made["operations"]) == ({}, {})


def test_a_topic_carries_what_its_subscriber_requires(specification: jsonschema.Draft7Validator) -> None:
    made = document(
        specification,
        flow(
            event("Triage", "ticket.new", schema=TICKET, emits=(Emit("ticket.done"),)),
            event("Desk", "other", emits=(Emit("ticket.new", "by mail", conditional=True), Emit("ticket.new"))),
        ),
    )
    assert made["channels"]["ticket.new"]["address"] == "ticket.new"
    message = made["components"]["messages"]["ticket.new"]
    assert message["payload"] == {"$ref": "#/components/schemas/Triage.input"}
    assert made["components"]["messages"]["ticket.done"]["payload"] == {}
    assert {name: operation["action"] for name, operation in made["operations"].items()} == {
        "Triage.send.ticket.done": "send",
        "Triage.receive.ticket.new": "receive",
        "Desk.send.ticket.new": "send",
        "Desk.send.ticket.new_2": "send",
        "Desk.receive.other": "receive",
    }
    assert made["operations"]["Desk.send.ticket.new"]["description"] == "by mail\n\nOnly under a condition."


def test_an_event_must_suit_every_subscriber(specification: jsonschema.Draft7Validator) -> None:
    made = document(
        specification,
        flow(event("A", "t", "u", schema=TICKET), event("B", "t", schema={"type": "object"}), event("C", "t")),
    )
    assert made["components"]["messages"]["t"]["payload"] == {
        "allOf": [{"$ref": "#/components/schemas/A.input"}, {"$ref": "#/components/schemas/B.input"}]
    }
    # One component serves both topics of the step.
    assert made["components"]["messages"]["u"]["payload"] == {"$ref": "#/components/schemas/A.input"}
    assert list(made["components"]["schemas"]) == ["A.input", "A.input.t", "B.input"]


def test_names_of_any_kind_are_addresses_and_stay_apart(specification: jsonschema.Draft7Validator) -> None:
    topics = ("a/b~c", "a b~c", "größe", "☕", "of {braces}")
    made = document(specification, flow(event("E", *topics), stream("a/b"), stream("a b")))
    addresses = [channel["address"] for channel in made["channels"].values()]
    assert addresses == ["a/b~c", "a b~c", "größe", "☕", None, "/", "/"]
    assert list(made["channels"])[:2] == ["a_b_c", "a_b_c_2"]


def test_a_stream_tells_what_clients_send_and_see(specification: jsonschema.Draft7Validator) -> None:
    made = document(specification, flow(stream("board", {"type": "object", "properties": {}})))
    follow, tell = made["operations"]["board.follow"], made["operations"]["board.tell"]
    assert (follow["action"], tell["action"]) == ("receive", "send")
    assert [each["$ref"].rpartition(".")[2] for each in follow["messages"]] == ["join", "leave"]
    assert [each["$ref"].rpartition(".")[2] for each in tell["messages"]] == [
        "sync", "create", "update", "delete", "event",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "data", "fits"),
    [
        (None, {}, True),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": False}, {"a": 1}, True),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": False}, {"b": 1}, False),
        ({"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}, {}, True),
        (
            {
                "$ref": "#/$defs/shape",
                "$defs": {
                    "shape": {"oneOf": [{"$ref": "#/$defs/circle"}, {"$ref": "#/$defs/group"}]},
                    "circle": {"properties": {"r": {}}, "required": ["r"], "additionalProperties": False},
                    "group": {
                        "properties": {"of": {"items": {"$ref": "#/$defs/shape"}}},
                        "required": ["of"],
                        "additionalProperties": False,
                    },
                },
            },
            {"of": [{"r": 1}, {"of": [{"r": 2}]}]},
            True,
        ),
    ],
)
def test_items_have_the_added_fields_at_their_own_level_alone(
    specification: jsonschema.Draft7Validator, schema: Any, data: Any, fits: bool
) -> None:
    made = document(specification, flow(stream("s", schema)))
    item = jsonschema.Draft7Validator({"$ref": "#/components/schemas/s.item", **made})
    assert item.is_valid({**data, "id": "1", "_createdAt": 5}) == fits
    assert not item.is_valid(data)
