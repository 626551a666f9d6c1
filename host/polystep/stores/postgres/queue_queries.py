"""Counts of queues, and paused steps, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson

from polystep.contracts.errors import InvalidParams
from polystep.contracts.names import name_bytes
from polystep.contracts.ports.inspection import QueueCount, QueuedDelivery, QueuedKey, QueueFilter, QueueState
from polystep.stores.postgres.calls import Plain, Statement
from polystep.stores.postgres.database import PostgresDatabase
from polystep.stores.postgres.driver import Row
from polystep.stores.postgres.queue_columns import text_or_none
from polystep.stores.postgres.writes import Apart

_READY, _BLOCKED, _RUNNING = range(3)
_COUNTS: Final = """
SELECT step, count(*) FILTER (WHERE status = 0 AND run_at_ms <= $1), count(*) FILTER (WHERE status = 1),
  count(*) FILTER (WHERE status = 0 AND run_at_ms > $1 AND failures = 0),
  count(*) FILTER (WHERE status = 0 AND run_at_ms > $1 AND failures > 0), count(*) FILTER (WHERE status = 2),
  min(run_at_ms) FILTER (WHERE status = 1 OR status = 0 AND run_at_ms <= $1)
FROM {schema}.deliveries GROUP BY step ORDER BY step"""
# As many rows as fit, but one at least.
_PAGE: Final = """
WITH found AS (
  SELECT error, data, id, status, failures, kind, topic, trace_id, run_id, fifo_key, run_at_ms, enqueued_at_ms, attempt
  FROM {{schema}}.deliveries WHERE step = $1 AND {where} ORDER BY {order} LIMIT $2 + 1
), sized AS (
  SELECT *, row_number() OVER in_order AS place,
    sum(octet_length(coalesce(error, '')) + octet_length(data)) OVER in_order AS size
  FROM found WINDOW in_order AS (ORDER BY {order})
)
SELECT error, data, id, status, failures, kind, topic, trace_id, run_id, fifo_key, run_at_ms, enqueued_at_ms, attempt,
  (SELECT count(*) FROM found)
FROM sized WHERE place = 1 OR (place <= $2 AND size <= $3) ORDER BY place"""
_STATES: Final[Mapping[QueueState, str]] = {
    "ready": "status = 0 AND run_at_ms <= {now}",
    "running": "status = 2",
    "blocked": "status = 1",
    "delayed": "status = 0 AND run_at_ms > {now} AND failures = 0",
    "retrying": "status = 0 AND run_at_ms > {now} AND failures > 0",
}
_TOPICS: Final = """
SELECT topic, count(*) FROM (
  SELECT topic FROM {schema}.deliveries WHERE step = $1 AND status IN (0, 1) LIMIT $2) AS few GROUP BY topic"""
_LETTERS: Final = "SELECT step, count(*) FROM {schema}.dead_letters GROUP BY step"
_KEYS: Final = """
SELECT fifo_key, count(*), min(id) FROM {schema}.deliveries
WHERE step = $1 AND fifo_key IS NOT NULL AND ($2::bytea IS NULL OR fifo_key > $2)
GROUP BY fifo_key ORDER BY fifo_key LIMIT $3"""
_PAUSED: Final = "SELECT step, since_ms FROM {schema}.paused_steps"
_PAUSED_CRON: Final = "SELECT step, since_ms, note FROM {schema}.paused_cron"
_PAUSE: Final = "SELECT {schema}.pause_1($1, $2, $3, $4, $5)"
_PAUSE_CRON: Final = "SELECT {schema}.pause_cron_1($1, $2, $3, $4, $5, $6)"


class PostgresQueueQueries:
    """Implements `QueueQueries`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def counts(self, now_ms: int) -> list[QueueCount]:
        """Look at all of them."""
        rows = await self._database.read(_COUNTS, now_ms)
        return [QueueCount(step.decode(), *counts) for step, *counts in rows]

    async def deliveries(
        self, step: str, wanted: QueueFilter, limit: int, bytes_max: int
    ) -> tuple[list[QueuedDelivery], bool]:
        """Read a page as it is due, or of a FIFO key as it runs."""
        where, arguments = ["true"], [name_bytes(step), limit, bytes_max]
        order = "status, run_at_ms, id"
        if wanted.fifo_key is not None:
            arguments.append(name_bytes(wanted.fifo_key))
            where.append(f"fifo_key = ${len(arguments)}")
            order = "id"
        if wanted.state is not None:
            where.append(_STATES[wanted.state].format(now=int(wanted.now_ms)))
        if wanted.after is not None:
            position = _position(wanted.after, len(order.split(", ")))
            where.append(f"({order}) > ({', '.join(map(str, position))})")
        rows = await self._database.read(_PAGE.format(where=" AND ".join(where), order=order), *arguments)
        more = bool(rows) and rows[0][-1] > len(rows)
        return [_queued(row, wanted.now_ms, by_id=order == "id") for row in rows], more

    async def waiting_by_topic(self, step: str, limit: int) -> dict[str, int]:
        """Read the rows: no index holds their topics."""
        rows = await self._database.read(_TOPICS, name_bytes(step), limit)
        return {topic.decode(): count for topic, count in rows}

    async def dead_letter_counts(self) -> dict[str, int]:
        """Count all."""
        return {step.decode(): count for step, count in await self._database.read(_LETTERS)}

    async def keys(self, step: str, after: str | None, limit: int) -> list[QueuedKey]:
        """Count by the index of keys."""
        rows = await self._database.read(_KEYS, name_bytes(step), None if after is None else name_bytes(after), limit)
        return [QueuedKey(key.decode(), count, head) for key, count, head in rows]

    async def paused(self) -> dict[str, int]:
        """Read all."""
        return {step.decode(): since_ms for step, since_ms in await self._database.read(_PAUSED)}

    async def pause(self, step: str, now_ms: int | None) -> None:
        """Write or remove the row; who paused first stays."""
        await self._change(_PAUSE, name_bytes(step), now_ms)

    async def paused_cron(self) -> dict[str, tuple[int, str]]:
        """Read all."""
        rows = await self._database.read(_PAUSED_CRON)
        return {step.decode(): (since_ms, note) for step, since_ms, note in rows}

    async def pause_cron(self, step: str, now_ms: int | None, note: str = "") -> None:
        """Write or remove the row; who paused first stays."""
        await self._change(_PAUSE_CRON, name_bytes(step), now_ms, note)

    async def _change(self, sql: str, *arguments: object) -> None:
        await self._database.write(Apart(lambda asked: Plain(asked, Statement(sql, arguments), lambda _: None)))


def _queued(row: Row, now_ms: int, *, by_id: bool) -> QueuedDelivery:
    error, data, id_, status, failures, kind, topic, trace_id, run_id, key, run_at_ms, enqueued_ms, attempt, _ = row
    if status != _READY:
        state: QueueState = "running" if status == _RUNNING else "blocked"
    elif run_at_ms <= now_ms:
        state = "ready"
    else:
        state = "retrying" if failures else "delayed"
    position = str(id_) if by_id else f"{status}.{run_at_ms}.{id_}"
    return QueuedDelivery(
        id_, state, kind, topic.decode(), data, trace_id, run_id, text_or_none(key), run_at_ms, enqueued_ms, attempt,
        orjson.loads(error) if error else None, position,
    )  # fmt: skip


def _position(cursor: str, parts: int) -> list[int]:
    found = cursor.split(".")
    if len(found) != parts or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in found):
        raise InvalidParams(f"{cursor[:80]!r} is not a cursor of a queue. Give the `cursor` of the part before.")
    return [int(part) for part in found]
