"""Operation that adds up the calls of language models in a trace."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from polystep.operations.operation import Operation, Result
from polystep.operations.rooms import Rooms
from polystep.operations.traces import TraceParams, whole_id

MODELS_MAX: Final = 100
"""Models of one trace that are counted by themselves."""


class ModelUse(Result):
    """Calls of one model. A sum is null when no answer tells it."""

    model: str
    provider: str | None
    calls: int
    failed: int
    untold: int = Field(description="Calls of which the answer tells no tokens; the sums are of the others.")
    tokens_in: int | None
    tokens_out: int | None
    tokens_cached: int | None = Field(description="Of `tokensIn`, as far as answers tell.")
    tokens_reasoning: int | None = Field(description="Of `tokensOut`, as far as answers tell.")


class TraceModels(Result):
    """Language models that a trace has called, those with most calls first."""

    models: list[ModelUse]
    cut: bool = Field(description=f"There are more than {MODELS_MAX}.")


async def trace_models(rooms: Rooms, params: TraceParams) -> TraceModels | None:
    """Add up the calls of language models in a trace, by model: their number and their tokens."""
    queries, trace_id = await rooms.traces.inspected(), await whole_id(rooms, params.id)
    rows = await queries.models(trace_id, MODELS_MAX + 1)
    if not rows and await queries.trace(trace_id) is None:
        return None
    return TraceModels(models=[ModelUse.model_validate(row) for row in rows[:MODELS_MAX]], cut=len(rows) > MODELS_MAX)


OPERATIONS = (Operation("trace_models", "GET traces/{id}/models", TraceParams, TraceModels, "reads", trace_models),)
