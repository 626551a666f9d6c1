"""Validators of JSON Schemas: compiled once, used for every request and event."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import jsonschema_rs

from polystep.contracts.errors import Issue, LoadFailed
from polystep.contracts.values import JSONObject
from polystep.discovery.costs import SchemaCosts
from polystep.discovery.explanations import Explanation
from polystep.discovery.pointers import part_at

_WHOLE: Final = "urn:polystep:schema"
"""Name by which a part of a schema refers to the whole."""
_NAMES_OF_PATTERNS: Final = frozenset(("email-address", "iso-date-time", "iso-time", "iso-duration", "url"))
"""Formats of our exports with an equivalent pattern beside them: people understand the name, not the pattern."""

_BRANCHES: Final = ("anyOf", "oneOf")
_BELOW: Final = frozenset((*_BRANCHES, "not", "contains", "minContains", "maxContains", "enum", "const", "uniqueItems"))
"""Keywords that examine a whole value, at any depth."""
_ELSEWHERE: Final = frozenset(
    (
        *("$id", "$ref", "$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor", "$defs", "definitions"),
        *("allOf", "items", "prefixItems", "additionalItems", "unevaluatedItems", "unevaluatedProperties"),
        *("patternProperties", "dependentSchemas", "dependencies", "if", "then", "else"),
    )
)
"""Keywords that lead to other parts of a schema, or depend on their result."""


class SchemaValidator:
    """Implements `Validator`: a microsecond for a value that fits, bounded details for other values."""

    def __init__(self, schema: JSONObject) -> None:
        """Compile the schema.

        Raises:
            LoadFailed: It is not a valid JSON Schema.
        """
        self._compiled = _compile(schema)
        self._parts = _CompiledParts(schema, {"": self._compiled})
        self._pointer = ""

    @classmethod
    def of_part(cls, schema: JSONObject, pointer: str) -> SchemaValidator:
        """Compile the part of a schema at a JSON Pointer, with everything that it refers to.

        Raises:
            LoadFailed: It is not a valid JSON Schema.
        """
        part = cls.__new__(cls)
        part._parts = _CompiledParts(schema, {})
        part._compiled = part._parts.compiled(pointer)
        part._pointer = pointer
        return part

    def issues(self, value: object) -> list[Issue]:
        """List places where `value` breaks the schema: some of them when there are many, and never at a high cost."""
        try:
            if self._compiled.is_valid(value):
                return []
            return Explanation(self._parts).of(self._pointer, value)
        except LoadFailed:
            # Only the whole can resolve this part, such as a reference to the address of the schema.
            return [Issue((), "does not fit its schema", "schema")]
        except ValueError as error:
            # Bytes, and other values that JSON does not have: no schema describes them.
            return [Issue((), f"The value is not JSON: {error}", "type")]


class _CompiledParts:
    """Implements `Parts`. Each part is compiled when a value first breaks it."""

    def __init__(self, schema: JSONObject, whole: dict[str, Any]) -> None:
        self.schema = schema
        self.costs = SchemaCosts(schema)
        self._compiled = whole
        self._own: dict[tuple[str, bool], Any] = {}
        self._registry: jsonschema_rs.Registry | None = None

    def fits(self, pointer: str, value: object) -> bool:
        return bool(self.compiled(pointer).is_valid(value))

    def all_issues(self, pointer: str, value: object) -> Iterator[Issue]:
        errors = self.compiled(pointer).iter_errors(value)
        return iter(_ordered([_issue(error, self.schema) for error in errors]))

    def own_issues(self, pointer: str, value: object, *, surface: bool) -> Iterator[Issue]:
        key = (pointer, surface)
        if key not in self._own:
            self._own[key] = self._compile_own(pointer, surface=surface)
        compiled, part = self._own[key]
        shown = _surface(value) if surface else value
        return iter(_ordered([_issue(error, part) for error in compiled.iter_errors(shown)]))

    def compiled(self, pointer: str) -> Any:
        """Return the compiled part at a pointer.

        Raises:
            LoadFailed: It is not a valid JSON Schema.
        """
        if pointer not in self._compiled:
            self._compiled[pointer] = self._compile({"$ref": f"{_WHOLE}#{pointer}"})
        return self._compiled[pointer]

    def _compile_own(self, pointer: str, *, surface: bool) -> tuple[Any, JSONObject]:
        part = part_at(self.schema, pointer)
        if not isinstance(part, dict):
            return _compile(part), {}
        left_out = _ELSEWHERE | _BELOW if surface else _ELSEWHERE
        own = {name: value for name, value in part.items() if name not in left_out}
        if isinstance(own.get("properties"), dict):
            own["properties"] = dict.fromkeys(own["properties"], True)  # `additionalProperties` needs the names
        if own.get("additionalProperties") is not False or "patternProperties" in part:
            own.pop("additionalProperties", None)
        for name in _BRANCHES:
            if name in own:
                own[name] = [_verdict(f"{pointer}/{name}/{at}") for at in range(len(part[name]))]
        for name in ("not", "contains", "propertyNames"):
            if name in own:
                own[name] = {"$ref": f"{_WHOLE}#{pointer}/{name}"}
        return self._compile(own, "too long to quote" if surface else None), part

    def _compile(self, schema: JSONObject, mask: str | None = None) -> Any:
        dialect = {key: self.schema[key] for key in ("$schema",) if key in self.schema}
        if self._registry is None:
            plain = {key: value for key, value in self.schema.items() if key != "$id"}
            try:
                self._registry = jsonschema_rs.Registry([(_WHOLE, plain)], retriever=_refuse)
            except (jsonschema_rs.ReferencingError, ValueError) as error:
                raise LoadFailed(f"It is not a valid JSON Schema: {str(error).splitlines()[0]}") from error
        return _compile({**dialect, **schema}, self._registry, mask)


def _compile(schema: Any, registry: jsonschema_rs.Registry | None = None, mask: str | None = None) -> Any:
    retriever = _refuse if registry is None else None
    try:
        return jsonschema_rs.validator_for(
            schema, validate_formats=True, retriever=retriever, registry=registry, mask=mask
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise LoadFailed(f"It is not a valid JSON Schema: {str(error).splitlines()[0]}") from error


def _verdict(pointer: str) -> JSONObject:
    """Ask a branch for its verdict without reasons: `not` does not collect them."""
    return {"not": {"not": {"$ref": f"{_WHOLE}#{pointer}"}}}


def _surface(value: object) -> object:
    """Return a value without the contents of its members."""
    if isinstance(value, dict):
        return dict.fromkeys(value)
    return [None] * len(value) if isinstance(value, list) else value


def _refuse(uri: str) -> Any:
    """Refuse to fetch a schema, from the network or from the disk: the config contains all of it."""
    raise ValueError(f"{uri} is not in the schema; put what it refers to under $defs")


def compile_schema(schema: JSONObject, where: str) -> SchemaValidator:
    """Compile a schema of a config; `where` names the field in the error.

    Raises:
        LoadFailed: It is not a valid JSON Schema.
    """
    try:
        return SchemaValidator(schema)
    except LoadFailed as error:
        raise LoadFailed(f"{where}: {error.message}") from error


def _issue(error: Any, schema: JSONObject) -> Issue:
    keyword = error.kind.name
    path: tuple[str | int, ...] = tuple(error.instance_path)
    details = error.kind.as_dict()
    if keyword == "required":
        return Issue((*path, details["property"]), "is required", keyword)
    if keyword == "format":
        return Issue(path, f"is not a valid {details['format']}", keyword)
    named = _format_beside(schema, error.schema_path) if keyword == "pattern" else None
    return Issue(path, error.message if named is None else f"is not a valid {named}", keyword)


def _format_beside(schema: Any, path: list[Any]) -> str | None:
    """Return the name of the format beside the pattern at `path`, if the export has one."""
    for key in path[:-1]:
        schema = schema[key] if isinstance(schema, list) else schema.get(key, {}) if isinstance(schema, dict) else {}
    named = schema.get("format") if isinstance(schema, dict) else None
    return named if named in _NAMES_OF_PATTERNS else None


def _ordered(issues: list[Issue]) -> list[Issue]:
    """Drop the issue of a pattern beside the issue of its equivalent format."""
    formats = {issue.path for issue in issues if issue.code == "format"}
    return [issue for issue in issues if issue.code != "pattern" or issue.path not in formats]
