"""Operation that finds calls which a run made again, outside `once`."""

from __future__ import annotations

from pydantic import Field

from polystep.operations.operation import ROWS_USUAL, Operation, Params, Result, Rows
from polystep.operations.rooms import Rooms
from polystep.operations.traces import whole_id


class DoubleEffect(Result):
    """Call that changes something elsewhere, and that two legs of one run made."""

    trace_id: str
    run_id: str
    step: str
    method: str
    url: str
    legs: int = Field(description="Attempts, and parts of attempts between suspensions, that made it.")
    calls: int = Field(description="How often it was made.")
    first_at: int | float = Field(description="Unix milliseconds.")
    last_at: int | float = Field(description="Unix milliseconds.")


class DoubleEffects(Result):
    """Calls that were made again, the newest first."""

    effects: list[DoubleEffect]


class DoubleEffectsParams(Params):
    """Choose a trace, or all."""

    trace_id: str | None = Field(None, description="Only of this trace; by default of all that were traced lately.")
    limit: Rows = ROWS_USUAL


async def double_effects(rooms: Rooms, params: DoubleEffectsParams) -> DoubleEffects:
    """Find POST, PUT, PATCH and DELETE calls that a run made again in a later leg or attempt, outside `once`."""
    trace_id = None if params.trace_id is None else await whole_id(rooms, params.trace_id)
    rows = await (await rooms.traces.inspected()).double_effects(trace_id, params.limit)
    return DoubleEffects(effects=[DoubleEffect.model_validate(row) for row in rows])


OPERATIONS = (
    Operation("double_effects", "GET double-effects", DoubleEffectsParams, DoubleEffects, "reads", double_effects),
)
