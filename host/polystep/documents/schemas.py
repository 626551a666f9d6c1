"""Schemas of steps in a document: shared, under names of their own, with references that lead to them.

The schema of a step is a document by itself: `#/$defs/Item` starts at its root. An OpenAPI or AsyncAPI document has
another root, and two steps may both have an `Item`.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote, urldefrag, urljoin

from polystep.contracts.values import JSONObject, JSONValue
from polystep.documents.dialects import (
    REFERENCES,
    Dialect,
    in_dialect,
    parts_of,
    put,
    shallow,
    token_in_dialect,
    well_formed,
)
from polystep.documents.names import UniqueNames
from polystep.documents.pointers import find, pointer_of, tokens_of

_ROOT: Final = "#/components/schemas/"

_DEFINITIONS: Final = ("$defs", "definitions")

_LEFT_OUT: Final = frozenset({"$schema", "$id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$vocabulary"})
"""Keywords of a schema as a document of its own; rewritten references do not need them."""


class SharedSchemas:
    """Builder of `components.schemas` of one document."""

    def __init__(self, dialect: Dialect, ours: JSONObject) -> None:
        """Begin with schemas of the host, whose names no step can take."""
        self.by_name: JSONObject = dict(ours)
        self._dialect: Dialect = dialect
        self._names = UniqueNames()
        for name in ours:
            self._names.take(name)

    def add(self, name: str, schema: JSONObject) -> JSONObject:
        """Add a schema, with its definitions as `<name>.<definition>`; returns the reference to it."""
        name = self._names.take(name, "schema")
        move = _Move(schema, name, self._names, self._dialect)
        self.by_name[name] = move.root()
        self.by_name |= move.definitions()
        return {"$ref": _ROOT + name}

    def keep(self, name: str, schema: JSONObject) -> JSONObject:
        """Add a schema that was made for this document, so that no reference changes."""
        name = self._names.take(name, "schema")
        self.by_name[name] = schema
        return {"$ref": _ROOT + name}


class _Move:
    """Move of one schema into a document."""

    def __init__(self, schema: JSONObject, name: str, names: UniqueNames, dialect: Dialect) -> None:
        self._schema = schema = well_formed(schema)
        self._dialect: Dialect = dialect
        self._name = name
        self._homes = {
            (keyword, each): names.take(f"{name}.{each}")
            for keyword in _DEFINITIONS
            if isinstance(defined := schema.get(keyword), dict)
            for each in defined
        }
        """Definitions that become components, by the two tokens that led to them."""
        self._places: dict[str, tuple[str, ...]] = {"": ()}
        """Places of each `$id` and `uri#anchor`, as tokens."""
        self._references: dict[tuple[str, str], JSONObject] = {}
        """References already resolved: a large schema refers to the same definitions many times."""
        self._find_places(schema, "", ())

    def root(self) -> JSONValue:
        """Return the schema itself, without the definitions that moved out."""
        rest: JSONObject = {key: value for key, value in self._schema.items() if key not in _DEFINITIONS}
        return self._moved(rest, "")

    def definitions(self) -> JSONObject:
        """Return the definitions, by the names of their components."""
        base = _base("", self._schema)
        return {home: self._moved(find(self._schema, tokens), base) for tokens, home in self._homes.items()}

    def _moved(self, schema: JSONValue, base: str) -> JSONValue:
        if not isinstance(schema, dict):
            return schema
        base = _base(base, schema)
        moved: JSONObject = {}
        for key, value in schema.items():
            if key in REFERENCES and isinstance(value, str):
                if (value, base) not in self._references:
                    self._references[value, base] = self._reference(value, base)
                moved |= self._references[value, base]
            elif key not in _LEFT_OUT:
                moved[key] = shallow(value)
        for tokens, part in parts_of(schema):
            put(moved, tokens, self._moved(part, base))
        return in_dialect(moved, self._dialect)

    def _reference(self, ref: str, base: str) -> JSONObject:
        """Rewrite a reference for the document; a reference without a target accepts everything."""
        tokens = self._target(ref, base)
        if tokens is None:
            return {"description": f"The schema refers to {ref}, which it does not hold."}
        home, rest = self._name, tokens
        if tokens[:2] in self._homes:
            home, rest = self._homes[tokens[0], tokens[1]], tokens[2:]
        node = find(self._schema, tokens[: len(tokens) - len(rest)])
        renamed: list[str] = []
        for token in rest:
            renamed.append(token_in_dialect(node, token, self._dialect))
            node = find(node, (token,))
        return {"$ref": _ROOT + home + pointer_of(renamed)}

    def _target(self, ref: str, base: str) -> tuple[str, ...] | None:
        """Return the target of a reference, as tokens from the root of the schema."""
        uri, fragment = urldefrag(urljoin(base, ref) if base or not ref.startswith("#") else ref)
        fragment = unquote(fragment)
        tokens = self._places.get(f"{uri}#{fragment}" if fragment and not fragment.startswith("/") else uri)
        if tokens is None:
            return None
        tokens += tokens_of(fragment) if fragment.startswith("/") else ()
        try:
            return tokens if isinstance(find(self._schema, tokens), (dict, bool)) else None
        except LookupError:
            return None

    def _find_places(self, schema: JSONValue, base: str, tokens: tuple[str, ...]) -> None:
        if not isinstance(schema, dict):
            return
        inside = _base(base, schema)
        if inside != base:
            self._places.setdefault(inside, tokens)
        for keyword in ("$anchor", "$dynamicAnchor"):
            if isinstance(anchor := schema.get(keyword), str):
                self._places.setdefault(f"{inside}#{anchor}", tokens)
        for below, each in parts_of(schema):
            self._find_places(each, inside, (*tokens, *below))


def _base(base: str, schema: JSONObject) -> str:
    """Return the base URI of references inside a schema."""
    given = schema.get("$id")
    if not isinstance(given, str):
        return base
    uri, fragment = urldefrag(urljoin(base, given))
    return base if fragment and not uri else uri
