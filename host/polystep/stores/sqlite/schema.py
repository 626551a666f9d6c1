"""The tables of both files, and how each is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from polystep.stores.sqlite.database import Database

DURABLE: Final = """
CREATE TABLE IF NOT EXISTS state (
  grp TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (grp, key)
);
CREATE TABLE IF NOT EXISTS stream_items (
  stream TEXT NOT NULL, grp TEXT NOT NULL, id TEXT NOT NULL, value BLOB NOT NULL, created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (stream, grp, id)
);
-- Groups are read oldest first, in pages.
CREATE INDEX IF NOT EXISTS stream_items_oldest ON stream_items (stream, grp, created_at_ms);
-- AUTOINCREMENT: an id is never used again, so an answer for a finished delivery cannot hit a new one.
CREATE TABLE IF NOT EXISTS deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL, event_id TEXT NOT NULL, topic TEXT NOT NULL, step TEXT NOT NULL, data BLOB NOT NULL,
  trace_id TEXT NOT NULL, run_id TEXT NOT NULL, parent_run_id TEXT, fifo_key TEXT,
  status INTEGER NOT NULL, run_at_ms INTEGER NOT NULL, enqueued_at_ms INTEGER NOT NULL,
  token INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0, crashes INTEGER NOT NULL DEFAULT 0,
  owner TEXT, lease_until_ms INTEGER, error TEXT,
  -- When run_at_ms was set, if that was not when it was stored.
  timed_at_ms INTEGER
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (step, status, run_at_ms, id);
CREATE INDEX IF NOT EXISTS deliveries_leased ON deliveries (lease_until_ms) WHERE status = 2;
CREATE INDEX IF NOT EXISTS deliveries_fifo ON deliveries (step, fifo_key, status, id) WHERE fifo_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS deliveries_run ON deliveries (run_id);
CREATE TABLE IF NOT EXISTS dead_letters (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL, event_id TEXT NOT NULL, topic TEXT NOT NULL, step TEXT NOT NULL, data BLOB NOT NULL,
  trace_id TEXT NOT NULL, run_id TEXT NOT NULL, parent_run_id TEXT, fifo_key TEXT,
  attempts INTEGER NOT NULL, error TEXT NOT NULL, enqueued_at_ms INTEGER NOT NULL, died_at_ms INTEGER NOT NULL
);
-- Events of a topic without a known subscriber. No deliveries: nothing that counts or claims those may meet them.
CREATE TABLE IF NOT EXISTS parked (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL, topic TEXT NOT NULL, trace_id TEXT NOT NULL, run_id TEXT NOT NULL, parent_run_id TEXT,
  fifo_key TEXT, taken_by TEXT NOT NULL DEFAULT '[]', enqueued_at_ms INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS parked_run ON parked (run_id);
CREATE TABLE IF NOT EXISTS subscriptions (
  file TEXT NOT NULL, step TEXT NOT NULL, topic TEXT NOT NULL, PRIMARY KEY (file, step, topic)
);
"""

TRACES: Final = """
CREATE TABLE IF NOT EXISTS traces (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, trace_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, type TEXT NOT NULL,
  status TEXT NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER, runs INTEGER NOT NULL DEFAULT 0,
  -- How many of its runs are so. Counted as they change: a trace may have a million runs.
  open INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS traces_started ON traces (started_ms);
CREATE TABLE IF NOT EXISTS runs (
  run_id TEXT PRIMARY KEY, trace_id TEXT NOT NULL, parent_run_id TEXT, step TEXT NOT NULL, type TEXT NOT NULL,
  trigger TEXT NOT NULL, status TEXT NOT NULL, queued_ms INTEGER NOT NULL, started_ms INTEGER, ended_ms INTEGER,
  error TEXT
);
CREATE INDEX IF NOT EXISTS runs_trace ON runs (trace_id);
CREATE INDEX IF NOT EXISTS runs_open ON runs (status) WHERE status IN ('waiting', 'running');
CREATE TABLE IF NOT EXISTS attempts (
  run_id TEXT NOT NULL, attempt INTEGER NOT NULL, status TEXT NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER,
  duration_ms REAL, error TEXT, result TEXT, PRIMARY KEY (run_id, attempt)
);
CREATE TABLE IF NOT EXISTS operations (
  id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, attempt INTEGER NOT NULL, at_ms REAL NOT NULL, type TEXT NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS operations_run ON operations (run_id);
CREATE TABLE IF NOT EXISTS logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, level TEXT NOT NULL, message TEXT NOT NULL,
  fields TEXT, step TEXT, trace_id TEXT, run_id TEXT, source TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS logs_trace ON logs (trace_id) WHERE trace_id IS NOT NULL;
"""


RECOUNT: Final = """
UPDATE traces SET (runs, open, failed, rejected, ended_ms, status) = (
  SELECT count(*), coalesce(sum(status IN ('waiting', 'running')), 0),
    coalesce(sum(status IN ('failed', 'interrupted')), 0), coalesce(sum(status = 'rejected'), 0), max(ended_ms),
    CASE WHEN sum(status IN ('waiting', 'running')) > 0 THEN 'running'
         WHEN sum(status IN ('failed', 'interrupted')) > 0 THEN 'failed'
         WHEN sum(status = 'rejected') > 0 THEN 'rejected'
         ELSE 'completed' END
  FROM runs WHERE runs.trace_id = traces.trace_id)"""
"""Counts the runs of traces again, at the cost of reading all of them."""

_COUNTED: Final = f"""
ALTER TABLE traces ADD COLUMN open INTEGER NOT NULL DEFAULT 0;
ALTER TABLE traces ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE traces ADD COLUMN rejected INTEGER NOT NULL DEFAULT 0;
{RECOUNT};
"""

_TIMED: Final = "ALTER TABLE deliveries ADD COLUMN timed_at_ms INTEGER;"


DURABLE_UPGRADES: Final = (_TIMED,)
"""What has changed in `DURABLE`, oldest first; `user_version` counts those that a file has."""


def open_durable(path: Path, durability: str = "full") -> Database:
    """The file of deliveries, state and streams."""
    return Database(
        path, DURABLE, durability=durability, upgrades=DURABLE_UPGRADES, holds="events, state and stream items"
    )


def open_traces(path: Path) -> Database:
    """The file of traces and logs: written in batches, may lose the last of them at a power cut."""
    return Database(
        path, TRACES, durability="process", upgrades=[_COUNTED], returns_space=True, holds="traces and logs"
    )
