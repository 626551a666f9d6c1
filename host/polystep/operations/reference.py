"""Reference of the admin API for readers, made of the table of operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from polystep.contracts.limits import LIVE_BEAT_S, LIVE_SOCKETS_MAX, LIVE_SUBJECTS_MAX
from polystep.operations.live import CHANGES_MAX, SUBJECTS, SUBJECTS_OF
from polystep.operations.openapi import PREFIX, in_body, in_query
from polystep.operations.operation import ROWS_MAX
from polystep.operations.schemas import REF, AnyOperation, parameters, shared_schemas

_SUBJECTS: Final = ", ".join([*(f"`{each}`" for each in SUBJECTS), *(f"`{each}:…`" for each in SUBJECTS_OF)])
_HEAD: Final = f"""\
# The admin API

Everything that can be asked of a running project: over HTTP under `{PREFIX}`, with the `polystep` command, and
from the Workbench. This page is generated from the table of operations (`python -m polystep.operations`), and so are
the OpenAPI document at `/__polystep/openapi.json` and the verbs.

- Reads are GET. Changes are POST, PUT or DELETE; they need the token in `.polystep/token` (`Authorization: Bearer …`)
  or the host's own page ([security.md](security.md)). Their parameters stand in the path and in a JSON body.
- A browser takes `.` and `..` out of a path: such a name stands in the query, and its place in the path is empty
  (`state/?group=..`).
- Lists take `limit` (100 by default, {ROWS_MAX} for steps, flows, cron steps and queues; at most {ROWS_MAX}) and
  `cursor`. A result whose `cursor` is not null was cut: the next part begins there.
- What is refused is `{{"error", "hint"}}`: 400 for a wrong parameter, 404 for what does not exist, 409 for a conflict.
- With the command, a name has hyphens (`polystep dead-letters`), what stands in the path is an argument, the rest are
  options, and `--json` prints the result as HTTP has it.

## The live feed

`GET /__polystep/live` is a WebSocket for programs with the token and the host's own pages. A client names what it
follows:

```json
{{"subscribe": ["logs", "trace:4bf92f3577b34da6a3ce929d0e0e4736"], "unsubscribe": ["traces"]}}
```

and gets notices, at most ten a second for each subject. They name what has changed, and do not hold it: ask for it.

```json
{{"epoch": "9f1c2b7a", "seq": 7, "subject": "logs", "changes": [{{"level": "info", "step": "Greet", "count": 3}}]}}
```

- Subjects: {_SUBJECTS}. `logs:minLevel=warn&text=late` follows the lines that the parameters of `logs` choose; each
  notice counts them.
- `changes` is empty in the answer to `subscribe`: what is asked for from then on is at least as new as the notices.
  `more` says that a notice holds the first {CHANGES_MAX} changes alone.
- `{{"resync": true}}` instead of changes: the client did not keep up and has missed notices; ask again for what is
  shown.
- `{{"beat": true}}` comes every {LIVE_BEAT_S:g} seconds. `seq` grows with every notice; another `epoch` is another
  start of the host.
- {LIVE_SOCKETS_MAX} clients with {LIVE_SUBJECTS_MAX} subjects each may follow the feed. It costs nothing while nobody
  does.

"""


def reference(table: Sequence[AnyOperation]) -> str:
    """Return a page: each operation with its route, its parameters and the members of its result."""
    schemas = shared_schemas(table)
    return _HEAD + "\n".join(_section(operation, schemas) for operation in table)


def _section(operation: AnyOperation, schemas: dict[str, Any]) -> str:
    schema = parameters(operation)
    required = schema.get("required", [])
    lines = [f"## {operation.name}", "", f"`{operation.method} {PREFIX}{operation.path}`", "", operation.help, ""]
    rows = [("path", name, schema["properties"][name]) for name in operation.in_path]
    rows += [("query", name, each) for name, each in in_query(operation).items()]
    rows += [("body", name, each) for name, each in in_body(operation).items()]
    if rows:
        lines += ["| Parameter | In | Type | Meaning |", "|---|---|---|---|"]
        for place, name, each in rows:
            shown = name if name in required or place == "path" else f"{name}?"
            lines.append(f"| `{shown}` | {place} | {_type(each)} | {each.get('description', '')} |")
        lines.append("")
    result = schemas[operation.result.__name__]
    about = result.get("description", "")
    lines += [f"Result `{operation.result.__name__}`: {about} {_members(result)}".strip(), ""]
    for name in _parts(result, schemas):
        part = schemas[name]
        lines += [f"- `{name}`: {part.get('description', '')} {_members(part)}"]
    return "\n".join(lines).rstrip() + "\n"


def _members(schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    shown = []
    for name, each in schema.get("properties", {}).items():
        mark = name if name in required else f"{name}?"
        about = f" ({each['description'].rstrip('.')})" if "description" in each else ""
        shown.append(f"`{mark}` {_type(each)}{about}")
    return "; ".join(shown) + "."


def _parts(schema: dict[str, Any], schemas: dict[str, Any]) -> list[str]:
    """Return the definitions that a result refers to, each once, nearest first."""
    found: list[str] = []
    waiting = [schema]
    while waiting:
        for name in _references(waiting.pop(0)):
            if name not in found:
                found.append(name)
                waiting.append(schemas[name])
    return found


def _references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for each in schema for name in _references(each)]
    if not isinstance(schema, dict):
        return []
    own = [str(schema["$ref"]).removeprefix(REF)] if "$ref" in schema else []
    return [*own, *(name for value in schema.values() for name in _references(value))]


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return f"`{str(schema['$ref']).rpartition('/')[2]}`"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(each) for each in schema["anyOf"]))
    match schema.get("type"):
        case "array":
            return f"list of {_type(schema.get('items', {}))}"
        case "object":
            return "object"
        case str(name):
            return name
        case _:
            return "any value"
