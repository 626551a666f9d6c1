"""Form of an ask, made from the JSON Schema of its answer, and the answer that a filled form is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Literal, TypeAlias

from polystep.contracts.asks import ASK_PATH
from polystep.contracts.values import JSONObject, JSONValue

WHOLE: Final = "value"
"""Name of the one field of an answer that is no object."""
BY: Final = "_by"
"""Name of the field for the name of the one who answers."""

FieldKind: TypeAlias = Literal["boolean", "integer", "number", "string", "choice", "json"]
_PLAIN: Final = ("boolean", "integer", "number", "string")
_LONG: Final = 200
"""A text that may be longer than so many characters has a field of several lines."""


@dataclass(frozen=True, slots=True)
class FormField:
    """Field of a form."""

    name: str
    kind: FieldKind
    label: str
    about: str = ""
    is_required: bool = True
    choices: tuple[JSONValue, ...] = ()
    is_long: bool = False


@dataclass(frozen=True, slots=True)
class AskForm:
    """Fields of an answer; one of them is all of it when the answer is no object."""

    fields: Sequence[FormField]
    is_whole: bool

    def read(self, given: Mapping[str, JSONValue]) -> JSONValue:
        """Return the answer that a filled form is. What does not fit stays as it is: the schema refuses it."""
        if self.is_whole:
            return _read(self.fields[0], given.get(WHOLE))
        answer: JSONObject = {}
        for field in self.fields:
            text = given.get(field.name)
            if text in (None, "") and not (field.is_required and field.kind == "string"):
                continue
            answer[field.name] = _read(field, text)
        return answer


def form_of(schema: JSONObject | None) -> AskForm:
    """Make the form of an answer."""
    if (
        schema is not None
        and schema.get("type") == "object"
        and isinstance(properties := schema.get("properties"), dict)
    ):
        required = schema.get("required")
        needed = required if isinstance(required, list) else []
        fields = [_field(name, each, is_required=name in needed) for name, each in properties.items()]
        if fields and all(each.name != BY for each in fields):
            return AskForm(fields, is_whole=False)
    return AskForm([_field(WHOLE, schema or {}, is_required=True)], is_whole=True)


def _field(name: str, schema: JSONValue, *, is_required: bool) -> FormField:
    known = schema if isinstance(schema, dict) else {}
    title, about = known.get("title"), known.get("description")
    label = title if isinstance(title, str) else "Answer" if name == WHOLE else name
    text = about if isinstance(about, str) else ""
    choices = known.get("enum")
    if isinstance(choices, list) and choices and all(isinstance(each, str | int | float) for each in choices):
        return FormField(name, "choice", label, text, is_required, tuple(choices))
    kind = known.get("type")
    if kind == "string":
        longest = known.get("maxLength")
        is_long = "format" not in known and (not isinstance(longest, int | float) or longest > _LONG)
        return FormField(name, "string", label, text, is_required, is_long=is_long)
    if kind in _PLAIN:
        return FormField(name, kind, label, text, is_required)  # type: ignore[arg-type]  # one of them
    return FormField(name, "json", label, text or "As JSON.", is_required)


def _read(field: FormField, text: JSONValue) -> JSONValue:
    if not isinstance(text, str):
        return text
    match field.kind:
        case "boolean":
            return {"true": True, "false": False}.get(text, text)
        case "integer" | "number":
            return _number(text)
        case "choice":
            return next((each for each in field.choices if str(each) == text), text)
        case "json":
            try:
                value: JSONValue = json.loads(text)
            except ValueError:
                return text
            return value
    return text.replace("\r\n", "\n")


def _number(text: str) -> JSONValue:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def form_page(
    title: str, about: str, data: JSONValue, form: AskForm, given: Mapping[str, JSONValue], problem: str
) -> str:
    """Return the page of an open ask. Everything in it that somebody wrote is text."""
    shown = "" if data is None else f"<pre>{escape(json.dumps(data, indent=2, ensure_ascii=False))}</pre>"
    alert = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    fields = "".join(_control(each, given.get(each.name)) for each in form.fields)
    by = _control(FormField(BY, "string", "Your name", "Shown to others.", is_required=False), given.get(BY))
    body = f'{alert}{shown}<form method="post">{fields}{by}<button type="submit">Send the answer</button></form>'
    return page(title, about, body)


def page(title: str, about: str, body: str = "") -> str:
    """Return a page with a heading and a sentence."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        '<link rel="icon" href="data:,">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="{ASK_PATH}ask.css"></head>'
        f"<body><main><h1>{escape(title)}</h1><p>{escape(about)}</p>{body}</main></body></html>"
    )


def _control(field: FormField, given: JSONValue) -> str:
    name = escape(field.name, quote=True)
    about = f" <small>{escape(field.about)}</small>" if field.about else ""
    optional = "" if field.is_required else " <small>(optional)</small>"
    label = f'<label for="f-{name}">{escape(field.label)}{optional}{about}</label>'
    required = " required" if field.is_required and field.kind != "string" else ""
    text = given if isinstance(given, str) else ""
    attributes = f'id="f-{name}" name="{name}"{required}'
    if field.kind in ("boolean", "choice"):
        choices = (
            [("true", "Yes"), ("false", "No")] if field.kind == "boolean" else [(str(c), str(c)) for c in field.choices]
        )
        options = "".join(_option(value, words, text) for value, words in [("", "Choose…"), *choices])
        return f"{label}<select {attributes}>{options}</select>"
    if field.kind == "json" or field.is_long:
        return f"{label}<textarea {attributes}>{escape(text)}</textarea>"
    step = {"integer": ' type="number" step="1"', "number": ' type="number" step="any"'}.get(field.kind, "")
    return f'{label}<input {attributes}{step} value="{escape(text, quote=True)}">'


def _option(value: str, words: str, chosen: str) -> str:
    selected = " selected" if value == chosen else ""
    return f'<option value="{escape(value, quote=True)}"{selected}>{escape(words)}</option>'
