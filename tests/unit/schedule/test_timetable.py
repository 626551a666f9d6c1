"""The loop that fires cron steps, on a clock that the test moves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from polystep.contracts.ports.schedule import Schedule
from polystep.contracts.ports.service import Service
from polystep.contracts.steps import CronTrigger
from polystep.schedule import Timetable
from polystep.testing import SettableClock

START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
EVERY_MINUTE = CronTrigger("* * * * *", "UTC")
AT_ONE = CronTrigger("0 1 * * *", "UTC")
IMPOSSIBLE = CronTrigger("0 0 30 2 *", "UTC")


@dataclass
class Fired:
    """What the timetable fired, by minutes after the start, and what it reported."""

    ticks: list[tuple[str, float]] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)

    async def fire(self, step: str, due_ms: int) -> None:
        if step in self.gates:
            await self.gates[step].wait()
        if step in self.failing:
            raise OSError(f"{step} is not stored")
        self.ticks.append((step, (due_ms - START_MS) / MINUTE_MS))

    def on_error(self, step: str, error: Exception) -> None:
        self.errors.append((step, str(error)))


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(START_MS)


@pytest.fixture
def fired() -> Fired:
    return Fired()


@pytest.fixture
async def timetable(clock: SettableClock, fired: Fired) -> AsyncIterator[Timetable]:
    made = Timetable(clock, fired.fire, fired.on_error)
    yield made
    await made.stop()


def next_of(timetable: Timetable) -> dict[object, object]:
    return {row["step"]: row["next"] for row in timetable.upcoming()}


def test_it_is_a_schedule_and_a_service(clock: SettableClock, fired: Fired) -> None:
    timetable = Timetable(clock, fired.fire, fired.on_error)
    schedule: Schedule = timetable
    assert isinstance(schedule, Service)


async def test_it_fires_each_step_at_its_due_times(timetable: Timetable, clock: SettableClock, fired: Fired) -> None:
    timetable.replace({"minutely": EVERY_MINUTE, "seconds": CronTrigger("*/40 * * * * *", "UTC")})
    await timetable.start()
    await clock.advance(125)
    assert fired.ticks == [
        ("seconds", 40 / 60),
        ("minutely", 1.0),
        ("seconds", 1.0),
        ("seconds", 100 / 60),
        ("minutely", 2.0),
        ("seconds", 2.0),
    ]


async def test_a_step_that_cannot_be_fired_stops_no_other(
    timetable: Timetable, clock: SettableClock, fired: Fired
) -> None:
    fired.failing = {"broken"}
    timetable.replace({"broken": EVERY_MINUTE, "sound": EVERY_MINUTE})
    await timetable.start()
    await clock.advance(120)
    assert fired.ticks == [("sound", 1.0), ("sound", 2.0)]
    assert fired.errors == [("broken", "broken is not stored"), ("broken", "broken is not stored")]


async def test_steps_that_are_due_together_do_not_wait_for_each_other(
    timetable: Timetable, clock: SettableClock, fired: Fired
) -> None:
    fired.gates["slow"] = asyncio.Event()
    timetable.replace({"slow": EVERY_MINUTE, "quick": EVERY_MINUTE})
    await timetable.start()
    await clock.advance(60)
    assert fired.ticks == [("quick", 1.0)]
    fired.gates["slow"].set()
    await clock.settle()
    assert fired.ticks == [("quick", 1.0), ("slow", 1.0)]


async def test_ticks_missed_in_sleep_fire_once_with_the_first_due_time(
    timetable: Timetable, clock: SettableClock, fired: Fired
) -> None:
    timetable.replace({"minutely": EVERY_MINUTE})
    await timetable.start()
    await clock.settle()
    clock.set_by_s = 10 * MINUTE_MS / 1000  # as after a laptop's sleep: wall time went on, the steady clock did not
    await clock.advance(60)
    assert fired.ticks == [("minutely", 1.0)]
    assert next_of(timetable) == {"minutely": "2026-01-01T00:12:00.000Z"}


async def test_it_never_sleeps_longer_than_a_minute(timetable: Timetable, clock: SettableClock, fired: Fired) -> None:
    timetable.replace({"daily": CronTrigger("0 9 * * *", "UTC")})
    await timetable.start()
    await clock.advance(9 * 3600)
    assert fired.ticks == [("daily", 540.0)]
    assert max(clock.delays_s) == 60.0


async def test_an_empty_timetable_waits_for_a_schedule(
    timetable: Timetable, clock: SettableClock, fired: Fired
) -> None:
    await timetable.start()
    await clock.advance(30)
    timetable.replace({"minutely": EVERY_MINUTE})
    await clock.advance(30)
    assert fired.ticks == [("minutely", 1.0)]


async def test_replace_wakes_the_sleeper_and_keeps_unchanged_entries(
    timetable: Timetable, clock: SettableClock, fired: Fired
) -> None:
    timetable.replace({"kept": EVERY_MINUTE, "changed": EVERY_MINUTE, "removed": EVERY_MINUTE})
    await timetable.start()
    await clock.advance(30)
    timetable.replace({"kept": EVERY_MINUTE, "changed": CronTrigger("*/5 * * * * *", "UTC")})
    await clock.advance(5)
    assert fired.ticks == [("changed", 35 / 60)]
    assert next_of(timetable) == {
        "changed": "2026-01-01T00:00:40.000Z",
        "kept": "2026-01-01T00:01:00.000Z",
    }


async def test_a_due_entry_that_is_kept_by_replace_still_fires(
    timetable: Timetable, clock: SettableClock, fired: Fired
) -> None:
    timetable.replace({"minutely": EVERY_MINUTE})
    await timetable.start()
    await clock.settle()
    clock.set_by_s = 90
    timetable.replace({"minutely": EVERY_MINUTE})
    await clock.settle()
    assert fired.ticks == [("minutely", 1.0)]


async def test_entries_that_cannot_fire_show_why_and_the_rest_runs(
    timetable: Timetable, clock: SettableClock, fired: Fired
) -> None:
    timetable.replace(
        {
            "sound": EVERY_MINUTE,
            "bad field": CronTrigger("99 * * * *", "UTC"),
            "bad zone": CronTrigger("* * * * *", "Europe/Berln"),
            "no date": IMPOSSIBLE,
        }
    )
    await timetable.start()
    await clock.advance(60)
    assert fired.ticks == [("sound", 1.0)]
    assert timetable.upcoming() == [
        {
            "step": "bad field",
            "expression": "99 * * * *",
            "timezone": "UTC",
            "next": None,
            "error": 'The cron expression "99 * * * *" is not usable: minute "99": 99 is not between 0 and 59. '
            'An example for this field: "*/15".',
        },
        {
            "step": "bad zone",
            "expression": "* * * * *",
            "timezone": "Europe/Berln",
            "next": None,
            "error": 'The time zone "Europe/Berln" is not known. Did you mean "Europe/Berlin"? '
            'Use an IANA name such as "Europe/Berlin", or "UTC".',
        },
        {
            "step": "no date",
            "expression": "0 0 30 2 *",
            "timezone": "UTC",
            "next": None,
            "error": 'The cron expression "0 0 30 2 *" matches no date in the next 5 years. Check its day and month.',
        },
        {
            "step": "sound",
            "expression": "* * * * *",
            "timezone": "UTC",
            "next": "2026-01-01T00:02:00.000Z",
            "error": None,
        },
    ]


async def test_a_clock_set_back_repeats_no_fixed_time_job_but_interval_jobs_go_on(
    timetable: Timetable, clock: SettableClock, fired: Fired
) -> None:
    timetable.replace({"hourly": CronTrigger("30 * * * *", "UTC"), "at one": AT_ONE})
    await timetable.start()
    await clock.advance(100 * 60)
    clock.set_by_s = -HOUR_MS / 1000
    await clock.advance(60 * 60)
    assert fired.ticks == [("hourly", 30.0), ("at one", 60.0), ("hourly", 90.0), ("hourly", 90.0)]
    assert next_of(timetable)["at one"] == "2026-01-02T01:00:00.000Z"


async def test_a_clock_set_back_by_hours_starts_the_schedule_anew(
    timetable: Timetable, clock: SettableClock, fired: Fired
) -> None:
    timetable.replace({"at one": AT_ONE})
    await timetable.start()
    await clock.advance(5 * 3600)
    clock.set_by_s = -5 * HOUR_MS / 1000
    await clock.advance(2 * 3600)
    assert fired.ticks == [("at one", 60.0), ("at one", 60.0)]


async def test_a_small_correction_of_the_clock_repeats_nothing(
    timetable: Timetable, clock: SettableClock, fired: Fired
) -> None:
    timetable.replace({"minutely": EVERY_MINUTE})
    await timetable.start()
    await clock.advance(60)
    clock.set_by_s = -5
    await clock.advance(60)
    assert fired.ticks == [("minutely", 1.0)]
    await clock.advance(5)
    assert fired.ticks == [("minutely", 1.0), ("minutely", 2.0)]


async def test_ticks_before_the_start_are_not_fired(timetable: Timetable, clock: SettableClock, fired: Fired) -> None:
    timetable.replace({"minutely": EVERY_MINUTE})
    await clock.advance(90)
    await timetable.start()
    await clock.advance(30)
    assert fired.ticks == [("minutely", 2.0)]


async def test_stop_lets_a_tick_that_is_being_fired_finish(
    timetable: Timetable, clock: SettableClock, fired: Fired
) -> None:
    fired.gates["slow"] = asyncio.Event()
    timetable.replace({"slow": EVERY_MINUTE})
    await timetable.start()
    await clock.advance(60)
    stopping = asyncio.create_task(timetable.stop())
    await clock.settle()
    assert not stopping.done()
    fired.gates["slow"].set()
    await stopping
    assert fired.ticks == [("slow", 1.0)]


async def test_stop_ends_a_tick_that_never_finishes(
    timetable: Timetable, clock: SettableClock, fired: Fired, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polystep.schedule.timetable.STOP_GRACE_S", 0.01)
    fired.gates["stuck"] = asyncio.Event()
    timetable.replace({"stuck": EVERY_MINUTE})
    await timetable.start()
    await clock.advance(60)
    await timetable.stop()
    assert (fired.ticks, fired.errors) == ([], [])


async def test_it_can_be_stopped_twice_unstarted_and_started_again(
    timetable: Timetable, clock: SettableClock, fired: Fired
) -> None:
    actions: list[Callable[[], object]] = [timetable.stop, timetable.start, timetable.start]
    actions += [timetable.stop, timetable.stop]
    timetable.replace({"minutely": EVERY_MINUTE})
    for action in actions:
        result = action()
        assert asyncio.iscoroutine(result)
        await result
    await clock.advance(120)
    assert fired.ticks == []
    await timetable.start()
    await clock.advance(60)
    assert fired.ticks == [("minutely", 3.0)]
    assert len([task for task in asyncio.all_tasks() if task.get_name() == "timetable"]) == 1


async def test_a_step_that_is_paused_skips_its_ticks_and_fires_again_when_resumed(
    clock: SettableClock, fired: Fired
) -> None:
    skipped: list[tuple[str, float]] = []
    timetable = Timetable(
        clock, fired.fire, fired.on_error, lambda step, due_ms: skipped.append((step, (due_ms - START_MS) / MINUTE_MS))
    )
    timetable.replace({"minutely": EVERY_MINUTE, "other": EVERY_MINUTE})
    timetable.pause(["minutely"])
    await timetable.start()
    await clock.advance(125)
    assert fired.ticks == [("other", 1.0), ("other", 2.0)]
    assert skipped == [("minutely", 1.0), ("minutely", 2.0)]
    timetable.resume("minutely")
    await clock.advance(60)
    assert sorted(fired.ticks)[0] == ("minutely", 3.0)
    await timetable.stop()


def test_times_between_two_moments_are_bounded(clock: SettableClock, fired: Fired) -> None:
    timetable = Timetable(clock, fired.fire, fired.on_error)
    timetable.replace({"minutely": EVERY_MINUTE})
    found = timetable.times_between("minutely", START_MS, START_MS + 3 * MINUTE_MS, 10)
    assert found == [START_MS + minute * MINUTE_MS for minute in (1, 2, 3)]
    assert timetable.times_between("minutely", START_MS, START_MS + HOUR_MS, 2) == found[:2]
    assert timetable.times_between("none", START_MS, START_MS + HOUR_MS, 2) == []
