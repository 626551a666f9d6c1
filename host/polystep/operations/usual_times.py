"""Operation on the usual times of what a trace did, to compare it with."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from polystep.operations.operation import Operation, Result
from polystep.operations.rooms import Rooms
from polystep.operations.traces import TraceParams, whole_id

RUNS_MAX: Final = 100
STEPS_MAX: Final = 200
KINDS_MAX: Final = 200
"""Kinds of operations of one step, those first that come most often."""


class UsualOperation(Result):
    """Kind of operation of the runs of a step, named as in traces; a text is empty where it has no such member."""

    type: str
    operation: str
    group: str = Field(description="Of the state; groups of streams are often ids.")
    topic: str
    stream: str
    name: str
    count: int
    work_ms: float = Field(description="Median.")


class UsualStep(Result):
    """Medians of the last runs of a step that completed."""

    step: str
    runs: int
    wait_ms: float
    work_ms: float
    operations: list[UsualOperation]


class UsualTimes(Result):
    """Usual times of the steps of a trace; a step of which no other run is known is left out."""

    steps: list[UsualStep]


async def trace_usual(rooms: Rooms, params: TraceParams) -> UsualTimes | None:
    """Tell how long the steps of a trace usually take: medians of the last 100 runs of each, not counting its own."""
    queries, trace_id = await rooms.traces.inspected(), await whole_id(rooms, params.id)
    if await queries.trace(trace_id) is None:
        return None
    rows = await queries.usual_times(trace_id, RUNS_MAX, STEPS_MAX, KINDS_MAX)
    return UsualTimes(steps=[UsualStep.model_validate(row) for row in rows])


OPERATIONS = (Operation("trace_usual", "GET traces/{id}/usual", TraceParams, UsualTimes, "reads", trace_usual),)
