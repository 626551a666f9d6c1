r"""Grammar of a step's path, Express style: `/users/:id`, `/:id?`, `/files/*`, `/:from-:to`, `/v:major(\d+)`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

_TOKEN = re.compile(r":(\w+)(?:\(((?:\\.|[^\\()])+)\))?|\*|[^:*]+|:")


@dataclass(frozen=True, slots=True)
class PathParameter:
    """Part of a path that a request fills in."""

    name: str
    """Of a wildcard: its position among the path's wildcards, from `0`."""
    pattern: str | None = None
    """A regular expression of Python that its value must match; `None` takes anything within one segment."""
    wildcard: bool = False
    """Takes anything, slashes and nothing included."""


PathPart: TypeAlias = str | PathParameter
"""Literal text as the path spells it, or a parameter."""


@dataclass(frozen=True, slots=True)
class PathSegment:
    """Text and parameters between two slashes."""

    parts: tuple[PathPart, ...]
    optional: bool = False
    """The path fits without this segment too."""

    @property
    def is_literal(self) -> bool:
        """Report whether it has no parameters."""
        return not self.optional and not any(isinstance(part, PathParameter) for part in self.parts)

    @property
    def whole(self) -> PathParameter | None:
        """Return the parameter that is the whole segment and takes any value; `None` for every other segment."""
        part = self.parts[0] if len(self.parts) == 1 else None
        return part if isinstance(part, PathParameter) and part.pattern is None else None


def read_path(path: str) -> tuple[PathSegment, ...]:
    """Split a step's path; slashes at either end do not count, and `/` is one empty segment."""
    stars = iter(range(len(path)))
    return tuple(_segment(text, stars) for text in path.strip("/").split("/"))


def parameters_of(path: str) -> Iterator[tuple[PathParameter, bool]]:
    """Yield the parameters of a step's path in order, each with whether every request of the path has it."""
    for segment in read_path(path):
        for part in segment.parts:
            if isinstance(part, PathParameter):
                yield part, not segment.optional


def path_shape(path: str) -> str:
    """Leave out the names of a path's parameters: two paths of one shape take the same requests."""
    return "".join("/" + "".join(map(_nameless, segment.parts)) + "?" * segment.optional for segment in read_path(path))


def _nameless(part: PathPart) -> str:
    if isinstance(part, str):
        return part
    return "*" if part.wildcard else f":({part.pattern or ''})"


def _segment(text: str, stars: Iterator[int]) -> PathSegment:
    optional = text.endswith("?") and ":" in text
    parts: list[PathPart] = []
    for token in _TOKEN.finditer(text[:-1] if optional else text):
        if token[1]:
            parts.append(PathParameter(token[1], token[2]))
        elif token[0] == "*":
            parts.append(PathParameter(str(next(stars)), wildcard=True))
        else:
            parts.append(token[0])
    return PathSegment(tuple(parts), optional)
