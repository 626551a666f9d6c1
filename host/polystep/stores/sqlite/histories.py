"""Histories in SQLite: journals of runs that have completed, kept for a while so that a run is begun again from a key.

Entries stay where they are, in `journal`: no live run has their run id. A row here says that the run is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

import apsw

from polystep.contracts import limits
from polystep.contracts.events import Delivery, NewDelivery
from polystep.contracts.journal import RecordedKey, RunHistory
from polystep.contracts.limits import RUN_INPUT_BYTES_MAX
from polystep.contracts.ports.clock import Clock
from polystep.stores.sqlite.database import Database
from polystep.stores.sqlite.forgetting import forget
from polystep.stores.sqlite.insertion import insert
from polystep.stores.sqlite.journal import JOURNAL_COLUMNS

HISTORIES: Final = """
CREATE TABLE IF NOT EXISTS histories (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL UNIQUE, ended_ms INTEGER NOT NULL, kind TEXT NOT NULL,
  topic TEXT NOT NULL, step TEXT NOT NULL, trace_id TEXT NOT NULL, fifo_key TEXT,
  -- Of this history and all before it: their difference is what is kept.
  total_bytes INTEGER NOT NULL,
  -- Missing when it is large; last, as it may be.
  data BLOB
);
"""

_PRUNED: Final = 2
"""Histories that one completion removes at most, which adds one."""
_SETTLED: Final = "(value IS NOT NULL OR kind = 'sleep' OR error IS NOT NULL)"
_DROP: Final = f"""
DELETE FROM journal WHERE run_id = ?1
AND NOT ({_SETTLED} AND (error IS NULL OR value IS NOT NULL OR final OR failures = ?2))"""
_SIZE: Final = """
SELECT count(*), coalesce(sum(length(key) + coalesce(length(value), 0) + coalesce(length(error), 0)), 0)
FROM journal WHERE run_id = ?"""
_ADD: Final = """
INSERT OR REPLACE INTO histories (run_id, ended_ms, kind, topic, step, trace_id, fifo_key, total_bytes, data)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 + coalesce((SELECT total_bytes FROM histories ORDER BY seq DESC LIMIT 1), 0),
  ?9)"""
_FOUND: Final = """
SELECT kind, topic, step, trace_id, fifo_key, data, 1 FROM histories WHERE run_id = ?1 AND ended_ms > ?2
UNION ALL
SELECT kind, topic, step, trace_id, fifo_key, data, 0 FROM dead_letters WHERE run_id = ?1 LIMIT 1"""
_RECORDED: Final = """
SELECT key, kind, kept_at_ms, rowid FROM journal WHERE run_id = ? AND rowid > ? ORDER BY rowid LIMIT ?"""
_HAS: Final = "SELECT 1 FROM journal WHERE run_id = ? AND key = ?"
# The errors of a dead letter are forgotten, as by its replay.
_COPY: Final = f"""
INSERT INTO journal (run_id, {JOURNAL_COLUMNS}) SELECT ?1, {JOURNAL_COLUMNS} FROM journal
WHERE run_id = ?2 AND {_SETTLED} AND (error IS NULL OR ?4)
AND rowid < (SELECT rowid FROM journal WHERE run_id = ?2 AND key = ?3) ORDER BY rowid"""


def end_journal(connection: apsw.Connection, delivery: Delivery, now_ms: int, keep_ms: int) -> None:
    """Turn the journal of a run that completes into its history, and remove histories that are old or too many."""
    if keep_ms > 0:
        # What would be found no more, and waits that nobody is at.
        connection.execute(_DROP, (delivery.run_id, delivery.failures))
        ((count, size),) = connection.execute(_SIZE, (delivery.run_id,)).fetchall()
        if count:
            _keep(connection, delivery, cast("int", size), now_ms)
        forget(connection, [delivery.run_id], now_ms, keeps_entries=bool(count))
    else:
        forget(connection, [delivery.run_id], now_ms)
    _prune(connection, now_ms, keep_ms)


class SqliteHistoryStore:
    """Implements `HistoryStore`."""

    def __init__(self, database: Database, clock: Clock, deployment: int, keep_ms: int) -> None:
        """Store what begins again as of this deployment; `keep_ms` is the time for which histories are kept."""
        self._database = database
        self._clock = clock
        self._deployment = deployment
        self._keep_ms = keep_ms

    async def find(self, run_id: str) -> RunHistory | None:
        """Read the row of its end, or its dead letter."""
        rows = self._database.read(_FOUND, (run_id, self._clock.now_ms() - self._keep_ms))
        if not rows:
            return None
        keys = self._database.read("SELECT key FROM journal WHERE run_id = ? ORDER BY rowid", (run_id,))
        kind, topic, step, trace_id, fifo_key, data, _ = rows[0]
        return RunHistory(kind, topic, step, trace_id, fifo_key, data, [key for (key,) in keys])

    async def recorded(self, run_id: str, limit: int, after: int) -> Sequence[RecordedKey]:
        """Read rows of the journal."""
        rows = self._database.read(_RECORDED, (run_id, after, limit))
        return [RecordedKey(*row) for row in rows]

    async def rerun(self, run_id: str, key: str, new: NewDelivery) -> bool:
        """Copy rows of the journal."""
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> bool:
            rows = connection.execute(_FOUND, (run_id, now_ms - self._keep_ms)).fetchall()
            if not rows or not connection.execute(_HAS, (run_id, key)).fetchall():
                return False
            connection.execute(_COPY, (new.run_id, run_id, key, rows[0][-1]))
            insert(connection, [new], now_ms, None, self._deployment)
            connection.execute("UPDATE deliveries SET resumes = 0 WHERE run_id = ?", (new.run_id,))
            return True

        return await self._database.write(job)


def _keep(connection: apsw.Connection, delivery: Delivery, size: int, now_ms: int) -> None:
    # Errors count within a try: in a run that begins again with them, within its first.
    connection.execute("UPDATE journal SET failures = 0 WHERE run_id = ? AND failures <> 0", (delivery.run_id,))
    data = delivery.data if len(delivery.data) <= RUN_INPUT_BYTES_MAX else None
    connection.execute(
        _ADD,
        (delivery.run_id, now_ms, delivery.kind, delivery.topic, delivery.step, delivery.trace_id, delivery.fifo_key,
         size + len(data or b""), data),
    )  # fmt: skip


def _prune(connection: apsw.Connection, now_ms: int, keep_ms: int) -> None:
    """Remove some of the oldest histories, as far as they are old, or beyond the bounds."""
    newest = connection.execute("SELECT seq, total_bytes FROM histories ORDER BY seq DESC LIMIT 1").fetchall()
    if not newest:
        return
    seq_max, total_max = cast("tuple[int, int]", newest[0])
    oldest = "SELECT seq, run_id, ended_ms, total_bytes FROM histories ORDER BY seq LIMIT ?"
    for row in connection.execute(oldest, (_PRUNED,)).fetchall():
        seq, run_id, ended_ms, total = cast("tuple[int, str, int, int]", row)
        is_old = ended_ms <= now_ms - keep_ms
        if is_old or seq <= seq_max - limits.HISTORIES_MAX or total <= total_max - limits.HISTORIES_BYTES_MAX:
            connection.execute("DELETE FROM histories WHERE seq = ?", (seq,))
            forget(connection, [run_id], now_ms)
