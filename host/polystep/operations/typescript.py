"""TypeScript types of the admin API, made of the table of operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from polystep.codegen.typescript import comment, property_name, quoted
from polystep.operations.openapi import PREFIX, in_body, in_query
from polystep.operations.schemas import REF, AnyOperation, parameters, shared_schemas

_HEAD: Final = """\
// Types of the admin API. Generated from the table of operations: change it there, then run
//   python -m polystep.operations

"""
_SCALARS: Final = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_ANYTHING: Final = "unknown"
_LINE_CHARS: Final = 100


def result_types(table: Sequence[AnyOperation]) -> str:
    """Return a module with a type for each result and each part of one."""
    return _HEAD + "\n".join(_named(name, schema) for name, schema in shared_schemas(table).items())


def operation_types(table: Sequence[AnyOperation], results: str) -> str:
    """Return a module with the interface `Operations`, by name, and their routes; `results` is where the types are."""
    members = "\n".join(_operation(operation) for operation in table)
    routes = "\n".join(f"  {operation.name}: {quoted(operation.route)}," for operation in table)
    return (
        f"{_HEAD}import type * as results from {quoted(results)}\n\n"
        f"{comment('Every operation: whether it changes something, what it takes and what it gives.', '')}\n"
        f"export interface Operations {{\n{members}\n}}\n\n"
        f"{comment(f'Method and path of every operation, behind {PREFIX}', '')}\n"
        f"export const ROUTES = {{\n{routes}\n}} as const satisfies Record<keyof Operations, string>\n"
    )


def _named(name: str, schema: Mapping[str, Any]) -> str:
    about = f"{comment(schema['description'], '')}\n" if "description" in schema else ""
    return f"{about}export type {name} = {_type(schema, '')}\n"


def _operation(operation: AnyOperation) -> str:
    schema = parameters(operation)
    required = schema.get("required", [])
    taken = {name: schema["properties"][name] for name in operation.in_path}
    taken |= in_query(operation) | in_body(operation)
    needed = [*operation.in_path, *(name for name in taken if name in required)]
    lines = [
        "  " + comment(operation.help.partition("\n")[0], "  "),
        f"  {operation.name}: {{",
        f"    effect: '{operation.effect}'",
        f"    params: {_type({'type': 'object', 'properties': taken, 'required': needed}, '    ')}",
        f"    result: results.{operation.result.__name__}",
        "  }",
    ]
    return "\n".join(lines)


def _type(schema: Mapping[str, Any], indent: str) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(REF).rpartition("/")[2]
    if "const" in schema:
        return quoted(schema["const"])
    if "enum" in schema:
        return " | ".join(quoted(each) for each in schema["enum"])
    if "anyOf" in schema:
        options = list(dict.fromkeys(_type(each, indent) for each in schema["anyOf"]))
        return _ANYTHING if _ANYTHING in options else " | ".join(options)
    match schema.get("type"):
        case "array":
            item = _type(schema.get("items", {}), indent)
            return f"({item})[]" if "|" in item else f"{item}[]"
        case "object":
            return _object(schema, indent)
        case str(name):
            return _SCALARS[name]
        case _:
            return _ANYTHING


def _object(schema: Mapping[str, Any], indent: str) -> str:
    members: dict[str, Any] = schema.get("properties", {})
    others = schema.get("additionalProperties")
    if not members:
        return (
            f"Record<string, {_type(others, indent)}>"
            if isinstance(others, dict) and others
            else ("Record<string, unknown>" if others else "Record<string, never>")
        )
    inner = indent + "  "
    shown = [f"{property_name(name)}{'' if name in schema.get('required', ()) else '?'}: {_type(each, inner)}"
             for name, each in members.items()]  # fmt: skip
    if others:
        shown.append(f"[member: string]: {_ANYTHING}")
    line = f"{{ {'; '.join(shown)} }}"
    if len(line) <= _LINE_CHARS and "\n" not in line:
        return line
    lines = []
    for name, each in zip([*members, ""], shown, strict=False):
        if "description" in members.get(name, {}):
            lines.append(inner + comment(members[name]["description"], inner))
        lines.append(inner + each)
    return "{\n" + "\n".join(lines) + f"\n{indent}}}"
