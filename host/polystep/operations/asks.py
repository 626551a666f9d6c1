"""Operations on asks: what runs wait for somebody to answer."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import Field

from polystep.contracts.asks import Ask
from polystep.contracts.operations import bad_parameter
from polystep.operations.operation import Listed, Operation, Params, Part, Result, Schema, Value
from polystep.operations.rooms import Rooms
from polystep.wire import unpack


class AskRow(Result):
    """Ask of a run: a question to a person, or a door for another system."""

    id: str
    kind: Literal["ask", "callback"]
    key: str = Field(description="Key in its run.")
    step: str
    title: str
    data: Value = Field(None, description="Subject of the answer; null when it is sensitive.")
    schema_: Schema | None = Field(alias="schema", description="JSON Schema of the answer; null takes any value.")
    trace_id: str
    run_id: str
    asked_at: int = Field(description="Unix milliseconds.")
    due_at: int = Field(description="From then on it is answered no more, Unix milliseconds.")
    is_sensitive: bool
    url: str | None = Field(description="Link that takes one answer without the admin token; null when links are off.")


class AskDetail(AskRow):
    """Ask with what has become of it."""

    status: Literal["open", "answered", "timed_out", "cancelled"]
    closed_at: int | None = Field(description="Unix milliseconds; null while it is open.")
    answered_by: str | None = Field(description="Name that the one who answered gave.")


class AskList(Part):
    """Open asks, the oldest first."""

    asks: list[AskRow]


class AskParams(Params):
    """Choose an ask."""

    id: str


class AnswerParams(AskParams):
    """Answer of an ask."""

    value: Value = Field(description="The answer, as JSON.")
    by: str | None = Field(None, description="Name of the one who answers, shown to others.")


class CancelAskParams(AskParams):
    """Choose an ask to close without an answer."""

    by: str | None = Field(None, description="Name of the one who cancels.")


async def asks(rooms: Rooms, params: Listed) -> AskList:
    """List what runs wait for somebody to answer."""
    found = await rooms.work.asks.listed(params.limit + 1, _after(params.cursor))
    shown = found[: params.limit]
    cursor = f"{shown[-1].asked_at_ms}-{shown[-1].id}" if len(found) > len(shown) else None
    return AskList(asks=[AskRow.model_validate(_row(rooms, each)) for each in shown], cursor=cursor)


async def ask(rooms: Rooms, params: AskParams) -> AskDetail | None:
    """Print one ask, also for a day after it was closed."""
    found = await rooms.work.asks.read(params.id)
    return None if found is None else _detail(rooms, found)


async def answer(rooms: Rooms, params: AnswerParams) -> AskDetail:
    """Answer an ask; its run goes on. The same answer may come twice."""
    closed = await rooms.work.asks.answer(params.id, params.value, params.by)
    return _detail(rooms, closed)


async def cancel_ask(rooms: Rooms, params: CancelAskParams) -> AskDetail:
    """Close an ask without an answer; its handler gets the status `cancelled`."""
    closed = await rooms.work.asks.cancel(params.id, params.by)
    return _detail(rooms, closed)


def _row(rooms: Rooms, ask: Ask) -> dict[str, Any]:
    return {
        "id": ask.id,
        "kind": ask.kind,
        "key": ask.key,
        "step": ask.step,
        "title": ask.title,
        "data": None if ask.is_sensitive else unpack(ask.data),
        "schema": None if ask.schema is None else json.loads(ask.schema),
        "traceId": ask.trace_id,
        "runId": ask.run_id,
        "askedAt": ask.asked_at_ms,
        "dueAt": ask.due_ms,
        "isSensitive": ask.is_sensitive,
        "url": rooms.work.asks.url(ask),
    }


def _detail(rooms: Rooms, ask: Ask) -> AskDetail:
    more = {"status": ask.status, "closedAt": ask.closed_at_ms, "answeredBy": ask.closed_by}
    return AskDetail.model_validate({**_row(rooms, ask), **more})


def _after(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    time, _, id = cursor.partition("-")
    if not time.isascii() or not time.isdigit() or not id:
        raise bad_parameter(f"cursor is {cursor[:80]!r}; give the `cursor` of the part before.")
    return int(time), id


OPERATIONS = (
    Operation("asks", "GET asks", Listed, AskList, "reads", asks),
    Operation("ask", "GET asks/{id}", AskParams, AskDetail, "reads", ask),
    Operation("answer", "POST asks/{id}", AnswerParams, AskDetail, "changes", answer),
    Operation("cancel_ask", "DELETE asks/{id}", CancelAskParams, AskDetail, "changes", cancel_ask),
)
