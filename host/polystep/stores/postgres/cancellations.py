"""Ids of events and events that cancel runs, in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from polystep.contracts.events import Cancellations, CancelledRuns, Delivery, RemovedDelivery
from polystep.contracts.names import name_bytes
from polystep.contracts.ports.clock import Clock
from polystep.stores.postgres.calls import Statement
from polystep.stores.postgres.cancel_calls import Settle, noted, removed_of
from polystep.stores.postgres.database import PostgresDatabase
from polystep.stores.postgres.wait_columns import lock_of_id, value_bytes
from polystep.stores.postgres.writes import Apart

_CANCEL_EVENT: Final = "SELECT {schema}.cancel_event_1($1, $2, $3, $4, $5, $6, $7, $8)"
_CANCEL_RUN: Final = "SELECT {schema}.cancel_run_1($1, $2, $3, $4, $5, $6, $7)"


class PostgresEventKeyStore:
    """Implements `EventKeyStore`."""

    def __init__(self, database: PostgresDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def cancel(self, topic: str, id: str) -> asyncio.Future[Sequence[RemovedDelivery]]:
        """Remove the deliveries that have not started, and free the id for their steps."""
        call = Statement(
            _CANCEL_EVENT, (*lock_of_id(topic, id), name_bytes(topic), value_bytes(id), self._clock.now_ms())
        )
        return self._database.write(Apart(lambda asked: noted(asked, call, lambda said: [*map(removed_of, said)])))


class PostgresCancellationStore:
    """Implements `CancellationStore`."""

    def __init__(self, database: PostgresDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def settle(self, owner: str, limit: int) -> asyncio.Future[Cancellations]:
        """Go on with each event that is due; where there is none, only look."""
        now_ms = self._clock.now_ms()
        return self._database.write(Apart(lambda asked: Settle(asked, owner, limit, now_ms)))


def cancel_run(
    database: PostgresDatabase, run_id: str, delivery: Delivery | None, now_ms: int
) -> asyncio.Future[CancelledRuns | None]:
    """Remove a run that waits, or a claimed delivery, with the waiting runs of its calls."""
    claim = (None, None) if delivery is None else (delivery.id, delivery.token)
    call = Statement(_CANCEL_RUN, (run_id, *claim, now_ms))

    def answer(said: Any) -> CancelledRuns | None:
        removed = [removed_of(each) for each in said["removed"]]
        if not removed:
            return None
        return CancelledRuns(removed if delivery is None else removed[1:], said["running"])

    return database.write(Apart(lambda asked: noted(asked, call, answer)), run_id)
