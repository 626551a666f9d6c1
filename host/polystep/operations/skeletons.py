"""Operations on the rows of one trace: all of them as columns, and what stands behind one."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any, Final

import orjson
from pydantic import Field, WithJsonSchema

from polystep.contracts.limits import SKELETON_ROWS_MAX
from polystep.contracts.operations import bad_parameter
from polystep.contracts.trace_parts import TraceCursor
from polystep.contracts.values import INTEGER_MAX
from polystep.operations.operation import Operation, Params, Result, Whole
from polystep.operations.rooms import Rooms
from polystep.operations.skeleton import skeleton_of
from polystep.operations.traces import TracedOperation, TraceRow, whole_id

_KNOWN: Final = re.compile(r"(\d{1,16})\.(\d{1,16})\.(\d{1,16})", re.ASCII)
_MARGIN_MS: Final = 1000
"""A change is stored with the time at which it was recorded, a moment before."""

_Numbers = Annotated[Any, WithJsonSchema({"type": "array", "items": {"type": "integer"}})]
"""Already encoded: no list of a hundred thousand numbers is looked at on the event loop."""
_Texts = Annotated[
    Any, WithJsonSchema({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}})
]


class SkeletonParams(Params):
    """Choose a trace, and what of it is known."""

    id: str = Field(description="Its id, or the beginning or end of it.")
    after: str | None = Field(None, description="The `cursor` of an earlier answer: only what has come since.")


class SkeletonColumns(Result):
    """Columns with an entry for each row. Times are microseconds."""

    parent: _Numbers = Field(description="So many rows above stands the row that this one is below; 0 for none.")
    size: _Numbers = Field(description="Rows from this one to the end of what is below it.")
    start: _Numbers = Field(
        description="When it began, as the difference to the row before; of the first to `startedAt` of the trace."
    )
    length: _Numbers = Field(description="How long it took, of a run with its waits; -1 while it goes on.")
    kind: _Numbers = Field(description="Index in `kinds`.")
    status: _Numbers = Field(description="Index in `statuses`.")
    name: _Numbers = Field(description="Index in `names`.")
    text: _Texts = Field(
        description="Text of the row where it is new, else its number: 1 for the first text of this answer, 0 for none."
    )
    key: _Numbers = Field(
        description="Of an attempt its number. Of a run, an operation and a log line the id, as the difference to the "
        "row of the same sort before; they are unique and grow."
    )


class CallUnderWay(Result):
    """Outgoing call of an open attempt that has begun and not ended. Short calls are seen at their ends only."""

    run_id: str
    attempt: int
    number: int = Field(description="Names it in its run.")
    name: str
    began_at: int | float = Field(description="Unix milliseconds.")
    received: int | None = Field(
        description="Characters of the answer of a language model that came so far; null of other calls."
    )
    attributes: dict[str, Any]


class TraceSkeleton(Result):
    """Rows of a trace in depth-first order: runs, attempts where a run has several, operations, log lines."""

    trace: TraceRow
    read_at: int = Field(description="When this was read, Unix milliseconds.")
    after: str | None = Field(description="As given; null for all rows.")
    cursor: str = Field(description="Give it as `after` for what has come since.")
    row_count: int = Field(description="Number of the rows here.")
    left_out: int = Field(description=f"Operations and log lines that the trace has beyond {SKELETON_ROWS_MAX} rows.")
    cut: bool = Field(description="Some are left out.")
    texts_left_out: int = Field(description="Rows without their text, since the answer would be too large.")
    kinds: list[str]
    statuses: list[str]
    names: list[list[str]] = Field(description="What a row is, and the group, stream or topic that it is about.")
    run_ids: list[str] = Field(description="Of the rows of runs, in order.")
    whole: list[int] = Field(
        description="Rows of runs of which all operations and lines are here; of the others, what has come since."
    )
    waits: list[list[int]] = Field(
        description="Row and microseconds: how long a run waited for its first attempt, an attempt for its start."
    )
    under_way: list[CallUnderWay] = Field(description="All that are at this host; they are no rows yet.")
    columns: SkeletonColumns


class SpanParams(Params):
    """Choose an operation of a trace."""

    id: str = Field(description="Id of the trace, or the beginning or end of it.")
    operation: Whole = Field(description="The `key` of its row in the skeleton.")


class SpanDetail(Result):
    """Operation of a trace, with all that is kept of it."""

    run_id: str
    operation: TracedOperation


async def trace_skeleton(rooms: Rooms, params: SkeletonParams) -> TraceSkeleton | None:
    """Print the rows of a trace as columns of numbers."""
    after = None if params.after is None else _cursor(params.after)
    queries, trace_id = await rooms.traces.inspected(), await whole_id(rooms, params.id)
    now_ms = rooms.clock.now_ms()
    found = await queries.trace(trace_id)
    if found is None:
        return None
    summary = TraceRow.model_validate(found)
    parts = await queries.parts(trace_id, summary.started_at, SKELETON_ROWS_MAX, now_ms, after)
    skeleton = await asyncio.to_thread(skeleton_of, parts, summary.started_at, after is None)
    columns = {member: orjson.Fragment(text) for member, text in skeleton.columns.items()}
    span, line, at_ms = parts.cursor
    return TraceSkeleton(
        trace=summary,
        read_at=now_ms,
        after=params.after,
        cursor=f"{span}.{line}.{max(0, at_ms - _MARGIN_MS)}",
        row_count=skeleton.rows,
        left_out=parts.left_out,
        cut=parts.left_out > 0,
        texts_left_out=skeleton.texts_left_out,
        kinds=skeleton.kinds,
        statuses=skeleton.statuses,
        names=skeleton.names,
        run_ids=skeleton.run_ids,
        whole=skeleton.whole,
        waits=skeleton.waits,
        under_way=_under_way(rooms, trace_id),
        columns=SkeletonColumns(**columns),
    )


def _under_way(rooms: Rooms, trace_id: str) -> list[CallUnderWay]:
    return [
        CallUnderWay(
            run_id=attempt.run_id,
            attempt=attempt.number,
            number=number,
            name=call.name,
            began_at=call.began_ms,
            received=call.received,
            attributes=call.attributes,
        )
        for attempt in rooms.work.attempts.of_trace(trace_id)
        for number, call in (attempt.calls_open or {}).items()
    ]


async def trace_operation(rooms: Rooms, params: SpanParams) -> SpanDetail | None:
    """Print one operation of a trace as JSON."""
    queries, trace_id = await rooms.traces.inspected(), await whole_id(rooms, params.id)
    found = await queries.operation(trace_id, params.operation)
    if found is None:
        return None
    kept = {name: value for name, value in found.items() if name not in ("runId", "position")}
    return SpanDetail(run_id=str(found["runId"]), operation=TracedOperation.model_validate(kept))


def _cursor(text: str) -> TraceCursor:
    found = _KNOWN.fullmatch(text)
    numbers = [int(each) for each in found.groups()] if found else []
    if not numbers or max(numbers) > INTEGER_MAX:
        raise bad_parameter(f"after is {text[:80]!r}; give the `cursor` of an earlier answer.")
    return TraceCursor(*numbers)


OPERATIONS = (
    Operation("trace_skeleton", "GET traces/{id}/skeleton", SkeletonParams, TraceSkeleton, "reads", trace_skeleton),
    Operation(
        "trace_operation", "GET traces/{id}/operations/{operation}", SpanParams, SpanDetail, "reads", trace_operation
    ),
)
