"""Adds members to a JSON document and leaves every other character of it as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_INDENT_DEFAULT: Final = "  "


@dataclass(frozen=True, slots=True)
class _Object:
    """Location of an object in the text."""

    opening: int
    """Of `{`."""
    members: Mapping[str, tuple[int, int, int]]
    """By name: where the name begins, where the value begins and ends."""
    closing: int
    """Of `}`."""


def add_members(text: str, parent: str, members: Mapping[str, str]) -> str:
    """Add texts to an object that is a member of the document, at its end; the object is added when it is missing.

    Args:
        text: The document, an object.
        parent: Name of the object in it, such as `scripts`.
        members: Names that the object does not have yet.

    Raises:
        ValueError: The document is no JSON object, or `parent` is something else than an object.
    """
    if not members:
        return text
    document = _read(text, _after_space(text, 1 if text.startswith("\ufeff") else 0))
    newline = "\r\n" if "\r\n" in text else "\n"
    if parent not in document.members:
        unit = _indent_of(text, document) or _INDENT_DEFAULT
        inner = f",{newline}".join(f"{unit}{unit}{_member(name, value)}" for name, value in members.items())
        return _append(text, document, f"{json.dumps(parent)}: {{{newline}{inner}{newline}{unit}}}", unit, newline)
    start = document.members[parent][1]
    if text[start] != "{":
        raise ValueError(f"{parent} is not an object")
    outer = _indent_of(text, document) or _INDENT_DEFAULT
    for name, value in members.items():
        text = _append(text, _read(text, start), _member(name, value), outer * 2, newline, before_closing=outer)
    return text


def _append(text: str, target: _Object, member: str, indent: str, newline: str, *, before_closing: str = "") -> str:
    """Put a member behind the last one, as that one stands: on a line of its own, or on the same."""
    if not target.members:
        inside = f"{newline}{indent}{member}{newline}{before_closing}"
        return text[: target.opening + 1] + inside + text[target.closing :]
    last = max(end for _, _, end in target.members.values())
    own = _indent_of(text, target)
    joint = ", " if own is None else f",{newline}{own}"
    return f"{text[:last]}{joint}{member}{text[last:]}"


def _member(name: str, value: str) -> str:
    return f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"


def _indent_of(text: str, target: _Object) -> str | None:
    """Return what stands before the last name on its line; `None` when that is more than space."""
    if not target.members:
        return None
    name = max(begin for begin, _, _ in target.members.values())
    before = text[text.rfind("\n", 0, name) + 1 : name]
    return before if not before.strip() and "\n" in text[target.opening : name] else None


def _read(text: str, opening: int) -> _Object:
    """Find the members of the object that begins here.

    Raises:
        ValueError: There is none.
    """
    if text[opening : opening + 1] != "{":
        raise ValueError("it is not a JSON object")
    decoder = json.JSONDecoder()
    members: dict[str, tuple[int, int, int]] = {}
    at = _after_space(text, opening + 1)
    while text[at : at + 1] != "}":
        name, end = decoder.raw_decode(text, at)
        colon = _after_space(text, end)
        if not isinstance(name, str) or text[colon : colon + 1] != ":":
            raise ValueError("a member has no name")
        begin = _after_space(text, colon + 1)
        _, end = decoder.raw_decode(text, begin)
        members[name] = (at, begin, end)
        at = _after_space(text, end)
        if text[at : at + 1] == ",":
            at = _after_space(text, at + 1)
        elif text[at : at + 1] != "}":
            raise ValueError("a comma is missing")
    return _Object(opening, members, at)


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()
