"""Tables and functions of ids of events and of cancellations. `{schema}` stands for the project's schema; see `schema`.

An id is locked among the FIFO keys before anybody looks whether it is taken. Events that cancel runs are stored in the
groups; a call of its own removes the runs, since it has to lock their FIFO keys before it holds anything else.
"""

from __future__ import annotations

from typing import Final

CANCEL_TABLES: Final = """
CREATE TABLE {schema}.event_keys (
  topic bytea NOT NULL, id bytea NOT NULL, step bytea NOT NULL, event_id text NOT NULL,
  run_id text COLLATE "C" NOT NULL, until_ms bigint NOT NULL, free boolean NOT NULL DEFAULT false,
  PRIMARY KEY (topic, id, step)
) WITH (fillfactor = 80);
CREATE INDEX event_keys_event ON {schema}.event_keys (event_id);
CREATE INDEX event_keys_run ON {schema}.event_keys (run_id);
CREATE INDEX event_keys_until ON {schema}.event_keys (until_ms);
-- Runs of steps with `cancelOn`. The key of a dead letter stays, for its replay, with a delivery of 0 or below.
CREATE TABLE {schema}.cancel_keys (
  step bytea NOT NULL, path bytea NOT NULL, value bytea NOT NULL, delivery bigint NOT NULL,
  run_id text COLLATE "C" NOT NULL, PRIMARY KEY (step, path, value, delivery, run_id)
);
CREATE INDEX cancel_keys_run ON {schema}.cancel_keys (run_id);
-- What is left to do of events. Without `upto`, the newest delivery that is meant, it is due later.
CREATE TABLE {schema}.cancellations (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, step bytea NOT NULL, path bytea NOT NULL, value bytea NOT NULL,
  event_id text NOT NULL, upto bigint, at_ms bigint NOT NULL, kept_at_ms bigint NOT NULL, reason text NOT NULL
);
CREATE INDEX cancellations_due ON {schema}.cancellations (at_ms, id);
CREATE INDEX cancellations_event ON {schema}.cancellations (event_id);
"""

EVENT_KEYS: Final = """
-- Frees the ids of deliveries that were discarded. No event cancels them.
CREATE FUNCTION {schema}.free_1(runs text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE {schema}.event_keys k SET free = true WHERE k.run_id = ANY (runs);
  DELETE FROM {schema}.cancel_keys k WHERE k.run_id = ANY (runs);
END $$;

-- Notes with a lane what its call has done, in case that the answer is lost.
CREATE FUNCTION {schema}.note_1(lane bigint, said json) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  UPDATE {schema}.lanes SET notes = said::text WHERE id = lane;
  RETURN said::text;
END $$;

-- Removes what an event has led to at a step, unless it has started; returns `[step, run, trace, bytes]` of it.
CREATE FUNCTION {schema}.remove_unstarted_1(step_ bytea, event_ text, run text, now_ bigint) RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
  gone record;
BEGIN
  IF step_ = '(waiting runs)'::bytea THEN
    DELETE FROM {schema}.signals s WHERE s.event_id = event_ AND s.at_ms > now_;
    RETURN CASE WHEN FOUND THEN json_build_array(encode(step_, 'hex'), run, '', 0) END;
  ELSIF step_ = '(runs to cancel)'::bytea THEN
    DELETE FROM {schema}.cancellations c WHERE c.event_id = event_ AND c.at_ms > now_;
    RETURN CASE WHEN FOUND THEN json_build_array(encode(step_, 'hex'), run, '', 0) END;
  ELSIF step_ = '(unknown subscriber)'::bytea THEN
    DELETE FROM {schema}.parked p WHERE p.event_id = event_ RETURNING p.run_id, p.trace_id, length(p.data) AS size
      INTO gone;
    RETURN CASE WHEN FOUND THEN json_build_array(encode(step_, 'hex'), gone.run_id, gone.trace_id, gone.size) END;
  END IF;
  SELECT d.fifo_key INTO gone FROM {schema}.deliveries d WHERE d.run_id = run;
  -- Mostly that of the event that takes its place, and locked already.
  IF gone.fifo_key IS NOT NULL THEN PERFORM {schema}.lock_keys_1(ARRAY[step_], ARRAY[gone.fifo_key]); END IF;
  DELETE FROM {schema}.deliveries d WHERE d.run_id = run AND d.status <> 2 AND d.attempt = 0
    RETURNING d.step, d.run_id, d.trace_id, length(d.data) AS size, d.fifo_key INTO gone;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF gone.fifo_key IS NOT NULL THEN PERFORM {schema}.wake_keys_1(ARRAY[gone.step], ARRAY[gone.fifo_key]); END IF;
  DELETE FROM {schema}.cancel_keys k WHERE k.run_id = run;
  RETURN json_build_array(encode(gone.step, 'hex'), gone.run_id, gone.trace_id, gone.size);
END $$;

CREATE FUNCTION {schema}.is_kept_1(run text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM {schema}.deliveries d WHERE d.run_id = run)
    OR EXISTS (SELECT FROM {schema}.dead_letters d WHERE d.run_id = run)
    OR EXISTS (SELECT FROM {schema}.parked p WHERE p.run_id = run)
$$;

-- Takes the ids of new deliveries, which are locked; those without a place in `places` have none, or are not stored.
-- Returns `[place of one that an earlier event keeps out, that event]` and `[place of one that takes the place of
-- another, step, run, trace, bytes]`; the place of one that is replaced by a later one of this call is in `dropped`.
CREATE FUNCTION {schema}.take_ids_1(
  kept boolean[], n_source integer[], n_event text[], n_topic bytea[], n_step bytea[], n_run text[], n_run_at bigint[],
  n_now bigint[], n_owner text[], n_target smallint[], n_extra text[]
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  n record;
  own record;
  one text;
  gone json;
  earlier integer;
  duplicates json[] := '{{}}';
  removed json[] := '{{}}';
  dropped integer[] := '{{}}';
  now_ bigint := 0;
BEGIN
  FOR n IN
    SELECT x.*, decode(x.extra::json ->> 'id', 'hex') AS id, (x.extra::json ->> 'ttl')::bigint AS ttl,
      (x.extra::json ->> 'replaces')::boolean AS replaces
    FROM unnest(n_source, n_event, n_topic, n_step, n_run, n_run_at, n_now, n_extra) WITH ORDINALITY
      AS x(source, event, topic, step, run, run_at, now, extra, place)
    WHERE x.extra::json ->> 'id' IS NOT NULL AND (kept IS NULL OR x.source IS NULL OR kept[x.source]) ORDER BY x.place
  LOOP
    now_ := n.now;
    DELETE FROM {schema}.event_keys k WHERE k.topic = n.topic AND k.id = n.id AND k.event_id <> n.event AND NOT EXISTS (
      SELECT FROM {schema}.event_keys x WHERE x.topic = n.topic AND x.id = n.id AND x.event_id <> n.event AND NOT (
        x.free OR (x.until_ms <= n.now AND NOT {schema}.is_kept_1(x.run_id))));
    SELECT k.event_id INTO one FROM {schema}.event_keys k WHERE k.topic = n.topic AND k.id = n.id
      AND k.event_id <> n.event ORDER BY k.step LIMIT 1;
    IF one IS NOT NULL THEN
      SELECT * INTO own FROM {schema}.event_keys k WHERE k.topic = n.topic AND k.id = n.id AND k.event_id <> n.event
        AND k.step = n.step;
      gone := NULL;
      IF own.step IS NOT NULL AND n.replaces AND NOT own.free THEN
        SELECT x.place INTO earlier FROM unnest(n_event, n_step, n_owner, n_target) WITH ORDINALITY
          AS x(event, step, owner, target, place)
          WHERE x.event = own.event_id AND x.step = n.step AND x.place < n.place AND x.owner IS NULL;
        IF earlier IS NULL THEN
          gone := {schema}.remove_unstarted_1(n.step, own.event_id, own.run_id, n.now);
        ELSE
          dropped := dropped || earlier;
          gone := json_build_array(encode(n.step, 'hex'), own.run_id, '', 0);
        END IF;
      END IF;
      IF gone IS NOT NULL THEN
        removed := removed || json_build_array(n.place, gone);
      ELSIF own.step IS NULL OR NOT own.free THEN
        duplicates := duplicates || json_build_array(n.place, coalesce(own.event_id, one));
        CONTINUE;
      END IF;
    END IF;
    INSERT INTO {schema}.event_keys AS k (topic, id, step, event_id, run_id, until_ms)
      VALUES (n.topic, n.id, n.step, n.event, n.run, greatest(n.now, n.run_at) + n.ttl)
      ON CONFLICT (topic, id, step) DO UPDATE SET event_id = excluded.event_id, run_id = excluded.run_id,
        until_ms = excluded.until_ms, free = false;
  END LOOP;
  -- A few rows whose time is over; what waits or is a dead letter keeps its id for another day.
  WITH old AS MATERIALIZED (
    SELECT k.topic, k.id, k.step, {schema}.is_kept_1(k.run_id) AS is_kept FROM {schema}.event_keys k
    WHERE k.until_ms <= now_ ORDER BY k.until_ms LIMIT 10 FOR UPDATE SKIP LOCKED
  ), gone AS (
    DELETE FROM {schema}.event_keys k USING old o
      WHERE NOT o.is_kept AND k.topic = o.topic AND k.id = o.id AND k.step = o.step
  )
  UPDATE {schema}.event_keys k SET until_ms = now_ + 86400000 FROM old o
    WHERE o.is_kept AND k.topic = o.topic AND k.id = o.id AND k.step = o.step;
  RETURN json_build_object('duplicates', to_json(duplicates), 'removed', to_json(removed), 'dropped', to_json(dropped));
END $$;

-- Removes the deliveries of an event that have not started, and frees its id for their steps.
CREATE FUNCTION {schema}.cancel_event_1(
  lane bigint, epoch_ integer, seq bigint, lock_step bytea, lock bytea, topic_ bytea, id_ bytea, now_ bigint
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  each record;
  gone json;
  removed json[] := '{{}}';
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  PERFORM {schema}.lock_keys_1(ARRAY[lock_step] || array_agg(d.step), ARRAY[lock] || array_agg(d.fifo_key))
    FROM {schema}.event_keys k JOIN {schema}.deliveries d ON d.run_id = k.run_id
    WHERE k.topic = topic_ AND k.id = id_;
  FOR each IN
    SELECT * FROM {schema}.event_keys x WHERE x.topic = topic_ AND x.id = id_ AND NOT x.free ORDER BY x.step
  LOOP
    gone := {schema}.remove_unstarted_1(each.step, each.event_id, each.run_id, now_);
    CONTINUE WHEN gone IS NULL;
    removed := removed || gone;
    UPDATE {schema}.event_keys x SET free = true WHERE x.topic = topic_ AND x.id = id_ AND x.step = each.step;
  END LOOP;
  RETURN {schema}.note_1(lane, to_json(removed));
END $$;
"""

CANCELS: Final = """
-- Removes runs that wait, and with a token one that runs, with those of their calls that wait: in the order of `roots`,
-- each before those that it has called. Running runs of calls are only returned.
CREATE FUNCTION {schema}.cancel_runs_1(roots bigint[], token_ integer, now_ bigint)
RETURNS TABLE (root bigint, step bytea, run text, trace text, size integer, is_running boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  ids bigint[];
  k_step bytea[];
  k_key bytea[];
  f_root bigint[];
  f_step bytea[];
  f_run text[];
  f_trace text[];
  f_size integer[];
  f_left boolean[];
  over text[];
BEGIN
  WITH RECURSIVE tree AS (
    SELECT d.id, d.run_id, d.step, d.fifo_key FROM {schema}.deliveries d WHERE d.id = ANY (roots)
    UNION
    SELECT d.id, d.run_id, d.step, d.fifo_key FROM tree t JOIN {schema}.calls c ON c.run_id = t.run_id
      JOIN {schema}.deliveries d ON d.run_id = c.child_run_id
  )
  SELECT array_agg(t.id), array_agg(t.step), array_agg(t.fifo_key) INTO ids, k_step, k_key FROM tree t;
  IF ids IS NULL THEN RETURN; END IF;
  PERFORM {schema}.lock_keys_1(k_step, k_key);
  PERFORM {schema}.lock_deliveries_1(ids, NULL, NULL, NULL);
  -- As it is now, among what is locked. A run may be called by one that is meant, and be meant itself.
  WITH RECURSIVE tree AS (
    SELECT r.place, 0 AS depth, d.id AS root, d.id, d.step, d.run_id, d.trace_id, length(d.data) AS size,
      d.status = 2 AS is_running FROM unnest(roots) WITH ORDINALITY AS r(id, place)
      JOIN {schema}.deliveries d ON d.id = r.id
      WHERE CASE WHEN token_ IS NULL THEN d.status <> 2 ELSE d.status = 2 AND d.token = token_ END
    UNION ALL
    SELECT t.place, t.depth + 1, t.root, d.id, d.step, d.run_id, d.trace_id, length(d.data), d.status = 2
      FROM tree t JOIN {schema}.calls c ON c.run_id = t.run_id JOIN {schema}.deliveries d ON d.run_id = c.child_run_id
      WHERE d.id = ANY (ids) AND (t.depth = 0 OR NOT t.is_running)
  ), each AS (
    SELECT DISTINCT ON (t.id) t.*, t.depth > 0 AND t.is_running AS is_left FROM tree t ORDER BY t.id, t.depth, t.place
  ), gone AS (
    DELETE FROM {schema}.deliveries d WHERE d.id = ANY (ARRAY (SELECT e.id FROM each e WHERE NOT e.is_left))
  )
  SELECT array_agg(e.root ORDER BY e.place, e.depth, e.id), array_agg(e.step ORDER BY e.place, e.depth, e.id),
    array_agg(e.run_id ORDER BY e.place, e.depth, e.id), array_agg(e.trace_id ORDER BY e.place, e.depth, e.id),
    array_agg(e.size ORDER BY e.place, e.depth, e.id), array_agg(e.is_left ORDER BY e.place, e.depth, e.id),
    array_agg(e.run_id) FILTER (WHERE NOT e.is_left)
    INTO f_root, f_step, f_run, f_trace, f_size, f_left, over FROM each e;
  IF over IS NULL THEN RETURN; END IF;
  PERFORM {schema}.end_calls_1(over, NULL, array_fill(
    '{{"name": "cancelled", "message": "The step that was called was cancelled."}}'::text, ARRAY[cardinality(over)]),
    now_);
  PERFORM {schema}.forget_1(over, now_);
  PERFORM {schema}.free_1(over);
  PERFORM {schema}.wake_keys_1(k_step, k_key);
  RETURN QUERY SELECT * FROM unnest(f_root, f_step, f_run, f_trace, f_size, f_left);
END $$;

-- Cancels a run that waits, or with a token a delivery that runs.
CREATE FUNCTION {schema}.cancel_run_1(
  lane bigint, epoch_ integer, seq bigint, run_ text, id_ bigint, token_ integer, now_ bigint
) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  IF id_ IS NULL THEN SELECT d.id INTO id_ FROM {schema}.deliveries d WHERE d.run_id = run_ AND d.status <> 2; END IF;
  RETURN {schema}.note_1(lane, (SELECT json_build_object(
    'removed', coalesce(json_agg(json_build_array(encode(c.step, 'hex'), c.run, c.trace, c.size))
      FILTER (WHERE NOT c.is_running), '[]'),
    'running', coalesce(json_agg(c.run) FILTER (WHERE c.is_running), '[]')
  ) FROM {schema}.cancel_runs_1(ARRAY[id_], token_, now_) AS c));
END $$;

-- Goes on with events that cancel runs and are due: those with these event ids, or all. Removes up to so many runs.
CREATE FUNCTION {schema}.cancel_by_events_1(
  lane bigint, epoch_ integer, seq bigint, owner_ text, events text[], most integer, now_ bigint
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  c record;
  k record;
  roots bigint[] := '{{}}';
  reasons json[] := '{{}}';
  running json[] := '{{}}';
  done bigint[] := '{{}}';
  is_done boolean;
  is_all_done boolean := true;
  has_more boolean := false;
  found json;
  said json;
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  -- Else a claim would start what a dead host has left. What is locked is being settled. Without an owner nothing.
  UPDATE {schema}.deliveries d SET status = 0 WHERE d.id = ANY (ARRAY (
    SELECT x.id FROM {schema}.deliveries x WHERE x.status = 2 AND x.lease_until_ms <= now_ AND x.owner <> owner_
    FOR UPDATE SKIP LOCKED));
  FOR c IN
    SELECT * FROM {schema}.cancellations x WHERE x.at_ms <= now_ AND (events IS NULL OR x.event_id = ANY (events))
    ORDER BY x.at_ms, x.id LIMIT 200 FOR UPDATE
  LOOP
    IF c.upto IS NULL THEN
      -- Ids grow with time: it is found near the end. When the clock was set back, only `timed_at_ms` has moved along.
      c.upto := coalesce((
        SELECT d.id FROM {schema}.deliveries d WHERE least(d.enqueued_at_ms, d.timed_at_ms) <= c.at_ms
        ORDER BY d.id DESC LIMIT 1), 0);
      UPDATE {schema}.cancellations x SET upto = c.upto WHERE x.id = c.id;
    END IF;
    is_done := true;
    FOR k IN
      SELECT x.delivery, x.run_id, d.status, d.event_id FROM {schema}.cancel_keys x
      LEFT JOIN {schema}.deliveries d ON d.id = x.delivery
      WHERE x.step = c.step AND x.path = c.path AND x.value = c.value AND x.delivery > 0 AND x.delivery <= c.upto
      ORDER BY x.delivery
    LOOP
      IF k.status IS NULL THEN
        UPDATE {schema}.cancel_keys x SET delivery = -k.delivery
          WHERE x.step = c.step AND x.path = c.path AND x.value = c.value AND x.delivery = k.delivery;
      ELSIF k.event_id = c.event_id THEN
        CONTINUE; -- the event has started it
      ELSIF k.status = 2 THEN
        running := running || json_build_array(k.run_id, c.reason::json);
        is_done := false;
      ELSIF cardinality(roots) >= most THEN
        has_more := true;
        is_done := false;
        EXIT;
      ELSE
        roots := roots || k.delivery;
        reasons := reasons || c.reason::json;
      END IF;
    END LOOP;
    is_all_done := is_all_done AND is_done;
    IF is_done THEN done := done || c.id; END IF;
  END LOOP;
  SELECT json_agg(json_build_array(x.root, encode(x.step, 'hex'), x.run, x.trace, x.size, x.is_running)) INTO found
    FROM {schema}.cancel_runs_1(roots, NULL, now_) AS x;
  -- One of them has begun meanwhile, or is locked no more: the event is looked at again.
  IF EXISTS (SELECT FROM {schema}.deliveries d WHERE d.id = ANY (roots)) THEN
    has_more := true;
    is_all_done := false;
  ELSE
    DELETE FROM {schema}.cancellations x WHERE x.id = ANY (done);
  END IF;
  said := json_build_object('found', coalesce(found, '[]'), 'roots', to_json(roots), 'reasons', to_json(reasons),
    'running', to_json(running), 'is_done', is_all_done, 'has_more', has_more,
    'next_ms', (SELECT min(x.at_ms) FROM {schema}.cancellations x WHERE x.at_ms > now_));
  RETURN {schema}.note_1(lane, said);
END $$;
"""

CANCELLING: Final = EVENT_KEYS + CANCELS
"""In the order in which they are made."""
