"""Generator of texts that match the plain regular expressions of schemas. Pure; gives up on look-arounds."""

from __future__ import annotations

import re
from typing import Final

_CLASSES: Final = {"d": "1", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a", "n": "\n", "t": "\t", "r": "\r"}
_EDGES: Final = frozenset("bBAZ")
_CANDIDATES: Final = "a1A-_. 0zZ9/:@#+,"
_QUANTIFIER = re.compile(r"\*|\+|\?|\{(\d+)(?:(,)(\d*))?\}")
_REPEATS_MAX: Final = 10_000


class _Unreadable(Exception):
    """Pattern beyond this reader."""


def matching_text(pattern: str, length_min: int = 0) -> str | None:
    """Make a text that matches, at least `length_min` long where it can grow; return `None` on failure."""
    try:
        for extra in (0, length_min):
            reader = _Reader(pattern, extra)
            text = reader.alternatives()
            if reader.at == len(pattern) and len(text) >= length_min and re.search(pattern, text):
                return text
    except (_Unreadable, re.error, IndexError, OverflowError):
        return None
    return None


class _Reader:
    """Reader that makes the text while it reads a pattern once."""

    def __init__(self, pattern: str, extra: int) -> None:
        self._pattern = pattern
        self._extra = extra
        """Repeats for the first open-ended quantifier, to reach a minimum length."""
        self.at = 0

    def alternatives(self) -> str:
        """Return the text of the first alternative; skip the others."""
        first = self._sequence()
        while self._next_is("|"):
            self.at += 1
            self._sequence()
        return first

    def _sequence(self) -> str:
        out: list[str] = []
        while self.at < len(self._pattern) and self._pattern[self.at] not in "|)":
            piece = self._atom()
            out.append(piece * self._repeats())
        return "".join(out)

    def _atom(self) -> str:
        char = self._pattern[self.at]
        self.at += 1
        if char in "^$":
            return ""
        if char == "(":
            return self._group()
        if char == "[":
            return self._set()
        if char == "\\":
            return self._escape()
        return "a" if char == "." else char

    def _group(self) -> str:
        if self._next_is("?"):
            head = re.compile(r"\?(?::|P?<[A-Za-z_]\w*>)").match(self._pattern, self.at)
            if head is None:
                raise _Unreadable
            self.at = head.end()
        text = self.alternatives()
        if not self._next_is(")"):
            raise _Unreadable
        self.at += 1
        return text

    def _set(self) -> str:
        end = re.compile(r"\^?\]?(?:\\.|[^\]\\])*\]").match(self._pattern, self.at)
        if end is None:
            raise _Unreadable
        body = self._pattern[self.at : end.end()]
        self.at = end.end()
        known = re.compile("[" + body)
        first = body[0] if body[0] not in "^\\" else ""
        for candidate in first + _CANDIDATES:
            if known.match(candidate):
                return candidate
        found = next((chr(code) for code in range(32, 0x250) if known.match(chr(code))), None)
        if found is None:
            raise _Unreadable
        return found

    def _escape(self) -> str:
        char = self._pattern[self.at]
        self.at += 1
        if char in _EDGES:
            return ""
        if char in _CLASSES:
            return _CLASSES[char]
        if char.isalnum():
            raise _Unreadable
        return char

    def _repeats(self) -> int:
        found = _QUANTIFIER.match(self._pattern, self.at)
        if found is None:
            return 1
        self.at = found.end()
        if self._next_is("?"):
            self.at += 1
        least = {"*": 0, "+": 1, "?": 0}.get(found[0], int(found[1] or 0))
        if least > _REPEATS_MAX:
            raise _Unreadable
        if found[0] == "?" or (found[1] and not found[2]):
            return least
        extra, self._extra = self._extra, 0
        most = int(found[3]) if found[3] else least + extra
        return min(max(least, extra), most)

    def _next_is(self, char: str) -> bool:
        return self._pattern.startswith(char, self.at)
