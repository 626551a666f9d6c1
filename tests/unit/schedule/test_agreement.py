"""Our schedule against two others: cronsim, which follows Debian cron, and a scan of every single minute.

Deliberate differences, all left out of the comparison or decided by the scan:

- Six-field expressions with a fixed time: cronsim knows no DST rule for them, ours has the same as for five fields.
- A start inside the second pass of a repeated hour: cronsim answers a fixed-time job with a time that has passed.
- Interval jobs where an offset changes by half an hour or at midnight: cronsim steps by whole hours and over whole
  days there, and misses or invents ticks. The scan has the word.
- `n-n/step` is the value n alone; cronsim reads `n/step`. Ranges that end on Sunday (`fri-sun`) are accepted.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from polystep.schedule import CronExpression
from polystep.schedule.zones import first_change

# cronsim handles changes by a whole hour, away from midnight; the scan handles all.
WHOLE_HOUR_ZONES = {
    "Europe/Berlin": (2020, 2031),
    "America/New_York": (2020, 2031),
    "Asia/Kolkata": (2020, 2031),
    "UTC": (2020, 2031),
}
ZONES = WHOLE_HOUR_ZONES | {
    "Australia/Lord_Howe": (2020, 2031),
    "America/Sao_Paulo": (2009, 2020),
    "Africa/Casablanca": (2020, 2031),
    "Pacific/Apia": (2009, 2020),
}
TICKS = 20
WINDOW_S = 4 * 86_400


def instants_of_change(zone: str) -> list[int]:
    first_year, last_year = ZONES[zone]
    at_s = round(datetime(first_year, 1, 1, tzinfo=UTC).timestamp())
    end_s = round(datetime(last_year, 1, 1, tzinfo=UTC).timestamp())
    found: list[int] = []
    while (change_s := first_change(ZoneInfo(zone), at_s, end_s)) is not None:
        found.append(change_s)
        at_s = change_s
    return found or [at_s + 200 * 86_400]


CHANGES = {zone: instants_of_change(zone) for zone in ZONES}


def field(low: int, high: int, likely_high: int) -> st.SearchStrategy[str]:
    """A field, mostly of values that lie in the hours of change."""
    value = st.integers(low, likely_high)
    step = st.integers(1, 30)
    pair = st.tuples(value, value).filter(lambda both: both[0] < both[1])
    spelling = st.one_of(
        st.just("*"),
        step.map("*/{}".format),
        value.map(str),
        pair.map(lambda both: f"{both[0]}-{both[1]}"),
        st.tuples(pair, step).map(lambda parts: f"{parts[0][0]}-{parts[0][1]}/{parts[1]}"),
        st.tuples(value, step).map(lambda parts: f"{parts[0]}/{parts[1]}"),
        st.lists(value, min_size=2, max_size=4).map(lambda values: ",".join(map(str, values))),
    )
    return spelling.filter(lambda text: int(text) <= high if text.isdigit() else True)


RARELY_SET = st.sampled_from(["*", "*", "*", "*"])
EXPRESSIONS = st.tuples(
    field(0, 59, 59),
    field(0, 23, 5),
    RARELY_SET | field(1, 31, 31),
    RARELY_SET | field(1, 12, 12),
    RARELY_SET | field(0, 7, 7),
).map(" ".join)


@st.composite
def starts(draw: st.DrawFn, zones: list[str]) -> tuple[str, int]:
    """A zone, and an instant in the two days before one of its changes or the hour after it."""
    zone = draw(st.sampled_from(zones))
    change_s = draw(st.sampled_from(CHANGES[zone]))
    return zone, change_s + draw(st.integers(-48 * 3600, 3600))


def ours(expression: str, zone: str, start_s: int) -> list[int]:
    cron = CronExpression.parse(expression, zone)
    found: list[int] = []
    at_ms = cron.next_after(start_s * 1000)
    while at_ms is not None and at_ms // 1000 < start_s + WINDOW_S and len(found) < TICKS:
        found.append(at_ms // 1000)
        at_ms = cron.next_after(at_ms)
    return found


def in_window(instants: Iterator[int], start_s: int) -> list[int]:
    found: list[int] = []
    for instant_s in instants:
        if instant_s >= start_s + WINDOW_S or len(found) == TICKS:
            break
        if instant_s not in found:  # cronsim names the end of a gap once per skipped wall time
            found.append(instant_s)
    return found


def scanned(oracle: CronSim, zone: str, start_s: int) -> Iterator[int]:
    """Every minute whose wall time matches, by cronsim's reading of the fields alone."""
    for instant_s in range(start_s // 60 * 60 + 60, start_s + WINDOW_S, 60):
        wall = datetime.fromtimestamp(instant_s, ZoneInfo(zone))
        if (
            wall.minute in oracle.minutes
            and wall.hour in oracle.hours
            and wall.month in oracle.months
            and oracle.match_day(wall.date())
        ):
            yield instant_s


def oracle_for(expression: str, zone: str, start_s: int) -> CronSim:
    try:
        return CronSim(expression, datetime.fromtimestamp(start_s, ZoneInfo(zone)))
    except CronSimError:
        # It refuses what can match no date, such as 31 April.
        assert CronExpression.parse(expression, zone).next_after(start_s * 1000) is None
        assume(False)
        raise


@settings(max_examples=400, deadline=None, derandomize=True)
@given(EXPRESSIONS, starts(list(ZONES)))
def test_fixed_time_jobs_fire_when_cronsim_says(expression: str, start: tuple[str, int]) -> None:
    zone, start_s = start
    assume(CronExpression.parse(expression, zone).fixed_time)
    assume(datetime.fromtimestamp(start_s, ZoneInfo(zone)).fold == 0)
    oracle = oracle_for(expression, zone, start_s)
    expected = in_window((round(moment.timestamp()) for moment in oracle), start_s)
    assert ours(expression, zone, start_s) == expected


@settings(max_examples=200, deadline=None, derandomize=True)
@given(EXPRESSIONS, starts(list(WHOLE_HOUR_ZONES)))
def test_interval_jobs_fire_when_cronsim_says(expression: str, start: tuple[str, int]) -> None:
    zone, start_s = start
    assume(not CronExpression.parse(expression, zone).fixed_time)
    oracle = oracle_for(expression, zone, start_s)
    expected = in_window((round(moment.timestamp()) for moment in oracle), start_s)
    assert ours(expression, zone, start_s) == expected


@settings(max_examples=150, deadline=None, derandomize=True)
@given(EXPRESSIONS, starts(list(ZONES)))
def test_interval_jobs_fire_at_every_minute_that_matches(expression: str, start: tuple[str, int]) -> None:
    zone, start_s = start
    assume(not CronExpression.parse(expression, zone).fixed_time)
    oracle = oracle_for(expression, zone, start_s)
    assert ours(expression, zone, start_s) == in_window(scanned(oracle, zone, start_s), start_s)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(EXPRESSIONS, starts(list(ZONES)))
def test_a_leading_second_field_changes_the_second_alone(expression: str, start: tuple[str, int]) -> None:
    zone, start_s = start
    assert ours(f"0 {expression}", zone, start_s) == ours(expression, zone, start_s)


# Apia is left out: it skipped all of 2011-12-30, whose jobs fire together when the next day begins.
@pytest.mark.parametrize("zone", sorted(set(ZONES) - {"Pacific/Apia"}))
def test_daily_jobs_around_every_change_fire_once_a_day(zone: str) -> None:
    """What people rely on: whatever the clock does, a daily job runs once per date that the zone has."""
    for change_s in CHANGES[zone]:
        for expression in ("0 0 * * *", "30 1 * * *", "15 2 * * *", "30 2 * * *", "0 3 * * *"):
            # Noon is far from every change.
            noon = datetime.fromtimestamp(change_s - 86_400, ZoneInfo(zone)).replace(hour=12, minute=0, second=0)
            cron = CronExpression.parse(expression, zone)
            times = islice(_from(cron, round(noon.timestamp() * 1000)), 3)
            dates = [datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)).date() for at_ms in times]
            assert len(set(dates)) == 3, (zone, expression, dates)


def _from(cron: CronExpression, at_ms: int) -> Iterator[int]:
    while (later_ms := cron.next_after(at_ms)) is not None:
        yield later_ms
        at_ms = later_ms
