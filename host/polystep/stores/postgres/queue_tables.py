"""Tables of the deliveries. `{schema}` stands for the project's schema; see `schema`."""

from __future__ import annotations

from typing import Final

DELIVERIES: Final = """
-- Names are bytes of UTF-8, as in the state.
CREATE TABLE {schema}.deliveries (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL, event_id text NOT NULL, topic bytea NOT NULL, step bytea NOT NULL, data bytea NOT NULL,
  trace_id text NOT NULL, run_id text COLLATE "C" NOT NULL, parent_run_id text, fifo_key bytea,
  -- 0 ready, 1 blocked, 2 running.
  status smallint NOT NULL, run_at_ms bigint NOT NULL, enqueued_at_ms bigint NOT NULL,
  token integer NOT NULL DEFAULT 0, attempt integer NOT NULL DEFAULT 0,
  failures integer NOT NULL DEFAULT 0, crashes integer NOT NULL DEFAULT 0,
  owner text, lease_until_ms bigint, error text,
  -- The registration that claimed it, and the call that did; no call for what was claimed as it was stored.
  host bigint, claim_seq bigint,
  -- When run_at_ms was set, if that was not when it was stored.
  timed_at_ms bigint,
  -- Of the host that emitted it: hosts of earlier ones do not run it.
  deployment bigint NOT NULL,
  -- How often its run was suspended; NULL without a journal.
  resumes integer,
  -- Its run is suspended, and counts for the limit of its step all the same.
  holds_place boolean NOT NULL DEFAULT false,
  -- It has rows in `cancel_keys`.
  cancellable boolean NOT NULL DEFAULT false
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
  autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
CREATE INDEX deliveries_due ON {schema}.deliveries (step, run_at_ms, id) WHERE status = 0;
CREATE INDEX deliveries_running ON {schema}.deliveries (step, lease_until_ms) WHERE status = 2;
CREATE INDEX deliveries_fifo ON {schema}.deliveries (step, fifo_key, id) WHERE fifo_key IS NOT NULL;
CREATE INDEX deliveries_places ON {schema}.deliveries (step, run_at_ms, id) WHERE status = 0 AND holds_place;
CREATE INDEX deliveries_run ON {schema}.deliveries (run_id);
-- Rows to lock, and nothing else: of FIFO keys, and of steps with a limit over all hosts.
CREATE TABLE {schema}.fifo_keys (
  step bytea NOT NULL, key bytea NOT NULL, PRIMARY KEY (step, key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
CREATE TABLE {schema}.step_limits (step bytea PRIMARY KEY);
CREATE TABLE {schema}.dead_letters (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL, event_id text NOT NULL, topic bytea NOT NULL, step bytea NOT NULL, data bytea NOT NULL,
  trace_id text NOT NULL, run_id text COLLATE "C" NOT NULL, parent_run_id text, fifo_key bytea,
  attempts integer NOT NULL, error text NOT NULL, fingerprint text NOT NULL, enqueued_at_ms bigint NOT NULL,
  died_at_ms bigint NOT NULL
);
CREATE INDEX dead_letters_run ON {schema}.dead_letters (run_id);
CREATE TABLE {schema}.parked (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id text NOT NULL, topic bytea NOT NULL, trace_id text NOT NULL, run_id text COLLATE "C" NOT NULL,
  parent_run_id text, fifo_key bytea, taken_by text NOT NULL, enqueued_at_ms bigint NOT NULL, data bytea NOT NULL,
  deployment bigint NOT NULL, run_at_ms bigint NOT NULL
);
CREATE INDEX parked_run ON {schema}.parked (run_id);
"""
