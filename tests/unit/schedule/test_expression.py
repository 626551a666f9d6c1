"""When expressions fire, what is refused, and the DST policy in examples."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from polystep.contracts.errors import LoadFailed
from polystep.schedule import CronExpression

BERLIN = "Europe/Berlin"


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def fire_times(expression: str, zone: str, after: str, count: int) -> list[str]:
    """The next `count` fire times as the zone's clock shows them."""
    cron = CronExpression.parse(expression, zone)
    times: list[str] = []
    at_ms: int | None = ms(after)
    while len(times) < count and at_ms is not None:
        at_ms = cron.next_after(at_ms)
        if at_ms is not None:
            times.append(datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)).isoformat())
    return times


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 9 * * *", ["2026-01-01T09:00:00+00:00", "2026-01-02T09:00:00+00:00"]),
        ("*/20 * * * *", ["2026-01-01T00:20:00+00:00", "2026-01-01T00:40:00+00:00"]),
        ("5/25 * * * *", ["2026-01-01T00:05:00+00:00", "2026-01-01T00:30:00+00:00"]),
        ("*/15 * * * * *", ["2026-01-01T00:00:15+00:00", "2026-01-01T00:00:30+00:00"]),
        ("30 0 9 * * *", ["2026-01-01T09:00:30+00:00", "2026-01-02T09:00:30+00:00"]),
        ("0 0 * * MON-Tuesday", ["2026-01-05T00:00:00+00:00", "2026-01-06T00:00:00+00:00"]),
        ("0 0 * * fri-sun", ["2026-01-02T00:00:00+00:00", "2026-01-03T00:00:00+00:00"]),
        ("0 0 * * 7", ["2026-01-04T00:00:00+00:00", "2026-01-11T00:00:00+00:00"]),
        ("0 0 1 feb,July *", ["2026-02-01T00:00:00+00:00", "2026-07-01T00:00:00+00:00"]),
        ("0 0 1 2-2 *", ["2026-02-01T00:00:00+00:00", "2027-02-01T00:00:00+00:00"]),
        ("0 0 13 * 5", ["2026-01-02T00:00:00+00:00", "2026-01-09T00:00:00+00:00"]),
        ("0 0 */2 * 5", ["2026-01-09T00:00:00+00:00", "2026-01-23T00:00:00+00:00"]),
        ("0 0 15 * 0-6", ["2026-01-02T00:00:00+00:00", "2026-01-03T00:00:00+00:00"]),
        ("0 0 29 2 *", ["2028-02-29T00:00:00+00:00", "2032-02-29T00:00:00+00:00"]),
        ("@weekly", ["2026-01-04T00:00:00+00:00", "2026-01-11T00:00:00+00:00"]),
        (" @Daily ", ["2026-01-02T00:00:00+00:00", "2026-01-03T00:00:00+00:00"]),
    ],
)
def test_an_expression_fires_when_its_fields_match(expression: str, expected: list[str]) -> None:
    assert fire_times(expression, "UTC", "2026-01-01T00:00:00Z", 2) == expected


def test_a_fire_time_itself_is_not_after_itself_but_a_millisecond_earlier_is() -> None:
    cron = CronExpression.parse("0 9 * * *", "UTC")
    nine = ms("2026-01-01T09:00:00Z")
    assert (cron.next_after(nine - 1), cron.next_after(nine)) == (nine, nine + 86_400_000)


@pytest.mark.parametrize("expression", ["0 0 30 2 *", "0 0 31 4,6 *", "* * 30 2 *"])
def test_an_expression_without_a_date_never_fires(expression: str) -> None:
    assert CronExpression.parse(expression, BERLIN).next_after(ms("2026-01-01T00:00:00Z")) is None


def test_a_skipped_wall_time_fires_at_the_first_instant_after_the_gap() -> None:
    assert fire_times("30 2 * * *", BERLIN, "2026-03-28T12:00:00+01:00", 2) == [
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:30:00+02:00",
    ]


def test_several_skipped_wall_times_fire_once_together() -> None:
    assert fire_times("0,20,40 2,3 * * *", BERLIN, "2026-03-29T00:00:00+01:00", 3) == [
        "2026-03-29T03:00:00+02:00",
        "2026-03-29T03:20:00+02:00",
        "2026-03-29T03:40:00+02:00",
    ]


def test_a_gap_of_half_an_hour_ends_at_its_own_time() -> None:
    assert fire_times("15 2 * * *", "Australia/Lord_Howe", "2026-10-04T00:00:00+10:30", 1) == [
        "2026-10-04T02:30:00+11:00"
    ]


def test_a_gap_at_midnight_moves_a_daily_job_to_its_end() -> None:
    assert fire_times("@daily", "America/Sao_Paulo", "2018-11-03T12:00:00-03:00", 2) == [
        "2018-11-04T01:00:00-02:00",
        "2018-11-05T00:00:00-02:00",
    ]


def test_a_skipped_day_fires_when_the_next_one_begins() -> None:
    assert fire_times("30 1 * * *", "Pacific/Apia", "2011-12-29T12:00:00-10:00", 2) == [
        "2011-12-31T00:00:00+14:00",
        "2011-12-31T01:30:00+14:00",
    ]


@pytest.mark.parametrize("expression", ["30 2 * * *", "0 30 2 * * *"])
def test_a_repeated_wall_time_fires_the_first_time_only(expression: str) -> None:
    assert fire_times(expression, BERLIN, "2026-10-24T12:00:00+02:00", 2) == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:30:00+01:00",
    ]


def test_a_fixed_time_job_asked_within_the_second_pass_waits_for_the_next_day() -> None:
    assert fire_times("30 2 * * *", BERLIN, "2026-10-25T02:10:00+01:00", 1) == ["2026-10-26T02:30:00+01:00"]


def test_a_fixed_time_job_after_the_second_pass_is_not_skipped() -> None:
    assert fire_times("0 2,3 * * *", BERLIN, "2026-10-25T02:59:59+01:00", 1) == ["2026-10-25T03:00:00+01:00"]


def test_an_interval_job_follows_real_time_through_the_repeated_hour() -> None:
    assert fire_times("*/30 * * * *", BERLIN, "2026-10-25T01:59:00+02:00", 5) == [
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:00:00+01:00",
        "2026-10-25T02:30:00+01:00",
        "2026-10-25T03:00:00+01:00",
    ]


def test_an_interval_job_does_not_fire_for_the_skipped_hour() -> None:
    assert fire_times("15 * * * *", BERLIN, "2026-03-29T01:00:00+01:00", 2) == [
        "2026-03-29T01:15:00+01:00",
        "2026-03-29T03:15:00+02:00",
    ]
    assert fire_times("*/30 2 * * *", BERLIN, "2026-03-29T00:00:00+01:00", 1) == ["2026-03-30T02:00:00+02:00"]


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("61 * * * *", 'minute "61": 61 is not between 0 and 59. An example for this field: "*/15".'),
        ("0 24 * * *", 'hour "24": 24 is not between 0 and 23. An example for this field: "9-17".'),
        ("0 0 0 * *", 'day of month "0": 0 is not between 1 and 31. An example for this field: "1,15".'),
        ("0 0 * foo *", 'month "foo": "foo" is not a value of this field. An example for this field: "jan-jun".'),
        ("0 0 * * 8", 'day of week "8": 8 is not between 0 and 7. An example for this field: "mon-fri".'),
        ("*/0 * * * *", 'minute "*/0": the step "0" is not a number above 0. An example for this field: "*/15".'),
        (
            "0 22-2 * * *",
            'hour "22-2": the range "22-2" runs backwards; write it as two items. An example for this field: "9-17".',
        ),
        ("0 0 1, * *", 'day of month "1,": a value is missing. An example for this field: "1,15".'),
        ("0 0 L * *", 'day of month "L": "L" is not a value of this field. An example for this field: "1,15".'),
        ("x * * * * *", 'second "x": "x" is not a value of this field. An example for this field: "*/10".'),
        (
            "\u0661 * * * *",
            'minute "\u0661": "\u0661" is not a value of this field. An example for this field: "*/15".',
        ),
    ],
)
def test_a_bad_field_is_named_with_its_reason_and_an_example(expression: str, reason: str) -> None:
    with pytest.raises(LoadFailed) as caught:
        CronExpression.parse(expression, "UTC")
    assert caught.value.message == f'The cron expression "{expression}" is not usable: {reason}'


@pytest.mark.parametrize(("expression", "count"), [("", 0), ("* * * *", 4), ("0 0 0 1 1 * 2030", 7), ("@reboot", 1)])
def test_a_wrong_number_of_fields_is_refused_with_the_number(expression: str, count: int) -> None:
    with pytest.raises(LoadFailed) as caught:
        CronExpression.parse(expression, "UTC")
    assert caught.value.message == (
        f'The cron expression "{expression}" has {count} fields. It needs 5 (minute, hour, day of month, month, '
        "day of week) or 6 (with leading seconds), or is one of @yearly, @annually, @monthly, @weekly, @daily, "
        '@midnight, @hourly. An example: "0 9 * * mon-fri" is 09:00 on working days.'
    )


def test_fire_times_before_1970_and_far_ahead_are_found_alike() -> None:
    assert fire_times("0 0 1 1 *", "UTC", "1969-06-01T00:00:00Z", 1) == ["1970-01-01T00:00:00+00:00"]
    assert fire_times("0 0 1 1 *", "UTC", "2199-06-01T00:00:00Z", 1) == [datetime(2200, 1, 1, tzinfo=UTC).isoformat()]
