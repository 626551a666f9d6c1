"""Tables and functions of what runs wait for: asks, events that are kept for waits, and calls of other steps.

`{schema}` stands for the project's schema; see `schema`. Whoever gives a run what it waits for locks the run's delivery
first, by a statement of its own, and so does the run before it looks whether it may be suspended: one of the two sees
what the other has done. An event also shares a lock of its topic, which a new wait for the topic has alone: else both
could commit without having seen each other.
"""

from __future__ import annotations

from typing import Final

WAIT_TABLES: Final = """
-- Texts that people write are bytes of UTF-8, as names are.
CREATE TABLE {schema}.asks (
  id text PRIMARY KEY, kind text NOT NULL, run_id text COLLATE "C" NOT NULL, key bytea NOT NULL, step bytea NOT NULL,
  trace_id text NOT NULL, title bytea NOT NULL, data bytea NOT NULL, schema bytea, asked_at_ms bigint NOT NULL,
  due_ms bigint NOT NULL, token_hash bytea NOT NULL, sensitive boolean NOT NULL, status text NOT NULL,
  closed_at_ms bigint, closed_by bytea, outcome bytea
);
CREATE TABLE {schema}.ask_signatures (token_hash bytea PRIMARY KEY, header bytea NOT NULL, secret_env bytea NOT NULL);
CREATE INDEX asks_open ON {schema}.asks (asked_at_ms, id COLLATE "C") WHERE status = 'open';
CREATE INDEX asks_run ON {schema}.asks (run_id, key);
CREATE INDEX asks_token ON {schema}.asks (token_hash);
CREATE INDEX asks_closed ON {schema}.asks (closed_at_ms) WHERE closed_at_ms IS NOT NULL;
CREATE TABLE {schema}.signals (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, topic bytea NOT NULL, path bytea NOT NULL, value bytea NOT NULL,
  event_id text COLLATE "C" NOT NULL, at_ms bigint NOT NULL, until_ms bigint NOT NULL, kept_at_ms bigint NOT NULL,
  data bytea NOT NULL
);
CREATE INDEX signals_wanted ON {schema}.signals (topic, path, value, at_ms, id);
CREATE INDEX signals_event ON {schema}.signals (event_id);
CREATE INDEX signals_old ON {schema}.signals (until_ms);
-- One row for each event that a wait may take. Once it has taken one, that one is left.
CREATE TABLE {schema}.signal_waits (
  run_id text COLLATE "C" NOT NULL, key bytea NOT NULL, topic bytea NOT NULL, path bytea NOT NULL, value bytea NOT NULL,
  event_id text, PRIMARY KEY (run_id, key, topic, path, value)
);
CREATE INDEX signal_waits_open ON {schema}.signal_waits (topic, path, value) WHERE event_id IS NULL;
-- The longest wait that was seen for a topic; the row is locked too.
CREATE TABLE {schema}.signal_topics (topic bytea PRIMARY KEY, for_ms bigint NOT NULL) WITH (fillfactor = 70);
CREATE TABLE {schema}.calls (
  child_run_id text COLLATE "C" PRIMARY KEY, run_id text COLLATE "C" NOT NULL, key bytea NOT NULL
);
CREATE INDEX calls_run ON {schema}.calls (run_id, key);
"""

WAIT_LOCKS: Final = """
-- Locks runs that others give something, wherever they wait. What is over has nothing to be locked.
CREATE FUNCTION {schema}.lock_runs_1(runs text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM {schema}.dead_letters d WHERE d.run_id = ANY (runs) ORDER BY d.id FOR SHARE;
  PERFORM FROM {schema}.deliveries d WHERE d.run_id = ANY (runs) ORDER BY d.id FOR NO KEY UPDATE;
END $$;

-- Locks topics, those with a new wait alone, and the others together with whoever else has events of them.
CREATE FUNCTION {schema}.lock_topics_1(told bytea[], wanted bytea[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  each record;
BEGIN
  FOR each IN
    SELECT t.topic, bool_or(t.is_wanted) AS is_wanted FROM (
      SELECT x.topic, false AS is_wanted FROM unnest(told) AS x(topic)
      UNION ALL SELECT x.topic, true FROM unnest(wanted) AS x(topic)) AS t GROUP BY t.topic ORDER BY t.topic
  LOOP
    IF NOT each.is_wanted THEN
      PERFORM FROM {schema}.signal_topics t WHERE t.topic = each.topic FOR SHARE;
      CONTINUE WHEN FOUND;
    END IF;
    INSERT INTO {schema}.signal_topics AS t (topic, for_ms) VALUES (each.topic, 0) ON CONFLICT DO NOTHING;
    IF each.is_wanted THEN
      PERFORM FROM {schema}.signal_topics t WHERE t.topic = each.topic FOR NO KEY UPDATE;
    ELSE
      PERFORM FROM {schema}.signal_topics t WHERE t.topic = each.topic FOR SHARE;
    END IF;
  END LOOP;
END $$;

-- Locks the deliveries of a group together with those that it makes due, in one order, before any of them changes.
CREATE FUNCTION {schema}.lock_deliveries_1(
  o_id bigint[], n_topic bytea[], n_target smallint[], n_note text[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM {schema}.deliveries d WHERE d.id = ANY (ARRAY (
    SELECT unnest(o_id)
    UNION
    SELECT p.id FROM unnest(o_id) AS o(id) JOIN {schema}.deliveries x ON x.id = o.id AND x.kind = 'call'
      JOIN {schema}.calls c ON c.child_run_id = x.run_id JOIN {schema}.deliveries p ON p.run_id = c.run_id
    UNION
    SELECT p.id FROM unnest(n_topic, n_target, n_note) AS n(topic, target, note)
      CROSS JOIN LATERAL json_array_elements(CASE n.target WHEN 3 THEN n.note::json -> 'signals' END) AS s(pair)
      JOIN {schema}.signal_waits w ON w.topic = n.topic AND w.path = decode(s.pair ->> 0, 'hex')
        AND w.value = decode(s.pair ->> 1, 'hex') AND w.event_id IS NULL
      JOIN {schema}.deliveries p ON p.run_id = w.run_id
      WHERE n.target = 3
  )) ORDER BY d.id FOR NO KEY UPDATE;
END $$;
"""

WAITS: Final = """
-- Stores what waits wait for that begin: each has the place of its delivery, and is JSON with bytes in hex digits.
CREATE FUNCTION {schema}.open_waits_1(kept boolean[], w_source integer[], w_wait text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  w json;
BEGIN
  FOR w IN SELECT x.wait::json FROM unnest(w_source, w_wait) AS x(source, wait) WHERE kept IS NULL OR kept[x.source]
  LOOP
    CASE w ->> 'what'
    WHEN 'ask' THEN
      WITH gone AS (
        DELETE FROM {schema}.asks a WHERE a.id = ANY (ARRAY (
          SELECT b.id FROM {schema}.asks b WHERE b.closed_at_ms < (w ->> 'prune_ms')::bigint LIMIT 100
          FOR UPDATE SKIP LOCKED)) RETURNING a.token_hash)
      DELETE FROM {schema}.ask_signatures s USING gone WHERE s.token_hash = gone.token_hash;
      INSERT INTO {schema}.asks (id, kind, run_id, key, step, trace_id, title, data, schema, asked_at_ms, due_ms,
        token_hash, sensitive, status) VALUES (w ->> 'id', w ->> 'kind', w ->> 'run', decode(w ->> 'key', 'hex'),
        decode(w ->> 'step', 'hex'), w ->> 'trace', decode(w ->> 'title', 'hex'), decode(w ->> 'data', 'hex'),
        decode(w ->> 'schema', 'hex'), (w ->> 'asked_ms')::bigint, (w ->> 'due_ms')::bigint,
        decode(w ->> 'token', 'hex'), (w ->> 'sensitive')::boolean, 'open') ON CONFLICT DO NOTHING;
      IF w ->> 'header' IS NOT NULL THEN
        INSERT INTO {schema}.ask_signatures VALUES (decode(w ->> 'token', 'hex'), decode(w ->> 'header', 'hex'),
          decode(w ->> 'secret', 'hex')) ON CONFLICT DO NOTHING;
      END IF;
    WHEN 'event' THEN
      INSERT INTO {schema}.signal_waits (run_id, key, topic, path, value)
        SELECT w ->> 'run', decode(w ->> 'key', 'hex'), decode(x ->> 0, 'hex'), decode(x ->> 1, 'hex'),
          decode(x ->> 2, 'hex') FROM json_array_elements(w -> 'wanted') AS x ON CONFLICT DO NOTHING;
      UPDATE {schema}.signal_topics t SET for_ms = (w ->> 'for_ms')::bigint
        FROM json_array_elements(w -> 'wanted') AS x
        WHERE t.topic = decode(x ->> 0, 'hex') AND t.for_ms < (w ->> 'for_ms')::bigint;
    WHEN 'call' THEN
      DELETE FROM {schema}.calls c WHERE c.run_id = w ->> 'run' AND c.key = decode(w ->> 'key', 'hex');
      INSERT INTO {schema}.calls VALUES (w ->> 'child', w ->> 'run', decode(w ->> 'key', 'hex'));
    END CASE;
  END LOOP;
END $$;

-- Gives the callers of runs their results, and makes them due; returns the runs that somebody waited for.
-- The callers are locked.
CREATE FUNCTION {schema}.end_calls_1(runs text[], values_ bytea[], errors text[], now_ bigint) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
  called text[];
  callers text[];
BEGIN
  WITH gone AS (
    DELETE FROM {schema}.calls c USING unnest(runs, values_, errors) AS r(run, value, error)
      WHERE c.child_run_id = r.run RETURNING c.child_run_id, c.run_id, c.key, r.value, r.error
  ), told AS (
    UPDATE {schema}.journal j SET value = coalesce(gone.value, j.value),
      error = coalesce(convert_to(gone.error, 'UTF8'), j.error)
      FROM gone WHERE j.run_id = gone.run_id AND j.key = gone.key
  )
  SELECT array_agg(gone.child_run_id), array_agg(gone.run_id) INTO called, callers FROM gone;
  IF callers IS NOT NULL THEN
    UPDATE {schema}.deliveries d SET run_at_ms = now_, timed_at_ms = now_
      WHERE d.run_id = ANY (callers) AND d.status = 0;
  END IF;
  RETURN coalesce(called, '{{}}');
END $$;

-- Keeps events for waits, and makes the suspended runs due that wait for them. Their topics and these runs are locked.
CREATE FUNCTION {schema}.keep_signals_1(
  kept boolean[], n_source integer[], n_event text[], n_topic bytea[], n_data bytea[], n_run_at bigint[],
  n_now bigint[], n_target smallint[], n_note text[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  now_ bigint;
  most bigint;
BEGIN
  SELECT max(n.now), max((n.note::json ->> 'most')::bigint) INTO now_, most
    FROM unnest(n_now, n_target, n_note) AS n(now, target, note) WHERE n.target = 3;
  DELETE FROM {schema}.signals s WHERE s.id = ANY (ARRAY (
    SELECT x.id FROM {schema}.signals x WHERE x.until_ms < now_ LIMIT 100 FOR UPDATE SKIP LOCKED));
  -- Ids have gaps, so this leaves at most as many.
  DELETE FROM {schema}.signals s WHERE s.id = ANY (ARRAY (
    SELECT x.id FROM {schema}.signals x WHERE x.id <= (SELECT max(y.id) FROM {schema}.signals y) - most
    ORDER BY x.id LIMIT 100 FOR UPDATE SKIP LOCKED));
  WITH told AS MATERIALIZED (
    SELECT n.topic, decode(s.pair ->> 0, 'hex') AS path, decode(s.pair ->> 1, 'hex') AS value, n.event,
      greatest(n.now, n.run_at) AS at_ms, n.now, n.data, (n.note::json ->> 'kept_ms')::bigint AS kept_ms
    FROM unnest(n_source, n_event, n_topic, n_data, n_run_at, n_now, n_target, n_note)
      AS n(source, event, topic, data, run_at, now, target, note)
    CROSS JOIN LATERAL json_array_elements(CASE n.target WHEN 3 THEN n.note::json -> 'signals' END) AS s(pair)
    WHERE n.target = 3 AND (kept IS NULL OR n.source IS NULL OR kept[n.source])
  ), stored AS (
    INSERT INTO {schema}.signals (topic, path, value, event_id, at_ms, until_ms, kept_at_ms, data)
    SELECT t.topic, t.path, t.value, t.event, t.at_ms, t.at_ms + greatest(t.kept_ms, coalesce(
      (SELECT x.for_ms FROM {schema}.signal_topics x WHERE x.topic = t.topic), 0)), t.now, t.data FROM told t
  )
  UPDATE {schema}.deliveries d SET run_at_ms = w.at_ms, timed_at_ms = w.now FROM (
    SELECT x.run_id, min(t.at_ms) AS at_ms, max(t.now) AS now FROM told t JOIN {schema}.signal_waits x
      ON x.topic = t.topic AND x.path = t.path AND x.value = t.value AND x.event_id IS NULL GROUP BY x.run_id
  ) AS w WHERE d.run_id = w.run_id AND d.status = 0 AND d.run_at_ms > w.at_ms;
END $$;

-- The first event that a wait would take. The event of the run itself is none that it waits for. Its birth stays when
-- it is tried again from the dead letters; after the clock was set back, the wait may begin before it.
CREATE FUNCTION {schema}.signals_of_1(run text, key_ bytea, born bigint, own text, upto bigint)
RETURNS TABLE (topic bytea, event_id text, data bytea, at_ms bigint) LANGUAGE sql STABLE AS $$
  SELECT s.topic, s.event_id, s.data, s.at_ms
  FROM {schema}.signal_waits w JOIN {schema}.signals s ON s.topic = w.topic AND s.path = w.path AND s.value = w.value
  WHERE w.run_id = run AND w.key = key_ AND w.event_id IS NULL AND s.at_ms <= upto AND s.event_id <> own
    AND s.at_ms >= least(born, (SELECT j.kept_at_ms FROM {schema}.journal j WHERE j.run_id = run AND j.key = key_))
    AND NOT EXISTS (SELECT FROM {schema}.signal_waits x WHERE x.run_id = run AND x.event_id = s.event_id)
  ORDER BY s.at_ms, s.id LIMIT 1
$$;

-- When a run is due that is suspended until then: at once when one of its waits, which are JSON, has got something.
CREATE FUNCTION {schema}.due_of_1(run text, born bigint, own text, waits text, at_ bigint, now_ bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  keys bytea[] := ARRAY (SELECT decode(x, 'hex') FROM json_array_elements_text(waits::json) AS x);
  signal_ms bigint;
BEGIN
  IF EXISTS (SELECT FROM {schema}.asks a WHERE a.run_id = run AND a.key = ANY (keys) AND a.status <> 'open')
      OR EXISTS (SELECT FROM {schema}.journal j WHERE j.run_id = run AND j.key = ANY (keys) AND j.kind = 'call'
        AND coalesce(j.value, j.error) IS NOT NULL)
      -- A key of the project that nobody holds has a result, or is to be taken.
      OR EXISTS (SELECT FROM {schema}.journal j WHERE j.run_id = run AND j.key = ANY (keys) AND j.kind = 'once'
        AND j.due_ms IS NOT NULL AND NOT EXISTS (SELECT FROM {schema}.once_keys k JOIN {schema}.deliveries h
          ON h.id = k.delivery_id AND h.token = k.token AND h.status = 2 WHERE k.key = j.key)) THEN
    RETURN least(at_, now_);
  END IF;
  SELECT min(s.at_ms) INTO signal_ms FROM unnest(keys) AS k(key)
    CROSS JOIN LATERAL {schema}.signals_of_1(run, k.key, born, own, 9223372036854775807) AS s;
  RETURN CASE WHEN signal_ms IS NULL THEN at_ ELSE least(at_, greatest(signal_ms, now_)) END;
END $$;
"""

WAIT_CALLS: Final = """
CREATE FUNCTION {schema}.close_ask_1(
  lane bigint, epoch_ integer, seq bigint, ask text, status_ text, outcome_ bytea, by_ bytea, now_ bigint
) RETURNS TABLE (is_closed boolean, is_due boolean, id text, kind text, run_id text, key bytea, step bytea,
  trace_id text, title bytea, data bytea, schema bytea, asked_at_ms bigint, due_ms bigint, token_hash bytea,
  sensitive boolean, status text, closed_at_ms bigint, closed_by bytea, outcome bytea) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  run text;
  key_ bytea;
  closed integer := 0;
  woken integer := 0;
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  SELECT a.run_id, a.key INTO run, key_ FROM {schema}.asks a WHERE a.id = ask;
  PERFORM {schema}.lock_runs_1(ARRAY[run]);
  UPDATE {schema}.asks a SET status = 'timed_out', closed_at_ms = now_
    WHERE a.id = ask AND a.status = 'open' AND a.due_ms <= now_;
  UPDATE {schema}.asks a SET status = status_, closed_at_ms = now_, closed_by = by_, outcome = outcome_
    WHERE a.id = ask AND a.status = 'open';
  IF FOUND THEN
    closed := 1;
    UPDATE {schema}.journal j SET value = outcome_ WHERE j.run_id = run AND j.key = key_;
    UPDATE {schema}.deliveries d SET run_at_ms = now_, timed_at_ms = now_ WHERE d.run_id = run AND d.status = 0;
    GET DIAGNOSTICS woken = ROW_COUNT;
  END IF;
  UPDATE {schema}.lanes SET swapped = ARRAY[closed, woken] WHERE lanes.id = lane;
  RETURN QUERY SELECT closed = 1, woken = 1, a.* FROM {schema}.asks a WHERE a.id = ask;
END $$;

-- Closes the ask of a wait whose time is over; returns it if it is closed.
CREATE FUNCTION {schema}.end_ask_1(lane bigint, epoch_ integer, seq bigint, run text, key_ bytea, now_ bigint)
RETURNS SETOF {schema}.asks LANGUAGE plpgsql AS $$
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  UPDATE {schema}.asks a SET status = 'timed_out', closed_at_ms = now_
    WHERE a.run_id = run AND a.key = key_ AND a.status = 'open' AND a.due_ms <= now_;
  RETURN QUERY SELECT * FROM {schema}.asks a WHERE a.run_id = run AND a.key = key_ AND a.status <> 'open';
END $$;

-- Notes the event that a wait has taken (without a topic: none, its time is over), and keeps its value. Without a value
-- it looks only whether the delivery is current, which it notes with the lane.
CREATE FUNCTION {schema}.take_signal_1(
  lane bigint, epoch_ integer, seq bigint, id_ bigint, token_ integer, run text, key_ bytea, topic_ bytea, event_ text,
  kind_ text, kept_at bigint, value_ bytea, error_ bytea, final_ boolean, failures_ integer, due_ bigint,
  sensitive_ boolean
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  is_current boolean;
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  is_current := {schema}.is_current_1(id_, token_);
  UPDATE {schema}.lanes SET swapped = CASE WHEN is_current THEN '{{1}}'::integer[] ELSE '{{}}' END WHERE id = lane;
  IF NOT is_current THEN RETURN false; END IF;
  IF value_ IS NULL THEN RETURN true; END IF;
  UPDATE {schema}.signal_waits w SET event_id = event_ WHERE w.run_id = run AND w.key = key_ AND w.topic = topic_
    AND (w.path, w.value) = (SELECT x.path, x.value FROM {schema}.signal_waits x
      WHERE x.run_id = run AND x.key = key_ AND x.topic = topic_ LIMIT 1);
  DELETE FROM {schema}.signal_waits w WHERE w.run_id = run AND w.key = key_ AND w.event_id IS NULL;
  PERFORM {schema}.keep_entry_1(run, key_, kind_, kept_at, value_, error_, final_, failures_, due_, sensitive_);
  RETURN true;
END $$;

-- Returns a call of a run that was current, as it is kept; one without a result whose time is over fails.
CREATE FUNCTION {schema}.take_call_1(
  lane bigint, epoch_ integer, seq bigint, id_ bigint, token_ integer, run text, key_ bytea, kind_ text, kept_at bigint,
  due_ bigint, failures_ integer, sensitive_ boolean, late bytea, now_ bigint
) RETURNS TABLE (key bytea, kind text, kept_at_ms bigint, value bytea, error bytea, final boolean, failures integer,
  due_ms bigint, sensitive boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  IF NOT {schema}.is_current_1(id_, token_) THEN RETURN; END IF;
  IF coalesce(due_, 0) <= now_ AND NOT EXISTS (SELECT FROM {schema}.journal j
      WHERE j.run_id = run AND j.key = key_ AND coalesce(j.value, j.error) IS NOT NULL) THEN
    DELETE FROM {schema}.calls c WHERE c.run_id = run AND c.key = key_;
    PERFORM {schema}.keep_entry_1(run, key_, kind_, kept_at, NULL, late, false, failures_, due_, sensitive_);
  END IF;
  RETURN QUERY SELECT j.key, j.kind, j.kept_at_ms, j.value, j.error, j.final, j.failures, j.due_ms, j.sensitive
    FROM {schema}.journal j WHERE j.run_id = run AND j.key = key_;
  IF NOT FOUND THEN RETURN NEXT; END IF;
END $$;
"""
