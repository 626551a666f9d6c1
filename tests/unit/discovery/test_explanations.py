"""What an explanation of a broken value costs, whatever the value and the schema."""

from __future__ import annotations

import time
from typing import Any

import pytest

from polystep.contracts.limits import ISSUES_MAX
from polystep.contracts.values import JSONObject
from polystep.discovery import SchemaValidator

CHILD: JSONObject = {"$ref": "#/$defs/Node"}


def node(**more: Any) -> JSONObject:
    return {"type": "object", "properties": {"child": CHILD}, **more}


def recursive(part: JSONObject) -> JSONObject:
    return {"$ref": "#/$defs/Node", "$defs": {"Node": part}}


def nested(depth: int, leaf: object) -> object:
    value = leaf
    for _ in range(depth):
        value = {"child": value}
    return value


TEXT: JSONObject = {"type": "string"}
SCHEMAS: dict[str, JSONObject] = {
    "anyOf": recursive({"anyOf": [node(), node(required=["child"]), TEXT]}),
    "oneOf": recursive({"oneOf": [node(), node(required=["other"]), TEXT]}),
    "allOf": recursive({"allOf": [node(), node(required=["child"])]}),
    "if": recursive({"if": {"type": "string"}, "then": TEXT, "else": {"allOf": [node(), node(title="again")]}}),
    "unevaluated": recursive({"anyOf": [node(), node(required=["child"]), TEXT], "unevaluatedProperties": False}),
    "dynamic": {
        "$id": "urn:test:dynamic",
        "$dynamicAnchor": "node",
        "anyOf": [
            {"type": "object", "properties": {"child": {"$dynamicRef": "#node"}}},
            {"type": "object", "properties": {"child": {"$dynamicRef": "#node"}}, "required": ["child"]},
            TEXT,
        ],
    },
    "inline": {"anyOf": [{"properties": {"child": {"$ref": "#"}}, "type": "object"} for _ in range(3)]},
}
BOUND_S = 1.0
"""What takes 20 ms here; listing every branch takes from minutes to longer than the universe lasts."""


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("depth", [14, 40, 95])
def test_one_wrong_leaf_of_a_recursive_value_is_said_in_time(name: str, depth: int) -> None:
    validator = SchemaValidator(SCHEMAS[name])
    began_s = time.perf_counter()
    issues = validator.issues(nested(depth, 1))
    assert time.perf_counter() - began_s < BOUND_S
    assert issues
    assert len(issues) <= ISSUES_MAX + 1
    assert all(len(issue.message) < 500 and issue.code for issue in issues)
    assert validator.issues(nested(depth, 1)) == issues


def test_the_leaf_is_named_where_every_part_must_fit() -> None:
    (issue, *_) = SchemaValidator(SCHEMAS["allOf"]).issues(nested(30, 1))
    assert issue.path == ("child",) * 30
    assert (issue.code, issue.message) == ("type", '1 is not of type "object"')


def test_a_parameter_that_is_a_part_of_a_recursive_schema_is_bounded_too() -> None:
    schema: JSONObject = {**SCHEMAS["anyOf"], "properties": {"tree": CHILD}}
    validator = SchemaValidator.of_part(schema, "/properties/tree")
    began_s = time.perf_counter()
    (issue,) = validator.issues(nested(40, 1))
    assert time.perf_counter() - began_s < BOUND_S
    assert (issue.path, issue.code) == ((), "anyOf")


def test_a_list_of_wrong_items_is_cut() -> None:
    validator = SchemaValidator({"type": "array", "items": {"type": "string"}})
    began_s = time.perf_counter()
    issues = validator.issues([1] * 500_000)
    assert time.perf_counter() - began_s < BOUND_S
    assert [issue.path for issue in issues[:3]] == [(0,), (1,), (2,)]
    assert len(issues) == ISSUES_MAX + 1
    assert issues[-1].code == "too_many_issues"


def test_the_wrong_item_of_a_long_list_is_found() -> None:
    item: JSONObject = {"type": "object", "properties": {"id": {"type": "integer"}, "tags": {"items": TEXT}}}
    validator = SchemaValidator({"type": "object", "properties": {"rows": {"type": "array", "items": item}}})
    rows: list[object] = [{"id": number, "tags": ["a"]} for number in range(1000)]
    rows[700] = {"id": 700, "tags": ["a", 7]}
    (issue,) = validator.issues({"rows": rows})
    assert issue.path == ("rows", 700, "tags", 1)


def test_what_is_too_large_to_be_searched_still_says_how_deep_the_search_came() -> None:
    schema: JSONObject = {"properties": {"rows": {"items": {"properties": {"id": {"type": "integer"}}}}}}
    rows: list[object] = [{"id": number} for number in range(200_000)]
    rows[-1] = {"id": "x"}
    validator = SchemaValidator(schema)
    began_s = time.perf_counter()
    (issue,) = validator.issues({"rows": rows})
    assert time.perf_counter() - began_s < BOUND_S
    assert issue.path == ("rows",)
    assert "too much to say more" in issue.message


def test_a_long_value_is_not_quoted_whole() -> None:
    issues = SchemaValidator({"type": "array"}).issues("x" * 1_000_000)
    (issue,) = issues
    assert len(issue.message) < 500
    assert issue.message.endswith('is not of type "array"')


def test_a_long_list_of_the_wrong_type_is_not_copied_into_the_message() -> None:
    (issue,) = SchemaValidator({"type": "object", "properties": {"rows": TEXT}}).issues({"rows": [0] * 100_000})
    assert (issue.path, issue.code) == (("rows",), "type")
    assert issue.message.endswith('is not of type "string"')


def test_other_problems_of_a_recursive_node_are_all_said() -> None:
    schema = recursive(
        {
            "type": "object",
            "properties": {"name": {"type": "string", "minLength": 2}, "child": CHILD},
            "required": ["name"],
            "additionalProperties": False,
        }
    )
    value = {"name": "x", "child": {"extra": 1, "child": {"name": 5}}}
    found = {(issue.path, issue.code) for issue in SchemaValidator(schema).issues(value)}
    assert found == {
        (("name",), "minLength"),
        (("child", "name"), "required"),
        (("child",), "additionalProperties"),
        (("child", "child", "name"), "type"),
    }


def test_the_branch_of_a_condition_is_followed() -> None:
    schema = recursive(
        {"type": "object", "if": {"required": ["child"]}, "then": node(), "else": {"required": ["name"]}}
    )
    (issue,) = SchemaValidator(schema).issues(nested(20, {"other": 1}))
    assert (issue.path, issue.code) == ((*("child",) * 20, "name"), "required")


def test_a_schema_that_refers_to_its_own_address_is_explained() -> None:
    address = "https://schemas.example/tree"
    schema: JSONObject = {"$id": address, "type": "object", "properties": {"child": {"$ref": address}}}
    assert SchemaValidator(schema).issues(nested(3, 1)) != []
