"""Operation on rates: how much runs, fails, waits and works, by step and time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from pydantic import Field

from polystep.contracts.rates import WIDTHS, Bins, StepRate, quantile
from polystep.operations.flows import steps_of
from polystep.operations.operation import ListedWhole, Operation, Part, Result, Truth, part_of
from polystep.operations.rooms import Rooms

Window: TypeAlias = Literal["5m", "15m", "1h", "6h", "1d", "7d"]

_WINDOWS_S: Final[Mapping[Window, int]] = {"5m": 300, "15m": 900, "1h": 3600, "6h": 21_600, "1d": 86_400, "7d": 604_800}


class RatesParams(ListedWhole):
    """Choose a time and steps. `limit` and `cursor` are of the list of steps."""

    window: Window = Field("1h", description="Until now.")
    step: str | None = Field(None, description="Only this step.")
    others: Truth = Field(False, description="List the totals of the other steps, too, beside a chosen one.")
    flow: str | None = Field(
        None, description="Only steps of this flow; `*` stands for all steps, `-` for those without a flow."
    )


class Rate(Result):
    """Runs in a time. Percentiles are in milliseconds, known to 5 %; null when there is none."""

    runs: int = Field(description="That ended.")
    failed: int
    retried: int = Field(description="Attempts that failed and are tried again.")
    wait_p50: float | None = Field(description="From queued to the first attempt.")
    wait_p95: float | None
    wait_p99: float | None
    work_p50: float | None = Field(description="Of an attempt.")
    work_p95: float | None
    work_p99: float | None


class RatePoint(Rate):
    """Runs of all chosen steps in one stretch of the time; one without any is left out."""

    at: int = Field(description="When it begins, Unix milliseconds.")


class StepTotal(Rate):
    """Runs of one step in the whole time."""

    step: str


class RateMark(Result):
    """Moment at which the host started or files were loaded again."""

    at: int
    what: Literal["started", "reloaded"]


class Rates(Part):
    """Rates of a time. They outlive restarts of the host, and are kept 7 days."""

    since: int
    until: int
    width_s: int = Field(description="Length of the stretch of each point.")
    total: Rate
    points: list[RatePoint] = Field(description="Oldest first.")
    steps: list[StepTotal] = Field(description="Those that ran, in the order of their names.")
    marks: list[RateMark] = Field(description="Since this start of the host, oldest first.")


async def rates(rooms: Rooms, params: RatesParams) -> Rates:
    """Tell how much ran and failed, and how long it waited and worked, by time and by step."""
    queries, now_ms = await rooms.traces.inspected(), rooms.clock.now_ms()
    window_s = _WINDOWS_S[params.window]
    width_s = next(each.width_s for each in WIDTHS if window_s <= each.kept_s)
    # Whole stretches: the last one is still open.
    until_ms = (now_ms // (width_s * 1000) + 1) * width_s * 1000
    since_ms = until_ms - window_s * 1000
    by_time: dict[int, StepRate] = {}
    by_step: dict[str, StepRate] = {}
    total = StepRate()
    for at_ms, step, rate in await queries.rates(width_s, since_ms, until_ms, _steps(rooms, params)):
        by_step.setdefault(step, StepRate()).add(rate)
        if params.step in (None, step):
            by_time.setdefault(at_ms, StepRate()).add(rate)
            total.add(rate)
    shown, cursor = part_of(sorted(by_step.items()), params)
    return Rates(
        since=since_ms,
        until=until_ms,
        width_s=width_s,
        total=Rate.model_validate(_told(total)),
        points=[RatePoint.model_validate({"at": at, **_told(rate)}) for at, rate in sorted(by_time.items())],
        steps=[StepTotal.model_validate({"step": step, **_told(rate)}) for step, rate in shown],
        marks=_marks(rooms, since_ms),
        cursor=cursor,
    )


def _steps(rooms: Rooms, params: RatesParams) -> list[str] | None:
    only = None if params.others else params.step
    if params.flow is None:
        return None if only is None else [only]
    members, _ = steps_of(rooms, params.flow)
    return [step.name for step in members or () if only in (None, step.name)]


def _told(rate: StepRate) -> dict[str, int | float | None]:
    return {
        "runs": rate.runs,
        "failed": rate.failed,
        "retried": rate.retried,
        **_percentiles("wait", rate.wait),
        **_percentiles("work", rate.work),
    }


def _percentiles(name: str, bins: Bins) -> dict[str, float | None]:
    found = {percent: quantile(bins, percent / 100) for percent in (50, 95, 99)}
    return {
        f"{name}P{percent}": None if value is None else round(value, 2 if value < 10 else 1)
        for percent, value in found.items()
    }


def _marks(rooms: Rooms, since_ms: int) -> list[RateMark]:
    started_ms = rooms.clock.now_ms() - round((rooms.clock.monotonic_s() - rooms.place.started_s) * 1000)
    marks = [RateMark(at=started_ms, what="started")]
    marks += [RateMark(at=at_ms, what="reloaded") for at_ms in rooms.project.switched_ms]
    return [mark for mark in marks if mark.at >= since_ms]


OPERATIONS = (Operation("rates", "GET rates", RatesParams, Rates, "reads", rates),)
