"""Query and path parameters: what a declaration enforces, and how text is read."""

from __future__ import annotations

import json
import random
from typing import Any

import jsonschema
import pytest

from polystep.contracts.errors import Issue, LoadFailed
from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery.parameters import ParameterValidator, read_parameters

NUMBER: JSONObject = {"type": "number"}


def validator(declared: object) -> ParameterValidator:
    schema = read_parameters(declared).schema
    assert schema is not None
    return ParameterValidator(schema)


def test_names_and_descriptions_only_document() -> None:
    read = read_parameters([{"name": "q", "description": "what"}, {"name": "r", "required": False, "schema": True}])
    assert ([entry["name"] for entry in read.entries], read.schema) == (["q", "r"], None)
    assert read_parameters(None) == read_parameters([]) == read_parameters({})


def test_a_required_parameter_must_be_there_and_may_be_empty() -> None:
    reader = validator([{"name": "q", "required": True}])
    assert reader.read({}) == ({}, [Issue(("q",), "is required", "required")])
    assert reader.read({"q": ""}) == ({"q": ""}, [])
    assert reader.read({"q": ["a", "b"], "other": "1"}) == ({"q": ["a", "b"], "other": "1"}, [])


@pytest.mark.parametrize(
    ("schema", "given", "read"),
    [
        (NUMBER, "5", 5),
        (NUMBER, "-1.5e2", -150.0),
        ({"type": "integer"}, "9007199254740993", 9007199254740993),
        ({"type": "integer"}, "18446744073709551616", float(2**64)),
        ({"type": "integer"}, "2.0", 2.0),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "false", False),
        ({"type": "string"}, "5", "5"),
        ({}, "5", "5"),
        ({"minimum": 1}, "5", "5"),  # z.coerce.number().min(1): what it takes is any, and Zod itself converts
        ({"type": ["string", "number"]}, "5", "5"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "5", 5),
        ({"allOf": [NUMBER, {"minimum": 3}]}, "5", 5),
        ({"enum": [1, 2]}, "2", 2),
        ({"const": True}, "true", True),
        ({"type": "array"}, "a", ["a"]),
        ({"type": "array", "items": NUMBER}, "5", [5]),
        ({"type": "array", "items": NUMBER}, ["1", "2.5"], [1, 2.5]),
        ({"type": "array", "items": {"type": "string"}}, ["1", "2"], ["1", "2"]),
        ({"type": "array", "items": {"type": "boolean"}}, ["true", "false"], [True, False]),
        ({"type": "array", "prefixItems": [NUMBER, {"type": "boolean"}]}, ["1", "true"], [1, True]),
        ({"$ref": "#/$defs/N", "$defs": {"N": NUMBER}}, "5", 5),
    ],
)
def test_text_is_read_as_the_declared_type(schema: JSONObject, given: JSONValue, read: JSONValue) -> None:
    value, issues = validator([{"name": "x", "schema": schema}, {"name": "y", "required": True}]).read(
        {"x": given, "y": "5"}
    )
    assert (json.dumps(value), issues) == (json.dumps({"x": read, "y": "5"}), [])


@pytest.mark.parametrize(
    ("schema", "given", "message"),
    [
        (NUMBER, "five", '"five" is not of type "number"'),
        (NUMBER, "", '"" is not of type "number"'),
        (NUMBER, "0x10", '"0x10" is not of type "number"'),
        (NUMBER, " 5", '" 5" is not of type "number"'),
        (NUMBER, "007", '"007" is not of type "number"'),
        (NUMBER, "1e999", '"1e999" is not of type "number"'),
        (NUMBER, "1\u0665", '"1\u0665" is not of type "number"'),
        ({"type": "integer", "maximum": 9}, "9007199254740993", "9007199254740993 is greater than the maximum of 9"),
        ({"type": "integer"}, "9" * 309, f'"{"9" * 309}" is not of type "integer"'),
        ({"type": "integer"}, "1.5", '"1.5" is not of type "integer"'),
        ({"type": "integer", "maximum": 100}, "500", "500 is greater than the maximum of 100"),
        ({"type": "boolean"}, "yes", '"yes" is not of type "boolean"'),
        (NUMBER, ["1", "2"], '["1","2"] is not of type "number"'),
        ({"type": "string"}, ["a", "b"], '["a","b"] is not of type "string"'),
    ],
)
def test_text_that_is_not_of_the_type_is_an_issue_that_names_the_parameter(
    schema: JSONObject, given: JSONValue, message: str
) -> None:
    _, issues = validator([{"name": "x", "schema": schema}]).read({"x": given})
    assert [(issue.path[0], issue.message) for issue in issues] == [("x", message)]


def test_a_list_names_the_member_that_is_wrong() -> None:
    _, issues = validator([{"name": "x", "schema": {"type": "array", "items": NUMBER}}]).read({"x": ["1", "b"]})
    assert issues == [Issue(("x", 1), '"b" is not of type "number"', "type")]


QUERY: JSONObject = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "limit": {"type": "integer", "maximum": 100, "description": "how many"},
        "sort": {"$ref": "#/$defs/Sort"},
        "a/b ~c%": NUMBER,
    },
    "required": ["limit"],
    "additionalProperties": False,
    "$defs": {"Sort": {"enum": ["up", "down", 1]}},
}


def test_a_whole_schema_is_enforced_and_documented_by_parameter() -> None:
    read = read_parameters(QUERY)
    assert read.entries == (
        {
            "name": "limit",
            "required": True,
            "description": "how many",
            "schema": {"type": "integer", "maximum": 100, "description": "how many"},
        },
        {
            "name": "sort",
            "required": False,
            "schema": {"$ref": "#/$defs/Sort", "$defs": {"Sort": {"enum": ["up", "down", 1]}}},
        },
        {"name": "a/b ~c%", "required": False, "schema": NUMBER},
    )
    reader = validator(QUERY)
    assert reader.read({"limit": "5", "sort": "1", "a/b ~c%": "2"}) == ({"limit": 5, "sort": 1, "a/b ~c%": 2}, [])
    assert [(issue.path, issue.code) for issue in reader.read({"sort": "x", "z": "1"})[1]] == [
        (("sort",), "enum"),
        ((), "additionalProperties"),
        (("limit",), "required"),
    ]


@pytest.mark.parametrize("dialect", ["http://json-schema.org/draft-07/schema#", None])
def test_an_object_behind_a_reference_is_found(dialect: str | None) -> None:
    definitions: JSONObject = {"definitions": {"Q/1": {"type": "object", "properties": {"n": NUMBER}}}}
    schema: JSONObject = {"$ref": "#/definitions/Q~11", **definitions}
    if dialect:
        schema["$schema"] = dialect
    assert validator(schema).read({"n": "1"}) == ({"n": 1}, [])
    assert [entry["name"] for entry in read_parameters(schema).entries] == ["n"]


@pytest.mark.parametrize(
    "schema", [{"type": "object", "properties": {"n": {"type": "strin"}}}, {"$ref": "#/$defs/gone", "type": "object"}]
)
def test_a_schema_that_is_none_is_refused(schema: JSONObject) -> None:
    with pytest.raises(LoadFailed, match="It is not a valid JSON Schema"):
        validator(schema)


def test_the_reading_never_turns_a_good_value_into_a_bad_one() -> None:
    """Against the reference implementation: what is handed on fits, or nothing that the text can mean does."""
    chance = random.Random(4)
    types: list[Any] = ["string", "number", "integer", "boolean", ["string", "number"], ["number", "boolean"]]
    texts = ["", "1", "-2", "1.5", "true", "false", "x", "1e3", "null", "00", "[1]"]
    for _ in range(400):
        one: Any = {"type": chance.choice(types)}
        schema: Any = chance.choice([one, {"type": "array", "items": one}, {"anyOf": [one, {"type": "null"}]}])
        given: Any = chance.choice([chance.choice(texts), [chance.choice(texts) for _ in range(chance.randint(1, 3))]])
        value, issues = validator([{"name": "x", "schema": schema}]).read({"x": given})
        oracle = jsonschema.Draft202012Validator(schema)
        assert oracle.is_valid(value["x"]) == (not issues)
        meant = [given, [given], _meant(given), [_meant(given)]]
        assert (not issues) == any(oracle.is_valid(each) for each in meant), (schema, given)


def _meant(given: Any) -> Any:
    if isinstance(given, list):
        return [_meant(each) for each in given]
    known = {"1": 1, "-2": -2, "1.5": 1.5, "true": True, "false": False, "1e3": 1000.0}
    return known.get(given, given)
