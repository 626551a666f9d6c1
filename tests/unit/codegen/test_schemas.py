"""Schemas that are long, deep or wrong are read all the same."""

from __future__ import annotations

from typing import Any

from polystep.codegen.flow_types import flow_types
from polystep.codegen.forms import ANYTHING, Choice, Form, Object, Reference, Scalar
from polystep.codegen.python_file import python_file
from polystep.codegen.schemas import Definitions
from polystep.codegen.typescript_file import typescript_file
from tests.unit.codegen.flows import event, flow


def read(schema: Any) -> tuple[Form, Definitions]:
    definitions = Definitions()
    return definitions.read(schema, "Root"), definitions


def test_long_chains_of_references_are_not_deep() -> None:
    for link in ({}, {"type": "object"}):
        chain = {
            f"d{at}": {"$ref": f"#/$defs/d{at + 1}"}
            if not link
            else {"properties": {"next": {"$ref": f"#/$defs/d{at + 1}"}}}
            for at in range(3000)
        }
        form, definitions = read({"$ref": "#/$defs/d0", "$defs": chain})
        assert isinstance(form, Reference)
        assert len(definitions.forms) >= 2999


def test_what_is_too_deep_is_anything() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(2000):
        schema = {"type": "array", "items": schema}
    form, _ = read(schema)
    depth = 0
    while hasattr(form, "item"):
        form, depth = form.item, depth + 1
    assert form == ANYTHING
    assert 50 < depth <= 100
    # And can be printed.
    declared = flow_types(flow(event("E", "t", input=schema)))
    assert "unknown[]" in typescript_file(declared, augments=False)
    assert "list[Any]" in python_file(declared)


def test_the_same_schema_of_two_steps_has_one_definition() -> None:
    schema = {"$ref": "#/$defs/Node", "$defs": {"Node": {"properties": {"next": {"$ref": "#/$defs/Node"}}}}}
    text = typescript_file(
        flow_types(flow(event("A", "a", input=schema), event("B", "b", input=schema))), augments=False
    )
    assert text.count("type Node") == 1
    other = {**schema, "title": "another"}
    text = typescript_file(
        flow_types(flow(event("A", "a", input=schema), event("B", "b", input=other))), augments=False
    )
    assert "type Node = " in text
    assert "type Node_2 = " in text


def test_a_schema_that_holds_itself_is_called_by_its_owner() -> None:
    form, definitions = read({"properties": {"next": {"$ref": "#"}}})
    assert isinstance(form, Object)
    assert set(definitions.names.values()) == {"Root"}
    declared = flow_types(flow(event("E", "t", input={"properties": {"next": {"$ref": "#"}}})))
    assert "    next: NotRequired[T]" in python_file(declared)
    assert "type EInput = { next?: Schemas.EInput }" in typescript_file(declared, augments=False)


def test_what_is_not_a_schema_is_anything() -> None:
    wrong: dict[str, Any]
    for wrong in ({"type": "fancy"}, {"type": 7}, {"type": ["fancy"]}, {"anyOf": {}}, {"$ref": 7}, {"properties": []}):
        assert read(wrong)[0] in (ANYTHING, Object()), wrong
    for wrong in ({"type": "object", "required": 7}, {"type": "object", "properties": {"a": 7}, "required": ["a", 7]}):
        assert isinstance(read(wrong)[0], Object)


def test_a_chain_of_unions_that_lead_back_says_what_it_can() -> None:
    schema = {
        "$ref": "#/$defs/A",
        "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "string"}, {"type": "null"}]}},
    }
    form, definitions = read(schema)
    assert isinstance(form, Reference)
    assert definitions.resolve(form.key) == Choice((Scalar("string"), Scalar("null")))
