"""Schemas that no value can satisfy together: only what is certain is reported."""

from __future__ import annotations

import itertools
import random
from typing import Any

import jsonschema_rs
import pytest

from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery.agreement import Asked, Disagreement

TEXT: Any = {"type": "string"}
NUMBER: Any = {"type": "number"}
NULL: Any = {"type": "null"}
ZOD_EMAIL: Any = {
    "type": "string",
    "format": "email",
    "pattern": r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$",
}
DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def obj(required: str = "", /, closed: bool = False, **properties: Any) -> JSONObject:
    needed: list[JSONValue] = [*required.split()]
    schema: JSONObject = {"type": "object", "properties": properties, "required": needed}
    return {**schema, "additionalProperties": False} if closed else schema


def ref(definition: Any) -> JSONObject:
    return {"$ref": "#/$defs/T", "$defs": {"T": definition}}


def tree(value: Any) -> JSONObject:
    return ref(obj("value kids", value=value, kids={"type": "array", "items": {"$ref": "#/$defs/T"}}))


def either(*schemas: Any) -> Any:
    return {"anyOf": [*schemas]}


@pytest.mark.parametrize(
    ("one", "other", "where"),
    [
        (TEXT, NUMBER, Disagreement((), "string", "number")),
        ({"type": "array"}, obj(), Disagreement((), "array", "object")),
        (obj("a", a=TEXT), obj("a", a=NUMBER), Disagreement(("a",), "string", "number")),
        (obj("a", a=TEXT), obj("", a=NUMBER), Disagreement(("a",), "string", "number")),
        (obj("a", a=TEXT), {"type": "object", "additionalProperties": NUMBER},
         Disagreement(("a",), "string", "number")),
        (obj("a", a={"enum": ["x", "y"]}), obj("a", a={"enum": ["z"]}), Disagreement(("a",), '"x" | "y"', '"z"')),
        (obj("a", a={"const": 1}), obj("a", a={"const": 2}), Disagreement(("a",), "1", "2")),
        (obj("a", a={"enum": ["x"]}), obj("a", a=NUMBER), Disagreement(("a",), '"x"', "number")),
        (obj("a", a=TEXT), obj("", True, b=TEXT), Disagreement(("a",), "required", "not allowed")),
        (obj("b", True, b=TEXT), obj("a b", a=TEXT, b=TEXT), Disagreement(("a",), "not allowed", "required")),
        (ref(obj("a", a=TEXT)), ref(obj("a", a=NUMBER)), Disagreement(("a",), "string", "number")),
        (
            {"type": "object", "required": ["u"], "properties": {"u": {"$ref": "#/$defs/T"}},
             "$defs": {"T": obj("id", id=TEXT)}},
            obj("u", u=obj("id", id=NUMBER)),
            Disagreement(("u", "id"), "string", "number"),
        ),
        (obj("a", a=either(TEXT, NUMBER)), obj("a", a={"type": "boolean"}),
         Disagreement(("a",), "number | string", "boolean")),
        (obj("a", a=either(TEXT, NULL)), obj("a", a=NUMBER), Disagreement(("a",), "null | string", "number")),
        (obj("a", a={"type": ["string", "null"]}), obj("a", a=NUMBER), Disagreement(("a",), "null | string", "number")),
        ({"oneOf": [obj("k", k={"const": "a"}), obj("k", k={"const": "b"})]}, obj("k", k={"const": "c"}),
         Disagreement(("k",), '"a" | "b"', '"c"')),
        ({"allOf": [obj("a", a=TEXT), obj("b", b=TEXT)]}, obj("b", b=NUMBER), Disagreement(("b",), "string", "number")),
        (obj("a id", a=ZOD_EMAIL, id=TEXT), obj("a id", a=TEXT, id=NUMBER), Disagreement(("id",), "string", "number")),
        (obj("a", a={"type": "integer", "minimum": 5}), obj("a", a={"type": "integer", "maximum": 4}),
         Disagreement(("a",), '{"minimum": 5, "type": "integer"}', '{"maximum": 4, "type": "integer"}')),
        ({"$schema": DRAFT_7, **obj("a", a=TEXT)}, obj("a", a=NUMBER), Disagreement(("a",), "string", "number")),
        ({"$id": "https://x.example/a", **obj("a", a=TEXT)}, {"$id": "https://x.example/a", **obj("a", a=NUMBER)},
         Disagreement(("a",), "string", "number")),
        (tree(TEXT), tree(NUMBER), Disagreement(("value",), "string", "number")),
        (obj("a", a=TEXT, **{f"p{number}": TEXT for number in range(3000)}), obj("a", a=NUMBER),
         Disagreement(("a",), "string", "number")),
        (obj("a", a=TEXT) | {"allOf": [{}] * 99}, obj("a", a=NUMBER), Disagreement(("a",), "string", "number")),
        (
            {"type": "array", "items": TEXT, "minItems": 1},
            {"type": "array", "items": NUMBER, "minItems": 1},
            Disagreement((), '{"items": {"type": "string"}, "minItems": 1, "type": "array"}',
                         '{"items": {"type": "number"}, "minItems": 1, "type": "array"}'),
        ),
    ],
)  # fmt: skip
def test_what_no_value_can_satisfy_is_found_and_placed(one: JSONObject, other: JSONObject, where: Disagreement) -> None:
    assert Asked(one).disagreement(Asked(other)) == where
    mirrored = Disagreement(where.path, where.other, where.one)
    assert Asked(other).disagreement(Asked(one)) == mirrored


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, NUMBER),
        (obj("", a=TEXT), obj("", a=NUMBER)),  # an object without it
        (obj("a", a=TEXT), obj("b", b=NUMBER)),
        (obj("a", a=TEXT), obj("", True, a=TEXT, b=TEXT)),
        (obj("a", a=NUMBER), obj("a", a={"type": "integer"})),
        (obj("a", a=either(TEXT, NULL)), obj("a", a=either(NUMBER, NULL))),
        (obj("a", a={"enum": ["x", "y"]}), obj("a", a={"enum": ["y", "z"]})),
        ({"oneOf": [obj("k", k={"const": "a"}), obj("k", k={"const": "b"})]}, obj("k", k={"const": "b"})),
        (obj("a", a=ZOD_EMAIL), obj("a", a=TEXT)),
        (obj("a", a={"type": "string", "format": "email"}), obj("a", a={"type": "string", "format": "uuid"})),
        ({"type": "array", "items": TEXT}, {"type": "array", "items": NUMBER}),  # the empty list
        (tree(TEXT), tree(TEXT)),
        ({"$schema": DRAFT_7, **obj("a", a=TEXT)}, obj("a", a=TEXT)),
        # Not decided, so not said: words that differ by dialect or are not looked at, and what is not valid.
        ({"$schema": DRAFT_7, "type": "array", "items": [TEXT], "minItems": 1},
         {"type": "array", "prefixItems": [NUMBER]}),
        ({"$schema": DRAFT_7, "$ref": "#/definitions/T", "type": "number", "definitions": {"T": TEXT}}, TEXT),
        ({"type": "strin"}, TEXT),
        ({"$ref": "#/$defs/gone"}, TEXT),
        ({"$ref": "https://x.example/schema.json"}, TEXT),
        ({"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "^b"}),
        (obj("", **{f"p{number}": TEXT for number in range(3000)}, a=TEXT) | {"required": ["a"]}, obj("a", a=NUMBER)),
        ({"enum": [b"x"]}, NUMBER),
        # What cannot be had together may still be missing, or be one of others.
        (tree(TEXT) | {"description": "x"}, {"type": ["object", "null"]}),
    ],
)  # fmt: skip
def test_what_some_value_may_satisfy_is_not_reported(one: JSONObject, other: JSONObject) -> None:
    assert Asked(one).disagreement(Asked(other)) is None
    assert Asked(other).disagreement(Asked(one)) is None


def test_a_schema_that_no_value_fits_is_empty() -> None:
    assert Asked({"not": {}}).is_empty
    assert Asked(obj("a", a={"allOf": [TEXT, NUMBER]})).is_empty
    assert not Asked(obj("a", a=TEXT)).is_empty


def _random_schema(chance: random.Random, depth: int) -> Any:
    """A small schema out of the words that Zod and pydantic write."""
    leaf = [TEXT, NUMBER, NULL, {"type": "boolean"}, {"type": "integer", "minimum": chance.randint(0, 2)},
            {"enum": chance.sample([0, 1, "x", "y", None, True], 2)}, {"const": chance.choice([1, "x"])},
            {"type": "string", "minLength": 1}, {}]  # fmt: skip
    if depth == 0:
        return chance.choice(leaf)

    def below() -> Any:
        return _random_schema(chance, depth - 1)

    names = chance.sample("abc", chance.randint(1, 2))
    shape = obj(
        " ".join(name for name in names if chance.random() < 0.7),
        closed=chance.random() < 0.3,
        **{name: below() for name in names},
    )
    others = [either(below(), below()), {"oneOf": [below(), below()]}, {"type": "array", "items": below()},
              {"allOf": [below(), below()]}, ref(below()), chance.choice(leaf)]  # fmt: skip
    return chance.choice([shape, shape, shape, *others]) if depth > 1 else shape


def test_nothing_is_reported_that_a_value_refutes() -> None:
    """For random pairs: where a disagreement is reported, none of many values fits both."""
    chance = random.Random(7)
    leaves: list[Any] = [0, 1, 1.5, "", "x", "y", None, True, False, [], [1], ["x"]]
    objects = [{}, *({"a": leaf} for leaf in leaves), *({"a": one, "b": two} for one in leaves for two in leaves)]
    values = [*leaves, *objects, *({"b": leaf} for leaf in leaves), *({"c": leaf, "a": leaf} for leaf in leaves)]
    values += [{"a": each} for each in objects[:30]]
    schemas = [_random_schema(chance, 2) for _ in range(60)]
    fitting = [
        {at for at, value in enumerate(values) if validator.is_valid(value)}
        for validator in map(jsonschema_rs.validator_for, schemas)
    ]
    asked = [Asked(schema) for schema in schemas]
    reported = 0
    for one, other in itertools.combinations(range(len(schemas)), 2):
        if asked[one].disagreement(asked[other]) is not None:
            reported += 1
            both = fitting[one] & fitting[other]
            assert not both, (schemas[one], schemas[other], [values[at] for at in both])
    assert reported > 100
