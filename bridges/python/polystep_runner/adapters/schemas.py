"""JSON Schema of the types that Python code declares values with."""

from __future__ import annotations

from typing import Any


def describe_type(value: Any) -> Any:
    """JSON Schema, seen from the input side: of a pydantic model or TypeAdapter, or of any type that pydantic knows.

    Raises ImportError where it takes pydantic and there is none; what pydantic and user code raise passes through.
    """
    describing = getattr(value, "model_json_schema", None) or getattr(value, "json_schema", None)
    if not callable(describing):
        from pydantic import TypeAdapter  # optional: only where the user's environment has it

        describing = TypeAdapter(value).json_schema
    return describing(mode="validation")
