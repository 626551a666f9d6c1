"""Tables of both files, and the opening of each."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from polystep.stores.sqlite.asks import ASKS
from polystep.stores.sqlite.bulks import BULKS, PATCHED
from polystep.stores.sqlite.calls import CALLS
from polystep.stores.sqlite.cancellations import CANCELLATIONS
from polystep.stores.sqlite.database import Database
from polystep.stores.sqlite.event_keys import EVENT_KEYS
from polystep.stores.sqlite.histories import HISTORIES
from polystep.stores.sqlite.journal import JOURNAL
from polystep.stores.sqlite.once_keys import ONCE_KEYS
from polystep.stores.sqlite.rates import RATES
from polystep.stores.sqlite.request_keys import REQUEST_KEYS
from polystep.stores.sqlite.signals import SIGNALS

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
  timed_at_ms INTEGER,
  -- Of the host that emitted it: hosts of earlier ones do not run it.
  deployment INTEGER NOT NULL DEFAULT 0,
  -- How often its run was suspended; NULL without a journal.
  resumes INTEGER,
  -- It has rows in `cancel_keys`.
  cancellable INTEGER NOT NULL DEFAULT 0,
  -- Its run is suspended, and counts for the limit of its step all the same.
  holds_place INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (step, status, run_at_ms, id);
CREATE INDEX IF NOT EXISTS deliveries_leased ON deliveries (lease_until_ms) WHERE status = 2;
CREATE INDEX IF NOT EXISTS deliveries_fifo ON deliveries (step, fifo_key, status, id) WHERE fifo_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS deliveries_run ON deliveries (run_id);
CREATE INDEX IF NOT EXISTS deliveries_places ON deliveries (step, run_at_ms, id) WHERE status = 0 AND holds_place = 1;
CREATE TABLE IF NOT EXISTS dead_letters (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL, event_id TEXT NOT NULL, topic TEXT NOT NULL, step TEXT NOT NULL, data BLOB NOT NULL,
  trace_id TEXT NOT NULL, run_id TEXT NOT NULL, parent_run_id TEXT, fifo_key TEXT,
  attempts INTEGER NOT NULL, error TEXT NOT NULL, enqueued_at_ms INTEGER NOT NULL, died_at_ms INTEGER NOT NULL,
  -- Of the error; missing in rows of before there were fingerprints, until somebody asks for groups.
  fingerprint TEXT
);
-- Groups and counts are read from the index alone: the rows hold the data of the events.
CREATE INDEX IF NOT EXISTS dead_letters_groups ON dead_letters (fingerprint, step, topic, died_at_ms, fifo_key);
CREATE INDEX IF NOT EXISTS dead_letters_run ON dead_letters (run_id);
-- Events of a topic without a known subscriber. No deliveries: nothing that counts or claims those may meet them.
CREATE TABLE IF NOT EXISTS parked (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL, topic TEXT NOT NULL, trace_id TEXT NOT NULL, run_id TEXT NOT NULL, parent_run_id TEXT,
  fifo_key TEXT, taken_by TEXT NOT NULL DEFAULT '[]', enqueued_at_ms INTEGER NOT NULL, data BLOB NOT NULL,
  deployment INTEGER NOT NULL DEFAULT 0,
  -- Not before this time, and before the delay of a step.
  run_at_ms INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS parked_run ON parked (run_id);
-- The last tick of each cron step: of several hosts that fire one tick, one stores it.
CREATE TABLE IF NOT EXISTS cron_ticks (step TEXT PRIMARY KEY, due_ms INTEGER NOT NULL);
-- Steps of which nothing is claimed until somebody resumes them.
CREATE TABLE IF NOT EXISTS paused_steps (step TEXT PRIMARY KEY, since_ms INTEGER NOT NULL);
-- Cron steps that do not fire until somebody resumes them.
CREATE TABLE IF NOT EXISTS paused_cron (step TEXT PRIMARY KEY, since_ms INTEGER NOT NULL, note TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS subscriptions (
  deployment INTEGER NOT NULL, file TEXT NOT NULL, step TEXT NOT NULL, topic TEXT NOT NULL,
  PRIMARY KEY (deployment, file, step, topic)
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
  error TEXT,
  -- The start of the host that queued it; missing in rows of before runs had one.
  owner TEXT,
  -- Whole data of the delivery, packed; last, since it may be large.
  input BLOB
);
CREATE INDEX IF NOT EXISTS runs_trace ON runs (trace_id);
CREATE INDEX IF NOT EXISTS runs_open ON runs (status) WHERE status IN ('waiting', 'running');
CREATE TABLE IF NOT EXISTS attempts (
  run_id TEXT NOT NULL, attempt INTEGER NOT NULL, status TEXT NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER,
  duration_ms REAL, error TEXT, result TEXT, PRIMARY KEY (run_id, attempt)
);
CREATE TABLE IF NOT EXISTS operations (
  id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, attempt INTEGER NOT NULL, at_ms REAL NOT NULL, type TEXT NOT NULL,
  data TEXT NOT NULL,
  -- Missing in rows of before operations were timed.
  span_id TEXT, duration_ms REAL
);
CREATE INDEX IF NOT EXISTS operations_run ON operations (run_id);
-- Replays: of the run of an event or a request as a trace of its own, of a dead letter in the trace that it had.
CREATE TABLE IF NOT EXISTS replays (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, trace_id TEXT NOT NULL, of_trace_id TEXT NOT NULL, of_run_id TEXT NOT NULL,
  step TEXT NOT NULL, edited INTEGER NOT NULL, at_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS replays_trace ON replays (trace_id);
CREATE INDEX IF NOT EXISTS replays_of ON replays (of_trace_id);
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

_SPANS: Final = """
ALTER TABLE operations ADD COLUMN span_id TEXT;
ALTER TABLE operations ADD COLUMN duration_ms REAL;
"""

_OWNED: Final = "ALTER TABLE runs ADD COLUMN owner TEXT;"

_INPUTS: Final = "ALTER TABLE runs ADD COLUMN input BLOB;"

_TIMED: Final = "ALTER TABLE deliveries ADD COLUMN timed_at_ms INTEGER;"

_RESUMES: Final = "ALTER TABLE deliveries ADD COLUMN resumes INTEGER;"

_FINGERPRINTS: Final = "ALTER TABLE dead_letters ADD COLUMN fingerprint TEXT;"

# The tables that may be missing are created as they were, so that there is something to change.
_DEPLOYED: Final = """
CREATE TABLE IF NOT EXISTS parked (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL, topic TEXT NOT NULL, trace_id TEXT NOT NULL, run_id TEXT NOT NULL, parent_run_id TEXT,
  fifo_key TEXT, taken_by TEXT NOT NULL DEFAULT '[]', enqueued_at_ms INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS subscriptions (
  file TEXT NOT NULL, step TEXT NOT NULL, topic TEXT NOT NULL, PRIMARY KEY (file, step, topic)
);
ALTER TABLE deliveries ADD COLUMN deployment INTEGER NOT NULL DEFAULT 0;
ALTER TABLE parked ADD COLUMN deployment INTEGER NOT NULL DEFAULT 0;
ALTER TABLE subscriptions RENAME TO subscriptions_before;
CREATE TABLE subscriptions (
  deployment INTEGER NOT NULL, file TEXT NOT NULL, step TEXT NOT NULL, topic TEXT NOT NULL,
  PRIMARY KEY (deployment, file, step, topic)
);
INSERT INTO subscriptions SELECT 0, file, step, topic FROM subscriptions_before;
DROP TABLE subscriptions_before;
"""

_PARKED_UNTIL: Final = "ALTER TABLE parked ADD COLUMN run_at_ms INTEGER NOT NULL DEFAULT 0;"

_CANCELLABLE: Final = "ALTER TABLE deliveries ADD COLUMN cancellable INTEGER NOT NULL DEFAULT 0;"

_PLACES: Final = "ALTER TABLE deliveries ADD COLUMN holds_place INTEGER NOT NULL DEFAULT 0;"

DURABLE_UPGRADES: Final = (_TIMED, _DEPLOYED, _RESUMES, _FINGERPRINTS, _PARKED_UNTIL, _CANCELLABLE, _PLACES, PATCHED)
"""Changes of `DURABLE`, oldest first; `user_version` counts those that a file has."""

SCHEMA: Final = len(DURABLE_UPGRADES)
"""Version of the schema of that file."""

TRACES_UPGRADES: Final = (_COUNTED, _SPANS, _OWNED, _INPUTS)
"""Changes of `TRACES`, oldest first."""

DURABLE_TABLES: Final = (
    DURABLE
    + JOURNAL
    + HISTORIES
    + ASKS
    + SIGNALS
    + CALLS
    + BULKS
    + EVENT_KEYS
    + REQUEST_KEYS
    + ONCE_KEYS
    + CANCELLATIONS
)
"""All tables of the file of deliveries, state and streams."""


def open_durable(path: Path, durability: str = "full") -> Database:
    """Prepare the file of deliveries, state and streams."""
    return Database(
        path,
        DURABLE_TABLES,
        durability=durability,
        upgrades=DURABLE_UPGRADES,
        holds="events, state and stream items",
    )


def open_traces(path: Path) -> Database:
    """Prepare the file of traces and logs: written in batches, it may lose the last of them at a power cut."""
    return Database(
        path,
        TRACES + RATES,
        durability="process",
        upgrades=TRACES_UPGRADES,
        returns_space=True,
        holds="traces and logs",
    )
