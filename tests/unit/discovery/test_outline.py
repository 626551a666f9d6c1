"""The outline of a schema is finite, and lets in whatever the schema lets in."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest

from polystep.contracts.values import JSONObject
from polystep.discovery.agreement import Asked
from polystep.discovery.outline import BRANCHES_MAX, NODES_MAX, PARTS_MAX, outline_of

TEXT: Any = {"type": "string"}
DRAFT_7 = "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize(
    ("schema", "outline"),
    [
        ({}, {}),
        ({"type": "string", "pattern": "x", "format": "email", "minLength": 1, "title": "t"},
         {"type": "string", "minLength": 1}),
        ({"not": {}}, False),
        ({"not": TEXT, "type": ["string", "null"]}, {"type": ["string", "null"]}),
        ({"properties": {"a": True, "b": False}, "required": ["a", "a"]},
         {"properties": {"a": True, "b": False}, "required": ["a"]}),
        ({"additionalProperties": False, "patternProperties": {"^x": TEXT}}, {}),
        ({"additionalProperties": TEXT}, {"additionalProperties": TEXT}),
        ({"items": TEXT, "prefixItems": [TEXT]}, {}),
        ({"items": [TEXT]}, {}),
        ({"oneOf": [TEXT, {}]}, {"allOf": [{"anyOf": [TEXT, {}]}]}),
        ({"if": TEXT, "then": TEXT, "unevaluatedProperties": False, "$dynamicRef": "#"}, {}),
        ({"$ref": "#/$defs/A~1b", "$defs": {"A/b": TEXT}, "description": "d"}, TEXT),
        ({"$ref": "#/$defs/A", "$defs": {"A": TEXT}, "minLength": 2}, {"allOf": [TEXT], "minLength": 2}),
        ({"$schema": DRAFT_7, "$ref": "#/definitions/A", "definitions": {"A": TEXT}, "minLength": 2}, TEXT),
        ({"$ref": "#"}, True),
        ({"items": {"$ref": "#"}}, {"items": {"items": True}}),
        ({"$ref": "#/gone"}, True),
        ({"$ref": "other.json"}, True),
        ({"$ref": 7}, True),
        ({"$defs": {"A": TEXT}, "items": {"$id": "urn:x", "$ref": "#/$defs/A", "$defs": {"A": {"const": 1}}}},
         {"items": {"allOf": [{"const": 1}]}}),
        ({"type": [], "required": "a", "properties": 1, "anyOf": [], "minimum": True, "enum": 3}, {}),
    ],
)  # fmt: skip
def test_what_is_kept_and_what_is_left_out(schema: JSONObject, outline: object) -> None:
    assert outline_of(schema) == outline


def test_references_that_double_and_unions_that_multiply_are_bounded() -> None:
    doubling: JSONObject = {
        f"d{at}": {"anyOf": [{"$ref": f"#/$defs/d{at + 1}"}] * 2, "allOf": [{"$ref": f"#/$defs/d{at + 1}"}] * 2}
        for at in range(40)
    }
    counts = {"nodes": 0, "branches": 0, "parts": 0}

    def count(schema: Any) -> None:
        counts["nodes"] += 1
        if isinstance(schema, dict):
            counts["branches"] += len(schema.get("anyOf", ()))
            counts["parts"] += sum("anyOf" not in part for part in schema.get("allOf", ()) if isinstance(part, dict))
            for each in (*schema.get("anyOf", ()), *schema.get("allOf", ())):
                count(each)

    count(outline_of({"$ref": "#/$defs/d0", "$defs": doubling}))
    assert counts["branches"] <= BRANCHES_MAX
    assert counts["parts"] <= PARTS_MAX
    assert counts["nodes"] <= 2 * (BRANCHES_MAX + PARTS_MAX) + NODES_MAX

    wide: JSONObject = {f"d{at}": {"properties": {x: {"$ref": f"#/$defs/d{at + 1}"} for x in "ab"}} for at in range(60)}
    outline = outline_of({"$ref": "#/$defs/d0", "$defs": wide})
    assert len(repr(outline)) < 100 * NODES_MAX


def test_long_chains_of_references_and_deep_schemas_are_cut() -> None:
    chain: JSONObject = {f"d{at}": {"$ref": f"#/$defs/d{at + 1}"} for at in range(3000)}
    assert outline_of({"$ref": "#/$defs/d0", "$defs": chain}) is True
    nested: Any = TEXT
    for _ in range(100):
        nested = {"type": "object", "properties": {"a": nested}, "required": ["a"]}
    assert Asked(nested).disagreement(Asked(nested)) is None
    shallow: JSONObject = {"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]}
    where = Asked(nested).disagreement(Asked(shallow))
    assert where is not None
    assert where.path == ("a",)


@pytest.mark.parametrize(
    "schema",
    [
        # Each of these ends the process when it is compared as it is.
        {"if": {"$ref": "#", "unevaluatedProperties": False}},
        {"if": {"$ref": "#", "unevaluatedProperties": {}}, "enum": ["x"]},
    ],
)  # fmt: skip
def test_recursion_under_conditions_harms_nobody(schema: JSONObject) -> None:
    assert not Asked(schema).is_empty
    assert Asked(schema).disagreement(Asked({"type": "string"})) is None


def test_whatever_fits_a_schema_fits_its_outline() -> None:
    chance = random.Random(11)
    values = [0, 1, 1.5, "", "x", None, True, [], [1], ["x", 1], {}, {"a": 1}, {"a": "x", "b": None}, {"a": {"a": 1}}]
    kept = 0
    for _ in range(1500):
        schema = _schema(chance, 3)
        whole, outline = jsonschema_rs.validator_for(schema), jsonschema_rs.validator_for(outline_of(schema))
        for value in values:
            if whole.is_valid(value):
                assert outline.is_valid(value), (schema, outline_of(schema), value)
            elif not outline.is_valid(value):
                kept += 1
    # It is not just anything: most of what a schema refuses its outline refuses too.
    assert kept > 5000


def _schema(chance: random.Random, depth: int) -> Any:
    """Any words at all, those that the outline leaves out included."""

    def below() -> Any:
        return _schema(chance, depth - 1)

    types = ["string", "number", "integer", "boolean", "null", "array", "object"]
    words: dict[str, Callable[[], Any]] = {
        "type": lambda: chance.choice([*types, chance.sample(types, 2)]),
        "required": lambda: chance.sample("abc", chance.randint(0, 2)),
        "enum": lambda: chance.sample([0, 1, "x", None, True, [], {}], 3),
        "const": lambda: chance.choice([1, "x", {}]),
        "minimum": lambda: chance.randint(0, 2),
        "minLength": lambda: chance.randint(0, 2),
        "maxItems": lambda: chance.randint(0, 2),
        "minProperties": lambda: chance.randint(0, 2),
    }
    nested: dict[str, Callable[[], Any]] = {
        "properties": lambda: {name: below() for name in chance.sample("abc", 2)},
        "additionalProperties": lambda: chance.choice([False, True, below()]),
        "patternProperties": lambda: {"^a": below()},
        "prefixItems": lambda: [below()],
        "anyOf": lambda: [below(), below()],
        "oneOf": lambda: [below(), below()],
        "allOf": lambda: [below()],
        "unevaluatedProperties": lambda: chance.choice([False, below()]),
        **dict.fromkeys(("items", "not", "if", "then", "contains"), below),
    }
    if depth > 0:
        words |= nested
    return {word: words[word]() for word in chance.sample(sorted(words), chance.randint(1, 3))}
