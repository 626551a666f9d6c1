"""Tables and functions of histories: journals of runs that have completed. `{schema}` stands for the project's schema.

Entries stay where they are, in `journal`: no live run has their run id. A row here says that the run is over.
"""

from __future__ import annotations

from typing import Final

_SETTLED: Final = "(j.value IS NOT NULL OR j.kind = 'sleep' OR j.error IS NOT NULL)"

HISTORY_TABLES: Final = """
CREATE TABLE {schema}.histories (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run_id text COLLATE "C" NOT NULL UNIQUE,
  ended_ms bigint NOT NULL, kind text NOT NULL, topic bytea NOT NULL, step bytea NOT NULL, trace_id text NOT NULL,
  fifo_key bytea, bytes bigint NOT NULL,
  -- Missing when it is large.
  data bytea
);
CREATE INDEX histories_bytes ON {schema}.histories (seq, bytes);
"""

HISTORIES: Final = f"""
-- Turns journals of runs that complete into their histories, or forgets them. `terms` is JSON: the time for which they
-- are kept, and how many, and how many bytes; without it none is kept. Of the runs it has what is kept beside entries.
CREATE FUNCTION {{schema}}.end_journals_1(
  runs text[], failures_ integer[], kinds text[], topics bytea[], steps bytea[], traces text[], keys bytea[],
  data_ bytea[], now_ bigint, terms text
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  ended text[];
BEGIN
  IF terms IS NULL THEN
    PERFORM {{schema}}.forget_1(runs, now_);
    RETURN;
  END IF;
  -- What would be found no more, and waits that nobody is at.
  DELETE FROM {{schema}}.journal j USING unnest(runs, failures_) AS r(run, failures)
    WHERE j.run_id = r.run
      AND NOT ({_SETTLED} AND (j.error IS NULL OR j.value IS NOT NULL OR j.final OR j.failures = r.failures));
  WITH kept AS (
    SELECT j.run_id, sum(length(j.key) + coalesce(length(j.value), 0) + coalesce(length(j.error), 0)) AS bytes
    FROM {{schema}}.journal j WHERE j.run_id = ANY (runs) GROUP BY j.run_id
  ), stored AS (
    INSERT INTO {{schema}}.histories AS h (run_id, ended_ms, kind, topic, step, trace_id, fifo_key, bytes, data)
    SELECT r.run, now_, r.kind, r.topic, r.step, r.trace, r.key, k.bytes + coalesce(length(r.data), 0), r.data
    FROM unnest(runs, kinds, topics, steps, traces, keys, data_) AS r(run, kind, topic, step, trace, key, data)
    JOIN kept k ON k.run_id = r.run ON CONFLICT (run_id) DO UPDATE SET ended_ms = excluded.ended_ms
    RETURNING h.run_id
  )
  SELECT coalesce(array_agg(s.run_id), '{{{{}}}}') INTO ended FROM stored s;
  -- Errors count within a try: in a run that begins again with them, within its first.
  UPDATE {{schema}}.journal j SET failures = 0 WHERE j.run_id = ANY (ended) AND j.failures <> 0;
  PERFORM {{schema}}.forget_waits_1(runs, now_);
  PERFORM {{schema}}.prune_histories_1(now_, (terms::json ->> 0)::bigint, (terms::json ->> 1)::bigint,
    (terms::json ->> 2)::bigint);
END $$;

-- Removes the oldest histories as far as they are old or beyond the bounds. All bytes are counted with every 64th one,
-- and with those that have more than a 64th of what may be kept: so it is never twice as much.
CREATE FUNCTION {{schema}}.prune_histories_1(now_ bigint, keep_ms bigint, most bigint, most_bytes bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  newest record;
  upto bigint;
  gone text[];
BEGIN
  SELECT h.seq, h.bytes INTO newest FROM {{schema}}.histories h ORDER BY h.seq DESC LIMIT 1;
  IF NOT FOUND THEN RETURN; END IF;
  IF newest.seq % 64 = 0 OR newest.bytes >= most_bytes / 64 THEN
    SELECT max(x.seq) INTO upto FROM (
      SELECT h.seq, sum(h.bytes) OVER (ORDER BY h.seq DESC ROWS UNBOUNDED PRECEDING) - h.bytes AS newer
      FROM {{schema}}.histories h) AS x WHERE x.newer >= most_bytes;
  END IF;
  WITH old AS (
    DELETE FROM {{schema}}.histories h WHERE h.seq = ANY (ARRAY (
      SELECT x.seq FROM (SELECT y.seq, y.ended_ms FROM {{schema}}.histories y ORDER BY y.seq LIMIT 100) AS x
      WHERE x.ended_ms <= now_ - keep_ms OR x.seq <= newest.seq - most OR x.seq <= upto)) RETURNING h.run_id
  )
  SELECT array_agg(o.run_id) INTO gone FROM old o;
  IF gone IS NOT NULL THEN PERFORM {{schema}}.forget_1(gone, now_); END IF;
END $$;

-- Stores a delivery of a run that begins again before a key of another; notes with the lane whether that has it still.
CREATE FUNCTION {{schema}}.rerun_1(
  lane bigint, epoch_ integer, seq_ bigint, of_run text, before_ bytea, since bigint, lock_step bytea, lock bytea,
  n_source integer[], n_kind text[], n_event text[], n_topic bytea[], n_step bytea[], n_data bytea[], n_trace text[],
  n_run text[], n_parent text[], n_key bytea[], n_run_at bigint[], n_now bigint[], n_deployment bigint[],
  n_owner text[], n_lease bigint[], n_limit integer[], n_counting boolean[], n_target smallint[], n_note text[],
  n_print text[], n_extra text[]
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  host_ bigint := {{schema}}.fence_1(lane, epoch_, seq_);
  is_history boolean;
  upto bigint;
BEGIN
  PERFORM {{schema}}.lock_keys_1(ARRAY[lock_step], ARRAY[lock]);
  UPDATE {{schema}}.lanes SET swapped = '{{{{}}}}' WHERE id = lane;
  SELECT x.is_history INTO is_history FROM (
    SELECT true AS is_history FROM {{schema}}.histories h WHERE h.run_id = of_run AND h.ended_ms > since
    UNION ALL SELECT false FROM {{schema}}.dead_letters d WHERE d.run_id = of_run) AS x LIMIT 1;
  SELECT j.seq INTO upto FROM {{schema}}.journal j WHERE j.run_id = of_run AND j.key = before_;
  IF is_history IS NULL OR upto IS NULL THEN RETURN false; END IF;
  -- The errors of a dead letter are forgotten, as by its replay.
  INSERT INTO {{schema}}.journal (run_id, key, kind, kept_at_ms, value, error, final, failures, due_ms, sensitive, seq)
    SELECT n_run[1], j.key, j.kind, j.kept_at_ms, j.value, j.error, j.final, j.failures, j.due_ms, j.sensitive,
      nextval('{{schema}}.journal_seq') FROM (
      SELECT * FROM {{schema}}.journal j WHERE j.run_id = of_run AND {_SETTLED} AND (j.error IS NULL OR is_history)
        AND j.seq < upto ORDER BY j.seq) AS j;
  PERFORM {{schema}}.store_1(host_, NULL, lock IS NOT NULL, n_source, n_kind, n_event, n_topic, n_step, n_data, n_trace,
    n_run, n_parent, n_key, n_run_at, n_now, n_deployment, n_owner, n_lease, n_limit, n_counting, n_target, n_note,
    n_print, n_extra);
  UPDATE {{schema}}.deliveries d SET resumes = 0 WHERE d.run_id = n_run[1];
  UPDATE {{schema}}.lanes SET swapped = '{{{{1}}}}' WHERE id = lane;
  RETURN true;
END $$;
"""
