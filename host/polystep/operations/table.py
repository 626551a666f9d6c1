"""Table of all operations on a running project. Implements `Admin`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from polystep.contracts.values import JSONObject
from polystep.operations import (
    asks,
    bulks,
    checks,
    clearing,
    cron,
    cron_week,
    dead_letters,
    double_effects,
    editor,
    events,
    flow_counts,
    flow_layouts,
    flows,
    logs,
    model_use,
    once_keys,
    queues,
    rates,
    replays,
    reruns,
    skeletons,
    sources,
    starters,
    state,
    steps,
    streams,
    traces,
    usual_times,
)
from polystep.operations.health import health
from polystep.operations.live import ProjectFeed
from polystep.operations.openapi import openapi_document
from polystep.operations.operation import BoundOperation, NoParams, Operation
from polystep.operations.rooms import Rooms

TABLE: Final[tuple[Operation[Any, Any], ...]] = (
    *steps.OPERATIONS,
    *sources.OPERATIONS,
    *flows.OPERATIONS,
    *flow_counts.OPERATIONS,
    *flow_layouts.OPERATIONS,
    *events.OPERATIONS,
    *replays.OPERATIONS,
    *reruns.OPERATIONS,
    *checks.OPERATIONS,
    *starters.OPERATIONS,
    *state.OPERATIONS,
    *streams.OPERATIONS,
    *traces.OPERATIONS,
    *skeletons.OPERATIONS,
    *model_use.OPERATIONS,
    *usual_times.OPERATIONS,
    *double_effects.OPERATIONS,
    *clearing.OPERATIONS,
    *editor.OPERATIONS,
    *logs.OPERATIONS,
    *rates.OPERATIONS,
    *queues.OPERATIONS,
    *dead_letters.OPERATIONS,
    *bulks.OPERATIONS,
    *cron.OPERATIONS,
    *cron_week.OPERATIONS,
    *asks.OPERATIONS,
    *once_keys.OPERATIONS,
)


class ProjectAdmin:
    """Operations on one project."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._operations = [BoundOperation(operation, rooms) for operation in TABLE]

    @property
    def operations(self) -> Sequence[BoundOperation]:
        """Return all operations, in the order of the documents."""
        return self._operations

    @property
    def live(self) -> ProjectFeed:
        """Return the feed of changes."""
        return self._rooms.place.feed

    async def health(self) -> JSONObject:
        """Report whether the project is loaded, how much of it, and what is not."""
        return (await health(self._rooms, NoParams())).model_dump(by_alias=True, exclude_unset=True)

    def openapi(self) -> JSONObject:
        """Describe the operations."""
        return openapi_document(TABLE)
