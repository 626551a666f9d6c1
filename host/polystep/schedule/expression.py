"""Fire times of a cron expression, daylight saving included. Pure: knows no clock and no steps.

Five fields, or six with leading seconds as in node-cron; names, lists, ranges, steps and `@daily` aliases (see
`polystep.schedule.fields`). If day of month and day of week are both restricted, either may match; if one of the two
starts with `*`, both must, as in Debian cron.

DST policy, that of Debian cron:

- An **interval job** has a minute or an hour field that starts with `*`. It follows real time: it fires at every
  instant whose wall time matches. So it keeps firing through the hour that autumn repeats, and does not fire for
  the hour that spring skips.
- Every other job is a **fixed-time job**. It fires once per wall time that it names. A wall time that occurs twice
  fires the first time only. A wall time that is skipped fires at the first instant after the gap; several skipped
  wall times fire there once, together.

The seconds field plays no part in this: `0 30 2 * * *` is the same job as `30 2 * * *`.

croniter searches in wall time alone, where it is exact, and never hears of the zone: asked about zones it fires
twice at 02:30 of the autumn night. It is given each field as a plain list of numbers, because it reads some
spellings in its own way (a month `2-2` as every month).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from polystep.contracts.errors import LoadFailed
from polystep.schedule.fields import ALIASES, FIELDS
from polystep.schedule.zones import (
    find_zone,
    first_change,
    first_instant,
    utc_offset_s,
    wall_already_passed,
)

SEARCH_YEARS: Final = 5
"""Years searched for a fire time: they always contain a leap day."""

_MINUTE, _HOUR, _DAY_OF_MONTH, _DAY_OF_WEEK = 1, 2, 3, 5


@dataclass(frozen=True, slots=True)
class CronExpression:
    """Checked expression in its zone."""

    text: str
    """As it was written."""
    timezone: str
    """The IANA name of the zone, also when the machine's was asked for; `local` or `UTC+01:00` if it has no name."""
    fixed_time: bool
    """It is a fixed-time job; otherwise it is an interval job. See the module's DST policy."""
    _zone: tzinfo
    _plain: str
    _either_day: bool

    @classmethod
    def parse(cls, text: str, timezone: str | None) -> CronExpression:
        """Check an expression and its zone.

        Args:
            text: Five fields, six with leading seconds, or an alias such as `@daily`.
            timezone: IANA name; `None` is the machine's zone.

        Raises:
            LoadFailed: The expression or the zone is not usable; the message shows which part, why, and an example.
        """
        fields = _split(text)
        plain = []
        for field, part in zip(FIELDS, fields, strict=True):
            try:
                plain.append(field.canonical(field.values(part)))
            except ValueError as error:
                raise LoadFailed(
                    f'The cron expression "{text}" is not usable: {field.name} "{part}": {error}. '
                    f'An example for this field: "{field.example}".'
                ) from error
        either_day = not (fields[_DAY_OF_MONTH].startswith("*") or fields[_DAY_OF_WEEK].startswith("*"))
        if either_day and "*" in (plain[_DAY_OF_MONTH], plain[_DAY_OF_WEEK]):
            # One of the two names every day (`0-6`); croniter would read it as a field that was left open.
            plain[_DAY_OF_MONTH] = plain[_DAY_OF_WEEK] = "*"
        zone, name = find_zone(timezone)
        return cls(
            text=text,
            timezone=name,
            fixed_time=not (fields[_MINUTE].startswith("*") or fields[_HOUR].startswith("*")),
            _zone=zone,
            _plain=" ".join(plain),
            _either_day=either_day,
        )

    def next_after(self, after_ms: int) -> int | None:
        """Return the first fire time later than `after_ms`, both Unix milliseconds; `None` if none comes in 5 years.

        Costs about a third of a millisecond: keep the answer until it has passed.
        """
        after_s = after_ms // 1000
        instant_s = self._next_fixed(after_s) if self.fixed_time else self._next_interval(after_s)
        return None if instant_s is None else instant_s * 1000

    def _next_fixed(self, after_s: int) -> int | None:
        wall_s = self._next_wall(wall_already_passed(self._zone, after_s))
        return None if wall_s is None else first_instant(self._zone, wall_s)

    def _next_interval(self, after_s: int) -> int | None:
        # Between two changes of the offset wall time runs like real time; each such stretch is searched by itself.
        offset_s = utc_offset_s(self._zone, after_s)
        passed_s = after_s + offset_s
        while (wall_s := self._next_wall(passed_s)) is not None:
            change_s = first_change(self._zone, after_s, wall_s - offset_s)
            if change_s is None:
                return wall_s - offset_s
            after_s = change_s
            offset_s = utc_offset_s(self._zone, change_s)
            passed_s = change_s + offset_s - 1
        return None

    def _next_wall(self, passed_s: int) -> int | None:
        # Here and not above: most starts have no cron step to wait for its import.
        from croniter import CroniterBadDateError, croniter

        search = croniter(
            self._plain,
            float(passed_s),
            day_or=self._either_day,
            max_years_between_matches=SEARCH_YEARS,
            second_at_beginning=True,
        )
        try:
            return round(search.get_next(float))
        except CroniterBadDateError:
            return None


def _split(text: str) -> list[str]:
    """Split the six fields; a five-field expression fires at second 0."""
    fields = ALIASES.get(text.strip().lower(), text).split()
    if len(fields) == len(FIELDS) - 1:
        return ["0", *fields]
    if len(fields) == len(FIELDS):
        return fields
    raise LoadFailed(
        f'The cron expression "{text}" has {len(fields)} fields. It needs 5 (minute, hour, day of month, month, '
        f"day of week) or 6 (with leading seconds), or is one of {', '.join(ALIASES)}. "
        'An example: "0 9 * * mon-fri" is 09:00 on working days.'
    )
