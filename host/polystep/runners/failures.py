"""Failures of user code, explained: the place in the project, the source around it, the stack without libraries."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from polystep.contracts.limits import STACK_CHARS_MAX
from polystep.contracts.places import Place
from polystep.contracts.values import JSONObject
from polystep.runners.sources import Sources
from polystep.runners.stacks import folded, place_of

_MESSAGE_CHARS: Final = 1000
"""Of the message in a stack that is too long. The message itself is kept beside the stack."""
NOT_ERRORS: Final = frozenset({"string", "number", "boolean", "object", "undefined", "function", "symbol", "bigint"})
"""JavaScript's types: the name of what was thrown when it is no Error (PS-9.4)."""
_COMPILER: Final = re.compile(r"^(?P<path>/.+?):(?P<line>\d+):(?P<column>\d+): ERROR: ", re.MULTILINE)
"""esbuild's; it counts columns from 0, in bytes."""
_NODE_SYNTAX: Final = re.compile(
    r"^(?:file://)?(?P<path>/\S+):(?P<line>\d+)\n(?P<text>.*)\n(?P<mark> *)\^", re.MULTILINE
)
"""Node writes the place of a syntax error above its stack."""
_NODE_MISSING: Final = re.compile(
    r"Cannot find (?:module|package) '(?P<what>[^']+)'(?: imported from |\nRequire stack:\n- )(?P<by>/\S+)"
)
"""Node names the file that imports what is missing, and no line."""
_RUBY_SYNTAX: Final = re.compile(
    r"^(?P<path>/\S+?):(?P<line>\d+): .*(?:\n(?P<text>.*)\n(?P<mark>[ ~]*)\^)?", re.MULTILINE
)

_HANDLER: Final = re.compile(
    r"^\s*(?:export\s+)?(?:const|let|var|async|def|function)\b.*?\bhandler\b|.*\bexports\.handler\b"
)


class Failures:
    """Explains what runners describe as `{name, message, stack}` (PS-9.4)."""

    def __init__(self, project: Path) -> None:
        self._sources = Sources(project)

    def of_handler(self, error: JSONObject, file: str | None = None) -> JSONObject:
        """The same error with `place` and `frame` where it has a place, and its stack without libraries.

        What has no place leads to the line of the handler in `file`.
        """
        explained = self._of_handler(error)
        if file is None or "place" in explained:
            return explained
        return {**explained, "place": self.handler_in(file).to_json()}

    def _of_handler(self, error: JSONObject) -> JSONObject:
        name, message, stack = (str(error.get(each) or "") for each in ("name", "message", "stack"))
        if not stack:
            if name not in NOT_ERRORS:
                return error
            hint = "What was thrown is no Error, so it has no place: throw new Error(…) instead."
            return {**error, "name": f"thrown {name}", "stack": hint}
        stack, message = _bounded(stack, message)
        place = place_of(self._sources, stack)
        explained: JSONObject = {**error, "stack": folded(self._sources, stack, message)}
        return explained if place is None else {**explained, **self.shown(place)}

    def handler_in(self, file: str) -> Place:
        """The line that defines a file's handler, for what has no place of its own; else the first line."""
        lines = self._sources.text(file).split("\n")
        found = (number for number, line in enumerate(lines, 1) if _HANDLER.match(line))
        return Place(file, next(found, 1))

    def readable(self, error: JSONObject) -> JSONObject:
        """An error in the fields of a log line, with its stack as in `of_handler`; what is no error stays."""
        name, message, stack = (error.get(each) for each in ("name", "message", "stack"))
        if not isinstance(name, str) or not isinstance(message, str) or not isinstance(stack, str):
            return error
        return {**error, "stack": folded(self._sources, stack, message)}

    def of_stack(self, stack: str) -> JSONObject:
        """What a stack without an error leads to. Shape: `{place?, frame?, stack}`."""
        place = place_of(self._sources, stack)
        shown: JSONObject = {"stack": folded(self._sources, stack, "")}
        return shown if place is None else {**self.shown(place), **shown}

    def of_load(self, file: str, error: JSONObject) -> Place | None:
        """The place of what made a file fail to load."""
        name, message, stack = (str(error.get(each) or "") for each in ("name", "message", "stack"))
        if (found := _COMPILER.search(message)) is not None:
            return self._at(found["path"], int(found["line"]), prefix_bytes=int(found["column"]))
        if name == "SyntaxError" and (found := _NODE_SYNTAX.search(stack) or _RUBY_SYNTAX.match(message)) is not None:
            text, mark = found["text"] or "", found["mark"]
            return self._at(found["path"], int(found["line"]), None if mark is None else len(mark) - _indent(text))
        if (found := _NODE_MISSING.match(message)) is not None:
            return self._import_of(found["what"], found["by"])
        return place_of(self._sources, stack) or self._named(file, f"{message}\n{stack}")

    def frame(self, place: Place) -> str:
        """The source around a place, or nothing."""
        return self._sources.frame(place)

    def shown(self, place: Place) -> JSONObject:
        """Shape: `{place: {file, line, column}, frame}`; `frame` is the source around it."""
        return {"place": place.to_json(), "frame": self.frame(place)}

    def _at(self, path: str, line: int, offset: int | None = None, *, prefix_bytes: int | None = None) -> Place | None:
        file = self._sources.own(path)
        if file is None:
            return None
        source = self._sources.line(file, line) or ""
        if prefix_bytes is not None:
            return Place(
                file,
                line,
                len(source.encode()[:prefix_bytes].decode(errors="replace")) + 1 if source else prefix_bytes + 1,
            )
        return Place(file, line, None if offset is None else _indent(source) + offset + 1)

    def _import_of(self, what: str, path: str) -> Place | None:
        """Find the first line of a file that names what it imports: a package, a file of it, or a file by its name."""
        file = self._sources.own(path)
        if file is None:
            return None
        within = "" if not what.startswith(("/", ".")) else "[^'\"]*"
        named = re.compile(
            rf"['\"]{within}{re.escape(what.rpartition('/')[2] if within else what)}(?:[/.][^'\"]*)?['\"]"
        )
        for number, line in enumerate(self._sources.text(file).split("\n"), 1):
            if (found := named.search(line)) is not None:
                return Place(file, number, found.start() + 1)
        return None

    def _named(self, file: str, text: str) -> Place | None:
        """Most languages write `file:line` or, as Perl does, `file line 3`."""
        line = re.search(rf"{re.escape(file)}(?::| line )(\d+)(?::(\d+))?", text)
        return None if line is None else Place(file, int(line[1]), None if line[2] is None else int(line[2]))


def _bounded(stack: str, message: str) -> tuple[str, str]:
    """Cut a long stack: first the message in it, which may hold the text of a client, then its middle."""
    if len(stack) <= STACK_CHARS_MAX:
        return stack, message
    short = message[:_MESSAGE_CHARS]
    if short:
        stack = stack.replace(message, short, 1)
    if len(stack) > STACK_CHARS_MAX:
        # The frames that count are the first in JavaScript and Ruby, and the last in Python.
        half = STACK_CHARS_MAX // 2
        stack = f"{stack[:half]}\n…\n{stack[-half:]}"
    return stack, short


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())
