"""Parameter Objects of OpenAPI for the path and query of a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from polystep.contracts.values import JSONObject, JSONValue
from polystep.documents.templates import Template, TemplateParameter


def path_parameters(template: Template, described_by: Template) -> list[JSONValue]:
    """Return the path parameters of one operation.

    Args:
        template: Template of the operation, with the names that the step reads.
        described_by: First template of this shape: its text is the key of the path, so its names count in the document.
    """
    pairs = zip(template.parameters, described_by.parameters, strict=True)
    return [_path_parameter(parameter, named.name) for parameter, named in pairs]


def _path_parameter(parameter: TemplateParameter, name: str) -> JSONObject:
    declared = parameter.declared
    schema: JSONObject = {"type": "string"}
    notes = []
    if declared.wildcard:
        notes.append("Everything here, slashes included.")
    elif declared.pattern is not None:
        schema["pattern"] = f"^(?:{declared.pattern})$"
    else:
        schema["minLength"] = 1
    if name != declared.name:
        notes.append(f"The step reads it as `{declared.name}`.")
    described: JSONObject = {"description": " ".join(notes)} if notes else {}
    return {"name": name, "in": "path", "required": True, **described, "schema": schema}


def query_parameters(declared: object, share: Callable[[JSONObject], JSONObject]) -> list[JSONValue]:
    """Return the parameters of `queryParams` of a step, each name once.

    Args:
        declared: A list of `{name, description?, required?, schema?}`, or a JSON Schema of an object.
        share: Function that moves a schema into the document and returns the reference to it.
    """
    if isinstance(declared, Mapping):
        rows = _of_schema(declared)
    else:
        rows = [row for row in declared if isinstance(row, Mapping)] if isinstance(declared, (list, tuple)) else []
    by_name: dict[str, JSONValue] = {}
    for row in rows:
        name = row.get("name")
        if isinstance(name, str) and name:
            by_name.setdefault(name, _query_parameter(name, row, share))
    return list(by_name.values())


def _query_parameter(name: str, row: Mapping[str, JSONValue], share: Callable[[JSONObject], JSONObject]) -> JSONObject:
    parameter: JSONObject = {"name": name, "in": "query"}
    if isinstance(described := row.get("description"), str):
        parameter["description"] = described
    if row.get("required") is True:
        parameter["required"] = True
    schema = row.get("schema")
    parameter["schema"] = share(schema) if isinstance(schema, dict) else {"type": "string"}
    return parameter


def _of_schema(schema: Mapping[str, JSONValue]) -> list[Mapping[str, JSONValue]]:
    """Return one row for each property, with the definitions, because references start at the root."""
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict):
        return []
    needed = required if isinstance(required, list) else []
    shared: JSONObject = {key: schema[key] for key in ("$schema", "$defs", "definitions") if key in schema}
    return [
        {
            "name": name,
            "description": each.get("description") if isinstance(each, dict) else None,
            "required": name in needed,
            "schema": {**each, **shared} if isinstance(each, dict) else None,
        }
        for name, each in properties.items()
    ]


def key_parameter(*, required: bool) -> JSONObject:
    """Return the header by which requests run once."""
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": required,
        "description": "A new text for each thing to do: requests with the same one run once.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    }
