"""What types of value a schema lets through."""

from __future__ import annotations

from typing import Any

import pytest

from polystep.documents.json_types import ALL_TYPES, types_of

ANY_JSON: dict[str, Any] = {
    "$ref": "#/$defs/json",
    "$defs": {"json": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"$ref": "#/$defs/json"}}]}},
}
MANY: dict[str, Any] = {
    "$ref": "#/$defs/d0",
    "$defs": {f"d{at}": {"anyOf": [{"$ref": f"#/$defs/d{to}"} for to in range(60)]} for at in range(60)},
}


@pytest.mark.parametrize(
    ("schema", "types"),
    [
        ({}, ALL_TYPES),
        ({"type": "integer"}, {"number"}),
        ({"type": ["string", "null"]}, {"string", "null"}),
        ({"const": None}, {"null"}),
        ({"enum": ["a", 1, True, [], {}]}, {"string", "number", "boolean", "array", "object"}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"string", "null"}),
        ({"allOf": [{"type": ["string", "object"]}, {"type": ["array", "object"]}]}, {"object"}),
        ({"type": "string", "oneOf": [{"const": "a"}, {"const": 1}]}, {"string"}),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "boolean"}}}, {"boolean"}),
        ({"$ref": "https://example.com/elsewhere"}, ALL_TYPES),
        ({"$ref": "#"}, ALL_TYPES),
        (ANY_JSON, {"string", "array"}),
        (MANY, ALL_TYPES),
    ],
)
def test_types(schema: dict[str, Any], types: set[str]) -> None:
    assert types_of(schema, schema) == types
