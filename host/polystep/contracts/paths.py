r"""The grammar of a step's path, Express style: `/users/:id`, `/:id?`, `/files/*`, `/:from-:to`, `/v:major(\d+)`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

_TOKEN = re.compile(r":(\w+)(?:\(((?:\\.|[^\\()])+)\))?|\*|[^:*]+|:")


@dataclass(frozen=True, slots=True)
class PathParameter:
    """A part of a path that a request fills in."""

    name: str
    """A wildcard's is its place among the path's wildcards, from `0`."""
    pattern: str | None = None
    """What its value must match, as a regular expression of Python; `None` takes anything within one segment."""
    wildcard: bool = False
    """Takes anything, slashes and nothing included."""


PathPart: TypeAlias = str | PathParameter
"""Literal text as the path spells it, or a parameter."""


@dataclass(frozen=True, slots=True)
class PathSegment:
    """What stands between two slashes."""

    parts: tuple[PathPart, ...]
    optional: bool = False
    """The path fits without this segment too."""


def read_path(path: str) -> tuple[PathSegment, ...]:
    """Split a step's path; slashes at either end do not count, and `/` is one empty segment."""
    stars = iter(range(len(path)))
    return tuple(_segment(text, stars) for text in path.strip("/").split("/"))


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
