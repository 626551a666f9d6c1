"""Types of values that cross rooms: those of JSON, and bytes."""

from __future__ import annotations

from typing import Final, TypeAlias

JSONValue: TypeAlias = "bool | int | float | str | bytes | list[JSONValue] | dict[str, JSONValue] | None"

JSONObject: TypeAlias = "dict[str, JSONValue]"

INTEGER_MAX: Final = 2**53 - 1
"""Largest integer every language reads back unchanged (PS-3.5: larger ones are refused, never rounded)."""
