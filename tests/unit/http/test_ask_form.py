"""Form of an ask: which fields a schema gives, and which answer a filled form is."""

from __future__ import annotations

import pytest

from polystep.contracts.values import JSONObject, JSONValue
from polystep.http.ask_form import BY, WHOLE, form_of, form_page

REVIEW: JSONObject = {
    "type": "object",
    "required": ["ok", "reason"],
    "properties": {
        "ok": {"type": "boolean", "title": "Send it?"},
        "reason": {"type": "string"},
        "short": {"type": "string", "maxLength": 20, "description": "One line."},
        "count": {"type": "integer"},
        "share": {"type": "number"},
        "colour": {"enum": ["red", 7]},
        "more": {"type": "object"},
    },
}


def test_each_member_of_an_object_has_a_field_of_its_kind() -> None:
    form = form_of(REVIEW)
    assert not form.is_whole
    assert [(each.name, each.kind, each.is_required, each.is_long) for each in form.fields] == [
        ("ok", "boolean", True, False),
        ("reason", "string", True, True),
        ("short", "string", False, False),
        ("count", "integer", False, False),
        ("share", "number", False, False),
        ("colour", "choice", False, False),
        ("more", "json", False, False),
    ]
    assert (form.fields[0].label, form.fields[2].about, form.fields[6].about) == ("Send it?", "One line.", "As JSON.")


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ({"ok": "true", "reason": "fine"}, {"ok": True, "reason": "fine"}),
        ({"ok": "false", "reason": ""}, {"ok": False, "reason": ""}),
        ({"ok": "perhaps", "reason": "a\r\nb"}, {"ok": "perhaps", "reason": "a\nb"}),
        (
            {"ok": "true", "reason": "r", "count": "7", "share": "0.5", "colour": "7", "more": '{"a": 1}'},
            {"ok": True, "reason": "r", "count": 7, "share": 0.5, "colour": 7, "more": {"a": 1}},
        ),
        # What does not fit stays a text, and the schema refuses it.
        (
            {"ok": "true", "reason": "r", "count": "many", "colour": "blue", "more": "{"},
            {"ok": True, "reason": "r", "count": "many", "colour": "blue", "more": "{"},
        ),
    ],
)
def test_a_filled_form_is_an_answer(given: JSONObject, answer: JSONValue) -> None:
    assert form_of(REVIEW).read(given) == answer


@pytest.mark.parametrize(
    ("schema", "kind", "text", "answer"),
    [
        (None, "json", '["a"]', ["a"]),
        ({"type": "boolean"}, "boolean", "true", True),
        ({"type": "object", "properties": {}}, "json", "{}", {}),
        ({"type": "object", "properties": {BY: {"type": "string"}}}, "json", '{"_by": "x"}', {"_by": "x"}),
    ],
)
def test_an_answer_that_has_no_fields_of_its_own_is_one_field(
    schema: JSONObject | None, kind: str, text: str, answer: JSONValue
) -> None:
    form = form_of(schema)
    assert (form.is_whole, [(each.name, each.kind) for each in form.fields]) == (True, [(WHOLE, kind)])
    assert form.read({WHOLE: text}) == answer


def test_what_others_wrote_is_text_on_the_page_and_what_was_given_is_kept() -> None:
    data: JSONValue = {"draft": "<script>alert(1)</script>"}
    given: JSONObject = {"ok": "false", "reason": '"><b>', "short": "s", BY: "Ada & Co"}
    shown = form_page("<Title>", "<about>", data, form_of(REVIEW), given, "<problem>")
    assert "<script" not in shown and "<b>" not in shown
    for text in ("&lt;Title&gt;", "&lt;about&gt;", "&lt;problem&gt;", "&lt;script&gt;", "Ada &amp; Co"):
        assert text in shown
    assert '<option value="false" selected>No</option>' in shown
    assert '<textarea id="f-reason" name="reason">&quot;&gt;&lt;b&gt;</textarea>' in shown
    assert '<input id="f-count" name="count" type="number" step="1" value="">' in shown
    assert '<select id="f-ok" name="ok" required>' in shown
    assert 'role="alert"' not in form_page("t", "a", None, form_of(None), {}, "")
