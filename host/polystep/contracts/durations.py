"""Durations as users write them: '500ms', '30s', '1h 30m', '3d'."""

from __future__ import annotations

import re
from typing import Final

from polystep.contracts.errors import InvalidParams
from polystep.contracts.values import JSONValue

DURATION_MS_MAX: Final = 400 * 86_400_000
"""400 days: whatever waits longer belongs into a calendar, and not into a queue."""

_UNITS_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_PART: Final = re.compile(r"\s*(\d{1,12}(?:\.\d{1,6})?)\s*(ms|s|m|h|d|w)")


def duration_ms(value: JSONValue, what: str) -> int:
    """Return a duration in milliseconds.

    Args:
        value: A text of numbers with units.
        what: Its name in the message of the error.

    Raises:
        InvalidParams: It is no such text, or longer than 400 days.
    """
    parts = _PART.findall(value) if isinstance(value, str) else []
    if not isinstance(value, str) or not parts or _PART.sub("", value).strip():
        raise InvalidParams(f"{what} must be a text such as '30s', '1h 30m' or '3d'; it is {value!r}.")
    total_ms = round(sum(float(number) * _UNITS_MS[unit] for number, unit in parts))
    if total_ms > DURATION_MS_MAX:
        raise InvalidParams(f"{what} is {value}; at most 400 days can be waited.")
    return total_ms
