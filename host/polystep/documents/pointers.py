"""JSON pointers inside one schema (RFC 6901), as `$ref` writes them."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, unquote

from polystep.contracts.values import JSONObject, JSONValue


def tokens_of(pointer: str) -> tuple[str, ...]:
    """Split a pointer, percent-encoded or not; an empty pointer has no tokens."""
    parts = unquote(pointer).split("/")[1:]
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def pointer_of(tokens: Iterable[str]) -> str:
    """Join tokens to a pointer that may follow `#`."""
    return "".join("/" + quote(token.replace("~", "~0").replace("/", "~1"), safe="~!$&'()*+,;=:@") for token in tokens)


def find(root: JSONValue, tokens: Iterable[str]) -> JSONValue:
    """Return the target of a pointer.

    Raises:
        LookupError: There is none.
    """
    found = root
    for token in tokens:
        if isinstance(found, dict):
            found = found[token]
        elif isinstance(found, list) and token.isascii() and token.isdigit():
            found = found[int(token)]
        else:
            raise KeyError(token)
    return found


def local_target(root: JSONObject, ref: str) -> JSONValue:
    """Return the target of a `#/…` reference; `True`, the schema of everything, for another reference."""
    if not ref.startswith("#") or (ref != "#" and not ref.startswith("#/")):
        return True
    try:
        return find(root, tokens_of(ref[1:]))
    except LookupError:
        return True
