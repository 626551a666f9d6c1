"""Tables and functions of the keys of the project. `{schema}` stands for the project's schema; see `schema`.

Whoever takes, keeps or gives back a key locks its row among the FIFO keys first, and then all deliveries that it reads
or makes due. The result of a key and a run that begins to wait for it never miss each other.
"""

from __future__ import annotations

from typing import Final

_WAITS: Final = "w.kind = 'once' AND w.due_ms IS NOT NULL"
IS_HELD: Final = """EXISTS (
  SELECT FROM {schema}.deliveries h WHERE h.id = k.delivery_id AND h.token = k.token AND h.status = 2)"""
"""Holds of a key `k` that some attempt holds."""

ONCE_TABLES: Final = """
CREATE TABLE {schema}.once_keys (
  key bytea PRIMARY KEY, id text NOT NULL, step bytea NOT NULL, run_id text NOT NULL, trace_id text NOT NULL,
  begun_at_ms bigint NOT NULL, until_ms bigint NOT NULL, delivery_id bigint, token integer, kept_at_ms bigint,
  sensitive boolean NOT NULL DEFAULT false, value bytea
) WITH (fillfactor = 80);
CREATE INDEX once_keys_until ON {schema}.once_keys (until_ms);
-- Runs that wait for a key, the longest waiting first.
CREATE INDEX journal_once_waits ON {schema}.journal (key, kept_at_ms) WHERE kind = 'once' AND due_ms IS NOT NULL;
"""

ONCE: Final = f"""
-- Locks keys, and with one delivery those of the runs that wait for them.
CREATE FUNCTION {{schema}}.lock_once_1(locks bytea[], keys bytea[], own bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM {{schema}}.lock_keys_1(array_fill('(once)'::bytea, ARRAY[cardinality(locks)]), locks);
  PERFORM FROM {{schema}}.deliveries d WHERE d.id = ANY (ARRAY (
    SELECT own WHERE own IS NOT NULL
    UNION SELECT x.id FROM {{schema}}.journal w JOIN {{schema}}.deliveries x ON x.run_id = w.run_id
      WHERE w.key = ANY (keys) AND {_WAITS})) ORDER BY d.id FOR NO KEY UPDATE;
END $$;

-- Makes runs due that wait for a key, all of them or the longest waiting of each step: of one alone nobody knows if it
-- is to run soon. Returns the steps. A wait counts in the try in which it was begun: a run that has failed meanwhile
-- waits for its next attempt.
CREATE FUNCTION {{schema}}.wake_once_1(key_ bytea, wakes_all boolean, now_ bigint) RETURNS SETOF bytea
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY
  WITH waiting AS MATERIALIZED (
    SELECT d.id, d.step, d.status = 0 AND d.run_at_ms > now_ AS is_later,
      row_number() OVER (PARTITION BY d.step ORDER BY w.kept_at_ms, d.id) AS turn
    FROM (SELECT * FROM {{schema}}.journal w WHERE w.key = key_ AND {_WAITS}
      ORDER BY w.kept_at_ms LIMIT CASE WHEN wakes_all THEN NULL ELSE 32 END) AS w
    JOIN {{schema}}.deliveries d ON d.run_id = w.run_id AND d.failures = w.failures
  ), woken AS (
    UPDATE {{schema}}.deliveries d SET run_at_ms = now_, timed_at_ms = now_ FROM waiting w
      WHERE d.id = w.id AND w.is_later AND (wakes_all OR w.turn = 1)
  )
  SELECT DISTINCT w.step FROM waiting w;
END $$;

-- Lets a delivery hold a key ('taken'), gives the result ('kept'), or writes that the run waits ('waits'). 'full' when
-- it would be one key more and that is too many; nothing when the delivery is not current.
CREATE FUNCTION {{schema}}.take_once_1(
  lane bigint, epoch_ integer, seq bigint, lock bytea, id_ bigint, token_ integer, step_ bytea, run text, trace text,
  key_ bytea, kept_at bigint, failures_ integer, due_ bigint, sensitive_ boolean, ttl bigint, room bigint,
  is_full boolean, new_id text, now_ bigint
) RETURNS TABLE (what text, id text, value bytea, kept_at_ms bigint, is_sensitive boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  k record;
  counts boolean;
BEGIN
  PERFORM {{schema}}.fence_1(lane, epoch_, seq);
  PERFORM {{schema}}.lock_once_1(ARRAY[lock], ARRAY[]::bytea[], id_);
  IF NOT {{schema}}.is_current_1(id_, token_) THEN RETURN; END IF;
  SELECT k.*, {IS_HELD} AS is_held INTO k FROM {{schema}}.once_keys k WHERE k.key = key_;
  -- The time of the result is not over, or the run has waited for it.
  counts := k.value IS NOT NULL AND (k.until_ms > now_ OR kept_at <= k.kept_at_ms);
  IF counts THEN
    IF char_length(convert_from(key_, 'UTF8')) + length(k.value) <= room THEN
      PERFORM {{schema}}.keep_entry_1(run, key_, 'once', k.kept_at_ms, k.value, NULL, false, 0, NULL,
        sensitive_ OR k.sensitive);
    END IF;
    RETURN QUERY SELECT 'kept', NULL::text, k.value, k.kept_at_ms, sensitive_ OR k.sensitive;
    RETURN;
  END IF;
  IF k.is_held AND (k.delivery_id, k.token) <> (id_, token_) THEN
    PERFORM {{schema}}.keep_entry_1(run, key_, 'once', kept_at, NULL, NULL, false, failures_, due_, sensitive_);
    RETURN QUERY SELECT 'waits', NULL::text, NULL::bytea, NULL::bigint, NULL::boolean;
    RETURN;
  END IF;
  -- A few keys whose time is over, and for which nobody waits.
  DELETE FROM {{schema}}.once_keys x WHERE x.key <> key_ AND x.key = ANY (ARRAY (
    SELECT k.key FROM {{schema}}.once_keys k WHERE k.until_ms <= now_ AND NOT {IS_HELD} AND NOT EXISTS (
      SELECT FROM {{schema}}.journal w WHERE w.key = k.key AND {_WAITS})
    ORDER BY k.until_ms LIMIT 10 FOR UPDATE SKIP LOCKED));
  IF k.key IS NULL AND is_full THEN
    RETURN QUERY SELECT 'full', NULL::text, NULL::bytea, NULL::bigint, NULL::boolean;
    RETURN;
  END IF;
  DELETE FROM {{schema}}.journal w WHERE w.run_id = run AND w.key = key_ AND {_WAITS};
  -- Taken up again after a failure it names the same work, after its time another one.
  RETURN QUERY
  INSERT INTO {{schema}}.once_keys AS x (key, id, step, run_id, trace_id, begun_at_ms, until_ms, delivery_id, token)
    VALUES (key_, new_id, step_, run, trace, now_, now_ + ttl, id_, token_)
    ON CONFLICT (key) DO UPDATE SET id = CASE WHEN x.value IS NULL THEN x.id ELSE excluded.id END, value = NULL,
      kept_at_ms = NULL, sensitive = false, step = excluded.step, run_id = excluded.run_id,
      trace_id = excluded.trace_id, begun_at_ms = excluded.begun_at_ms, until_ms = excluded.until_ms,
      delivery_id = excluded.delivery_id, token = excluded.token
    RETURNING 'taken', x.id, NULL::bytea, NULL::bigint, NULL::boolean;
END $$;

-- Keeps the result of a key, or without one ends the hold of a delivery. Notes with the lane whether the delivery is
-- current (1), and whether it has held the key (2). Returns that, and the steps of the runs that wait.
CREATE FUNCTION {{schema}}.end_once_1(
  lane bigint, epoch_ integer, seq bigint, lock bytea, id_ bigint, token_ integer, run text, key_ bytea,
  has_entry boolean, kept_at bigint, value_ bytea, error_ bytea, final_ boolean, failures_ integer, due_ bigint,
  sensitive_ boolean, until bigint, now_ bigint
) RETURNS TABLE (fate integer, step bytea) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  fate_ integer := 0;
BEGIN
  PERFORM {{schema}}.fence_1(lane, epoch_, seq);
  PERFORM {{schema}}.lock_once_1(ARRAY[lock], ARRAY[key_], id_);
  IF {{schema}}.is_current_1(id_, token_) THEN
    UPDATE {{schema}}.once_keys k SET delivery_id = NULL, token = NULL, value = value_,
      sensitive = value_ IS NOT NULL AND sensitive_, kept_at_ms = CASE WHEN value_ IS NOT NULL THEN now_ END,
      until_ms = coalesce(until, k.until_ms)
      WHERE k.key = key_ AND k.delivery_id = id_ AND k.token = token_;
    fate_ := CASE WHEN FOUND THEN 2 ELSE 1 END;
    IF has_entry AND (fate_ = 2 OR value_ IS NULL) THEN
      PERFORM {{schema}}.keep_entry_1(run, key_, 'once', kept_at, value_, error_, final_, failures_, due_, sensitive_);
    END IF;
  END IF;
  UPDATE {{schema}}.lanes SET swapped = ARRAY[fate_] WHERE id = lane;
  RETURN QUERY SELECT fate_, NULL::bytea;
  IF fate_ = 2 THEN RETURN QUERY SELECT 2, s FROM {{schema}}.wake_once_1(key_, value_ IS NOT NULL, now_) AS s; END IF;
END $$;

-- Makes runs due that wait for keys which nobody holds; returns their steps.
CREATE FUNCTION {{schema}}.pass_on_1(
  lane bigint, epoch_ integer, seq bigint, locks bytea[], keys bytea[], now_ bigint
) RETURNS SETOF bytea LANGUAGE plpgsql AS $$
DECLARE
  each record;
BEGIN
  PERFORM {{schema}}.fence_1(lane, epoch_, seq);
  PERFORM {{schema}}.lock_once_1(locks, keys, NULL);
  FOR each IN
    SELECT x.key, k.value IS NOT NULL AS is_kept FROM unnest(keys) AS x(key)
    LEFT JOIN {{schema}}.once_keys k ON k.key = x.key WHERE NOT {IS_HELD}
  LOOP
    RETURN QUERY SELECT * FROM {{schema}}.wake_once_1(each.key, each.is_kept, now_);
  END LOOP;
END $$;

-- Forgets a key: notes with the lane 0 there is none, 1 forgotten, 2 its function runs.
CREATE FUNCTION {{schema}}.forget_once_1(lane bigint, epoch_ integer, seq bigint, lock bytea, key_ bytea)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  fate integer := 0;
BEGIN
  PERFORM {{schema}}.fence_1(lane, epoch_, seq);
  PERFORM {{schema}}.lock_once_1(ARRAY[lock], ARRAY[]::bytea[], NULL);
  IF EXISTS (SELECT FROM {{schema}}.once_keys k WHERE k.key = key_ AND {IS_HELD}) THEN
    fate := 2;
  ELSE
    DELETE FROM {{schema}}.once_keys k WHERE k.key = key_;
    IF FOUND THEN fate := 1; END IF;
  END IF;
  UPDATE {{schema}}.lanes SET swapped = ARRAY[fate] WHERE id = lane;
  RETURN fate;
END $$;
"""

ONCE_LISTED: Final = f"""
SELECT k.key, CASE WHEN k.value IS NOT NULL THEN 'kept' WHEN {IS_HELD} THEN 'running' ELSE 'free' END,
  k.step, k.run_id, k.trace_id, k.begun_at_ms, k.kept_at_ms, k.until_ms, coalesce(length(k.value), 0),
  (SELECT count(*) FROM {{schema}}.journal w JOIN {{schema}}.deliveries d ON d.run_id = w.run_id
   WHERE w.key = k.key AND {_WAITS})
FROM {{schema}}.once_keys k WHERE k.key > $1 AND k.key >= $2 AND ($3::bytea IS NULL OR k.key < $3)
AND (k.value IS NULL OR k.until_ms > $4) ORDER BY k.key LIMIT $5"""
"""A page of keys: takes the last one of the page before, the first and the end of the range, the time and a number."""

ONCE_WANTED: Final = f"""
SELECT x.key FROM (SELECT DISTINCT w.key FROM {{schema}}.journal w WHERE {_WAITS}) AS x
LEFT JOIN {{schema}}.once_keys k ON k.key = x.key WHERE NOT {IS_HELD} ORDER BY x.key"""
"""Keys that runs wait for and nobody holds."""

ONCE_WAITING: Final = f"""
SELECT EXISTS (SELECT FROM {{schema}}.journal w JOIN {{schema}}.deliveries d ON d.run_id = w.run_id WHERE {_WAITS})"""

ONCE_WAKES: Final = f"""
SELECT DISTINCT 2, d.step FROM (
  SELECT w.run_id, w.failures FROM {{schema}}.journal w WHERE w.key = $1 AND {_WAITS} ORDER BY w.kept_at_ms LIMIT $2
) AS w JOIN {{schema}}.deliveries d ON d.run_id = w.run_id AND d.failures = w.failures"""
"""Steps of the runs that wait for a key."""
