"""JSON Schema of `polystep.toml`, for editors."""

from __future__ import annotations

import ast
import inspect
from typing import Any, Final

from polystep.contracts.values import JSONObject
from polystep.project import settings
from polystep.project.settings import Settings

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


def settings_schema() -> JSONObject:
    """Return the schema, with the words of the sections and settings as descriptions.

    The words are read from the source only here: to read them with each start would delay it.
    """
    schema = Settings.model_json_schema()
    told = _described()
    _clean(schema)
    for name, section in schema.get("$defs", {}).items():
        for setting, found in section.get("properties", {}).items():
            if words := told.get((name, setting)):
                found["description"] = words
    # Whatever else `[runners]` has is a runner of others.
    runners = schema["$defs"]["RunnersSection"]
    runners["additionalProperties"] = {"$ref": "#/$defs/ForeignSection"}
    return {"$schema": DRAFT, **schema, "title": "polystep.toml"}


def _described() -> dict[tuple[str, str], str]:
    """Return the text under each setting, by section and name; those of a base class count for its heirs."""
    classes = [each for each in ast.parse(inspect.getsource(settings)).body if isinstance(each, ast.ClassDef)]
    told: dict[tuple[str, str], str] = {}
    for section in classes:
        for base in section.bases:
            if isinstance(base, ast.Name):
                told |= {(section.name, name): words for (owner, name), words in told.items() if owner == base.id}
        for setting, words in zip(section.body, section.body[1:], strict=False):
            if (
                isinstance(setting, ast.AnnAssign)
                and isinstance(setting.target, ast.Name)
                and isinstance(words, ast.Expr)
                and isinstance(words.value, ast.Constant)
            ):
                told[section.name, setting.target.id] = " ".join(str(words.value.value).split())
    return told


def _clean(part: Any) -> None:
    """Remove titles, which only repeat the names, and defaults that TOML cannot write."""
    if isinstance(part, dict):
        if isinstance(part.get("title"), str):
            del part["title"]
        if "default" in part and part["default"] is None:
            del part["default"]
        for each in part.values():
            _clean(each)
    elif isinstance(part, list):
        for each in part:
            _clean(each)
