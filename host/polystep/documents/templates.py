"""Path templates of OpenAPI for the path of a step: `/users/:id?` is `/users` and `/users/{id}`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from typing import Final
from urllib.parse import quote, unquote

from polystep.contracts.paths import PathParameter, PathSegment, read_path

_VARIANTS_MAX: Final = 32
"""Templates of one path; each optional segment doubles them."""


@dataclass(frozen=True, slots=True)
class TemplateParameter:
    """Parameter of a template."""

    name: str
    """Name in the template, which has each name once."""
    declared: PathParameter


@dataclass(frozen=True, slots=True)
class Template:
    """Template: one way to write the path of a request."""

    pieces: tuple[str, ...]
    """Literal text before, between and after the parameters, percent-encoded."""
    parameters: tuple[TemplateParameter, ...]

    @property
    def shape(self) -> str:
        """Return the template without names: to OpenAPI two templates of one shape are the same path."""
        return "{}".join(self.pieces)

    @property
    def text(self) -> str:
        """Return the key of `paths`."""
        names = [f"{{{parameter.name}}}" for parameter in self.parameters]
        return "".join(piece + name for piece, name in zip(self.pieces, [*names, ""], strict=True))

    @property
    def takes(self) -> tuple[tuple[str | None, bool], ...]:
        """Return the patterns of the parameters, which distinguish two templates of one shape."""
        return tuple((each.declared.pattern, each.declared.wildcard) for each in self.parameters)

    @property
    def rank(self) -> int:
        """Return the precedence within one shape: literals, then any value, then expressions, then wildcards."""
        if any(each.declared.wildcard for each in self.parameters):
            return 3
        return 2 if any(each.declared.pattern for each in self.parameters) else min(len(self.parameters), 1)


def templates_of(path: str) -> list[Template]:
    """List every way to write a path, the shortest first; none when a step with this path cannot be reached."""
    segments = read_path(path)
    if not _is_readable(path, segments):
        return []
    # With a segment before without it: where both look the same, a value goes to the earlier parameter.
    choices = product(*((True, False) if segment.optional else (True,) for segment in segments))
    found: dict[str, Template] = {}
    for taken in islice(choices, _VARIANTS_MAX):
        template = _template([segment for segment, wanted in zip(segments, taken, strict=True) if wanted])
        found.setdefault(template.shape, template)
    if path != "/" and path.endswith("/") and len(found) == 1 and not any(each.parameters for each in found.values()):
        # A step whose path ends with a slash may have a neighbour without it.
        (only,) = found.values()
        return [Template((f"{only.pieces[0]}/",), ())]
    return list(reversed(found.values()))


def _is_readable(path: str, segments: tuple[PathSegment, ...]) -> bool:
    try:
        unquote(path, errors="strict")
        for parameter in _parameters(segments):
            re.compile(parameter.pattern or "")
    except (UnicodeError, re.error):
        return False
    return re.search("%(?![0-9A-Fa-f]{2})", path) is None


def _parameters(segments: tuple[PathSegment, ...]) -> Iterator[PathParameter]:
    return (part for segment in segments for part in segment.parts if isinstance(part, PathParameter))


def _template(segments: list[PathSegment]) -> Template:
    pieces, parameters, names = [""], list[TemplateParameter](), set[str]()
    for segment in segments:
        pieces[-1] += "/"
        for part in segment.parts:
            if isinstance(part, str):
                pieces[-1] += quote(unquote(part), safe="!$&'()*+,;=:@")
                continue
            name = part.name
            while name in names:
                name += "_"
            names.add(name)
            parameters.append(TemplateParameter(name, part))
            pieces.append("")
    return Template(tuple(pieces) if segments else ("/",), tuple(parameters))
