"""What an exported schema says of a part of a payload."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

_SAYING: Final = frozenset(
    ("type", "enum", "const", "anyOf", "oneOf", "allOf", "not", "$ref", "properties", "items", "prefixItems")
)


def said_at(schema: Any, path: tuple[str | int, ...]) -> list[dict[str, Any]]:
    """Every subschema that can be the one of the part at `path`, of all branches."""
    found = list(_spread(schema, schema, 0))
    for key in path:
        found = [deeper for each in found for below in _members(each, key) for deeper in _spread(schema, below, 0)]
    return found


def is_open(schema: Any, path: tuple[str | int, ...]) -> bool:
    """Whether the schema leaves the part at `path`, or what it is in, to the library: nothing is said of its type."""
    return any(not _SAYING & each.keys() for length in range(len(path) + 1) for each in said_at(schema, path[:length]))


def _spread(root: Any, schema: Any, depth: int) -> Iterator[dict[str, Any]]:
    """The schema itself, and what its references and branches say of the same value."""
    if schema is True:
        yield {}
    if not isinstance(schema, dict) or depth > 8:
        return
    yield schema
    if "$ref" in schema:
        yield from _spread(root, _resolved(root, schema["$ref"]), depth + 1)
    for keyword in ("anyOf", "oneOf", "allOf"):
        for branch in schema.get(keyword, ()):
            yield from _spread(root, branch, depth + 1)


def _resolved(root: Any, reference: str) -> Any:
    found = root
    for part in reference.removeprefix("#").split("/")[1:]:
        found = found[int(part) if isinstance(found, list) else part.replace("~1", "/").replace("~0", "~")]
    return found


def _members(schema: dict[str, Any], key: str | int) -> Iterator[Any]:
    if isinstance(key, int):
        prefix = schema.get("prefixItems", [])
        yield prefix[key] if key < len(prefix) else schema.get("items")
    elif key in schema.get("properties", {}):
        yield schema["properties"][key]
    else:
        yield schema.get("additionalProperties")
        yield from schema.get("patternProperties", {}).values()
