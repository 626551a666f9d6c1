"""Hints that show how an ask is answered."""

from __future__ import annotations

import pytest

from polystep.cli.answer_forms import answer_command, answer_form

REPLY = {
    "type": "object",
    "properties": {"send": {"type": "boolean"}, "text": {"type": "string"}, "note": {"type": "string"}},
    "required": ["send", "text"],
}


@pytest.mark.parametrize(
    ("schema", "form"),
    [
        (None, {"ok": True}),
        ({}, {"ok": True}),
        (REPLY, {"send": True, "text": "…"}),
        ({"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}, "required": []}, {"a": 1}),
        ({"enum": ["low", "high"]}, "low"),
        ({"const": 7}, 7),
        ({"type": ["number", "null"]}, 1),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, True),
        ({"type": "array", "items": {"type": "string"}}, []),
        ({"type": "object"}, {}),
        ({"type": "string", "default": "yes"}, "yes"),
        (True, {"ok": True}),
    ],
)
def test_it_has_the_form_of_the_schema(schema: object, form: object) -> None:
    assert answer_form(schema) == form


def test_a_schema_within_itself_ends() -> None:
    nested: dict[str, object] = {"type": "object", "properties": {}}
    nested["properties"] = {"child": nested}
    assert answer_form(nested) == {"child": {"child": {"child": {}}}}


def test_the_command_is_quoted_for_a_shell() -> None:
    assert answer_command("a1", REPLY) == """polystep answer a1 '{"send": true, "text": "…"}'"""
    assert answer_command("a1", {"const": "it's"}) == """polystep answer a1 '"it'"'"'s"'"""
