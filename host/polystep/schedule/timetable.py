"""The one loop that sleeps until the next cron tick is due and fires it. Knows no store and no runner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from polystep.contracts.clock import wait_at_most
from polystep.contracts.errors import LoadFailed
from polystep.contracts.limits import STOP_GRACE_S
from polystep.contracts.ports import Clock, CronFire
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

    - Ticks that are due together are fired together, each contained: one that fails is told to `on_error` and
      stops no other.
    - Missed ticks are not caught up: a loop that was asleep past several ticks of a step fires it once, with the
      due time of the first, and goes on from now. Ticks before `start` are not fired.
    - A step whose expression is not usable is listed with its error; the rest runs.
    - A clock set ahead is like sleep. After one set back, fire times are found anew; a fixed-time job that
      has fired already is not repeated unless the clock moved by three hours or more.
    """

    def __init__(self, clock: Clock, fire: CronFire, on_error: Callable[[str, Exception], None]) -> None:
        self._clock = clock
        self._fire = fire
        self._on_error = on_error
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
        """`{step, expression, timezone, next, error}` each, by step name; `next` is in UTC."""
        return [_row(step, entry) for step, entry in sorted(self._entries.items())]

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
        """The ticks to fire now; their entries move on to the next one."""
        now_ms = self._clock.now_ms()
        due: list[tuple[str, int]] = []
        for step, entry in self._entries.items():
            if entry.next_ms is not None and entry.next_ms <= now_ms:
                due.append((step, entry.next_ms))
                entry.fired_ms = entry.next_ms
                entry.reckon(now_ms)
        return due

    async def _sleep(self) -> None:
        """Until the next tick, at most `SLEEP_MAX_S`, or until the schedule is replaced."""
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
        moment = datetime.fromtimestamp(entry.next_ms / 1000, UTC)
        next_at = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "step": step,
        "expression": entry.trigger.expression,
        "timezone": entry.trigger.timezone if entry.expression is None else entry.expression.timezone,
        "next": next_at,
        "error": entry.error,
    }
