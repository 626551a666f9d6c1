"""JSON Schema: compiled once, asked on every request."""

from __future__ import annotations

from typing import Any, Final

import jsonschema_rs

from polystep.contracts.errors import Issue, LoadFailed
from polystep.contracts.values import JSONObject

_WHOLE: Final = "urn:polystep:schema"
"""Under which name a part of a schema finds the whole."""
_NAMES_OF_PATTERNS: Final = frozenset(("email-address", "iso-date-time", "iso-time", "iso-duration", "url"))
"""Formats of our exports that a pattern beside them spells out: to people, the name says more than the pattern."""


class SchemaValidator:
    """Implements `Validator`: a microsecond for a value that fits, the details only for one that does not."""

    def __init__(self, schema: JSONObject, registry: jsonschema_rs.Registry | None = None) -> None:
        """Compile; a `registry` holds what the schema refers to by name.

        Raises:
            LoadFailed: It is not a valid JSON Schema.
        """
        retriever = _refuse if registry is None else None
        try:
            self._compiled = jsonschema_rs.validator_for(
                schema, validate_formats=True, retriever=retriever, registry=registry
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            raise LoadFailed(f"It is not a valid JSON Schema: {str(error).splitlines()[0]}") from error
        self._schema = schema

    @classmethod
    def of_part(cls, schema: JSONObject, pointer: str) -> SchemaValidator:
        """Compile the part of a schema at a JSON Pointer, with everything that it refers to.

        Raises:
            LoadFailed: It is not a valid JSON Schema.
        """
        dialect = {key: schema[key] for key in ("$schema",) if key in schema}
        plain = {key: value for key, value in schema.items() if key != "$id"}
        try:
            registry = jsonschema_rs.Registry([(_WHOLE, plain)], retriever=_refuse)
        except (jsonschema_rs.ReferencingError, ValueError) as error:
            raise LoadFailed(f"It is not a valid JSON Schema: {str(error).splitlines()[0]}") from error
        return cls({**dialect, "$ref": f"{_WHOLE}#{pointer}"}, registry)

    def issues(self, value: object) -> list[Issue]:
        """Where `value` breaks the schema."""
        try:
            if self._compiled.is_valid(value):
                return []
            return _ordered([_issue(error, self._schema) for error in self._compiled.iter_errors(value)])
        except ValueError as error:
            # Bytes, and what else JSON cannot say: no schema describes them.
            return [Issue((), f"The value is not JSON: {error}", "type")]


def _refuse(uri: str) -> Any:
    """A schema is all in the config: what it refers to is never fetched, neither from the network nor from the disk."""
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
    """What the text should be whose pattern `path` leads to, if its export has a name for it."""
    for key in path[:-1]:
        schema = schema[key] if isinstance(schema, list) else schema.get(key, {}) if isinstance(schema, dict) else {}
    named = schema.get("format") if isinstance(schema, dict) else None
    return named if named in _NAMES_OF_PATTERNS else None


def _ordered(issues: list[Issue]) -> list[Issue]:
    """A text that misses its format misses the pattern that spells the format out as well: say it once."""
    formats = {issue.path for issue in issues if issue.code == "format"}
    return [issue for issue in issues if issue.code != "pattern" or issue.path not in formats]
