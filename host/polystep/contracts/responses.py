"""Responses of handlers: their status, and the policy for bodies that break their schema."""

from __future__ import annotations

from typing import Literal

ResponsePolicy = Literal["warn", "error", "off"]
"""`[contracts] responses`: send and warn, answer 500 instead, or do not check."""


def status_of(value: object) -> int | None:
    """Read a status as handlers write it: an integer, or a float without a fraction; `None` for everything else."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
