"""Schemas with values that fit and values that do not, as a checker of either language must see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """A schema; `loose` names the languages whose types cannot say no to the values of `bad`."""

    name: str
    schema: Any
    good: tuple[Any, ...] = ()
    bad: tuple[Any, ...] = ()
    loose: str = ""


def obj(required: str = "", **properties: Any) -> dict[str, Any]:
    """An object schema; `required` are names with spaces between."""
    return {"type": "object", "properties": properties, "required": required.split()}


S, N, INT, B, NULL = ({"type": each} for each in ("string", "number", "integer", "boolean", "null"))
NODE = obj("value", value=S, children={"type": "array", "items": {"$ref": "#/$defs/Node"}})
JSON_DEF = {
    "anyOf": [
        S,
        N,
        B,
        NULL,
        {"type": "array", "items": {"$ref": "#/$defs/Json"}},
        {"type": "object", "additionalProperties": {"$ref": "#/$defs/Json"}},
    ]
}
ODD_KEYS = [
    "__proto__",
    "a-b",
    "1st",
    "class",
    "with space",
    "quo'te",
    'dou"ble',
    "back\\slash",
    "line\nbreak",
    "größe",
    "日本",
    "$ref",
    "*/",
    "\u2028",
    "${x}",
    "😀",
    "__private",
    "None",
    "str",
    "Any",
    "dict",
]

CASES = [
    Case("string", S, ("a",), (1, None)),
    Case("number", N, (1, 1.5), ("1",)),
    Case("integer", INT, (1,), ("1",)),
    Case("boolean", B, (True,), (1, "true")),
    Case("null", NULL, (None,), (1, "")),
    Case("anything", {}, (1, "a", None, [1], {"a": 1})),
    Case("true", {"properties": {"a": True}, "required": ["a"]}, ({"a": 1}, {"a": None}), ({},)),
    Case("false member", obj("a", a=S, b=False), ({"a": "x"},), ({"a": "x", "b": 1},)),
    Case("never", {"not": {}}, (), (1, "a", None)),
    Case("described", {"description": "only */ words", "title": "T"}, (1, "a")),
    Case("date", {"type": "string", "format": "date-time"}, ("2026-01-01T00:00:00Z",), (1,)),
    Case("nullable union", {"type": ["string", "null"]}, ("a", None), (1,)),
    Case("nullable any of", {"anyOf": [S, NULL]}, ("a", None), (1,)),
    Case("nullable of OpenAPI", {"type": "string", "nullable": True}, ("a", None), (1,)),
    Case("const text", {"const": 'it\'s "x"\n*/ \u2028 ${y}'}, ('it\'s "x"\n*/ \u2028 ${y}',), ("x",)),
    Case("const number", {"const": 7}, (7,), (8, "7")),
    Case("const float", {"const": 7.5}, (7.5,), ("7.5",)),
    Case("const true", {"const": True}, (True,), (False, 1)),
    Case("const null", {"const": None}, (None,), (0,)),
    Case("const object", {"const": {"a": 1, "b": ["x"]}}, ({"a": 1, "b": ["x"]},), ({"a": 2, "b": ["x"]}, {"a": 1})),
    Case("enum", {"enum": ["a", "b"]}, ("a", "b"), ("c", 1)),
    Case("enum mixed", {"enum": ["a'b", 1, 2.5, True, None, "\\", "\n"]}, ("a'b", 1, True, None, "\\", "\n"), ("zz",)),
    Case("enum 1 and true", {"enum": [1, True]}, (1, True), (2, False)),
    Case("enum typed", {"type": "string", "enum": ["low", "high"]}, ("low",), ("mid",)),
    Case("enum empty", {"enum": []}, (), ("a", 1)),
    Case("enum unicode", {"enum": ["größe", "日本", "\ud83d\ude00", "\u202e"]}, ("größe", "日本"), ("x",)),
    Case("list", {"type": "array", "items": S}, ([], ["a"]), ([1], "a")),
    Case("list of anything", {"type": "array"}, ([], [1, "a"]), ("a",)),
    Case("list of unions", {"type": "array", "items": {"anyOf": [S, INT]}}, (["a", 1],), ([None],)),
    Case("list of lists", {"type": "array", "items": {"type": "array", "items": INT}}, ([[1], []],), ([1],)),
    Case("tuple", {"type": "array", "prefixItems": [S, INT]}, (["a", 1],), (["a", None], "a")),
    Case("tuple order", {"type": "array", "prefixItems": [S, INT]}, (), ([1, "a"], ["a"], ["a", 1, 1]), loose="python"),
    Case("tuple rest", {"type": "array", "prefixItems": [S], "items": INT}, (["a"], ["a", 1, 2]), (["a", None],)),
    Case("tuple optional", {"type": "array", "prefixItems": [S, INT], "minItems": 1}, (["a"], ["a", 1]), ([None],)),
    Case("tuple of draft 7", {"type": "array", "items": [S, INT]}, (["a", 1],), ([None, 1],)),
    Case("tuple empty", {"type": "array", "items": False}, ([],), ("a",)),
    Case("object", obj("a", a=S, b=INT), ({"a": "x"}, {"a": "x", "b": 1}), ({}, {"a": 1}, {"a": "x", "b": "y"})),
    Case("object extra", obj("a", a=S), (), ({"a": "x", "other": 1},)),
    Case("object open", {"type": "object"}, ({}, {"a": 1}), ("a", 1)),
    Case("object closed", {**obj("a", a=S), "additionalProperties": False}, ({"a": "x"},), ({"a": "x", "b": 1},)),
    Case("object untyped", {"properties": {"a": S}, "required": ["a"]}, ({"a": "x"},), ({"a": 1}, {})),
    Case("required alone", {"type": "object", "required": ["a", "b"]}, ({"a": 1, "b": None},), ({"a": 1},)),
    Case("all optional", obj(a=S, b=S), ({}, {"a": "x"}), ({"a": 1},)),
    Case("nested", obj("a", a=obj("b", b=obj("c", c=INT))), ({"a": {"b": {"c": 1}}},), ({"a": {"b": {}}}, {"a": {}})),
    Case("record", {"type": "object", "additionalProperties": INT}, ({}, {"a": 1}), ({"a": "x"},)),
    Case("record of anything", {"type": "object", "additionalProperties": {}}, ({"a": 1, "b": None},), (1,)),
    Case(
        "record of objects",
        {"type": "object", "additionalProperties": obj("a", a=S)},
        ({"k": {"a": "x"}},),
        ({"k": {}},),
    ),
    Case(
        "patterns",
        {"type": "object", "patternProperties": {"^s_": S, "^n_": N}},
        ({"s_a": "x", "n_b": 1},),
        ({"n_b": None},),
    ),
    Case(
        "record with keys",
        {**obj("a", a=S, b=B), "additionalProperties": N},
        ({"a": "x"}, {"a": "x", "b": True}),
        ({"a": 1}, {}),
    ),
    Case(
        "listed keys",
        {
            "type": "object",
            "propertyNames": {"type": "string", "enum": ["x", "y"]},
            "additionalProperties": INT,
            "required": ["x", "y"],
        },
        ({"x": 1, "y": 2},),
        ({"x": 1}, {"x": 1, "y": "a"}),
    ),
    Case(
        "odd keys", obj("a-b", **dict.fromkeys(ODD_KEYS, INT)), ({"a-b": 1, "class": 2, "日本": 3},), ({}, {"a-b": "x"})
    ),
    Case("members of every object", obj("constructor", constructor=INT, toString=S, hasOwnProperty=B)),
    Case("empty key", obj("a", a=S, **{"": INT}), ({"a": "x", "": 1},), ({"a": "x", "": "y"},), loose="python"),
    Case("one of", {"oneOf": [S, obj("a", a=INT)]}, ("x", {"a": 1}), (1, {})),
    Case(
        "tagged",
        {"oneOf": [obj("t n", t={"const": "n"}, n=INT), obj("t s", t={"const": "s"}, s=S)]},
        ({"t": "n", "n": 1}, {"t": "s", "s": "x"}),
        ({"t": "n", "s": "x"}, {"t": "z"}),
    ),
    Case(
        "any of with siblings",
        {**obj("a", a=S), "anyOf": [obj("b", b=INT), obj("c", c=INT)]},
        ({"a": "x", "b": 1}, {"a": "x", "c": 1}),
        ({"a": "x"}, {"b": 1}),
    ),
    Case("all of", {"allOf": [obj("a", a=S), obj("b", b=INT)]}, ({"a": "x", "b": 1},), ({"a": "x"}, {"b": 1})),
    Case("all of narrows", {"allOf": [S, {"enum": ["a", "b", 1]}]}, ("a",), (1, "c")),
    Case("all of contradicts", {"allOf": [S, INT]}, (), ("a", 1)),
    Case(
        "all of closed",
        {"allOf": [{**obj("a", a=S), "additionalProperties": False}, obj("a", a={"const": "x"}, b=INT)]},
        ({"a": "x"},),
        ({"a": "y"}, {"a": "x", "b": 1}),
    ),
    Case(
        "reference",
        {**obj("a", a={"$ref": "#/$defs/A"}), "$defs": {"A": obj("x", x=INT)}},
        ({"a": {"x": 1}},),
        ({"a": {}},),
    ),
    Case(
        "reference of draft 7",
        {**obj("a", a={"$ref": "#/definitions/A"}), "definitions": {"A": INT}},
        ({"a": 1},),
        ({"a": "x"},),
    ),
    Case(
        "reference with words",
        {**obj("a", a={"$ref": "#/$defs/A", "description": "d"}), "$defs": {"A": S}},
        ({"a": "x"},),
        ({"a": 1},),
    ),
    Case(
        "reference to anchor",
        {**obj("a", a={"$ref": "#here"}), "$defs": {"A": {"$anchor": "here", "type": "integer"}}},
        ({"a": 1},),
        ({"a": "x"},),
    ),
    Case(
        "reference with an odd name",
        {**obj("a", a={"$ref": "#/$defs/a~1b%20c"}), "$defs": {"a/b c": obj("x", x=INT)}},
        ({"a": {"x": 1}},),
        ({"a": {}},),
    ),
    Case("reference to nowhere", obj("a", a={"$ref": "#/$defs/Gone"}), ({"a": 1},), ({},)),
    Case("reference elsewhere", obj("a", a={"$ref": "other.json"}), ({"a": 1},), ({},)),
    Case(
        "reference to a property",
        obj("a b", a=INT, b={"$ref": "#/properties/a"}),
        ({"a": 1, "b": 2},),
        ({"a": 1, "b": "x"},),
    ),
    Case(
        "recursion",
        {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}},
        ({"value": "a", "children": [{"value": "b"}]},),
        ({"value": "a", "children": [{}]}, {"value": 1}),
    ),
    Case(
        "recursion of the whole",
        obj("v", v=INT, next={"anyOf": [{"$ref": "#"}, NULL]}),
        ({"v": 1, "next": {"v": 2, "next": None}},),
        ({"v": 1, "next": {}},),
    ),
    Case(
        "recursion by two",
        {"$ref": "#/$defs/A", "$defs": {"A": obj(b={"$ref": "#/$defs/B"}), "B": obj(a={"$ref": "#/$defs/A"})}},
        ({"b": {"a": {"b": {}}}},),
        ({"b": {"a": 1}},),
    ),
    Case("recursive union", {"$ref": "#/$defs/Json", "$defs": {"Json": JSON_DEF}}, ("a", [1, ["b", {"c": [None]}]])),
    Case(
        "recursive record",
        {
            "$ref": "#/$defs/Tree",
            "$defs": {"Tree": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Tree"}}},
        },
        ({}, {"a": {"b": {}}}),
        ({"a": 1},),
    ),
    Case(
        "recursive tuple",
        {
            "$ref": "#/$defs/T",
            "$defs": {"T": {"anyOf": [INT, {"type": "array", "prefixItems": [INT, {"$ref": "#/$defs/T"}]}]}},
        },
        (1, [1, [2, 3]]),
        ("x",),
    ),
    Case(
        "circle of references", {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}}
    ),
    Case(
        "union with itself", {"$ref": "#/$defs/A", "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, S]}}}, ("x",), (1,)
    ),
    Case(
        "all of with reference",
        {"allOf": [{"$ref": "#/$defs/A"}, obj("b", b=INT)], "$defs": {"A": obj("a", a=S)}},
        ({"a": "x", "b": 1},),
        ({"b": 1},),
    ),
    Case(
        "all of with recursion",
        {
            "$ref": "#/$defs/A",
            "$defs": {
                "A": {"allOf": [{"$ref": "#/$defs/Base"}, obj(kids={"type": "array", "items": {"$ref": "#/$defs/A"}})]},
                "Base": obj("id", id=S),
            },
        },
        ({"id": "a", "kids": [{"id": "b"}]},),
        ({"id": "a", "kids": [{}]},),
    ),
    Case(
        "members of dict",
        obj("keys", keys=S, items=S, get=S, values=S, update=S),
        ({"keys": "a", "items": "b"},),
        ({},),
    ),
    Case(
        "named like types",
        obj("Literal", Literal=S, NotRequired=INT, TypedDict=INT, Context=INT),
        ({"Literal": "a"},),
        ({},),
    ),
]
