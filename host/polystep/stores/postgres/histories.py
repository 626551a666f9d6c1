"""Histories in PostgreSQL: journals of completed runs, kept for a while so that a run is begun again from a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from polystep.contracts.events import NewDelivery
from polystep.contracts.journal import RecordedKey, RunHistory
from polystep.contracts.names import encode_name, name_bytes
from polystep.contracts.ports.clock import Clock
from polystep.stores.postgres.calls import Plain, Statement, numbered
from polystep.stores.postgres.database import PostgresDatabase
from polystep.stores.postgres.queue_columns import NEW_COLUMNS, Lines, new_arguments, new_row, text_or_none
from polystep.stores.postgres.writes import Apart, StoreDeliveries

_FOUND: Final = """
SELECT kind, topic, step, trace_id, fifo_key, data FROM {schema}.histories WHERE run_id = $1 AND ended_ms > $2
UNION ALL
SELECT kind, topic, step, trace_id, fifo_key, data FROM {schema}.dead_letters WHERE run_id = $1 LIMIT 1"""
_KEYS: Final = "SELECT key FROM {schema}.journal WHERE run_id = $1 ORDER BY seq"
_RECORDED: Final = """
SELECT key, kind, kept_at_ms, seq FROM {schema}.journal WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT $3"""
_RERUN: Final = f"SELECT {{schema}}.rerun_1({numbered(8 + NEW_COLUMNS)})"


class PostgresHistoryStore:
    """Implements `HistoryStore`."""

    def __init__(self, database: PostgresDatabase, clock: Clock, keep_ms: int) -> None:
        """Read histories that are not older than `keep_ms`."""
        self._database = database
        self._clock = clock
        self._keep_ms = keep_ms

    async def find(self, run_id: str) -> RunHistory | None:
        """Read the row of its end, or its dead letter."""
        rows = await self._database.read(_FOUND, run_id, self._clock.now_ms() - self._keep_ms)
        if not rows:
            return None
        keys = [key.decode() for (key,) in await self._database.read(_KEYS, run_id)]
        kind, topic, step, trace_id, fifo_key, data = rows[0]
        return RunHistory(kind, topic.decode(), step.decode(), trace_id, text_or_none(fifo_key), data, keys)

    async def recorded(self, run_id: str, limit: int, after: int) -> Sequence[RecordedKey]:
        """Read rows of the journal."""
        rows = await self._database.read(_RECORDED, run_id, after, limit)
        return [RecordedKey(key.decode(), *rest) for key, *rest in rows]

    async def rerun(self, run_id: str, key: str, new: NewDelivery) -> bool:
        """Copy rows of the journal."""
        now_ms = self._clock.now_ms()
        lines = Lines()
        row = new_row(new, 0, StoreDeliveries([new], None, now_ms, self._database.deployment), None, lines)
        lock = None if new.fifo_key is None else encode_name("FIFO key", new.fifo_key)
        call = Statement(
            _RERUN,
            (run_id, name_bytes(key), now_ms - self._keep_ms, name_bytes(new.step), lock, *new_arguments([row])),
        )
        is_stored: bool = await self._database.write(
            Apart(lambda asked: Plain(asked, call, lambda rows: rows[0][0], lambda mark, _: bool(mark.swapped)))
        )
        return is_stored
