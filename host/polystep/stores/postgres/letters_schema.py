"""Tables and functions of dead letters and of bulks of them. `{schema}` stands for the project's schema; see `schema`.

Letters are read before they are moved, since the locks of their FIFO keys come first, and since whoever asked gets them
also when the answer is lost.
"""

from __future__ import annotations

from typing import Final

LETTERS: Final = """
-- Moves dead letters back into their queues, behind what waits there; returns the places of those that were there.
CREATE FUNCTION {schema}.bring_back_1(ids bigint[], k_step bytea[], k_key bytea[], now_ bigint, deployment_ bigint,
  forgets_all boolean, forgotten bytea[])
RETURNS integer[] LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  done integer[];
  runs text[];
BEGIN
  PERFORM {schema}.lock_keys_1(k_step, k_key);
  WITH gone AS (
    DELETE FROM {schema}.dead_letters d USING unnest(ids) WITH ORDINALITY AS g(id, place) WHERE d.id = g.id
      RETURNING g.place, d.*
  ), lined AS (
    SELECT gone.*, row_number() OVER (PARTITION BY gone.step, gone.fifo_key ORDER BY gone.place) AS turn FROM gone
  ), born AS (
    INSERT INTO {schema}.deliveries (kind, event_id, topic, step, data, trace_id, run_id, parent_run_id, fifo_key,
      status, run_at_ms, enqueued_at_ms, timed_at_ms, attempt, deployment)
    -- It was born when it was: its waits take what has come since then.
    SELECT l.kind, l.event_id, l.topic, l.step, l.data, l.trace_id, l.run_id, l.parent_run_id, l.fifo_key,
      CASE WHEN l.fifo_key IS NOT NULL AND (l.turn > 1 OR EXISTS (SELECT FROM {schema}.deliveries d
        WHERE d.step = l.step AND d.fifo_key = l.fifo_key)) THEN 1 ELSE 0 END,
      now_, l.enqueued_at_ms, now_, l.attempts, deployment_ FROM lined l ORDER BY l.place
  )
  SELECT coalesce(array_agg(gone.place::integer ORDER BY gone.place), '{{}}'), array_agg(gone.run_id)
    INTO done, runs FROM gone;
  IF runs IS NULL THEN RETURN done; END IF;
  PERFORM {schema}.revive_1(runs, forgets_all, forgotten);
  -- Events find them again that cancel runs.
  WITH found AS (
    UPDATE {schema}.cancel_keys k SET delivery = d.id FROM {schema}.deliveries d
      WHERE k.run_id = ANY (runs) AND d.run_id = k.run_id RETURNING d.id
  )
  UPDATE {schema}.deliveries d SET cancellable = true FROM found WHERE d.id = found.id;
  RETURN done;
END $$;

CREATE FUNCTION {schema}.replay_1(
  lane bigint, epoch_ integer, seq bigint, letter bigint, step_ bytea, key_ bytea, now_ bigint, deployment_ bigint,
  forgets_all boolean, forgotten bytea[]
) RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
  done integer[];
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  done := {schema}.bring_back_1(ARRAY[letter], ARRAY[step_], ARRAY[key_], now_, deployment_, forgets_all,
    forgotten);
  UPDATE {schema}.lanes SET swapped = done WHERE id = lane;
  RETURN done;
END $$;

-- Replaces the data of a letter, or removes it.
CREATE FUNCTION {schema}.change_letter_1(
  lane bigint, epoch_ integer, seq bigint, letter bigint, data_ bytea, now_ bigint
) RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
  done integer[];
  run text;
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  IF data_ IS NULL THEN
    DELETE FROM {schema}.dead_letters WHERE id = letter RETURNING run_id INTO run;
    IF FOUND THEN PERFORM {schema}.forget_1(ARRAY[run], now_); END IF;
    PERFORM {schema}.free_1(ARRAY[run]);
  ELSE
    UPDATE {schema}.dead_letters SET data = data_ WHERE id = letter RETURNING run_id INTO run;
    -- What it was found by is not in its data any more.
    DELETE FROM {schema}.cancel_keys k WHERE k.run_id = run;
  END IF;
  done := CASE WHEN run IS NOT NULL THEN ARRAY[1] ELSE '{{}}' END;
  UPDATE {schema}.lanes SET swapped = done WHERE id = lane;
  RETURN done;
END $$;

CREATE FUNCTION {schema}.purge_letters_1(lane bigint, epoch_ integer, seq bigint, step_ bytea, now_ bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  runs text[];
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  WITH gone AS (
    DELETE FROM {schema}.dead_letters d WHERE step_ IS NULL OR d.step = step_ RETURNING d.run_id)
  SELECT coalesce(array_agg(gone.run_id), '{{}}') INTO runs FROM gone;
  PERFORM {schema}.forget_1(runs, now_);
  PERFORM {schema}.free_1(runs);
  RETURN cardinality(runs);
END $$;
"""

BULKS: Final = """
CREATE TABLE {schema}.bulks (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, act text NOT NULL, about text NOT NULL, status text NOT NULL,
  total integer NOT NULL, done integer NOT NULL DEFAULT 0, missing integer NOT NULL DEFAULT 0, per_second integer,
  begun_ms bigint NOT NULL, ended_ms bigint,
  -- The last letter that had its turn.
  position bigint NOT NULL DEFAULT 0,
  -- Packed merge patch for the data of each letter, and how many letters stay dead since it makes them unfit.
  patch bytea, refused integer NOT NULL DEFAULT 0,
  -- Which call began it: its answer is found here when it was lost.
  lane bigint NOT NULL, commit_seq bigint NOT NULL
);
-- The letters that a bulk is about, with the runs that they are in any attempt.
CREATE TABLE {schema}.bulk_letters (
  bulk bigint NOT NULL, letter bigint NOT NULL, run_id text COLLATE "C" NOT NULL,
  -- Why it stays dead.
  refusal text,
  PRIMARY KEY (bulk, letter)
);

CREATE FUNCTION {schema}.begin_bulk_1(
  lane_ bigint, epoch_ integer, seq bigint, act_ text, about_ text, speed integer, now_ bigint, ids bigint[],
  kept integer, patch_ bytea
) RETURNS TABLE (id bigint, total integer) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  id_ bigint;
  total_ integer;
  old bigint[];
BEGIN
  PERFORM {schema}.fence_1(lane_, epoch_, seq);
  old := ARRAY (SELECT b.id FROM {schema}.bulks b WHERE b.status <> 'running' ORDER BY b.id DESC OFFSET kept);
  DELETE FROM {schema}.bulk_letters b WHERE b.bulk = ANY (old);
  DELETE FROM {schema}.bulks b WHERE b.id = ANY (old);
  INSERT INTO {schema}.bulks AS b (act, about, status, total, per_second, begun_ms, patch, lane, commit_seq)
    VALUES (act_, about_, 'running', 0, speed, now_, patch_, lane_, seq) RETURNING b.id INTO id_;
  INSERT INTO {schema}.bulk_letters (bulk, letter, run_id)
    SELECT id_, d.id, d.run_id FROM {schema}.dead_letters d WHERE d.id = ANY (ids);
  GET DIAGNOSTICS total_ = ROW_COUNT;
  UPDATE {schema}.bulks b SET total = total_ WHERE b.id = id_;
  RETURN QUERY SELECT id_, total_;
END $$;

-- Gives the next letters of a bulk their turn, if it stands where it was seen: `ids` leave the dead letters, with other
-- data where `edits` has some; `unfit` stay there, for the reasons of `refusals`. Up to `upto` there were `turns`.
-- Notes with the lane 0, and the places of those `ids` that were there; nothing when it stands elsewhere.
CREATE FUNCTION {schema}.advance_bulk_1(
  lane bigint, epoch_ integer, seq bigint, bulk bigint, seen bigint, ids bigint[], k_step bytea[], k_key bytea[],
  is_last boolean, now_ bigint, deployment_ bigint, edits bytea[], unfit bigint[], refusals text[], upto bigint,
  turns integer
) RETURNS integer[] LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  act_ text;
  done_ integer[];
  runs text[];
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  UPDATE {schema}.lanes SET swapped = '{{}}' WHERE id = lane;
  -- Before the row of the bulk, as groups do: no other call has both.
  PERFORM {schema}.lock_keys_1(k_step, k_key);
  SELECT b.act INTO act_ FROM {schema}.bulks b WHERE b.id = bulk AND b.status = 'running' AND b.position = seen
    FOR UPDATE;
  IF NOT FOUND THEN RETURN '{{}}'; END IF;
  UPDATE {schema}.bulk_letters l SET refusal = r.reason FROM unnest(unfit, refusals) AS r(id, reason)
    WHERE l.bulk = advance_bulk_1.bulk AND l.letter = r.id;
  IF act_ = 'replay' THEN
    UPDATE {schema}.dead_letters d SET data = e.data FROM unnest(ids, edits) AS e(id, data)
      WHERE d.id = e.id AND e.data IS NOT NULL;
    DELETE FROM {schema}.cancel_keys k USING unnest(ids, edits) AS e(id, data) JOIN {schema}.dead_letters d USING (id)
      WHERE e.data IS NOT NULL AND k.run_id = d.run_id;
    done_ := {schema}.bring_back_1(ids, k_step, k_key, now_, deployment_, false, '{{}}');
  ELSE
    WITH gone AS (
      DELETE FROM {schema}.dead_letters d USING unnest(ids) WITH ORDINALITY AS g(id, place) WHERE d.id = g.id
        RETURNING g.place, d.run_id)
    SELECT coalesce(array_agg(gone.place::integer), '{{}}'), coalesce(array_agg(gone.run_id), '{{}}')
      INTO done_, runs FROM gone;
    PERFORM {schema}.forget_1(runs, now_);
    PERFORM {schema}.free_1(runs);
  END IF;
  UPDATE {schema}.bulks b SET position = upto, done = b.done + cardinality(done_),
    refused = b.refused + cardinality(unfit),
    missing = b.missing + turns - cardinality(done_) - cardinality(unfit),
    status = CASE WHEN is_last THEN 'done' ELSE b.status END, ended_ms = CASE WHEN is_last THEN now_ END
    WHERE b.id = bulk;
  UPDATE {schema}.lanes SET swapped = 0 || done_ WHERE id = lane;
  RETURN 0 || done_;
END $$;

CREATE FUNCTION {schema}.stop_bulk_1(lane bigint, epoch_ integer, seq bigint, bulk bigint, now_ bigint)
RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
  done integer[];
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  UPDATE {schema}.bulks SET status = 'stopped', ended_ms = now_ WHERE id = bulk AND status = 'running';
  done := CASE WHEN FOUND THEN ARRAY[1] ELSE '{{}}' END;
  UPDATE {schema}.lanes SET swapped = done WHERE id = lane;
  RETURN done;
END $$;
"""

ALL_LETTERS: Final = LETTERS + BULKS
"""In the order in which they are made."""
