"""Operations on log lines."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from polystep.contracts.ports.inspection import LogFilter
from polystep.operations.line_filter import levels_from, words_of
from polystep.operations.operation import Listed, Operation, Part, Whole, position
from polystep.operations.rooms import Rooms
from polystep.operations.traces import LogRow, whole_id

Level: TypeAlias = Literal["debug", "info", "warn", "error"]


class LogsParams(Listed):
    """Choose log lines."""

    level: Level | None = Field(None, description="Only lines of this level.")
    min_level: Level | None = Field(None, description="Only lines of this level and above.")
    step: str | None = Field(None, description="Only this step's.")
    flow: str | None = Field(None, description="Only of steps of this flow.")
    trace_id: str | None = Field(None, description="Only this trace's; the beginning or end of its id is enough.")
    run_id: str | None = Field(None, description="Only this run's.")
    text: str | None = Field(
        None,
        description="Only lines with each of these words in their message, step or fields; `-word` leaves lines out, "
        '`name=value` is a field, `"two words"` is one word.',
    )
    since: Whole | None = Field(None, description="Only lines from this time on, Unix milliseconds.")
    until: Whole | None = Field(None, description="Only lines before this time, Unix milliseconds.")
    after: Whole | None = Field(
        None, description="Lines behind the one with this id, oldest first; to go on with the newest of the last call."
    )


class Logs(Part):
    """Log lines, newest first; with `after`, oldest first."""

    logs: list[LogRow]


async def logs(rooms: Rooms, params: LogsParams) -> Logs:
    """List the last log lines, oldest first."""
    queries = await rooms.traces.inspected()
    equal = {"step": params.step, "run_id": params.run_id}
    if params.trace_id is not None:
        equal["trace_id"] = await whole_id(rooms, params.trace_id)
    chosen = {name: value for name, value in equal.items() if value is not None}
    steps = None
    if params.flow is not None:
        steps = [name for name, step in rooms.project.declared.steps.items() if params.flow in step.flows]
    words = words_of(params.text or "")
    wanted = LogFilter(_levels(params), words, steps, chosen, params.since, params.until)
    before = None if params.cursor is None or params.after is not None else position(params.cursor)
    after = params.after if params.after is None or params.cursor is None else position(params.cursor)
    rows = await queries.logs(wanted, params.limit + 1, before, after)
    found = [LogRow.model_validate(row) for row in rows[: params.limit]]
    return Logs(logs=found, cursor=str(found[-1].id) if len(rows) > len(found) else None)


def _levels(params: LogsParams) -> list[str] | None:
    if params.level is not None:
        return [params.level]
    return None if params.min_level is None else list(levels_from(params.min_level))


OPERATIONS = (Operation("logs", "GET logs", LogsParams, Logs, "reads", logs),)
