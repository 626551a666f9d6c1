"""A step's config as a plain value: schemas become JSON Schema, functions are counted or left out (PS-6.2)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Final

from polystep_runner.codec import plain
from polystep_runner.errors import safe_text

_SCHEMA_KEYS: Final = frozenset({"bodySchema", "input", "schema"})


def fields_of(config: object) -> dict[str, Any]:
    """The members of a config: of a mapping, a dataclass, a pydantic model, or any object with attributes."""
    if isinstance(config, Mapping):
        return dict(config)
    if dataclasses.is_dataclass(config):
        return {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {name: value for name, value in vars(config).items() if not name.startswith("_")}


def functions_of(middleware: object) -> list[Callable[..., Any]]:
    """`config["middleware"]` as a list; one function alone counts as a list of it."""
    if middleware is None:
        return []
    return list(middleware) if isinstance(middleware, list | tuple) else [middleware]  # type: ignore[list-item]


def exported(config: dict[str, Any], warnings: list[str]) -> dict[str, Any]:
    """Return what `step.load` answers as config; notes for the user are added to `warnings`.

    Raises:
        PolystepError: `invalid_value`: a member that is neither plain, a schema nor a function.
    """
    members: dict[str, Any] = {}
    for key, value in config.items():
        if key == "middleware":
            members[key] = len(functions_of(value))
        elif key == "canAccess":
            members[key] = value is not None
        elif key in _SCHEMA_KEYS:
            members[key] = _schema(value, f"config.{key}", warnings)
        elif key == "responseSchema" and isinstance(value, Mapping):
            members[key] = {
                str(status): _schema(schema, f"config.{key}.{status}", warnings) for status, schema in value.items()
            }
        elif not callable(value):
            members[key] = plain(_without_functions(value), f"config.{key}")
    return {key: value for key, value in members.items() if value is not None}


def _without_functions(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_functions(item) for key, item in value.items() if not callable(item)}
    if isinstance(value, list | tuple):
        return [_without_functions(item) for item in value if not callable(item)]
    return value


def _schema(value: Any, where: str, warnings: list[str]) -> Any:
    """JSON Schema of the input side; None, with a warning, for what has none."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return plain(_without_functions(dict(value)), where)
    try:
        if callable(getattr(value, "model_json_schema", None)):
            return plain(value.model_json_schema(mode="validation"), where)
        if callable(getattr(value, "json_schema", None)):
            return plain(value.json_schema(mode="validation"), where)
        from pydantic import TypeAdapter  # optional: only where the user's environment has it
    except ImportError:
        warnings.append(f"{where} is a Python type, which takes pydantic: add it to requirements.txt, or use a dict.")
        return None
    except Exception as error:  # noqa: BLE001 - pydantic and user code raise many types; one schema must not cost the step
        warnings.append(f"{where} was left out, it has no JSON Schema: {safe_text(error)}")
        return None
    try:
        return plain(TypeAdapter(value).json_schema(mode="validation"), where)
    except Exception as error:  # noqa: BLE001 - as above
        warnings.append(f"{where} was left out, it has no JSON Schema: {safe_text(error)}")
        return None
