"""Histories of values: writes of steps by their traces, and writes of operators by the log."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from polystep.contracts.ports.inspection import LogFilter, LogWord, WriteFilter
from polystep.contracts.values import JSONObject
from polystep.operations.operation import Listed, Part, Result, position
from polystep.operations.rooms import Rooms

OPERATOR: Final = "An operator changed a value"
"""Message of the log line of a write that came from outside."""


class WriteRow(Result):
    """Write of a value, or an event that was sent to its subscribers."""

    at: int
    operation: str
    step: str | None = Field(description="Null when an operator has written, or when its run is not kept any more.")
    run_id: str | None
    trace_id: str | None
    by_operator: bool
    data: dict[str, Any] = Field(description="The call as it was traced: a preview, cut where it is long.")


class Writes(Part):
    """Writes, newest first."""

    writes: list[WriteRow]
    since: int | None = Field(description="From when on all of them are known, Unix milliseconds.")


def note_write(rooms: Rooms, type_: str, call: JSONObject) -> None:
    """Keep in the logs that an operator has written."""
    rooms.traces.recorder.log("info", OPERATOR, fields={"type": type_, **call}, source="host")


async def writes(rooms: Rooms, wanted: WriteFilter, params: Listed) -> Writes:
    """Find writes of steps in their traces, and those of operators in the logs."""
    before = None if params.cursor is None else position(params.cursor)
    queries = await rooms.traces.inspected()
    parts: tuple[list[Any], int | None] = await queries.writes(wanted, params.limit + 1, before)
    found, since_ms = parts
    rows = [
        WriteRow(
            at=int(each["at"]),
            operation=str(each["data"]["operation"]),
            step=each["step"],
            run_id=each["runId"],
            trace_id=each["traceId"],
            by_operator=False,
            data=each["data"],
        )
        for each in found[: params.limit]
    ]
    if before is None:
        rows = sorted([*rows, *await _by_operators(rooms, wanted, params.limit)], key=lambda row: -row.at)
    more = len(found) > params.limit
    return Writes(writes=rows, since=since_ms, cursor=str(found[params.limit - 1]["position"]) if more else None)


async def _by_operators(rooms: Rooms, wanted: WriteFilter, limit: int) -> list[WriteRow]:
    lines: list[Any] = await rooms.traces.queries.logs(LogFilter(words=[LogWord(OPERATOR.lower())]), limit, None, None)
    rows = []
    for each in lines:
        fields = dict(each["fields"] or {})
        if each["message"] == OPERATOR and fields.pop("type", None) == wanted.type and _begins(fields, wanted):
            rows.append(
                WriteRow(
                    at=each["time"],
                    operation=str(fields["operation"]),
                    step=None,
                    run_id=None,
                    trace_id=None,
                    by_operator=True,
                    data=fields,
                )
            )
    return rows


def _begins(fields: JSONObject, wanted: WriteFilter) -> bool:
    return any(begin.items() <= fields.items() for begin in wanted.begins)
