"""Tables and functions of journals. `{schema}` stands for the project's schema; see `schema`.

What a run keeps is written in the group of its lane, after its delivery was found current and locked there.
"""

from __future__ import annotations

from typing import Final

JOURNAL: Final = """
CREATE SEQUENCE {schema}.journal_seq;
CREATE TABLE {schema}.journal (
  run_id text COLLATE "C" NOT NULL, key bytea NOT NULL, kind text NOT NULL, kept_at_ms bigint NOT NULL, value bytea,
  error bytea, final boolean NOT NULL, failures integer NOT NULL, due_ms bigint, sensitive boolean NOT NULL,
  -- Orders what was recorded; an entry that takes the place of another is recorded anew.
  seq bigint NOT NULL, PRIMARY KEY (run_id, key)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
CREATE TABLE {schema}.sent_emits (
  run_id text COLLATE "C" NOT NULL, print bytea NOT NULL, topic bytea NOT NULL, times integer NOT NULL,
  PRIMARY KEY (run_id, print)
);

-- Writes entries, and counts the events that have left, of deliveries that were current.
CREATE FUNCTION {schema}.keep_1(
  kept boolean[],
  j_source integer[], j_run text[], j_key bytea[], j_kind text[], j_at bigint[], j_value bytea[], j_error bytea[],
  j_final boolean[], j_failures integer[], j_due bigint[], j_sensitive boolean[],
  m_source integer[], m_run text[], m_print bytea[], m_topic bytea[], m_times integer[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {schema}.journal AS t (run_id, key, kind, kept_at_ms, value, error, final, failures, due_ms, sensitive,
    seq)
  SELECT j.run, j.key, j.kind, j.at, j.value, j.error, j.final, j.failures, j.due, j.sensitive,
    nextval('{schema}.journal_seq')
  FROM unnest(j_source, j_run, j_key, j_kind, j_at, j_value, j_error, j_final, j_failures, j_due, j_sensitive)
    AS j(source, run, key, kind, at, value, error, final, failures, due, sensitive)
  WHERE kept IS NULL OR kept[j.source]
  ON CONFLICT (run_id, key) DO UPDATE SET kind = excluded.kind, kept_at_ms = excluded.kept_at_ms,
    value = excluded.value, error = excluded.error, final = excluded.final, failures = excluded.failures,
    due_ms = excluded.due_ms, sensitive = excluded.sensitive, seq = excluded.seq;
  IF m_run IS NOT NULL THEN
    INSERT INTO {schema}.sent_emits AS t (run_id, print, topic, times)
    SELECT m.run, m.print, m.topic, m.times FROM unnest(m_source, m_run, m_print, m_topic, m_times)
      AS m(source, run, print, topic, times)
    WHERE kept IS NULL OR kept[m.source]
    ON CONFLICT (run_id, print) DO UPDATE SET times = t.times + excluded.times;
  END IF;
END $$;

-- Writes one entry; whoever calls it holds the run.
CREATE FUNCTION {schema}.keep_entry_1(
  run text, key_ bytea, kind_ text, kept_at bigint, value_ bytea, error_ bytea, final_ boolean, failures_ integer,
  due_ bigint, sensitive_ boolean
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM {schema}.keep_1(NULL, ARRAY[1], ARRAY[run], ARRAY[key_], ARRAY[kind_], ARRAY[kept_at], ARRAY[value_],
    ARRAY[error_], ARRAY[final_], ARRAY[failures_], ARRAY[due_], ARRAY[sensitive_], NULL, NULL, NULL, NULL, NULL);
END $$;

-- Removes what runs that are over wait for and have sent, and cancels their asks.
CREATE FUNCTION {schema}.forget_waits_1(runs text[], now_ bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE {schema}.asks a SET status = 'cancelled', closed_at_ms = now_
    WHERE a.status = 'open' AND a.run_id = ANY (runs);
  DELETE FROM {schema}.signal_waits w WHERE w.run_id = ANY (runs);
  DELETE FROM {schema}.calls c WHERE c.run_id = ANY (runs);
  DELETE FROM {schema}.sent_emits s WHERE s.run_id = ANY (runs);
END $$;
-- Likewise with all that they have kept.
CREATE FUNCTION {schema}.forget_1(runs text[], now_ bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM {schema}.forget_waits_1(runs, now_);
  DELETE FROM {schema}.journal j WHERE j.run_id = ANY (runs);
END $$;

-- Lets runs that are tried again find their values and waits. What had failed is asked again; what is kept under some
-- keys is removed, or all of it.
CREATE FUNCTION {schema}.revive_1(runs text[], forgets_all boolean, keys bytea[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF forgets_all THEN
    DELETE FROM {schema}.journal j WHERE j.run_id = ANY (runs);
    DELETE FROM {schema}.sent_emits s WHERE s.run_id = ANY (runs);
  END IF;
  IF forgets_all OR cardinality(keys) > 0 THEN
    DELETE FROM {schema}.asks a WHERE a.run_id = ANY (runs) AND (forgets_all OR a.key = ANY (keys));
    DELETE FROM {schema}.signal_waits w WHERE w.run_id = ANY (runs) AND (forgets_all OR w.key = ANY (keys));
    DELETE FROM {schema}.calls c WHERE c.run_id = ANY (runs) AND (forgets_all OR c.key = ANY (keys));
  END IF;
  IF forgets_all THEN RETURN; END IF;
  DELETE FROM {schema}.journal j WHERE j.run_id = ANY (runs) AND (j.error IS NOT NULL OR j.key = ANY (keys)
    OR (j.kind = 'once' AND j.due_ms IS NOT NULL));
  UPDATE {schema}.deliveries d SET resumes = 0 WHERE d.run_id = ANY (runs) AND (
    EXISTS (SELECT FROM {schema}.journal j WHERE j.run_id = d.run_id)
    OR EXISTS (SELECT FROM {schema}.sent_emits s WHERE s.run_id = d.run_id));
END $$;
"""
