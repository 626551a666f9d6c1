"""Operation that shows a week of cron: in which hours steps fire, and which fire in the same minute."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import Field

from polystep.contracts.ports.schedule import Schedule
from polystep.operations.operation import Operation, Params, Result, Whole
from polystep.operations.rooms import Rooms

HOURS: Final = 7 * 24 + 1
"""A week, also one in which clocks are set back."""
STEPS_MAX: Final = 100
TICKS_MAX: Final = 336
"""Ticks of one step that are found one by one: a search costs up to a millisecond."""
COLLISIONS_MAX: Final = 50
TIMES_SHOWN_MAX: Final = 20
_HOUR_MS: Final = 3_600_000
_MINUTE_MS: Final = 60_000


class CronWeekParams(Params):
    """Choose a week."""

    begin: Whole | None = Field(
        None, description="When it begins, Unix milliseconds: hours count from here. Now by itself."
    )


class CronWeekRow(Result):
    """Cron step, and how often it fires in each hour."""

    step: str
    paused: bool
    counts: list[int] = Field(description=f"Ticks in each of {HOURS} hours; 1 for any number when it fires often.")
    often: bool = Field(description=f"It fires over {TICKS_MAX} times: counts and collisions leave it out.")


class Collision(Result):
    """Steps that fire in the same minute."""

    steps: list[str]
    count: int = Field(description="Minutes in which these steps, and no others, fire together.")
    times: list[int] = Field(description=f"The first {TIMES_SHOWN_MAX} of these minutes, Unix milliseconds.")


class CronWeek(Result):
    """A week of cron."""

    begin_at: int
    steps: list[CronWeekRow] = Field(description="By name; those that never fire are not in it.")
    collisions: list[Collision] = Field(description="The most frequent first.")
    cut: bool = Field(description=f"There are more than {STEPS_MAX} cron steps, or {COLLISIONS_MAX} collisions.")


@dataclass(frozen=True, slots=True)
class _Ticks:
    times: Sequence[int]
    """All of them, or the first of each hour."""
    often: bool


async def cron_week(rooms: Rooms, params: CronWeekParams) -> CronWeek:
    """Show in which hours of a week cron steps fire, and which fire in the same minute."""
    begin_ms = rooms.clock.now_ms() if params.begin is None else params.begin
    rows = [row for row in rooms.work.schedule.upcoming() if row["error"] is None]
    kinds = {str(row["step"]): (str(row["expression"]), str(row["timezone"])) for row in rows[:STEPS_MAX]}
    # A search in time zones is slow arithmetic, so it does not hold the loop.
    found = await asyncio.to_thread(_ticks_of, rooms.work.schedule, kinds, begin_ms)
    paused = await rooms.work.queries.paused_cron()
    collisions = _collisions({step: ticks.times for step, ticks in found.items() if not ticks.often})
    return CronWeek(
        begin_at=begin_ms,
        steps=[
            CronWeekRow(step=step, paused=step in paused, counts=_counts(ticks.times, begin_ms), often=ticks.often)
            for step, ticks in found.items()
            if ticks.times
        ],
        collisions=collisions[:COLLISIONS_MAX],
        cut=len(rows) > STEPS_MAX or len(collisions) > COLLISIONS_MAX,
    )


def _ticks_of(schedule: Schedule, kinds: Mapping[str, tuple[str, str]], begin_ms: int) -> dict[str, _Ticks]:
    """Find the ticks of each step; steps with one expression in one zone have the same."""
    known: dict[tuple[str, str], _Ticks] = {}
    for step, kind in kinds.items():
        if kind not in known:
            known[kind] = _search(schedule, step, begin_ms)
    return {step: known[kind] for step, kind in kinds.items()}


def _search(schedule: Schedule, step: str, begin_ms: int) -> _Ticks:
    end_ms = begin_ms + HOURS * _HOUR_MS - 1
    times = schedule.times_between(step, begin_ms - 1, end_ms, TICKS_MAX + 1)
    if len(times) <= TICKS_MAX:
        return _Ticks(times, often=False)
    firsts: list[int] = []
    after_ms = begin_ms - 1
    while first := schedule.times_between(step, after_ms, end_ms, 1):
        firsts += first
        after_ms = begin_ms + ((first[0] - begin_ms) // _HOUR_MS + 1) * _HOUR_MS - 1
    return _Ticks(firsts, often=True)


def _counts(times: Sequence[int], begin_ms: int) -> list[int]:
    counts = [0] * HOURS
    for time_ms in times:
        counts[(time_ms - begin_ms) // _HOUR_MS] += 1
    return counts


def _collisions(times: Mapping[str, Sequence[int]]) -> list[Collision]:
    minutes: dict[int, set[str]] = {}
    for step, each in times.items():
        for time_ms in each:
            minutes.setdefault(time_ms // _MINUTE_MS, set()).add(step)
    groups: dict[tuple[str, ...], list[int]] = {}
    for minute in sorted(minutes):
        if len(minutes[minute]) > 1:
            groups.setdefault(tuple(sorted(minutes[minute])), []).append(minute * _MINUTE_MS)
    found = [Collision(steps=list(steps), count=len(at), times=at[:TIMES_SHOWN_MAX]) for steps, at in groups.items()]
    return sorted(found, key=lambda each: (-each.count, each.times[0]))


OPERATIONS = (Operation("cron_week", "GET cron-week", CronWeekParams, CronWeek, "reads", cron_week),)
