"""A schema that was moved into a document accepts what it accepted before."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema
import pytest

from polystep.documents.dialects import Dialect
from polystep.documents.schemas import SharedSchemas

VALIDATORS = {"2020-12": jsonschema.Draft202012Validator, "draft-07": jsonschema.Draft7Validator}

CASES: list[tuple[str, dict[str, Any], list[Any], list[Any]]] = [
    (
        "recursion from the root",
        {
            "type": "object",
            "properties": {"below": {"type": "array", "items": {"$ref": "#"}}, "n": {"type": "integer"}},
        },
        [{}, {"below": [{"below": [], "n": 1}]}],
        [{"below": [{"below": [{"n": "x"}]}]}],
    ),
    (
        "a root that is a reference, to a name that breaks pointers",
        {"$ref": "#/$defs/a~1b~0c%25%20d", "$defs": {"a/b~c% d": {"$defs": {"x": {"const": 1}}, "type": "integer"}}},
        [3],
        ["3"],
    ),
    (
        "definitions that refer to each other, and into each other",
        {
            "$ref": "#/$defs/node",
            "$defs": {
                "node": {
                    "type": "object",
                    "properties": {"next": {"$ref": "#/$defs/node"}, "of": {"$ref": "#/$defs/leaf"}},
                },
                "leaf": {"$ref": "#/$defs/deep/$defs/inner/properties/one"},
                "deep": {"$defs": {"inner": {"properties": {"one": {"type": "string"}}}}},
            },
        },
        [{"next": {"of": "text"}}],
        [{"next": {"of": 3}}],
    ),
    (
        "identifiers, anchors and dynamic references",
        {
            "$id": "https://example.com/schemas/root",
            "type": "object",
            "properties": {
                "a": {"$ref": "other#/properties/n"},
                "b": {"$ref": "#leaf"},
                "c": {"$dynamicRef": "#leaf"},
                "d": {"$ref": "https://example.com/schemas/root#/$defs/leaf"},
            },
            "$defs": {
                "leaf": {"$dynamicAnchor": "leaf", "type": "boolean"},
                "other": {
                    "$id": "other",
                    "properties": {"n": {"$ref": "#/$defs/number"}},
                    "$defs": {"number": {"type": "number"}},
                },
            },
        },
        [{"a": 1, "b": True, "c": False, "d": True}],
        [{"a": "1"}, {"b": 1}, {"c": 1}, {"d": 1}],
    ),
    (
        "what only looks like a reference",
        {
            "properties": {"$ref": {"type": "string"}, "definitions": {"type": "integer"}},
            "enum": [{"$ref": "#/nowhere"}, {"$ref": "x", "definitions": 2}],
            "default": {"$ref": "#/nowhere"},
        },
        [{"$ref": "#/nowhere"}, {"$ref": "x", "definitions": 2}],
        [{"$ref": 3}],
    ),
    (
        "constraints beside a reference",
        {
            "type": "object",
            "properties": {"n": {"$ref": "#/$defs/n", "maximum": 5}},
            "$defs": {"n": {"type": "integer"}},
        },
        [{"n": 5}],
        [{"n": 6}, {"n": "x"}],
    ),
    (
        "tuples and dependencies of 2020-12",
        {
            "properties": {
                "t": {"prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False},
                "u": {"$ref": "#/properties/t/prefixItems/1"},
            },
            "dependentRequired": {"u": ["t"]},
            "dependentSchemas": {"t": {"maxProperties": 2}},
        },
        [{"t": ["a", 1], "u": 3}],
        [{"t": [1]}, {"t": ["a", 1, 2]}, {"t": [], "u": "x"}, {"u": 1}, {"t": [], "a": 1, "b": 2}],
    ),
    (
        "booleans in place of schemas",
        {"properties": {"no": False, "any": True}, "additionalProperties": False},
        [{"any": 1}, {}],
        [{"no": 1}, {"more": 1}],
    ),
]

DRAFT_7 = (
    "tuples, dependencies and definitions of draft 7",
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "t": {
                "type": "array",
                "items": [{"type": "string"}, {"$ref": "#/definitions/n"}],
                "additionalItems": False,
            },
            "u": {"$ref": "#/properties/t/items/1"},
        },
        "dependencies": {"u": ["t"], "t": {"maxProperties": 2}},
        "definitions": {"n": {"type": "integer"}},
    },
    [{"t": ["a", 1], "u": 3}],
    [{"t": [1]}, {"t": ["a", 1, 2]}, {"t": [], "u": "x"}, {"u": 1}, {"t": [], "a": 1, "b": 2}],
)


@pytest.mark.parametrize("dialect", ["2020-12", "draft-07"])
@pytest.mark.parametrize(
    ("what", "schema", "good", "bad"), [*CASES, DRAFT_7], ids=lambda each: each if isinstance(each, str) else ""
)
def test_a_moved_schema_means_what_it_meant(
    what: str, schema: dict[str, Any], good: list[Any], bad: list[Any], dialect: Dialect
) -> None:
    before = copy.deepcopy(schema)
    original = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)(schema)
    shared = SharedSchemas(dialect, {"Step": {"type": "null"}})
    shared.add("Step", {"type": "string", "$defs": {"node": True, "leaf": False, "n": {"const": 0}}})
    document = {**shared.add("Step", schema), "components": {"schemas": shared.by_name}}
    assert schema == before
    moved = VALIDATORS[dialect](document)
    for value in good:
        assert original.is_valid(value), what
        assert moved.is_valid(value), list(moved.iter_errors(value))
    for value in bad:
        assert not original.is_valid(value), what
        assert not moved.is_valid(value), value
    schemas: dict[str, Any] = {**shared.by_name}
    for each in schemas.values():
        VALIDATORS[dialect].check_schema(each)


def test_definitions_become_components_of_their_own_whatever_others_are_called() -> None:
    shared = SharedSchemas("2020-12", {})
    item: dict[str, Any] = {
        "type": "object",
        "properties": {"item": {"$ref": "#/$defs/Item"}},
        "$defs": {"Item": {"type": "string"}},
    }
    for name in ("A", "B", "A", "größe/~1", "☕", "☕☕"):
        shared.add(name, item)
    assert list(shared.by_name) == [
        "A", "A.Item", "B", "B.Item", "A_2", "A_2.Item", "groe_1", "groe_1.Item",
        "schema", "schema.Item", "schema_2", "schema_2.Item",
    ]  # fmt: skip
    assert shared.by_name["A_2"] == {
        "type": "object",
        "properties": {"item": {"$ref": "#/components/schemas/A_2.Item"}},
    }


def test_a_reference_that_leads_nowhere_is_told_and_lets_everything_through() -> None:
    shared = SharedSchemas("2020-12", {})
    shared.add("A", {"properties": {"a": {"$ref": "#/$defs/gone"}, "b": {"$ref": "https://example.com/x"}}})
    assert shared.by_name["A"] == {
        "properties": {
            "a": {"description": "The schema refers to #/$defs/gone, which it does not hold."},
            "b": {"description": "The schema refers to https://example.com/x, which it does not hold."},
        }
    }


def test_a_schema_of_a_thousand_definitions_is_moved_at_once() -> None:
    names = [f"D{number}" for number in range(1000)]
    choices = [{"$ref": f"#/$defs/{name}"} for name in names]
    schema: dict[str, Any] = {
        "anyOf": choices,
        "$defs": {name: {"anyOf": choices[:5], "const": name} for name in names},
    }
    shared = SharedSchemas("2020-12", {})
    shared.add("Big", schema)
    assert len(shared.by_name) == 1001
