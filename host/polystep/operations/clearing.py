"""Operation that removes traces and log lines before their time."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from polystep.operations.operation import Operation, Params, Result
from polystep.operations.rooms import Rooms

_NO_BOUND: Final = 2**40
"""For bounds of the store that do not count here."""


class ClearTracesParams(Params):
    """Choose how much is removed."""

    before: int | None = Field(
        None, ge=0, description="Unix milliseconds: what began before is removed; without it everything."
    )


class ClearedTraces(Result):
    """Traces and log lines from before this time are gone, but for traces that run."""

    before: int = Field(description="Unix milliseconds.")


async def clear_traces(rooms: Rooms, params: ClearTracesParams) -> ClearedTraces:
    """Remove traces and log lines for good. Traces that run stay; events, state and dead letters are not touched."""
    store = await rooms.traces.flushed()
    before_ms = rooms.clock.now_ms() + 1 if params.before is None else params.before
    while await store.prune(_NO_BOUND, _NO_BOUND, _NO_BOUND, before_ms, _NO_BOUND):
        pass
    for subject in ("traces", "logs"):
        rooms.changed(subject, {})
    return ClearedTraces(before=before_ms)


OPERATIONS = (
    Operation("clear_traces", "POST traces/clear", ClearTracesParams, ClearedTraces, "changes", clear_traces),
)
