"""Tables and functions of rare writes to the queue: ticks, parked events, pauses, and changes to many deliveries.

`{schema}` stands for the project's schema; see `schema`. Each locks all keys that it means with one statement before it
changes anything, as a group does.
"""

from __future__ import annotations

from typing import Final

TICKS: Final = """
-- The last tick of each cron step: of several hosts that fire one tick, one stores it.
CREATE TABLE {schema}.cron_ticks (step bytea PRIMARY KEY, due_ms bigint NOT NULL);

-- Stores a tick. Notes with the lane what has become of it: 1 stored, 2 stored elsewhere, 3 an earlier one is there.
CREATE FUNCTION {schema}.tick_1(
  lane bigint, epoch_ integer, seq bigint, due bigint, now_ bigint,
  n_kind text, n_event text, n_topic bytea, n_step bytea, n_data bytea, n_trace text, n_run text, n_parent text,
  n_key bytea, n_run_at bigint, n_deployment bigint, n_owner text, n_lease bigint, n_limit integer,
  n_counting boolean, n_target smallint, n_note text, n_print text, n_extra text
) RETURNS TABLE (fate integer, run text, born bigint) LANGUAGE plpgsql AS $$
DECLARE
  host_ bigint := {schema}.fence_1(lane, epoch_, seq);
  fate_ integer := 1;
BEGIN
  PERFORM {schema}.lock_keys_1(ARRAY[n_step], ARRAY[n_key]);
  IF n_limit IS NOT NULL THEN PERFORM {schema}.lock_limits_1(ARRAY[n_step]); END IF;
  IF due IS NOT NULL THEN
    -- A last due time in the future is from before the clock was set back: it counts no more.
    INSERT INTO {schema}.cron_ticks AS t (step, due_ms) VALUES (n_step, due)
      ON CONFLICT (step) DO UPDATE SET due_ms = excluded.due_ms WHERE t.due_ms < excluded.due_ms OR t.due_ms > now_;
    IF NOT FOUND THEN fate_ := 2; END IF;
  END IF;
  -- A blocked one has a head that is not.
  IF fate_ = 1 AND (EXISTS (SELECT FROM {schema}.deliveries d WHERE d.step = n_step AND d.status = 0)
      OR EXISTS (SELECT FROM {schema}.deliveries d WHERE d.step = n_step AND d.status = 2)) THEN
    fate_ := 3;
  END IF;
  UPDATE {schema}.lanes SET swapped = ARRAY[fate_] WHERE id = lane;
  IF fate_ = 1 THEN
    RETURN QUERY SELECT 0, s.run, s.born FROM {schema}.store_1(host_, NULL, true, ARRAY[NULL::integer], ARRAY[n_kind],
      ARRAY[n_event], ARRAY[n_topic], ARRAY[n_step], ARRAY[n_data], ARRAY[n_trace], ARRAY[n_run], ARRAY[n_parent],
      ARRAY[n_key], ARRAY[n_run_at], ARRAY[now_], ARRAY[n_deployment], ARRAY[n_owner], ARRAY[n_lease],
      ARRAY[n_limit], ARRAY[n_counting], ARRAY[n_target], ARRAY[n_note], ARRAY[n_print],
      CASE WHEN n_extra IS NOT NULL THEN ARRAY[n_extra] END) AS s;
  END IF;
  RETURN QUERY SELECT fate_, NULL::text, NULL::bigint;
END $$;
"""

PARKED: Final = """
-- Turns parked events into deliveries that still have their `taken_by`. Notes with the lane which of them.
CREATE FUNCTION {schema}.unpark_1(
  lane bigint, epoch_ integer, seq bigint, p_id bigint[], p_before text[], p_after text[], q_key_step bytea[],
  q_key bytea[],
  n_source integer[], n_kind text[], n_event text[], n_topic bytea[], n_step bytea[], n_data bytea[], n_trace text[],
  n_run text[], n_parent text[], n_key bytea[], n_run_at bigint[], n_now bigint[], n_deployment bigint[],
  n_owner text[], n_lease bigint[], n_limit integer[], n_counting boolean[], n_target smallint[], n_note text[],
  n_print text[], n_extra text[]
) RETURNS TABLE (place integer) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  host_ bigint := {schema}.fence_1(lane, epoch_, seq);
  done integer[];
  kept boolean[] := array_fill(false, ARRAY[cardinality(p_id)]);
  each integer;
BEGIN
  IF q_key IS NOT NULL THEN PERFORM {schema}.lock_keys_1(q_key_step, q_key); END IF;
  WITH p AS MATERIALIZED (
    SELECT p.* FROM unnest(p_id, p_before, p_after) WITH ORDINALITY AS p(id, before, after, place)
  ), changed AS (
    UPDATE {schema}.parked t SET taken_by = p.after FROM p
      WHERE t.id = p.id AND t.taken_by = p.before AND p.after IS NOT NULL RETURNING p.place
  ), gone AS (
    DELETE FROM {schema}.parked t USING p
      WHERE t.id = p.id AND t.taken_by = p.before AND p.after IS NULL RETURNING p.place
  )
  SELECT coalesce(array_agg(d.place::integer), '{{}}') INTO done FROM (TABLE changed UNION ALL TABLE gone) AS d;
  UPDATE {schema}.lanes SET swapped = done WHERE id = lane;
  FOREACH each IN ARRAY done LOOP kept[each] := true; END LOOP;
  IF n_kind IS NOT NULL THEN
    PERFORM {schema}.store_1(host_, kept, true, n_source, n_kind, n_event, n_topic, n_step, n_data, n_trace, n_run,
      n_parent, n_key, n_run_at, n_now, n_deployment, n_owner, n_lease, n_limit, n_counting, n_target, n_note, n_print,
      n_extra);
    -- The id of a parked event is that of its deliveries from now on.
    INSERT INTO {schema}.event_keys (topic, id, step, event_id, run_id, until_ms)
      SELECT k.topic, k.id, n.step, k.event_id, n.run, k.until_ms
      FROM unnest(n_source, n_event, n_step, n_run) AS n(source, event, step, run)
      CROSS JOIN LATERAL (SELECT * FROM {schema}.event_keys k WHERE k.event_id = n.event LIMIT 1) AS k
      WHERE kept[n.source] ON CONFLICT DO NOTHING;
  END IF;
  RETURN QUERY SELECT d.place FROM unnest(done) AS d(place);
END $$;
"""

SWEEPS: Final = """
CREATE TABLE {schema}.subscriptions (
  deployment bigint NOT NULL, file bytea NOT NULL, step bytea NOT NULL, topic bytea NOT NULL,
  PRIMARY KEY (deployment, file, step, topic)
);

CREATE FUNCTION {schema}.subscribe_1(
  lane bigint, epoch_ integer, seq bigint, deployment_ bigint, files bytea[], steps bytea[], topics bytea[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  DELETE FROM {schema}.subscriptions WHERE deployment = deployment_;
  INSERT INTO {schema}.subscriptions SELECT DISTINCT deployment_, s.file, s.step, s.topic
    FROM unnest(files, steps, topics) AS s(file, step, topic);
END $$;

CREATE FUNCTION {schema}.recover_1(lane bigint, epoch_ integer, seq bigint, owner_ text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  changed bigint;
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  UPDATE {schema}.deliveries d SET status = 0 WHERE d.status = 2 AND d.owner = owner_;
  GET DIAGNOSTICS changed = ROW_COUNT;
  RETURN changed;
END $$;

-- Moves due times along with a clock that was set back.
CREATE FUNCTION {schema}.move_due_1(lane bigint, epoch_ integer, seq bigint, now_ bigint, back bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  changed bigint;
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  UPDATE {schema}.deliveries d SET
    run_at_ms = d.run_at_ms - coalesce(back, coalesce(d.timed_at_ms, d.enqueued_at_ms) - now_),
    timed_at_ms = coalesce(d.timed_at_ms, d.enqueued_at_ms)
      - coalesce(back, coalesce(d.timed_at_ms, d.enqueued_at_ms) - now_)
    WHERE coalesce(d.timed_at_ms, d.enqueued_at_ms) > now_;
  GET DIAGNOSTICS changed = ROW_COUNT;
  UPDATE {schema}.parked p SET run_at_ms = p.run_at_ms - coalesce(back, p.enqueued_at_ms - now_),
    enqueued_at_ms = p.enqueued_at_ms - coalesce(back, p.enqueued_at_ms - now_)
    WHERE p.enqueued_at_ms > now_;
  UPDATE {schema}.journal j SET due_ms = j.due_ms - coalesce(back, j.kept_at_ms - now_),
    kept_at_ms = j.kept_at_ms - coalesce(back, j.kept_at_ms - now_)
    WHERE j.due_ms IS NOT NULL AND j.kept_at_ms > now_;
  UPDATE {schema}.asks a SET due_ms = a.due_ms - coalesce(back, a.asked_at_ms - now_),
    asked_at_ms = a.asked_at_ms - coalesce(back, a.asked_at_ms - now_)
    WHERE a.status = 'open' AND a.asked_at_ms > now_;
  UPDATE {schema}.signals s SET at_ms = s.at_ms - coalesce(back, s.kept_at_ms - now_),
    until_ms = s.until_ms - coalesce(back, s.kept_at_ms - now_),
    kept_at_ms = s.kept_at_ms - coalesce(back, s.kept_at_ms - now_) WHERE s.kept_at_ms > now_;
  UPDATE {schema}.cancellations c SET at_ms = c.at_ms - coalesce(back, c.kept_at_ms - now_),
    kept_at_ms = c.kept_at_ms - coalesce(back, c.kept_at_ms - now_) WHERE c.kept_at_ms > now_;
  RETURN changed;
END $$;

CREATE FUNCTION {schema}.hasten_1(lane bigint, epoch_ integer, seq bigint, step_ bytea, id_ bigint, now_ bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  changed bigint;
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  UPDATE {schema}.deliveries d SET run_at_ms = now_, timed_at_ms = now_
    WHERE d.step = step_ AND d.status = 0 AND d.run_at_ms > now_ AND (id_ IS NULL OR d.id = id_);
  GET DIAGNOSTICS changed = ROW_COUNT;
  RETURN changed;
END $$;

-- Ends what deliveries were that are discarded: whoever called them gets an error. The callers are locked.
CREATE FUNCTION {schema}.discard_1(runs text[], now_ bigint, error_ text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM {schema}.end_calls_1(runs, NULL, array_fill(error_, ARRAY[cardinality(runs)]), now_);
  PERFORM {schema}.forget_1(runs, now_);
  PERFORM {schema}.free_1(runs);
END $$;

-- Removes deliveries that wait, of a page that was looked at before its keys are locked.
-- What has begun meanwhile stays.
CREATE FUNCTION {schema}.remove_1(
  lane bigint, epoch_ integer, seq bigint, step_ bytea, ids bigint[], now_ bigint, error_ text
) RETURNS TABLE (run text, size integer) LANGUAGE plpgsql AS $$
DECLARE
  keys bytea[];
  steps bytea[];
  runs text[];
  sizes integer[];
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  SELECT array_agg(DISTINCT d.fifo_key) INTO keys FROM {schema}.deliveries d
    WHERE d.id = ANY (ids) AND d.step = step_ AND d.fifo_key IS NOT NULL;
  IF keys IS NOT NULL THEN
    steps := array_fill(step_, ARRAY[cardinality(keys)]);
    PERFORM {schema}.lock_keys_1(steps, keys);
  END IF;
  PERFORM {schema}.lock_deliveries_1(ids, NULL, NULL, NULL);
  WITH gone AS (
    DELETE FROM {schema}.deliveries d WHERE d.id = ANY (ids) AND d.step = step_ AND d.status <> 2
      RETURNING d.run_id, length(d.data) AS size
  )
  SELECT array_agg(gone.run_id), array_agg(gone.size) INTO runs, sizes FROM gone;
  IF runs IS NOT NULL THEN PERFORM {schema}.discard_1(runs, now_, error_); END IF;
  IF keys IS NOT NULL THEN PERFORM {schema}.wake_keys_1(steps, keys); END IF;
  RETURN QUERY SELECT * FROM unnest(runs, sizes);
END $$;

-- What is blocked goes before the heads of keys: a head that is left makes the next one ready when it ends.
CREATE FUNCTION {schema}.purge_1(
  lane bigint, epoch_ integer, seq bigint, step_ bytea, most integer, upto bigint, now_ bigint, error_ text
) RETURNS TABLE (run text, size integer) LANGUAGE plpgsql AS $$
DECLARE
  page bigint[];
BEGIN
  LOOP
    SELECT array_agg(p.id) INTO page FROM (
      SELECT d.id FROM {schema}.deliveries d WHERE d.step = step_ AND d.status = 1 AND d.id <= upto LIMIT most) AS p;
    IF page IS NULL THEN
      SELECT array_agg(p.id) INTO page FROM (
        SELECT d.id FROM {schema}.deliveries d WHERE d.step = step_ AND d.status = 0 AND d.id <= upto LIMIT most) AS p;
    END IF;
    EXIT WHEN page IS NULL;
    RETURN QUERY SELECT r.run, r.size FROM {schema}.remove_1(lane, epoch_, seq, step_, page, now_, error_)
      AS r;
    -- All of the page may have begun meanwhile.
    EXIT WHEN FOUND;
  END LOOP;
END $$;

CREATE FUNCTION {schema}.purge_parked_1(lane bigint, epoch_ integer, seq bigint, most integer, upto bigint)
RETURNS TABLE (run text, size integer) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  -- Copies of events that steps got have no run, and go with the first page.
  DELETE FROM {schema}.parked p WHERE p.id <= upto AND p.run_id = '';
  RETURN QUERY
  DELETE FROM {schema}.parked p WHERE p.id = ANY (ARRAY (
    SELECT q.id FROM {schema}.parked q WHERE q.id <= upto ORDER BY q.id LIMIT most)) RETURNING p.run_id, length(p.data);
END $$;

-- Buries what waits for steps that no deployment has which some host runs.
CREATE FUNCTION {schema}.bury_orphans_1(
  lane bigint, epoch_ integer, seq bigint, known bytea[], error_ text, print_ text, now_ bigint, deployment_ bigint
) RETURNS TABLE (step bytea, count bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  others bigint[];
  steps bytea[];
  k_step bytea[];
  k_key bytea[];
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  others := ARRAY (SELECT DISTINCT h.deployment FROM {schema}.hosts h WHERE h.deployment <> deployment_);
  DELETE FROM {schema}.subscriptions s WHERE s.deployment <> deployment_ AND s.deployment <> ALL (others);
  steps := ARRAY (
    SELECT DISTINCT d.step FROM {schema}.deliveries d WHERE d.step <> ALL (known) AND NOT EXISTS (
      SELECT FROM {schema}.subscriptions s WHERE s.step = d.step AND s.deployment = ANY (others)));
  IF cardinality(steps) = 0 THEN RETURN; END IF;
  SELECT array_agg(k.step), array_agg(k.key) INTO k_step, k_key FROM (
    SELECT DISTINCT d.step, d.fifo_key AS key FROM {schema}.deliveries d
    WHERE d.step = ANY (steps) AND d.fifo_key IS NOT NULL) AS k;
  IF k_key IS NOT NULL THEN PERFORM {schema}.lock_keys_1(k_step, k_key); END IF;
  RETURN QUERY
  WITH gone AS (
    DELETE FROM {schema}.deliveries d WHERE d.step = ANY (steps) AND d.deployment <= deployment_ RETURNING d.*
  ), buried AS (
    INSERT INTO {schema}.dead_letters (kind, event_id, topic, step, data, trace_id, run_id, parent_run_id, fifo_key,
      attempts, error, fingerprint, enqueued_at_ms, died_at_ms)
    SELECT g.kind, g.event_id, g.topic, g.step, g.data, g.trace_id, g.run_id, g.parent_run_id, g.fifo_key, g.attempt,
      error_, print_, g.enqueued_at_ms, now_ FROM gone g ORDER BY g.id
  )
  SELECT g.step, count(*) FROM gone g GROUP BY g.step ORDER BY g.step;
  IF k_key IS NOT NULL THEN PERFORM {schema}.wake_keys_1(k_step, k_key); END IF;
END $$;
"""

PAUSES: Final = """
-- Steps of which nothing is claimed, and cron steps that do not fire, until somebody resumes them.
CREATE TABLE {schema}.paused_steps (step bytea PRIMARY KEY, since_ms bigint NOT NULL);
CREATE TABLE {schema}.paused_cron (step bytea PRIMARY KEY, since_ms bigint NOT NULL, note text NOT NULL);

-- Who paused first stays.
CREATE FUNCTION {schema}.pause_1(lane bigint, epoch_ integer, seq bigint, step_ bytea, since bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  IF since IS NULL THEN
    DELETE FROM {schema}.paused_steps WHERE step = step_;
  ELSE
    INSERT INTO {schema}.paused_steps VALUES (step_, since) ON CONFLICT DO NOTHING;
  END IF;
END $$;
CREATE FUNCTION {schema}.pause_cron_1(
  lane bigint, epoch_ integer, seq bigint, step_ bytea, since bigint, note_ text
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  IF since IS NULL THEN
    DELETE FROM {schema}.paused_cron WHERE step = step_;
  ELSE
    INSERT INTO {schema}.paused_cron VALUES (step_, since, note_) ON CONFLICT DO NOTHING;
  END IF;
END $$;
"""

UPKEEP: Final = TICKS + PARKED + SWEEPS + PAUSES
"""In the order in which they are made."""
