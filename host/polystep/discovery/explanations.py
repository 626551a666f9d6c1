"""Search for the places where a value breaks its schema, at a bounded cost.

The verdict on a value is cheap, whatever the schema. Listing every error of every branch is not: under a recursive
schema with two similar branches each level of the value doubles the work. So the validator itself explains
small schemas without recursion. The others are walked here part by part: a part that fits is skipped by its verdict, a
pair of schema and value is visited once, and the branches of `anyOf` and `oneOf` are not searched.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Protocol, TypeAlias

from polystep.contracts.errors import Issue
from polystep.contracts.limits import EXPLANATION_STEPS_MAX, ISSUES_MAX
from polystep.contracts.values import JSONObject
from polystep.discovery.costs import SchemaCosts, weight
from polystep.discovery.pointers import escaped, local_target, part_at

_Path: TypeAlias = "tuple[str | int, ...]"

_MESSAGE_CHARS_MAX: Final = 400
"""Length of a message, which quotes the value: a wrong type of a long list would repeat the whole list."""
_QUOTED: Final = 120

LARGE_VERDICTS_MAX: Final = 8
"""Verdicts on parts that exceed the remaining steps; each costs at most as much as the verdict before the walk."""


class Parts(Protocol):
    """Compiled parts of one schema, by JSON Pointer."""

    schema: JSONObject
    costs: SchemaCosts

    def fits(self, pointer: str, value: object) -> bool:
        """Return the verdict on a value."""

    def all_issues(self, pointer: str, value: object) -> Iterator[Issue]:
        """List all issues that the validator finds, which may take long."""

    def own_issues(self, pointer: str, value: object, *, surface: bool) -> Iterator[Issue]:
        """List issues of the part itself, not of its properties and items; with `surface` only of its own keywords."""


class _OutOfSteps(Exception):
    """End of an explanation that has reached its bound of cost."""


class Explanation:
    """Walk through one value that does not fit."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._schema = parts.schema
        self._left = EXPLANATION_STEPS_MAX
        self._large_verdicts = LARGE_VERDICTS_MAX
        self._seen: set[tuple[str, int]] = set()
        self._deepest: tuple[_Path, str] = ((), "schema")
        self._issues: list[Issue] = []

    def of(self, pointer: str, value: object) -> list[Issue]:
        """List places where a value breaks the schema at a pointer: at least one, at most `ISSUES_MAX` and a note."""
        try:
            self._explain(pointer, value, ())
        except _OutOfSteps:
            if not self._issues:
                path, keyword = self._deepest
                self._issues.append(Issue(path, "does not fit its schema; there is too much to say more", keyword))
        if len(self._issues) > ISSUES_MAX:
            more = f"More does not fit: only the first {ISSUES_MAX} problems are listed"
            self._issues[ISSUES_MAX:] = [Issue((), more, "too_many_issues")]
        return self._issues or [Issue((), "does not fit its schema", _keyword(part_at(self._schema, pointer)))]

    def _explain(self, pointer: str, value: object, path: _Path) -> None:
        """Add the issues of a part of the value; nothing when it fits or was visited before."""
        if isinstance(value, (dict, list)):
            if (pointer, id(value)) in self._seen:
                return
            self._seen.add((pointer, id(value)))
        size = weight(value, EXPLANATION_STEPS_MAX)
        affordable = 2 * size <= self._left
        if affordable or self._large_verdicts:
            self._large_verdicts -= not affordable
            self._spend(size if affordable else 1)
            if self._parts.fits(pointer, value):
                return
            if len(path) >= len(self._deepest[0]):
                self._deepest = (path, _keyword(part_at(self._schema, pointer)))
        else:
            self._spend(1)
        cost = size * self._parts.costs.of(pointer)
        if cost <= self._left:
            self._spend(cost)
            self._add(self._parts.all_issues(pointer, value), path)
        else:
            self._walk(pointer, value, path, surface=not affordable)

    def _walk(self, pointer: str, value: object, path: _Path, *, surface: bool) -> None:
        part = part_at(self._schema, pointer)
        known = (len(self._issues), len(self._seen))
        if not surface:
            self._spend(weight(value, EXPLANATION_STEPS_MAX))
        self._add(self._parts.own_issues(pointer, value, surface=surface), path)
        if isinstance(part, dict):
            self._descend(pointer, part, value, path)
        if not surface and known == (len(self._issues), len(self._seen)):
            # The broken keyword is not walked, such as `unevaluatedProperties` of a recursive schema.
            self._issues.append(Issue(path, "does not fit its schema", _keyword(part)))

    def _descend(self, pointer: str, part: JSONObject, value: object, path: _Path) -> None:
        if "$ref" in part and (target := local_target(self._schema, pointer, part["$ref"])) is not None:
            self._explain(target, value, path)
        for at in range(len(_listed(part, "allOf"))):
            self._explain(f"{pointer}/allOf/{at}", value, path)
        if "if" in part:
            branch = "then" if self._parts.fits(f"{pointer}/if", value) else "else"
            if branch in part:
                self._explain(f"{pointer}/{branch}", value, path)
        if isinstance(value, dict):
            self._members(pointer, part, value, path)
        elif isinstance(value, list):
            self._items(pointer, part, value, path)

    def _members(self, pointer: str, part: JSONObject, value: JSONObject, path: _Path) -> None:
        properties = part.get("properties")
        known = properties if isinstance(properties, dict) else {}
        rest = isinstance(part.get("additionalProperties"), dict) and "patternProperties" not in part
        for name, child in value.items():
            if name in known:
                self._explain(f"{pointer}/properties/{escaped(name)}", child, (*path, name))
            elif rest:
                self._explain(f"{pointer}/additionalProperties", child, (*path, name))

    def _items(self, pointer: str, part: JSONObject, value: list[Any], path: _Path) -> None:
        first = "prefixItems" if isinstance(part.get("prefixItems"), list) else "items"
        firsts = len(_listed(part, first))
        rest = "items" if isinstance(part.get("items"), dict) else "additionalItems"
        has_rest = isinstance(part.get(rest), dict)
        for at, child in enumerate(value):
            if at < firsts:
                self._explain(f"{pointer}/{first}/{at}", child, (*path, at))
            elif has_rest:
                self._explain(f"{pointer}/{rest}", child, (*path, at))

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise _OutOfSteps

    def _add(self, found: Iterator[Issue], path: _Path) -> None:
        for issue in found:
            self._issues.append(Issue((*path, *issue.path), _shortened(issue.message), issue.code))
            if len(self._issues) > ISSUES_MAX:
                raise _OutOfSteps


def _shortened(message: str) -> str:
    """Cut the middle of a message: the reason stands at its end, behind the quoted value."""
    if len(message) <= _MESSAGE_CHARS_MAX:
        return message
    return f"{message[:_QUOTED]} … {message[_QUOTED - _MESSAGE_CHARS_MAX :]}"


def _keyword(part: object) -> str:
    """Return the keyword to name for a part when no single keyword is known to fail."""
    names = part.keys() if isinstance(part, dict) else ()
    return next((name for name in ("anyOf", "oneOf", "allOf", "$ref", "type") if name in names), "schema")


def _listed(part: JSONObject, name: str) -> list[Any]:
    value = part.get(name)
    return value if isinstance(value, list) else []
