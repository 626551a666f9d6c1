"""Values that only Python itself can make: see the table of native values in the kit's README."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal


@dataclass
class Sample:
    """A class whose objects have one field."""

    a: int = 1


def _nested(levels):
    value = []
    for _ in range(levels - 1):
        value = [value]
    return value


def _cycle():
    value = []
    value.append(value)
    return value


NATIVES = {
    "nan": lambda: float("nan"),
    "infinity": lambda: float("inf"),
    "too_large": lambda: 2**53,
    "large_float": lambda: [2.0**53, 1e20, -1e20],
    "integral_float": lambda: 1.0,
    "cycle": _cycle,
    "deep": lambda: _nested(101),
    "hundred": lambda: _nested(100),
    "time": lambda: datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
    "lone_surrogate": lambda: "\ud800",
    "bytes": lambda: b"\x00\xff",
    "number_keys": lambda: {1: "one"},
    "odd_keys": lambda: {(1, 2): "a tuple"},
    "nested_nan": lambda: {"items": [{"total": float("nan")}]},
    "set": lambda: {1, 2},
    "error": lambda: ValueError("an error as a value"),
    "class_instance": Sample,
    "decimal": lambda: Decimal("1.5"),
    "object": object,
    "function": lambda: print,
    "proto_key": lambda: {"__proto__": 1},
    "minus_zero": lambda: -0.0,
}
"""Name → what makes the value."""
