"""Parked events in PostgreSQL: they wait until the subscribers of their topic are known."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Final

from polystep.contracts.events import NewDelivery, ParkedEvent
from polystep.stores.postgres.calls import Plain, Statement, numbered
from polystep.stores.postgres.database import PostgresDatabase
from polystep.stores.postgres.driver import Row
from polystep.stores.postgres.queue_columns import NEW_COLUMNS, Lines, new_arguments, new_row, text_or_none
from polystep.stores.postgres.writes import Apart, StoreDeliveries

# Events of earlier deployments are left to the hosts that run them, and those of later ones too.
_PAGE: Final = """
SELECT id, event_id, topic, data, trace_id, run_id, parent_run_id, fifo_key, run_at_ms, taken_by FROM {schema}.parked
WHERE id > $1 AND deployment <= $2
  AND deployment NOT IN (SELECT h.deployment FROM {schema}.hosts h WHERE h.deployment < $2) ORDER BY id LIMIT $3"""
_SIZE: Final = "SELECT count(*), coalesce(sum(length(data)), 0)::bigint FROM {schema}.parked"
_BY_TOPIC: Final = """
SELECT topic, count(*), min(enqueued_at_ms) FROM {schema}.parked WHERE taken_by = '[]' GROUP BY topic ORDER BY topic"""
_UNPARK: Final = f"SELECT * FROM {{schema}}.unpark_1({numbered(8 + NEW_COLUMNS)})"


class ParkedEvents:
    """Parked events, as one host sees them."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def page(self, limit: int, after_id: int) -> list[ParkedEvent]:
        """Read a page, oldest first."""
        rows = await self._database.read(_PAGE, after_id, self._database.deployment, limit)
        return [_event(row) for row in rows]

    async def size(self) -> tuple[int, int]:
        """Count events and bytes."""
        ((count, size),) = await self._database.read(_SIZE)
        return count, size

    async def by_topic(self) -> list[tuple[str, int, int]]:
        """Count those that no step has got yet."""
        return [(topic.decode(), count, oldest) for topic, count, oldest in await self._database.read(_BY_TOPIC)]

    def take(
        self, found: Sequence[tuple[ParkedEvent, Sequence[NewDelivery]]], now_ms: int, *, keep: bool
    ) -> asyncio.Future[list[ParkedEvent]]:
        """Turn events into deliveries, as far as they have not changed since they were read."""
        lines = Lines()
        rows = [
            new_row(new, number, StoreDeliveries(deliveries, None, now_ms, self._database.deployment), place, lines)
            for place, (_, deliveries) in enumerate(found, 1)
            for number, new in enumerate(deliveries)
        ]
        after = [json.dumps((*event.taken_by, *(new.step for new in news))) if keep else None for event, news in found]
        arguments = (
            [event.id for event, _ in found], [json.dumps(event.taken_by) for event, _ in found], after,
            *lines.arguments()[:2], *new_arguments(rows),
        )  # fmt: skip

        def taken(places: Sequence[Any]) -> list[ParkedEvent]:
            return [found[place - 1][0] for place in sorted(places)]

        return self._database.write(
            Apart(
                lambda asked: Plain(
                    asked, Statement(_UNPARK, arguments), lambda rows: taken([row[0] for row in rows]),
                    lambda mark, _: taken(mark.swapped),
                )
            )
        )  # fmt: skip


def _event(row: Row) -> ParkedEvent:
    id_, event_id, topic, data, trace_id, run_id, parent, key, run_at_ms, taken_by = row
    return ParkedEvent(
        id_, event_id, topic.decode(), data, trace_id, run_id, parent, text_or_none(key), tuple(json.loads(taken_by)),
        run_at_ms,
    )  # fmt: skip
