"""What kinds of value a schema lets through."""

from __future__ import annotations

from typing import Any

import pytest

from polystep.documents.kinds import ALL_KINDS, kinds_of

ANY_JSON: dict[str, Any] = {
    "$ref": "#/$defs/json",
    "$defs": {"json": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"$ref": "#/$defs/json"}}]}},
}
MANY: dict[str, Any] = {
    "$ref": "#/$defs/d0",
    "$defs": {f"d{at}": {"anyOf": [{"$ref": f"#/$defs/d{to}"} for to in range(60)]} for at in range(60)},
}


@pytest.mark.parametrize(
    ("schema", "kinds"),
    [
        ({}, ALL_KINDS),
        ({"type": "integer"}, {"number"}),
        ({"type": ["string", "null"]}, {"string", "null"}),
        ({"const": None}, {"null"}),
        ({"enum": ["a", 1, True, [], {}]}, {"string", "number", "boolean", "array", "object"}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"string", "null"}),
        ({"allOf": [{"type": ["string", "object"]}, {"type": ["array", "object"]}]}, {"object"}),
        ({"type": "string", "oneOf": [{"const": "a"}, {"const": 1}]}, {"string"}),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "boolean"}}}, {"boolean"}),
        ({"$ref": "https://example.com/elsewhere"}, ALL_KINDS),
        ({"$ref": "#"}, ALL_KINDS),
        (ANY_JSON, {"string", "array"}),
        (MANY, ALL_KINDS),
    ],
)
def test_kinds(schema: dict[str, Any], kinds: set[str]) -> None:
    assert kinds_of(schema, schema) == kinds
