"""Schemas of Python types: as JSON Schema for the host (PS-6.2), and as checks of values (PS-7.11)."""

from __future__ import annotations

import json
import sys
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any

Check = Callable[[Any], tuple[Any, list[dict[str, Any]]]]
"""From a value to what the type makes of it, and to issues `{path, message, code}`, of which a good value has none."""


def describe_type(value: Any) -> Any:
    """Describe the input side of a type as JSON Schema: a model, a TypeAdapter, or any type that pydantic knows.

    Raises ImportError where it takes pydantic and there is none; what pydantic and user code raise passes through.
    """
    describing = getattr(value, "model_json_schema", None) or getattr(value, "json_schema", None)
    if callable(describing) and not _is_pydantic(value):
        return describing(mode="validation")
    from polystep_runner.adapters.pydantic_input import InputSchema  # it imports pydantic

    described = describing if callable(describing) else _adapter(value).json_schema
    return described(mode="validation", schema_generator=InputSchema)


def check_of(value: Any) -> Check:
    """Find the check by which a type makes values of its own: models, dataclasses, coerced members.

    Raises as `describe_type`.
    """
    validate = getattr(value, "model_validate", None) or getattr(value, "validate_python", None)
    validate_json = getattr(value, "model_validate_json", None) or getattr(value, "validate_json", None)
    if not callable(validate):
        adapter = _adapter(value)
        validate, validate_json = adapter.validate_python, adapter.validate_json

    _let_models_answer_by_name()

    def check(given: Any) -> tuple[Any, list[dict[str, Any]]]:
        try:
            return validate(given), []
        except ValueError as error:
            first = error
        # What came in was JSON: strict models take texts for dates and lists for sets only when they are asked to.
        try:
            text = json.dumps(given) if callable(validate_json) else None
        except (TypeError, ValueError):
            text = None
        if text is None or not callable(validate_json):
            return given, _issues(first)
        try:
            return validate_json(text), []
        except ValueError as error:
            return given, _issues(error)  # without the texts that are dates after all

    return check


def _let_models_answer_by_name() -> None:
    """`order["id"]` and `order.get("id")` beside `order.id`, so that steps read all they are given in one way."""
    pydantic = sys.modules.get("pydantic")
    if pydantic is None or hasattr(pydantic.BaseModel, "__getitem__"):
        return

    def get(model: Any, name: str, default: Any = None) -> Any:
        return getattr(model, name) if name in model else default

    def __getitem__(model: Any, name: str) -> Any:
        if name in model:
            return getattr(model, name)
        raise KeyError(name)

    def __contains__(model: Any, name: str) -> bool:
        return name in type(model).model_fields or name in (model.model_extra or ())

    for method in (get, __getitem__, __contains__):
        setattr(pydantic.BaseModel, method.__name__, method)


def _is_pydantic(value: Any) -> bool:
    """Report whether it is a model or a TypeAdapter, and no other thing that describes itself by the same method."""
    return hasattr(value, "__pydantic_core_schema__") or hasattr(value, "core_schema")


def _adapter(value: Any) -> Any:
    from pydantic import TypeAdapter  # optional: only where the user's environment has it

    return TypeAdapter(_readable(value))


def _readable(value: Any) -> Any:
    """Below Python 3.12 pydantic cannot read the standard library's TypedDict: the same as one that it can read."""
    if sys.version_info >= (3, 12):
        return value
    import typing_extensions  # pydantic brings it along

    if typing.is_typeddict(value):
        hints = {name: _readable(hint) for name, hint in typing.get_type_hints(value).items()}
        members = {
            name: hint if name in value.__required_keys__ else typing.NotRequired[hint] for name, hint in hints.items()
        }
        make: Any = typing_extensions.TypedDict
        return make(value.__name__, members)
    origin, arguments = typing.get_origin(value), typing.get_args(value)
    if origin in (types.UnionType, typing.Union):
        return typing.Union[tuple(map(_readable, arguments))]  # noqa: UP007 - made of what is found
    if origin is Annotated:
        return Annotated[(_readable(arguments[0]), *value.__metadata__)]
    if origin in (list, dict, tuple) and arguments:
        return origin[tuple(map(_readable, arguments))]
    return value


def _issues(error: ValueError) -> list[dict[str, Any]]:
    errors = getattr(error, "errors", None)  # pydantic's ValidationError; any other ValueError is one issue
    if not callable(errors):
        return [{"path": [], "message": str(error), "code": "value_error"}]
    return [
        {"path": [*each["loc"]], "message": each["msg"], "code": each["type"]}
        for each in errors(include_url=False, include_context=False, include_input=False)
    ]
