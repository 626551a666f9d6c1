r"""Routes: the step that answers a method and path. Pure: from the project's flow to matches, no HTTP types.

Paths are Express style: `/users/:id`, `/users/:id?`, `/files/*`, `/:from-:to`, `/v:major(\d+)`. Literal segments win
over parameters, parameters over wildcards; between equals the first registered wins. Segments are compared after
percent-decoding, so `%2F` never separates; one trailing slash and, unless the settings say otherwise, the case of
literal text are ignored, as in Express. A path in the very case of the request wins.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from polystep.contracts.paths import PathSegment, read_path
from polystep.contracts.steps import HttpTrigger, StepSpec
from polystep.http.refusals import RequestRefused

logger = logging.getLogger("polystep.http")

_ODD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Match:
    """Step that answers, and its path parameters, decoded."""

    step: StepSpec
    params: dict[str, str]


@dataclass(slots=True)
class _Claims:
    """Steps that claim one place, by method, with the names its parameters have in that step's path."""

    by_method: dict[str, tuple[StepSpec, tuple[str, ...]]] = field(default_factory=dict)

    def add(self, method: str, step: StepSpec, names: tuple[str, ...]) -> None:
        """Claim; the first one wins, discovery warns of the second."""
        self.by_method.setdefault(method, (step, names))


@dataclass(slots=True)
class _Node:
    """Node of the tree of segments."""

    literal: dict[str, _Node] = field(default_factory=dict)
    folded: dict[str, _Node] = field(default_factory=dict)
    """The same in lower case, unless case counts; of two that differ by case alone, the first."""
    param: _Node | None = None
    here: _Claims = field(default_factory=_Claims)
    rest: _Claims = field(default_factory=_Claims)
    """Claimed by a trailing `*`: everything below."""

    def find(self, segments: list[str], at: int, values: tuple[str, ...]) -> Iterator[tuple[_Claims, tuple[str, ...]]]:
        """Yield the claims that fit, best first. Each node is visited at most once for a path."""
        if at == len(segments):
            if self.here.by_method:
                yield self.here, values
            return
        child = self.literal.get(segments[at])
        if child is not None:
            yield from child.find(segments, at + 1, values)
        if (folded := self.folded.get(segments[at].lower())) is not None and folded is not child:
            yield from folded.find(segments, at + 1, values)
        if self.param is not None and segments[at]:
            yield from self.param.find(segments, at + 1, (*values, segments[at]))
        if self.rest.by_method:
            yield self.rest, (*values, "/".join(segments[at:]))


class RouteTable:
    """Routes of one revision of the project."""

    def __init__(self, steps: Iterable[StepSpec], *, case_sensitive: bool = False) -> None:
        self._case_sensitive = case_sensitive
        self._exact: dict[str, _Claims] = {}
        self._root = _Node()
        self._patterns: list[tuple[re.Pattern[str], _Claims]] = []
        self.shown: list[str] = []
        """Every route as `METHOD /path`, in the order they were registered."""
        for step in steps:
            if step.type == "api" and isinstance(step.trigger, HttpTrigger):
                self._add_reachable(step, step.trigger)

    def match(self, method: str, raw_path: str) -> Match | None:
        """Find the step for a request; HEAD falls back to GET.

        Raises:
            RequestRefused: 400 when the path's percent-encoding is broken.
        """
        exact = self._exact.get(raw_path)
        if exact is not None and (claim := exact.by_method.get(method)) is not None:
            return Match(claim[0], {})
        wanted = ("HEAD", "GET") if method == "HEAD" else (method,)
        places = list(self._places(raw_path))
        for name in wanted:
            for claims, values in places:
                claim = claims.by_method.get(name)
                if claim is not None:
                    return Match(claim[0], dict(zip(claim[1], values, strict=False)))
        return None

    def methods(self, raw_path: str) -> list[str]:
        """Methods that some step claims at a path, sorted; HEAD comes with GET."""
        found = {method for claims, _ in self._places(raw_path) for method in claims.by_method}
        return sorted(found | {"HEAD"} if "GET" in found else found)

    def _places(self, raw_path: str) -> Iterator[tuple[_Claims, tuple[str, ...]]]:
        segments = [decode_segment(part) for part in raw_path.split("/")[1:]]
        if len(segments) > 1 and segments[-1] == "":
            yield from self._root.find(segments[:-1], 0, ())
        yield from self._root.find(segments, 0, ())
        # Spelled in one way, as the patterns are: a client may encode more or less than another.
        spelled = "".join(f"/{_spell(segment)}" for segment in segments) if self._patterns else ""
        for pattern, claims in self._patterns:
            found = pattern.fullmatch(spelled)
            if found is not None:
                yield claims, tuple(decode_segment(value or "") for value in found.groups())

    def _add_reachable(self, step: StepSpec, trigger: HttpTrigger) -> None:
        """Add a step whose path can be read; another one is named, and never in the way of its neighbours."""
        try:
            for segment in trigger.path.split("/"):
                decode_segment(segment)
            self._add(step, trigger.method.upper(), trigger.path)
            self.shown.append(f"{trigger.method.upper()} {trigger.path}")
        except (re.error, RequestRefused) as broken:
            reason = str(broken.body["hint"]) if isinstance(broken, RequestRefused) else str(broken)
            logger.error(  # noqa: TRY400  # the place to fix is the step's path, not a stack of ours
                "Step %s is not reachable: its path %r cannot be read (%s). Use segments such as :id or *.",
                step.name,
                trigger.path,
                reason.rstrip("."),
            )

    def _add(self, step: StepSpec, method: str, path: str) -> None:
        segments = read_path(path)
        if all(segment.is_literal for segment in segments):
            self._exact.setdefault(path, _Claims()).add(method, step, ())
        if any(_needs_pattern(segment, last=segment is segments[-1]) for segment in segments):
            self._add_pattern(step, method, segments)
        else:
            self._add_to_tree(step, method, segments)

    def _add_to_tree(self, step: StepSpec, method: str, segments: tuple[PathSegment, ...]) -> None:
        node, names = self._root, list[str]()
        for segment in segments:
            param = segment.whole
            if param is None:
                node = self._literal(node, decode_segment("".join(map(str, segment.parts))))
                continue
            if param.wildcard:
                node.rest.add(method, step, (*names, param.name))
                return
            if segment.optional:  # So it is last (`_needs_pattern`): the step claims the place without it too.
                without = node if names or len(segments) > 1 else node.literal.setdefault("", _Node())
                without.here.add(method, step, tuple(names))
            names.append(param.name)
            node.param = node.param or _Node()
            node = node.param
        node.here.add(method, step, tuple(names))

    def _literal(self, node: _Node, text: str) -> _Node:
        child = node.literal.setdefault(text, _Node())
        if not self._case_sensitive:
            node.folded.setdefault(text.lower(), child)
        return child

    def _add_pattern(self, step: StepSpec, method: str, segments: tuple[PathSegment, ...]) -> None:
        pattern, names = _compile(segments, 0 if self._case_sensitive else re.IGNORECASE)
        claims = _Claims()
        claims.add(method, step, names)
        self._patterns.append((pattern, claims))


def decode_segment(text: str) -> str:
    """Percent-decode one path segment.

    Raises:
        RequestRefused: 400 when the encoding is broken, or is not UTF-8.
    """
    try:
        text.encode()  # aiohttp keeps bytes that are not UTF-8 as lone surrogates
        if "%" not in text:
            return text
        if not _ODD_PERCENT.search(text):
            return unquote(text, errors="strict")
    except UnicodeError:
        pass
    raise RequestRefused(
        400, {"error": "Malformed URL", "hint": "The path holds percent-encoding that is not UTF-8 text."}
    )


def _needs_pattern(segment: PathSegment, *, last: bool) -> bool:
    """Report whether a segment is more than a literal, one whole parameter, or a wildcard at the end."""
    if segment.is_literal:
        return False
    param = segment.whole
    return param is None or ((param.wildcard or segment.optional) and not last)


def _spell(segment: str) -> str:
    """Percent-encode a decoded segment, and no more of it than must be."""
    return quote(segment, safe="!$&'()*+,;=:@")


def _compile(segments: tuple[PathSegment, ...], flags: int) -> tuple[re.Pattern[str], tuple[str, ...]]:
    names, out = list[str](), ""
    for segment in segments:
        body = ""
        for part in segment.parts:
            if isinstance(part, str):
                body += re.escape(_spell(unquote(part)))
                continue
            names.append(part.name)
            body += "(.*)" if part.wildcard else f"({part.pattern or '[^/]+?'})"
        out += f"(?:/{body})?" if segment.optional else f"/{body}"
    return re.compile(out + "/?", flags), tuple(names)
