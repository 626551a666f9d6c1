"""Reader of JSON shapes in prompts, such as `{"priority":"low|high","reply":"two sentences"}`. Pure."""

from __future__ import annotations

import re
from typing import Final

from polystep.contracts.values import JSONObject, JSONValue
from polystep.standin.phrases import CANNED, choose, text_for

_PROMPT_CHARS_MAX: Final = 200_000
_TRIES_MAX: Final = 200
"""Places tried as the beginning of a shape, so that a prompt full of braces costs no more."""
_DEPTH_MAX: Final = 20

_SPACE = re.compile(r"\s*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_BARE_KEY = re.compile(r"[A-Za-z_$][\w$-]*\??")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_LOOSE = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^",{}\[\]\n]|\[\])+')
_RANGE = re.compile(r"(-?\d+(?:\.\d+)?)\s*(?:-|\u2013|to|and|\.\.)\s*(-?\d+(?:\.\d+)?)")
_LITERALS: Final[dict[str, JSONValue]] = {"true": True, "false": False, "null": None}
_TYPE_WORDS: Final = frozenset(
    {"string", "str", "text", "number", "int", "integer", "float", "boolean", "bool", "null"}
)


class _NoShape(Exception):
    """Text that is not a shape."""


def find_shape(texts: list[str]) -> tuple[JSONObject, str] | None:
    """Find the first JSON object that the texts spell out, and return it with the prompt without it.

    Looks at the last text first. Besides JSON it reads what people write: bare keys, `"a" | "b"`, `string[]`.
    """
    for text in reversed(texts):
        text = text[:_PROMPT_CHARS_MAX]
        begin = -1
        for _ in range(_TRIES_MAX):
            begin = text.find("{", begin + 1)
            if begin < 0:
                break
            try:
                shape, end = _Reader(text).object(begin, 0)
            except _NoShape:
                continue
            if shape:
                return shape, text[:begin] + text[end:]
    return None


class _Reader:
    """Reader of a shape in a text; every method takes a position, and returns a value with the next position."""

    def __init__(self, text: str) -> None:
        self._text = text

    def object(self, at: int, depth: int) -> tuple[JSONObject, int]:
        """Read an object, from its `{`."""
        members: JSONObject = {}
        at = self._skip(at + 1)
        while not self._text.startswith("}", at):
            key, at = self._key(at)
            members[key], at = self._value(self._skip(at), depth + 1)
            at = self._after(at, "}")
        return members, at + 1

    def _array(self, at: int, depth: int) -> tuple[list[JSONValue], int]:
        items: list[JSONValue] = []
        at = self._skip(at + 1)
        while not self._text.startswith("]", at):
            item, at = self._value(at, depth + 1)
            items.append(item)
            at = self._after(at, "]")
        return items, at + 1

    def _key(self, at: int) -> tuple[str, int]:
        found = _QUOTED.match(self._text, at) or _BARE_KEY.match(self._text, at)
        if found is None:
            raise _NoShape
        colon = self._skip(found.end())
        if not self._text.startswith(":", colon):
            raise _NoShape
        key = found[1] if found[0].startswith('"') else found[0].rstrip("?")
        return key, colon + 1

    def _value(self, at: int, depth: int) -> tuple[JSONValue, int]:
        if depth > _DEPTH_MAX:
            raise _NoShape
        if self._text.startswith("{", at):
            return self.object(at, depth)
        if self._text.startswith("[", at):
            return self._array(at, depth)
        found = _LOOSE.match(self._text, at)
        if found is None:
            raise _NoShape
        return _loose_value(found[0].strip()), found.end()

    def _after(self, at: int, closing: str) -> int:
        """Skip the comma between two members, which a line break may replace."""
        after = self._skip(at)
        if self._text.startswith(",", after):
            return self._skip(after + 1)
        if self._text.startswith(closing, after) or "\n" in self._text[at:after]:
            return after
        raise _NoShape

    def _skip(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        assert found is not None
        return found.end()


def _loose_value(text: str) -> JSONValue:
    if text in _LITERALS:
        return _LITERALS[text]
    if _NUMBER.fullmatch(text):
        return float(text) if re.search(r"[.eE]", text) else int(text)
    return text.replace('\\"', "'").replace('"', "").rstrip(";")


def fill_shape(shape: JSONValue, prompt: str, name: str = "") -> JSONValue:
    """Make a value for a shape: a choice of choices, a value of types, a canned sentence of descriptions."""
    if isinstance(shape, dict):
        return {key: fill_shape(value, prompt, key) for key, value in shape.items()}
    if isinstance(shape, list):
        wanted = [item for item in shape if item not in ("...", "…")]
        return [fill_shape(item, prompt, name.removesuffix("s")) for item in wanted]
    return _from_text(shape.strip(), prompt, name) if isinstance(shape, str) else shape


def _from_text(text: str, prompt: str, name: str) -> JSONValue:
    lowered = text.lower()
    choices = [part.strip() for part in text.split("|")]
    if len(choices) > 1 and all(choices) and len(max(choices, key=len)) <= 60:
        return _from_choices(choices, prompt, name)
    if lowered.endswith("[]") or re.match(r"(?:an? )?(?:array|list) of ", lowered):
        kind = re.sub(r"\[\]$|^(?:an? )?(?:array|list) of ", "", lowered).removesuffix("s")
        return [_from_text(kind, prompt, name.removesuffix("s"))]
    if re.match(r"bool|(?:either )?true (?:or|/) ?false|true/false", lowered):
        return choose((True, False), prompt)
    if re.match(r"(?:an? )?(?:number|int|float|integer|score|percentage)\b", lowered) or _RANGE.fullmatch(lowered):
        return _from_range(lowered)
    if lowered in ("string", "str", "text", "", "...", "…") or re.fullmatch(r"<[^<>]*>", lowered):
        return text_for(name)
    return CANNED


def _from_choices(choices: list[str], prompt: str, name: str) -> JSONValue:
    lowered = [choice.lower() for choice in choices]
    if set(lowered) == {"true", "false"}:
        return choose((True, False), prompt)
    if all(choice in _TYPE_WORDS for choice in lowered):
        return _from_text(next((choice for choice in lowered if choice != "null"), "string"), prompt, name)
    return choose([choice for choice in choices if choice.lower() != "null"], prompt)


def _from_range(text: str) -> int | float:
    found = _RANGE.search(text)
    if found is None:
        return 1
    low, high = sorted((float(found[1]), float(found[2])))
    if "." in found[0] or "float" in text or high - low <= 1:
        return round((low + high) / 2, 3)
    return int((low + high) // 2)
