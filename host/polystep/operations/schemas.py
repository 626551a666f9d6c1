"""JSON Schemas of parameters and results, with shared definitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from pydantic.json_schema import models_json_schema

from polystep.operations.operation import Operation

AnyOperation: TypeAlias = Operation[Any, Any]

REF: Final = "#/components/schemas/"


def shared_schemas(table: Sequence[AnyOperation]) -> dict[str, Any]:
    """Return the schemas of all results, and of their parts, by name."""
    results = list({operation.result: None for operation in table})
    _, found = models_json_schema([(each, "serialization") for each in results], ref_template=f"{REF}{{model}}")
    return {name: _plain(schema) for name, schema in sorted(found["$defs"].items())}


def parameters(operation: AnyOperation) -> dict[str, Any]:
    """Return the schema of an operation's parameters, one object."""
    return _plain(operation.params.model_json_schema(by_alias=True))  # type: ignore[no-any-return]  # a schema


def _plain(schema: Any, *, of_names: bool = False) -> Any:
    """Drop the titles that pydantic makes of names."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _plain(value, of_names=name in ("properties", "$defs") and not of_names)
        for name, value in schema.items()
        if of_names or name != "title"
    }
