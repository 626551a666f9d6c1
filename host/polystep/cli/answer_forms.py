"""Form of the answer that an ask wants, as a hint to copy and edit: what its schema requires."""

from __future__ import annotations

import json
import shlex
from typing import Any, Final

_BY_TYPE: Final = {"string": "…", "integer": 1, "number": 1, "boolean": True, "null": None}
_DEPTH_MAX: Final = 3
"""Of objects in objects: a hint that fills the screen is none."""


def answer_form(schema: object, depth: int = 0) -> Any:
    """Return a value in the form of a schema; it need not be valid. Without a schema any JSON will do."""
    if not isinstance(schema, dict):
        return {"ok": True}
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    if isinstance(choices := schema.get("enum"), list) and choices:
        return choices[0]
    for name in ("anyOf", "oneOf", "allOf"):
        if isinstance(parts := schema.get(name), list) and parts:
            return answer_form(parts[0], depth)
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    members = schema.get("properties")
    if isinstance(members, dict) and kind in (None, "object"):
        if depth >= _DEPTH_MAX:
            return {}
        required = schema.get("required")
        names = [name for name in members if not isinstance(required, list) or name in required]
        return {name: answer_form(members[name], depth + 1) for name in names or list(members)[:1]}
    if kind == "array":
        return []
    return _BY_TYPE.get(kind, {}) if isinstance(kind, str) else {"ok": True}


def answer_command(ask_id: str, schema: object) -> str:
    """Return the command that answers an ask in this form, quoted for a shell."""
    return f"polystep answer {ask_id} {shlex.quote(json.dumps(answer_form(schema), ensure_ascii=False))}"
