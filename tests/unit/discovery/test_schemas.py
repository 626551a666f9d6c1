"""What a value that breaks its schema is told."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from polystep.contracts.errors import Issue, LoadFailed
from polystep.contracts.values import JSONObject
from polystep.discovery import SchemaValidator

TICKET: JSONObject = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "minLength": 1},
        "mail": {"type": "string", "format": "email", "pattern": "^[^@]+@[^@]+$"},
        "tags": {"type": "array", "items": {"type": "object", "required": ["name"]}},
    },
    "required": ["title"],
    "additionalProperties": False,
}


def test_a_value_that_fits_has_no_issues() -> None:
    assert SchemaValidator(TICKET).issues({"title": "t", "mail": "a@b.example", "tags": [{"name": 1}]}) == []


@pytest.mark.parametrize(
    ("value", "issues"),
    [
        ({}, [Issue(("title",), "is required", "required")]),
        ({"title": 1}, [Issue(("title",), '1 is not of type "string"', "type")]),
        ({"title": ""}, [Issue(("title",), '"" is shorter than 1 character', "minLength")]),
        ({"title": "t", "tags": [{"name": 1}, {}]}, [Issue(("tags", 1, "name"), "is required", "required")]),
        (
            {"title": "t", "x": 1},
            [Issue((), "Additional properties are not allowed ('x' was unexpected)", "additionalProperties")],
        ),
        ([], [Issue((), '[] is not of type "object"', "type")]),
    ],
)
def test_an_issue_says_where_what_and_by_which_keyword(value: object, issues: list[Issue]) -> None:
    assert SchemaValidator(TICKET).issues(value) == issues


def test_a_missed_format_is_said_once_though_its_pattern_is_missed_too() -> None:
    assert SchemaValidator(TICKET).issues({"title": "t", "mail": "nobody"}) == [
        Issue(("mail",), "is not a valid email", "format")
    ]


def test_a_missed_pattern_without_a_format_is_said() -> None:
    assert SchemaValidator({"pattern": "^a"}).issues("b") == [Issue((), '"b" does not match "^a"', "pattern")]


def test_a_pattern_with_a_name_is_said_by_it() -> None:
    time: JSONObject = {"type": "string", "format": "iso-time", "pattern": "^[0-9]"}
    other: JSONObject = {"type": "string", "format": "starts_with", "pattern": "^a"}
    validator = SchemaValidator(
        {"$defs": {"T": time}, "properties": {"a": {"$ref": "#/$defs/T"}, "b": {"prefixItems": [time]}, "c": other}}
    )
    assert validator.issues({"a": "noon", "b": ["noon"], "c": "b"}) == [
        Issue(("a",), "is not a valid iso-time", "pattern"),
        Issue(("b", 0), "is not a valid iso-time", "pattern"),
        Issue(("c",), '"b" does not match "^a"', "pattern"),
    ]


def test_bytes_are_an_issue_and_no_exception() -> None:
    validator = SchemaValidator({"type": "object", "properties": {"file": {"type": "string"}}})
    assert validator.issues(b"x") == [Issue((), "The value is not JSON: Unsupported type: 'bytes'", "type")]
    assert [issue.code for issue in validator.issues({"file": b"x"})] == ["type"]


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": 1}, "1 is not valid under any of the schemas listed in the 'anyOf' keyword"),
        ({"pattern": "("}, '"(" is not a "regex"'),
        ({"$ref": "#/nowhere"}, "Pointer '/nowhere' does not exist"),
    ],
)
def test_an_invalid_schema_is_refused_with_its_first_reason(schema: JSONObject, reason: str) -> None:
    with pytest.raises(LoadFailed) as refused:
        SchemaValidator(schema)
    assert refused.value.message == f"It is not a valid JSON Schema: {reason}"


def test_references_are_never_fetched_from_the_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        with pytest.raises(LoadFailed, match="put what it refers to under \\$defs"):
            SchemaValidator({"$ref": address})
        with pytest.raises(BlockingIOError):
            server.accept()


def test_references_are_never_read_from_the_disk(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(json.dumps({"type": "string"}))
    with pytest.raises(LoadFailed, match="put what it refers to under \\$defs"):
        SchemaValidator({"$ref": (tmp_path / "schema.json").as_uri()})
