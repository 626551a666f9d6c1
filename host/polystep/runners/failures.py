"""Explanations of failures of user code: location in the project, source around it, stack without libraries."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from polystep.contracts.limits import STACK_CHARS_MAX
from polystep.contracts.locations import Location
from polystep.contracts.values import JSONObject
from polystep.runners.sources import Sources
from polystep.runners.stacks import folded, location_of

_MESSAGE_CHARS: Final = 1000
"""Of the message in a stack that is too long. The message itself is kept beside the stack."""
NOT_ERRORS: Final = frozenset({"string", "number", "boolean", "object", "undefined", "function", "symbol", "bigint"})
"""JavaScript's types: the name of what was thrown when it is no Error (PS-9.4)."""
_COMPILER: Final = re.compile(r"^(?P<path>/.+?):(?P<line>\d+):(?P<column>\d+): ERROR: ", re.MULTILINE)
"""esbuild's; it counts columns from 0, in bytes."""
_NODE_SYNTAX: Final = re.compile(
    r"^(?:file://)?(?P<path>/\S+):(?P<line>\d+)\n(?P<text>.*)\n(?P<mark> *)\^", re.MULTILINE
)
"""Node writes the location of a syntax error above its stack."""
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
        """Add `place` and `frame` to an error that has a location, and take libraries out of its stack.

        An error without a location leads to the line of the handler in `file`.
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
        location = location_of(self._sources, stack)
        explained: JSONObject = {**error, "stack": folded(self._sources, stack, message)}
        return explained if location is None else {**explained, **self.shown(location)}

    def handler_in(self, file: str) -> Location:
        """Find the line that defines a file's handler, for errors without a location; else the first line."""
        lines = self._sources.text(file).split("\n")
        found = (number for number, line in enumerate(lines, 1) if _HANDLER.match(line))
        return Location(file, next(found, 1))

    def readable(self, error: JSONObject) -> JSONObject:
        """Clean the stack of an error in the fields of a log line as `of_handler` does; other values stay."""
        name, message, stack = (error.get(each) for each in ("name", "message", "stack"))
        if not isinstance(name, str) or not isinstance(message, str) or not isinstance(stack, str):
            return error
        return {**error, "stack": folded(self._sources, stack, message)}

    def of_stack(self, stack: str) -> JSONObject:
        """Locate a stack that comes without an error. Shape: `{place?, frame?, stack}`."""
        location = location_of(self._sources, stack)
        shown: JSONObject = {"stack": folded(self._sources, stack, "")}
        return shown if location is None else {**self.shown(location), **shown}

    def of_load(self, file: str, error: JSONObject) -> Location | None:
        """Locate the error that made a file fail to load."""
        name, message, stack = (str(error.get(each) or "") for each in ("name", "message", "stack"))
        if (found := _COMPILER.search(message)) is not None:
            return self._at(found["path"], int(found["line"]), prefix_bytes=int(found["column"]))
        if name == "SyntaxError" and (found := _NODE_SYNTAX.search(stack) or _RUBY_SYNTAX.match(message)) is not None:
            text, mark = found["text"] or "", found["mark"]
            return self._at(found["path"], int(found["line"]), None if mark is None else len(mark) - _indent(text))
        if (found := _NODE_MISSING.match(message)) is not None:
            return self._import_of(found["what"], found["by"])
        return location_of(self._sources, stack) or self._named(file, f"{message}\n{stack}")

    def frame(self, location: Location) -> str:
        """Return the source around a location, or nothing."""
        return self._sources.frame(location)

    def shown(self, location: Location) -> JSONObject:
        """Shape: `{place: {file, line, column}, frame}`; `frame` is the source around it."""
        return {"place": location.to_json(), "frame": self.frame(location)}

    def _at(
        self, path: str, line: int, offset: int | None = None, *, prefix_bytes: int | None = None
    ) -> Location | None:
        file = self._sources.own(path)
        if file is None:
            return None
        source = self._sources.line(file, line) or ""
        if prefix_bytes is not None:
            return Location(
                file,
                line,
                len(source.encode()[:prefix_bytes].decode(errors="replace")) + 1 if source else prefix_bytes + 1,
            )
        return Location(file, line, None if offset is None else _indent(source) + offset + 1)

    def _import_of(self, what: str, path: str) -> Location | None:
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
                return Location(file, number, found.start() + 1)
        return None

    def _named(self, file: str, text: str) -> Location | None:
        """Find a location in text: most languages write `file:line`, Perl writes `file line 3`."""
        line = re.search(rf"{re.escape(file)}(?::| line )(\d+)(?::(\d+))?", text)
        return None if line is None else Location(file, int(line[1]), None if line[2] is None else int(line[2]))


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
