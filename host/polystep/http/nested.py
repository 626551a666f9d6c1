"""Names with brackets in queries and forms, as Express reads them: `filter[name]=x`, `tags[]=1`, `rows[0][id]=7`.

Rules: five levels of brackets, the rest of a name is one key; `[]` and indexes up to 20 make lists, greater indexes
keys of a map; a repeated name is a list. Names that would reach into a JavaScript prototype are left out.

Source: the `qs` package, with the defaults that Express uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from polystep.contracts.values import JSONObject, JSONValue

DEPTH_MAX: Final = 5
LIST_INDEX_MAX: Final = 20
_SEGMENT: Final = re.compile(r"\[([^\[\]]*)\]")
_UNSAFE: Final = frozenset({"__proto__", "constructor", "prototype"})

_Tree: TypeAlias = "dict[str, Any]"


class _List(dict[int, Any]):
    """List that is being filled, by index."""


def nest_fields(pairs: Iterable[tuple[str, JSONValue]]) -> JSONObject:
    """Build the value of a query or form from its names and values, in their order."""
    root: _Tree = {}
    for name, value in pairs:
        if "[" not in name:
            if name != "__proto__":
                root[name] = _joined(root[name], value) if name in root else value
            continue
        first, segments = _split(name)
        if first != "__proto__" and _UNSAFE.isdisjoint(segments):
            root[first] = _placed(root.get(first), segments, value)
    return {name: _finished(value) for name, value in root.items()}


def _split(name: str) -> tuple[str, list[str]]:
    """Split a name into what stands before its brackets and in them; one that begins with a bracket is whole."""
    start = name.index("[")
    first, segments, at = name[:start], list[str](), start
    while (found := _SEGMENT.match(name, at)) is not None:
        if len(segments) == DEPTH_MAX:
            segments.append(name[at:])
            at = len(name)
            break
        segments.append(found[1])
        at = found.end()
    if not segments or at < len(name):
        return name, []  # an open bracket, or text behind one: it is part of the name
    return (first, segments) if first else (segments[0], segments[1:])


def _placed(there: Any, segments: list[str], value: Any) -> Any:
    """Put a value where its segments lead, into what is there."""
    if not segments:
        return value if there is None else _joined(there, value)
    segment, rest = segments[0], segments[1:]
    index = _index(segment, there)
    if index is not None:
        filled = there if isinstance(there, _List) else _List() if there is None else _List({0: there})
        at = len(filled) if index < 0 or (index == 0 and not isinstance(there, _List | None)) else index
        filled[at] = _placed(filled.get(at), rest, value)
        return filled
    if isinstance(there, _List):
        there = {str(at): each for at, each in there.items()}
    if there is None or isinstance(there, dict):
        tree: _Tree = {} if there is None else there
        tree[segment] = _placed(tree.get(segment), rest, value)
        return tree
    return _joined(there, {segment: _placed(None, rest, value)})


def _index(segment: str, there: Any) -> int | None:
    """Return the index in a list that a segment names, -1 for the end; `None` for a key of a map."""
    if isinstance(there, dict) and not isinstance(there, _List):
        return None
    if segment == "":
        return -1
    number = segment.isascii() and segment.isdigit() and len(segment) <= 2 and str(int(segment)) == segment
    return int(segment) if number and int(segment) <= LIST_INDEX_MAX else None


def _joined(there: Any, value: Any) -> Any:
    """Two values of one name."""
    if isinstance(there, _List):
        there[max(there, default=-1) + 1] = value
        return there
    if isinstance(there, dict):
        # As `qs`: a flag beside the keys that are there.
        return {**there, str(value): True} if isinstance(value, str) else {**there, **value}
    return _List({0: there, 1: value})


def _finished(value: Any) -> JSONValue:
    """Return the value with its lists in the order of their indexes; gaps close."""
    if isinstance(value, _List):
        return [_finished(value[at]) for at in sorted(value)]
    if isinstance(value, dict):
        return {key: _finished(each) for key, each in value.items()}
    return value  # type: ignore[no-any-return]  # a text, or what a field of a form holds
