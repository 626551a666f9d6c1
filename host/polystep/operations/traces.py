"""Operations on traces."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from polystep.contracts.operations import OperationRefused
from polystep.contracts.ports.inspection import TraceFilter
from polystep.contracts.values import JSONObject
from polystep.operations.operation import Listed, Operation, Params, Part, Result, Value, Whole, position
from polystep.operations.rooms import Rooms
from polystep.wire import unpack

TraceStatus: TypeAlias = Literal["running", "completed", "failed", "rejected"]

TRACE_ROWS_MAX: Final = 5000
"""Runs, log lines and operations of a whole trace, of each."""
_ID_CHARS: Final = 32
_ID_PART_CHARS_MIN: Final = 4
"""Fewer say nothing: with a thousand traces two digits are those of four."""
_CHOICES_MAX: Final = 20
"""Traces that are listed when a part of an id is that of several."""


class TracesParams(Listed):
    """Choose traces."""

    before: Whole | None = Field(None, description="The same as `cursor`, as a number.")
    status: TraceStatus | None = None
    step: str | None = Field(None, description="Only traces with a run of this step.")
    flow: str | None = Field(None, description="Only traces with a run of a step of this flow.")
    text: str | None = Field(None, description="Only traces with this in their id, their steps or their errors.")
    since: Whole | None = Field(None, description="Only traces that began at this time or later, Unix milliseconds.")
    until: Whole | None = Field(None, description="Only traces that began before this time, Unix milliseconds.")


class TraceRow(Result):
    """Trace in short."""

    trace_id: str
    name: str = Field(description="Step that it began with.")
    type: str
    status: TraceStatus
    started_at: int
    ended_at: int | None
    duration_ms: int | None
    run_count: int
    replay_of: str | None = Field(description="Trace of which this one began as a replay.")
    replay_count: int = Field(description="Replays of its runs; those of dead letters went on in it.")
    cursor: int


class TraceRows(Part):
    """Traces, newest first."""

    traces: list[TraceRow]


class TraceParams(Params):
    """Choose a trace."""

    id: str = Field(description="Its id, or the beginning or end of it, as the console shows it.")


class AttemptRow(Result):
    """Attempt: one call of a handler. Attempt 0 is none: the run failed or was delivered without one."""

    attempt: int
    status: str
    started_at: int | float | None
    ended_at: int | float | None
    duration_ms: int | float | None
    error: dict[str, Any] | None
    result: Value | None


class TracedOperation(Result):
    """Effect of an attempt: a write, an emit, a call. Further members depend on its type."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow", defer_build=True)

    attempt: int
    span_id: str | None
    at: int | float = Field(description="When it began, Unix milliseconds.")
    duration_ms: int | float | None
    type: str


class LogRow(Result):
    """Log line."""

    id: int
    time: int
    level: str
    message: str
    fields: dict[str, Any]
    step: str | None
    trace_id: str | None
    run_id: str | None
    source: str


class RunSummary(Result):
    """Run without what belongs to it: all attempts of one step for one event, tick or request."""

    run_id: str
    parent_run_id: str | None
    step: str
    type: str
    trigger: dict[str, Any]
    status: str
    queued_at: int
    started_at: int | None
    ended_at: int | None
    duration_ms: int | None
    error: dict[str, Any] | None


class RunRow(RunSummary):
    """Run with all that belongs to it."""

    attempts: list[AttemptRow]
    operations: list[TracedOperation]
    logs: list[LogRow]


class RunOfTrace(RunSummary):
    """Run in a list of runs."""

    attempt_count: int
    operation_count: int


class TraceRuns(Part):
    """Runs of a trace, in the order they were queued."""

    runs: list[RunOfTrace]


class TraceRunsParams(Listed):
    """Choose a trace, and a part of it."""

    id: str = Field(description="Its id, or the beginning or end of it.")


class RunParams(Params):
    """Choose a run."""

    run_id: str


class RunDetail(RunSummary):
    """Run with its attempts, the newest thousand."""

    trace_id: str
    input_kept: bool = Field(description="The whole input is kept; else the trigger has a preview of it.")
    input: Value | None = Field(
        None,
        description="Data of the event, whole and not redacted, where it is kept; of a request its `method`, "
        "`path` with query, `headers` without secrets, and `body`.",
    )
    attempts: list[AttemptRow]


class RunOperationsParams(Listed):
    """Choose a run, and a part of its operations."""

    run_id: str
    attempt: Whole | None = Field(None, description="Only those of this attempt.")


class RunOperations(Part):
    """Operations of a run, in the order they ended."""

    operations: list[TracedOperation]


class Trace(TraceRow):
    """Trace with its runs and all that belongs to them."""

    runs: list[RunRow]
    logs: list[LogRow]
    cut: bool = Field(
        description=f"It has more runs, lines or operations than {TRACE_ROWS_MAX}: trace_runs and run_operations page."
    )


async def traces(rooms: Rooms, params: TracesParams) -> TraceRows:
    """List the last traces."""
    queries = await rooms.traces.inspected()
    before = params.before if params.cursor is None else position(params.cursor)
    steps = None if params.step is None else [params.step]
    if params.flow is not None:
        members = [name for name, step in rooms.project.declared.steps.items() if params.flow in step.flows]
        steps = [name for name in members if params.step in (None, name)]
    wanted = TraceFilter(params.status, steps, params.text, params.since, params.until)
    rows = await queries.traces(wanted, params.limit + 1, before)
    found = [TraceRow.model_validate(row) for row in rows[: params.limit]]
    return TraceRows(traces=found, cursor=str(found[-1].cursor) if len(rows) > len(found) else None)


async def trace(rooms: Rooms, params: TraceParams) -> Trace | None:
    """Print one whole trace as JSON."""
    store = await rooms.traces.flushed()
    found = await store.trace(params.id, TRACE_ROWS_MAX)
    if found is None:
        found = await store.trace(await whole_id(rooms, params.id), TRACE_ROWS_MAX)
    return None if found is None else Trace.model_validate(found)


async def trace_runs(rooms: Rooms, params: TraceRunsParams) -> TraceRuns | None:
    """List the runs of a trace."""
    queries, trace_id = await rooms.traces.inspected(), await whole_id(rooms, params.id)
    start = 0 if params.cursor is None else position(params.cursor)
    rows = await queries.runs(trace_id, params.limit + 1, start)
    if not rows and params.cursor is None:
        return None
    found, last = [RunOfTrace.model_validate(row) for row in rows[: params.limit]], rows[: params.limit]
    return TraceRuns(runs=found, cursor=str(last[-1]["position"]) if len(rows) > len(found) else None)


async def run(rooms: Rooms, params: RunParams) -> RunDetail | None:
    """Print one run with its attempts as JSON."""
    queries = await rooms.traces.inspected()
    found = await queries.run(params.run_id)
    if found is None:
        return None
    data = await queries.input(params.run_id)
    kept: JSONObject = {"inputKept": data is not None, **({} if data is None else {"input": unpack(data)})}
    return RunDetail.model_validate({**found, **kept})


async def run_operations(rooms: Rooms, params: RunOperationsParams) -> RunOperations:
    """List what the attempts of a run did: writes, emits, calls."""
    queries, start = await rooms.traces.inspected(), 0 if params.cursor is None else position(params.cursor)
    rows = await queries.operations(params.run_id, params.attempt, params.limit + 1, start)
    shown = [{name: value for name, value in row.items() if name != "position"} for row in rows[: params.limit]]
    found = [TracedOperation.model_validate(row) for row in shown]
    more = str(rows[params.limit - 1]["position"]) if len(rows) > len(found) else None
    return RunOperations(operations=found, cursor=more)


async def whole_id(rooms: Rooms, part: str) -> str:
    """Return the only trace id that begins or ends with `part`; `part` itself when there is none.

    Raises:
        OperationRefused: Several do; `traces` lists them.
    """
    if not _ID_PART_CHARS_MIN <= len(part) < _ID_CHARS:
        return part
    store = await rooms.traces.flushed()
    traces = await store.traces_like(part, _CHOICES_MAX)
    if len(traces) > 1:
        hint = f"Several traces begin or end with {part!r}: give more of the id."
        raise OperationRefused(409, "Ambiguous trace id", hint, traces=traces)
    return str(traces[0]["traceId"]) if traces else part


OPERATIONS = (
    Operation("traces", "GET traces", TracesParams, TraceRows, "reads", traces),
    Operation("trace", "GET traces/{id}", TraceParams, Trace, "reads", trace),
    Operation("trace_runs", "GET traces/{id}/runs", TraceRunsParams, TraceRuns, "reads", trace_runs),
    Operation("run", "GET runs/{runId}", RunParams, RunDetail, "reads", run),
    Operation(
        "run_operations", "GET runs/{runId}/operations", RunOperationsParams, RunOperations, "reads", run_operations
    ),
)
