"""Operations on cron steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import Field

from polystep.contracts.ports.inspection import LogFilter, LogWord
from polystep.contracts.steps import CronTrigger
from polystep.execution.ticks import SKIPPED
from polystep.operations.operation import Listed, ListedWhole, Operation, Part, Result, Whole, part_of, position
from polystep.operations.queues import StepParams
from polystep.operations.rooms import Rooms
from polystep.operations.traces import TraceRow
from polystep.wire import pack

TIMES_MAX: Final = 100
"""Fire times that are found by one call."""
MISSED_MAX: Final = 50
NOTE_CHARS_MAX: Final = 500
GRACE_MS: Final = 5000
"""A tick that was due less than this ago may be on its way still."""
UNKNOWN_REASON: Final = "The host did not run or slept, or the trace of this tick is not kept any more."
_SEARCHED_MAX: Final = 1000


class CronRow(Result):
    """Cron step and its next fire time, in UTC."""

    step: str
    expression: str
    timezone: str | None
    next: str | None
    error: str | None
    paused_at: int | None = Field(description="Since when it does not fire, Unix milliseconds; null when it does.")
    note: str = Field(description="What was noted when it was paused.")


class Cron(Part):
    """Cron steps, by name."""

    cron: list[CronRow]


class CronStepParams(Listed):
    """Choose a cron step, and a part of its history."""

    step: str
    times: Whole = Field(5, description=f"Number of next fire times, at most {TIMES_MAX}.")


class TickRow(TraceRow):
    """Trace of a tick."""

    scheduled_at: int | None = Field(description="When it was due; null in traces of before this was kept.")


class MissedTick(Result):
    """Time at which a step would have fired, and why it did not."""

    at: int
    reason: str


class CronHistory(Part):
    """Cron step with its next fire times, in UTC, and the traces of its ticks, newest first."""

    step: str
    expression: str
    timezone: str | None
    error: str | None
    paused_at: int | None
    note: str
    times: list[str]
    ticks: list[TickRow]
    missed: list[MissedTick] = Field(
        description="Times since the oldest of these ticks at which it did not fire, newest first."
    )


class FireParams(StepParams):
    """Choose a cron step, and a time."""

    at: Whole | None = Field(
        None, description="The time, in Unix milliseconds, that the handler gets as that of its tick; now by itself."
    )


class PauseCronParams(StepParams):
    """Choose a cron step."""

    note: str = Field("", max_length=NOTE_CHARS_MAX, description="Why, for those who look at it later.")


class PausedCron(Result):
    """Cron step that does not fire, or fires again."""

    step: str
    paused_at: int | None = Field(description="Since when, Unix milliseconds; null when it fires.")
    note: str


class Fired(Result):
    """Tick that was stored; `skipped` says when an earlier one is still at work."""

    step: str
    trace_id: str | None
    skipped: str | None


async def cron(rooms: Rooms, params: ListedWhole) -> Cron:
    """List cron steps and when they fire next."""
    rows, cursor = part_of(await _rows(rooms), params)
    return Cron(cron=list(rows), cursor=cursor)


async def _rows(rooms: Rooms) -> list[CronRow]:
    rows = []
    paused = await rooms.work.queries.paused_cron()
    for row in rooms.work.schedule.upcoming():
        name = str(row["step"])
        step = rooms.project.declared.steps.get(name)
        if row["error"] is None and step is not None and rooms.project.unloaded(step) is not None:
            row |= {"error": f"{step.source.path} does not load: a tick waits until it does."}
        since_ms, note = paused.get(name, (None, ""))
        rows.append(CronRow.model_validate({**row, "pausedAt": since_ms, "note": note}))
    return rows


async def cron_history(rooms: Rooms, params: CronStepParams) -> CronHistory | None:
    """Print when a cron step fires next, the traces of its last ticks, and which ticks it has missed."""
    row = next((each for each in await _rows(rooms) if each.step == params.step), None)
    if row is None:
        return None
    before = None if params.cursor is None else position(params.cursor)
    ticks = await (await rooms.traces.inspected()).ticks(params.step, params.limit + 1, before)
    found = [TickRow.model_validate(each) for each in ticks[: params.limit]]
    return CronHistory(
        step=row.step,
        expression=row.expression,
        timezone=row.timezone,
        error=row.error,
        paused_at=row.paused_at,
        note=row.note,
        times=rooms.work.schedule.next_times(params.step, min(params.times, TIMES_MAX)),
        ticks=found,
        missed=await _missed(rooms, params.step, found) if before is None else [],
        cursor=str(found[-1].cursor) if len(ticks) > len(found) else None,
    )


async def _missed(rooms: Rooms, step: str, ticks: Sequence[TickRow]) -> list[MissedTick]:
    """Compare the times at which a step was due since the oldest of its ticks with those at which it fired."""
    fired = {each.scheduled_at for each in ticks if each.scheduled_at is not None}
    if not fired:
        return []
    # The newest times alone: a step that fires every second has too many since its oldest tick.
    end_ms, schedule = rooms.clock.now_ms() - GRACE_MS, rooms.work.schedule
    begin_ms = min(fired)
    due = schedule.times_between(step, begin_ms, end_ms, _SEARCHED_MAX)
    missing = [time_ms for time_ms in due if time_ms not in fired][-MISSED_MAX:]
    if not missing:
        return []
    wanted = LogFilter(words=[LogWord(SKIPPED.lower())], equal={"step": step}, since_ms=missing[0])
    lines = await rooms.traces.queries.logs(wanted, _SEARCHED_MAX, None, None)
    reasons = {each["time"]: str(each["message"]) for each in lines}
    return [MissedTick(at=time_ms, reason=reasons.get(time_ms, UNKNOWN_REASON)) for time_ms in reversed(missing)]


async def fire(rooms: Rooms, params: FireParams) -> Fired | None:
    """Run a cron step now, also one that is paused; its handler gets the time that it runs for."""
    step = params.step
    spec = rooms.project.flow.steps.get(step)
    if spec is None or not isinstance(spec.trigger, CronTrigger):
        return None
    scheduled_ms = rooms.clock.now_ms() if params.at is None else params.at
    tick = await rooms.work.bus.publish_tick(step, pack(scheduled_ms))
    if tick.status == "busy":
        return Fired(step=step, trace_id=None, skipped=f"{step} is still at work; ticks do not overlap.")
    return Fired(step=step, trace_id=tick.delivery.trace_id, skipped=None)


async def pause_cron(rooms: Rooms, params: PauseCronParams) -> PausedCron | None:
    """Let a cron step fire no more, also over a restart. What runs goes on, and it can be run by hand."""
    if not _is_cron(rooms, params.step):
        return None
    await rooms.work.queries.pause_cron(params.step, rooms.clock.now_ms(), params.note)
    rooms.work.schedule.pause([params.step])
    return await _paused(rooms, params.step)


async def resume_cron(rooms: Rooms, params: StepParams) -> PausedCron | None:
    """Let a cron step fire again, from its next time on; what it has missed is not caught up."""
    if not _is_cron(rooms, params.step) and params.step not in await rooms.work.queries.paused_cron():
        return None
    await rooms.work.queries.pause_cron(params.step, None)
    rooms.work.schedule.resume(params.step)
    return await _paused(rooms, params.step)


def _is_cron(rooms: Rooms, step: str) -> bool:
    return any(row["step"] == step for row in rooms.work.schedule.upcoming())


async def _paused(rooms: Rooms, step: str) -> PausedCron:
    rooms.changed("cron", {"step": step})
    since_ms, note = (await rooms.work.queries.paused_cron()).get(step, (None, ""))
    return PausedCron(step=step, paused_at=since_ms, note=note)


OPERATIONS = (
    Operation("cron", "GET cron", ListedWhole, Cron, "reads", cron),
    Operation("cron_history", "GET cron/{step}", CronStepParams, CronHistory, "reads", cron_history),
    Operation("fire", "POST cron/{step}/run", FireParams, Fired, "changes", fire),
    Operation("pause_cron", "POST cron/{step}/pause", PauseCronParams, PausedCron, "changes", pause_cron),
    Operation("resume_cron", "POST cron/{step}/resume", StepParams, PausedCron, "changes", resume_cron),
)
