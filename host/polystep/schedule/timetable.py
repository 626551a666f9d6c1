"""Loop that sleeps until the next cron tick is due and fires it. Knows no store and no runner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from polystep.contracts.clock import wait_at_most
from polystep.contracts.errors import LoadFailed
from polystep.contracts.limits import STOP_GRACE_S
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.schedule import CronFire, CronSkip
from polystep.contracts.steps import CronTrigger
from polystep.contracts.values import JSONObject
from polystep.schedule.expression import SEARCH_YEARS, CronExpression

SLEEP_MAX_S: Final = 60.0
"""The wall clock may be set, and a laptop may sleep, while the loop sleeps: it looks again this often."""

JUMP_MS: Final = 60_000
"""The wall clock moving this far against the steady one was set by someone; less is ordinary correction."""

NO_REPEAT_MS: Final = 3 * 3600 * 1000
"""A clock set back by less than this repeats no fixed-time job; Debian cron draws the same line."""


@dataclass(slots=True)
class _Entry:
    trigger: CronTrigger
    expression: CronExpression | None = None
    error: str | None = None
    next_ms: int | None = None
    fired_ms: int | None = None
    """The due time of its latest tick."""

    def reckon(self, after_ms: int) -> None:
        """Find the next fire time after `after_ms`."""
        if self.expression is None:
            return
        self.next_ms = self.expression.next_after(after_ms)
        self.error = None
        if self.next_ms is None:
            self.error = (
                f'The cron expression "{self.expression.text}" matches no date in the next {SEARCH_YEARS} years. '
                "Check its day and month."
            )

    def reckon_again(self, now_ms: int, may_repeat: bool) -> None:
        """The same after the clock was set back; a fixed-time job that has fired goes on after that tick."""
        after_ms = now_ms
        if self.expression is not None and self.expression.fixed_time and not may_repeat:
            after_ms = max(now_ms, self.fired_ms or now_ms)
        self.reckon(after_ms)


class Timetable:
    """Fires cron steps at their times: the ports `Schedule` and `Service`.

    - Ticks that are due together are fired together, each contained: one that fails goes to `on_error` and
      stops no other.
    - Missed ticks are not caught up: a loop that was asleep past several ticks of a step fires it once, with the
      due time of the first, and goes on from now. Ticks before `start` are not fired.
    - A step whose expression is not usable is listed with its error; the rest runs.
    - A step that is paused keeps its times, and its ticks are skipped.
    - A clock set ahead is like sleep. After one set back, fire times are found anew; a fixed-time job that
      has fired already is not repeated unless the clock moved by three hours or more.
    """

    def __init__(
        self,
        clock: Clock,
        fire: CronFire,
        on_error: Callable[[str, Exception], None],
        skip: CronSkip = lambda _step, _due_ms: None,
    ) -> None:
        self._clock = clock
        self._fire = fire
        self._on_error = on_error
        self._skip = skip
        self._paused: frozenset[str] = frozenset()
        self._entries: dict[str, _Entry] = {}
        self._changed = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._anchor = (clock.now_ms(), clock.monotonic_s())

    def replace(self, triggers: Mapping[str, CronTrigger]) -> None:
        """Set the schedule, by step; entries whose trigger is unchanged keep their next fire time."""
        entries: dict[str, _Entry] = {}
        for step, trigger in triggers.items():
            known = self._entries.get(step)
            entries[step] = known if known is not None and known.trigger == trigger else self._entry(trigger)
        self._entries = entries
        self._changed.set()

    def upcoming(self) -> list[JSONObject]:
        """List `{step, expression, timezone, next, error}` by step name; `next` is in UTC."""
        return [_row(step, entry) for step, entry in sorted(self._entries.items())]

    def next_times(self, step: str, count: int) -> list[str]:
        """Return the next fire times of a step, in UTC."""
        entry = self._entries.get(step)
        times: list[str] = []
        if entry is None or entry.expression is None:
            return times
        next_ms = entry.next_ms
        while next_ms is not None and len(times) < count:
            times.append(_iso(next_ms))
            next_ms = entry.expression.next_after(next_ms)
        return times

    def times_between(self, step: str, from_ms: int, to_ms: int, limit: int) -> list[int]:
        """Return the first fire times of a step later than `from_ms` and up to `to_ms`."""
        entry = self._entries.get(step)
        times: list[int] = []
        if entry is None or entry.expression is None:
            return times
        found = entry.expression.next_after(from_ms)
        while found is not None and found <= to_ms and len(times) < limit:
            times.append(found)
            found = entry.expression.next_after(found)
        return times

    def pause(self, steps: Iterable[str]) -> None:
        """Skip the ticks of these steps until they are resumed."""
        self._paused = self._paused.union(steps)

    def resume(self, step: str) -> None:
        """Fire a step again, from its next time on."""
        self._paused -= {step}

    async def start(self) -> None:
        """Begin to fire, counting from now; nothing happens if it runs already."""
        if self._task is not None:
            return
        self._stopping = False
        self._anchor = (self._clock.now_ms(), self._clock.monotonic_s())
        for entry in self._entries.values():
            entry.reckon(self._clock.now_ms())
        self._task = asyncio.create_task(self._run(), name="timetable")

    async def stop(self) -> None:
        """Let ticks that are being fired become durable, for a bounded time, then end."""
        task, self._task = self._task, None
        if task is None:
            return
        self._stopping = True
        self._changed.set()
        _, late = await asyncio.wait({task}, timeout=STOP_GRACE_S)
        if late:
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while not self._stopping:
            self._changed.clear()
            self._notice_set_clock()
            due = self._take_due()
            if due:
                async with asyncio.TaskGroup() as group:
                    for step, due_ms in due:
                        group.create_task(self._fire_one(step, due_ms))
            else:
                await self._sleep()

    async def _fire_one(self, step: str, due_ms: int) -> None:
        try:
            await self._fire(step, due_ms)
        except Exception as error:  # noqa: BLE001  # one step's tick that can't be stored stops no other step
            self._on_error(step, error)

    def _take_due(self) -> list[tuple[str, int]]:
        """Take the ticks to fire now; their entries move on to the next one."""
        now_ms = self._clock.now_ms()
        due: list[tuple[str, int]] = []
        for step, entry in self._entries.items():
            if entry.next_ms is not None and entry.next_ms <= now_ms:
                if step in self._paused:
                    self._skip(step, entry.next_ms)
                else:
                    due.append((step, entry.next_ms))
                    entry.fired_ms = entry.next_ms
                entry.reckon(now_ms)
        return due

    async def _sleep(self) -> None:
        """Sleep until the next tick, at most `SLEEP_MAX_S`, or until the schedule is replaced."""
        next_ms = min((each.next_ms for each in self._entries.values() if each.next_ms is not None), default=None)
        delay_s = SLEEP_MAX_S
        if next_ms is not None:
            delay_s = min(SLEEP_MAX_S, (next_ms - self._clock.now_ms()) / 1000)
        await wait_at_most(self._changed, delay_s, self._clock)

    def _notice_set_clock(self) -> None:
        now_ms, steady_s = self._clock.now_ms(), self._clock.monotonic_s()
        anchor_ms, anchor_s = self._anchor
        moved_ms = now_ms - anchor_ms - (steady_s - anchor_s) * 1000
        if abs(moved_ms) < JUMP_MS:
            return
        self._anchor = (now_ms, steady_s)
        if moved_ms < 0:
            for entry in self._entries.values():
                entry.reckon_again(now_ms, may_repeat=-moved_ms >= NO_REPEAT_MS)

    def _entry(self, trigger: CronTrigger) -> _Entry:
        entry = _Entry(trigger)
        try:
            entry.expression = CronExpression.parse(trigger.expression, trigger.timezone)
        except LoadFailed as error:
            entry.error = error.message
        entry.reckon(self._clock.now_ms())
        return entry


def cron_problem(trigger: CronTrigger, default_timezone: str | None, now_ms: int) -> str | None:
    """Return why a cron step can never fire; `None` when it can.

    Args:
        trigger: Of the step.
        default_timezone: Its zone when it names none; `None` is the machine's.
        now_ms: From when on it is to fire, Unix time.
    """
    try:
        expression = CronExpression.parse(trigger.expression, trigger.timezone or default_timezone)
    except LoadFailed as error:
        return error.message
    entry = _Entry(trigger, expression)
    entry.reckon(now_ms)
    return entry.error


def _row(step: str, entry: _Entry) -> JSONObject:
    next_at = None
    if entry.next_ms is not None:
        next_at = _iso(entry.next_ms)
    return {
        "step": step,
        "expression": entry.trigger.expression,
        "timezone": entry.trigger.timezone if entry.expression is None else entry.expression.timezone,
        "next": next_at,
        "error": entry.error,
    }


def _iso(time_ms: int) -> str:
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
