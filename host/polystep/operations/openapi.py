"""OpenAPI document of the admin API, made of the table of operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from polystep import __version__
from polystep.contracts.values import JSONObject
from polystep.operations.operation import Operation
from polystep.operations.schemas import REF, AnyOperation, parameters, shared_schemas

PREFIX: Final = "/__polystep/api/"

_REFUSED: Final[dict[str, Any]] = {"$ref": f"{REF}Refused"}
_REFUSAL_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Reason why a request was refused, and what to do about it.",
    "properties": {"error": {"type": "string"}, "hint": {"type": "string"}},
    "required": ["error"],
}
_REFUSALS: Final = {
    "400": "A parameter is wrong.",
    "401": "The token is missing.",
    "403": "The request comes from another site.",
    "404": "It does not exist.",
    "409": "It conflicts with what is there.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "503": "The project cannot do it at the moment.",
    "504": "A route gave no response in time.",
}


def openapi_document(table: Sequence[AnyOperation]) -> JSONObject:
    """Describe every operation: parameters, body, result, refusals."""
    paths: dict[str, Any] = {}
    for operation in table:
        paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "polystep admin API",
            "version": __version__,
            "description": "Everything that can be asked of a running project.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {**shared_schemas(table), "Refused": {**_REFUSAL_SCHEMA}},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def in_query(operation: Operation[Any, Any]) -> dict[str, Any]:
    """Return the schemas of the parameters that stand in the query, by name."""
    members: dict[str, Any] = parameters(operation).get("properties", {})
    return {
        name: schema
        for name, schema in members.items()
        if name not in operation.in_path and (operation.method == "GET" or schema.get("x-in") == "query")
    }


def in_body(operation: Operation[Any, Any]) -> dict[str, Any]:
    """Return the schemas of the parameters that stand in the body, by name."""
    members: dict[str, Any] = parameters(operation).get("properties", {})
    queried = in_query(operation)
    return {name: schema for name, schema in members.items() if name not in operation.in_path and name not in queried}


def _operation(operation: AnyOperation) -> JSONObject:
    schema = parameters(operation)
    required = schema.get("required", [])
    summary, _, rest = operation.help.partition("\n")
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": summary,
        "description": rest.strip() or summary,
        "parameters": [
            *(_parameter("path", name, schema["properties"][name], required=True) for name in operation.in_path),
            *(_parameter("query", name, each, required=name in required) for name, each in in_query(operation).items()),
        ],
        "responses": {
            "200": _answer("The result.", {"$ref": REF + operation.result.__name__}),
            **{status: _answer(meaning, {**_REFUSED}) for status, meaning in _REFUSALS.items()},
        },
    }
    body = in_body(operation)
    if body:
        needed = [name for name in body if name in required]
        content: dict[str, Any] = {"type": "object", "properties": body, "required": needed}
        definitions = schema.get("$defs")
        if definitions:
            content["$defs"] = definitions
        described["requestBody"] = {
            "required": bool(needed),
            "content": {"application/json": {"schema": content}},
        }
    return described


def _parameter(place: str, name: str, schema: dict[str, Any], *, required: bool) -> JSONObject:
    shown = {key: value for key, value in schema.items() if key not in ("description", "x-in")}
    found: JSONObject = {"name": name, "in": place, "required": required, "schema": shown}
    return {**found, "description": schema["description"]} if "description" in schema else found


def _answer(meaning: str, schema: JSONObject) -> JSONObject:
    return {"description": meaning, "content": {"application/json": {"schema": schema}}}
