"""Fields of a cron expression: their ranges, names and grammar.

A field is a comma-separated list of items; an item is `*`, a value, or a range `low-high`, each with an optional
`/step`. A value with a step runs to the end of the field: `5/15` is `5-59/15`. Months and days of the week have
names, short or long, in any case. Sunday is 0 and 7. Everything else (`L`, `W`, `#`, `?`, `H`, `R`, years) is
refused: cron programs disagree about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_MONTHS: Final = "january february march april may june july august september october november december".split()
_DAYS: Final = "sunday monday tuesday wednesday thursday friday saturday".split()

SUNDAY_AS_SEVEN: Final = 7

ALIASES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name, its values, and a value to show in an error."""

    name: str
    low: int
    high: int
    example: str
    names: tuple[str, ...] = ()
    """Long names, the first one for `low`; their first three letters are names too."""

    def values(self, text: str) -> frozenset[int]:
        """Return every value that `text` selects; a day of the week 7 counts as 0.

        Raises:
            ValueError: `text` is not a field; the message says why.
        """
        selected: set[int] = set()
        for item in text.split(","):
            selected.update(self._item(item))
        if self is DAY_OF_WEEK:
            selected = {value % SUNDAY_AS_SEVEN for value in selected}
        return frozenset(selected)

    def canonical(self, values: frozenset[int]) -> str:
        """Spell the same selection as plainly as possible: `*` or a list of numbers."""
        high = self.high - 1 if self is DAY_OF_WEEK else self.high
        if len(values) == high - self.low + 1:
            return "*"
        return ",".join(str(value) for value in sorted(values))

    def _item(self, item: str) -> range:
        span, slash, step_text = item.partition("/")
        step = self._step(step_text) if slash else 1
        if span == "*":
            return range(self.low, self.high + 1, step)
        low_text, dash, high_text = span.partition("-")
        low = self._value(low_text)
        if not dash:
            return range(low, self.high + 1, step) if slash else range(low, low + 1)
        high = self._value(high_text)
        if self is DAY_OF_WEEK and high == 0 and low > 0:
            high = SUNDAY_AS_SEVEN  # Friday to Sunday is what people write.
        if high < low:
            raise ValueError(f'the range "{span}" runs backwards; write it as two items')
        return range(low, high + 1, step)

    def _value(self, text: str) -> int:
        if text.isascii() and text.isdigit():
            value = int(text)
            if not self.low <= value <= self.high:
                raise ValueError(f"{text} is not between {self.low} and {self.high}")
            return value
        word = text.lower()
        for offset, name in enumerate(self.names):
            if word in (name, name[:3]):
                return self.low + offset
        raise ValueError(f'"{text}" is not a value of this field' if text else "a value is missing")

    @staticmethod
    def _step(text: str) -> int:
        if not (text.isascii() and text.isdigit() and int(text) > 0):
            raise ValueError(f'the step "{text}" is not a number above 0')
        return int(text)


SECOND: Final = Field("second", 0, 59, "*/10")
MINUTE: Final = Field("minute", 0, 59, "*/15")
HOUR: Final = Field("hour", 0, 23, "9-17")
DAY_OF_MONTH: Final = Field("day of month", 1, 31, "1,15")
MONTH: Final = Field("month", 1, 12, "jan-jun", tuple(_MONTHS))
DAY_OF_WEEK: Final = Field("day of week", 0, SUNDAY_AS_SEVEN, "mon-fri", tuple(_DAYS))

FIELDS: Final = (SECOND, MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK)
"""In the order of a six-field expression."""
