"""Tables and functions of the deliveries. `{schema}` stands for the project's schema; see `schema`.

Only the head of a FIFO key is ready, and the rest is blocked, as in SQLite. There one writer makes that safe. Here two
transactions that look at one key at once would both see it as it was: each locks the row of the key by a statement of
its own, and looks with the next one, whose snapshot holds what the one before has committed. The row says nothing; it
may be removed at any time.
"""

from __future__ import annotations

from typing import Final

from polystep.stores.postgres.cancel_schema import CANCEL_TABLES, CANCELLING
from polystep.stores.postgres.history_schema import HISTORIES, HISTORY_TABLES
from polystep.stores.postgres.journal_schema import JOURNAL
from polystep.stores.postgres.once_schema import ONCE, ONCE_TABLES
from polystep.stores.postgres.queue_tables import DELIVERIES
from polystep.stores.postgres.request_schema import REQUEST_TABLES, REQUESTS
from polystep.stores.postgres.waits_schema import WAIT_CALLS, WAIT_LOCKS, WAIT_TABLES, WAITS

LINES: Final = """
-- In one order, so that two groups with the same keys wait for each other instead of locking each other out. Nothing is
-- written of a row that exists; it is locked all the same.
CREATE FUNCTION {schema}.lock_keys_1(k_step bytea[], k_key bytea[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {schema}.fifo_keys AS t (step, key)
    SELECT DISTINCT k.step, k.key FROM unnest(k_step, k_key) AS k(step, key) WHERE k.key IS NOT NULL ORDER BY 1, 2
    ON CONFLICT (step, key) DO UPDATE SET key = excluded.key WHERE false;
END $$;
CREATE FUNCTION {schema}.lock_limits_1(l_step bytea[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {schema}.step_limits AS t (step) SELECT DISTINCT l.step FROM unnest(l_step) AS l(step) ORDER BY 1
    ON CONFLICT (step) DO UPDATE SET step = excluded.step WHERE false;
END $$;

-- Makes the next delivery ready of each key whose head has ended. The ids of a key are drawn under its lock, so the
-- next one is behind the head: the search passes over nothing that is gone.
CREATE FUNCTION {schema}.unblock_1(k_step bytea[], k_key bytea[], k_id bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE {schema}.deliveries d SET status = 0 WHERE d.status IS NOT DISTINCT FROM 1 AND d.id = ANY (ARRAY (
    SELECT (
      SELECT b.id FROM {schema}.deliveries b WHERE b.step = k.step AND b.fifo_key = k.key AND b.id > k.id
      ORDER BY b.id LIMIT 1
    ) FROM unnest(k_step, k_key, k_id) AS k(step, key, id) WHERE k.key IS NOT NULL));
END $$;
-- The same of keys whose heads may have ended.
CREATE FUNCTION {schema}.wake_keys_1(k_step bytea[], k_key bytea[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE {schema}.deliveries d SET status = 0 WHERE d.status IS NOT DISTINCT FROM 1 AND d.id = ANY (ARRAY (
    SELECT (
      SELECT b.id FROM {schema}.deliveries b WHERE b.step = k.step AND b.fifo_key = k.key ORDER BY b.id LIMIT 1
    ) FROM unnest(k_step, k_key) AS k(step, key) WHERE k.key IS NOT NULL));
END $$;
"""

STORE: Final = """
-- Stores deliveries in the order of the arrays: as dead letters (target 1), parked (2), kept for waits (3),
-- kept to cancel runs (4), or ready, blocked or running; nothing becomes of others.
-- `kept` says which of the settled deliveries they come from were current; without it all were. The keys are locked.
-- Returns those that are claimed, in their order.
CREATE FUNCTION {schema}.store_1(
  host_ bigint, kept boolean[], has_lines boolean,
  n_source integer[], n_kind text[], n_event text[], n_topic bytea[], n_step bytea[], n_data bytea[], n_trace text[],
  n_run text[], n_parent text[], n_key bytea[], n_run_at bigint[], n_now bigint[], n_deployment bigint[],
  n_owner text[], n_lease bigint[], n_limit integer[], n_counting boolean[], n_target smallint[], n_note text[],
  n_print text[], n_extra text[]
) RETURNS TABLE (run text, born bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  status_ smallint[];
  newest bigint;
BEGIN
  IF 4 = ANY (n_target) THEN SELECT coalesce(max(d.id), 0) INTO newest FROM {schema}.deliveries d; END IF;
  IF 1 = ANY (n_target) THEN
    INSERT INTO {schema}.dead_letters (kind, event_id, topic, step, data, trace_id, run_id, parent_run_id, fifo_key,
      attempts, error, fingerprint, enqueued_at_ms, died_at_ms)
    SELECT n.kind, n.event, n.topic, n.step, n.data, n.trace, n.run, n.parent, n.key, 0, n.note, n.print, n.now, n.now
    FROM unnest(n_source, n_kind, n_event, n_topic, n_step, n_data, n_trace, n_run, n_parent, n_key, n_now, n_target,
      n_note, n_print) AS n(source, kind, event, topic, step, data, trace, run, parent, key, now, target, note, print)
    WHERE n.target = 1 AND (kept IS NULL OR n.source IS NULL OR kept[n.source]);
  END IF;
  IF 2 = ANY (n_target) THEN
    INSERT INTO {schema}.parked (event_id, topic, trace_id, run_id, parent_run_id, fifo_key, taken_by, enqueued_at_ms,
      data, deployment, run_at_ms)
    SELECT n.event, n.topic, n.trace, n.run, n.parent, n.key, n.note, n.now, n.data, n.deployment, n.run_at
    FROM unnest(n_source, n_event, n_topic, n_data, n_trace, n_run, n_parent, n_key, n_run_at, n_now, n_deployment,
      n_target, n_note)
      AS n(source, event, topic, data, trace, run, parent, key, run_at, now, deployment, target, note)
    WHERE n.target = 2 AND (kept IS NULL OR n.source IS NULL OR kept[n.source]);
  END IF;
  IF 3 = ANY (n_target) THEN
    PERFORM {schema}.keep_signals_1(kept, n_source, n_event, n_topic, n_data, n_run_at, n_now, n_target, n_note);
  END IF;
  IF has_lines THEN
    -- Without the data, which a sort would copy.
    SELECT array_agg(
      CASE WHEN x.is_blocked THEN 1 WHEN x.owner IS NULL THEN 0 WHEN x.bound IS NULL THEN 2
        WHEN x.running + x.turn <= x.bound THEN 2 ELSE 0 END ORDER BY x.place
    ) INTO status_ FROM (
      SELECT y.*, row_number() OVER (PARTITION BY y.step, y.is_free ORDER BY y.place) AS turn,
        CASE WHEN y.bound IS NOT NULL AND y.is_free THEN (
          SELECT count(*) FROM (
            SELECT FROM {schema}.deliveries d WHERE d.step = y.step AND d.status = 2
            UNION ALL
            SELECT FROM {schema}.deliveries d WHERE y.counting AND d.step = y.step AND d.status = 0 AND d.holds_place
            LIMIT y.bound
          ) AS those) END AS running
      FROM (
        SELECT z.*, z.is_real AND NOT z.is_blocked AND z.owner IS NOT NULL AS is_free FROM (
          SELECT n.place, n.step, n.owner, n.bound, n.counting, r.is_real, n.key IS NOT NULL AND (
            row_number() OVER (PARTITION BY n.step, n.key, r.is_real ORDER BY n.place) > 1
            -- From the end, where the last one is: those before it may all be gone.
            OR (SELECT d.id FROM {schema}.deliveries d WHERE d.step = n.step AND d.fifo_key = n.key
              ORDER BY d.id DESC LIMIT 1) IS NOT NULL) AS is_blocked
          FROM unnest(n_source, n_step, n_key, n_owner, n_limit, n_counting, n_target) WITH ORDINALITY
            AS n(source, step, key, owner, bound, counting, target, place)
          CROSS JOIN LATERAL (SELECT n.target = 0
            AND (kept IS NULL OR n.source IS NULL OR coalesce(kept[n.source], false)) AS is_real) AS r
        ) AS z
      ) AS y
    ) AS x;
  END IF;
  IF 0 = ANY (n_target) THEN
    RETURN QUERY
    -- An array is read in its order, and so the ids are drawn.
    WITH born AS (
      INSERT INTO {schema}.deliveries AS d (kind, event_id, topic, step, data, trace_id, run_id, parent_run_id,
        fifo_key, status, run_at_ms, enqueued_at_ms, deployment, token, attempt, owner, lease_until_ms, host,
        cancellable)
      SELECT n.kind, n.event, n.topic, n.step, n.data, n.trace, n.run, n.parent, n.key, n.status, n.run_at, n.now,
        n.deployment, n.status / 2, n.status / 2, CASE n.status WHEN 2 THEN n.owner END,
        CASE n.status WHEN 2 THEN n.lease END, CASE n.status WHEN 2 THEN host_ END,
        n.extra IS NOT NULL AND n.extra::json -> 'cancel' IS NOT NULL
      FROM (
        SELECT m.kind, m.event, m.topic, m.step, m.data, m.trace, m.run, m.parent, m.key, m.run_at, m.now, m.deployment,
          m.owner, m.lease, m.extra, coalesce(m.status, CASE WHEN m.owner IS NULL THEN 0 ELSE 2 END) AS status
        FROM unnest(n_source, n_kind, n_event, n_topic, n_step, n_data, n_trace, n_run, n_parent, n_key, n_run_at,
          n_now, n_deployment, n_owner, n_lease, n_target, status_, n_extra)
          AS m(source, kind, event, topic, step, data, trace, run, parent, key, run_at, now, deployment, owner, lease,
            target, status, extra)
        WHERE m.target = 0 AND (kept IS NULL OR m.source IS NULL OR kept[m.source])
      ) AS n
      RETURNING d.run_id, d.id, d.status
    )
    SELECT born.run_id, born.id FROM born WHERE born.status = 2;
  END IF;
  IF n_extra IS NOT NULL THEN
    INSERT INTO {schema}.cancel_keys (step, path, value, delivery, run_id)
    SELECT n.step, decode(p.pair ->> 0, 'hex'), decode(p.pair ->> 1, 'hex'), coalesce(d.id, 0), n.run
    FROM unnest(n_source, n_step, n_run, n_target, n_extra) AS n(source, step, run, target, extra)
    CROSS JOIN LATERAL json_array_elements(n.extra::json -> 'cancel') AS p(pair)
    LEFT JOIN {schema}.deliveries d ON d.run_id = n.run
    WHERE n.target IN (0, 1) AND (kept IS NULL OR n.source IS NULL OR kept[n.source]) ON CONFLICT DO NOTHING;
  END IF;
  IF 4 = ANY (n_target) THEN
    -- An event means what was stored before it, here too.
    INSERT INTO {schema}.cancellations (step, path, value, event_id, upto, at_ms, kept_at_ms, reason)
    SELECT decode(p.runs ->> 0, 'hex'), decode(p.runs ->> 1, 'hex'), decode(p.runs ->> 2, 'hex'), n.event,
      CASE WHEN n.run_at <= n.now THEN coalesce((
        SELECT max(d.id) FROM unnest(n_run, n_target) WITH ORDINALITY AS x(run, target, place)
        JOIN {schema}.deliveries d ON d.run_id = x.run WHERE x.target = 0 AND x.place < n.place), newest) END,
      greatest(n.now, n.run_at), n.now, n.note::json ->> 'reason'
    FROM unnest(n_source, n_event, n_run_at, n_now, n_target, n_note) WITH ORDINALITY
      AS n(source, event, run_at, now, target, note, place)
    CROSS JOIN LATERAL json_array_elements(CASE n.target WHEN 4 THEN n.note::json -> 'cancels' END) AS p(runs)
    WHERE n.target = 4 AND (kept IS NULL OR n.source IS NULL OR kept[n.source]);
  END IF;
END $$;
"""

SETTLE: Final = """
-- Gives the callers of runs that are buried their errors; returns the kinds, with 9 of these runs and 3 of the others.
CREATE FUNCTION {schema}.fail_calls_1(
  o_kind smallint[], o_id bigint[], o_token integer[], o_note text[], o_now bigint[]
) RETURNS smallint[] LANGUAGE plpgsql AS $$
DECLARE
  runs text[];
  errors text[];
  places integer[];
  called text[] := '{{}}';
  now_ bigint;
BEGIN
  SELECT array_agg(d.run_id), array_agg(o.note), array_agg(o.place::integer), max(o.now)
    INTO runs, errors, places, now_
    FROM unnest(o_kind, o_id, o_token, o_note, o_now) WITH ORDINALITY AS o(kind, id, token, note, now, place)
    JOIN {schema}.deliveries d ON d.id = o.id
    WHERE o.kind = 8 AND d.token IS NOT DISTINCT FROM o.token AND d.status IS NOT DISTINCT FROM 2;
  IF runs IS NOT NULL THEN called := {schema}.end_calls_1(runs, NULL, errors, now_); END IF;
  RETURN ARRAY (
    SELECT CASE WHEN o.kind <> 8 THEN o.kind WHEN r.run = ANY (called) THEN 9 ELSE 3 END::smallint
    FROM unnest(o_kind) WITH ORDINALITY AS o(kind, place) LEFT JOIN unnest(places, runs) AS r(place, run)
      ON r.place = o.place ORDER BY o.place);
END $$;

-- Ends claimed deliveries (kind 1: completed, 3: buried), makes them ready again (2), extends their leases (4), looks
-- whether they may keep something (5), or suspends them (6; the note has their waits). Of runs that were called, it
-- completes some with a value (7), and buries others (8), unless somebody waits for them: they fail instead (9).
-- Of requests it looks whether their runs may keep something (10).
-- Returns which of them were current; NULL when all were. What they name is found by the primary key: the conditions on
-- token and status are none for an index, since that of running ones is full of entries that are gone.
CREATE FUNCTION {schema}.settle_1(
  o_kind smallint[], o_id bigint[], o_token integer[], o_at bigint[], o_failures integer[], o_crashes integer[],
  o_note text[], o_print text[], o_now bigint[], o_place boolean[], o_value bytea[]
) RETURNS boolean[] LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  done_ integer[];
  all_done integer[] := '{{}}';
  k_step bytea[];
  k_key bytea[];
  k_id bigint[];
  kept boolean[];
  place_ integer;
  over text[];
  called text[];
  found_ text[];
  lost text[];
  h_failures integer[];
  h_kind text[];
  h_topic bytea[];
  h_step bytea[];
  h_trace text[];
  h_key bytea[];
  h_data bytea[];
  results bytea[];
  now_ bigint;
  unmarked bigint[];
BEGIN
  IF 8 = ANY (o_kind) THEN o_kind := {schema}.fail_calls_1(o_kind, o_id, o_token, o_note, o_now); END IF;
  IF o_kind && '{{1, 7, 9}}'::smallint[] THEN
    WITH gone AS (
      DELETE FROM {schema}.deliveries d USING unnest(o_kind, o_id, o_token) WITH ORDINALITY AS o(kind, id, token, place)
        WHERE o.kind IN (1, 7, 9) AND d.id = o.id AND d.token IS NOT DISTINCT FROM o.token
          AND d.status IS NOT DISTINCT FROM 2
        RETURNING o.kind, o.place, d.step, d.fifo_key, d.id, d.run_id, d.resumes,
          d.cancellable, d.failures, d.kind AS sort, d.topic, d.trace_id,
          CASE WHEN d.resumes IS NOT NULL AND length(d.data) <= 262144 THEN d.data END AS data
    )
    SELECT array_agg(place::integer), array_agg(step) FILTER (WHERE fifo_key IS NOT NULL),
      array_agg(fifo_key) FILTER (WHERE fifo_key IS NOT NULL), array_agg(id) FILTER (WHERE fifo_key IS NOT NULL),
      array_agg(run_id) FILTER (WHERE resumes IS NOT NULL AND kind <> 9), max(o_now[place]),
      array_agg(run_id) FILTER (WHERE kind = 7), array_agg(o_value[place]) FILTER (WHERE kind = 7),
      array_agg(run_id) FILTER (WHERE cancellable), array_agg(run_id) FILTER (WHERE resumes IS NOT NULL AND kind = 9),
      array_agg(failures) FILTER (WHERE resumes IS NOT NULL AND kind <> 9),
      array_agg(sort) FILTER (WHERE resumes IS NOT NULL AND kind <> 9),
      array_agg(topic) FILTER (WHERE resumes IS NOT NULL AND kind <> 9),
      array_agg(step) FILTER (WHERE resumes IS NOT NULL AND kind <> 9),
      array_agg(trace_id) FILTER (WHERE resumes IS NOT NULL AND kind <> 9),
      array_agg(fifo_key) FILTER (WHERE resumes IS NOT NULL AND kind <> 9),
      array_agg(data) FILTER (WHERE resumes IS NOT NULL AND kind <> 9)
      INTO done_, k_step, k_key, k_id, over, now_, called, results, found_, lost, h_failures, h_kind, h_topic, h_step,
        h_trace, h_key, h_data FROM gone;
    IF lost IS NOT NULL THEN PERFORM {schema}.forget_1(lost, now_); END IF;
    IF found_ IS NOT NULL THEN DELETE FROM {schema}.cancel_keys k WHERE k.run_id = ANY (found_); END IF;
    IF over IS NOT NULL THEN
      PERFORM {schema}.end_journals_1(over, h_failures, h_kind, h_topic, h_step, h_trace, h_key, h_data, now_, (
        SELECT o.note FROM unnest(o_kind, o_note) AS o(kind, note)
        WHERE o.kind IN (1, 7) AND o.note IS NOT NULL LIMIT 1));
    END IF;
    IF called IS NOT NULL THEN PERFORM {schema}.end_calls_1(called, results, NULL, now_); END IF;
    all_done := all_done || done_;
    IF k_id IS NOT NULL THEN PERFORM {schema}.unblock_1(k_step, k_key, k_id); END IF;
  END IF;
  IF 3 = ANY (o_kind) THEN
    WITH gone AS (
      DELETE FROM {schema}.deliveries d USING unnest(o_kind, o_id, o_token, o_note, o_print, o_now) WITH ORDINALITY
          AS o(kind, id, token, note, print, now, place)
        WHERE o.kind = 3 AND d.id = o.id AND d.token IS NOT DISTINCT FROM o.token AND d.status IS NOT DISTINCT FROM 2
        RETURNING o.place, o.note, o.print, o.now, d.*
    ), buried AS (
      INSERT INTO {schema}.dead_letters (kind, event_id, topic, step, data, trace_id, run_id, parent_run_id, fifo_key,
        attempts, error, fingerprint, enqueued_at_ms, died_at_ms)
      SELECT kind, event_id, topic, step, data, trace_id, run_id, parent_run_id, fifo_key, attempt, note, print,
        enqueued_at_ms, now FROM gone ORDER BY place
    )
    SELECT array_agg(place::integer), array_agg(step), array_agg(fifo_key), array_agg(id)
      INTO done_, k_step, k_key, k_id FROM gone;
    all_done := all_done || done_;
    IF k_id IS NOT NULL THEN PERFORM {schema}.unblock_1(k_step, k_key, k_id); END IF;
  END IF;
  IF 2 = ANY (o_kind) THEN
    WITH changed AS (
      UPDATE {schema}.deliveries d SET status = 0, failures = d.failures + o.failures, crashes = d.crashes + o.crashes,
        run_at_ms = coalesce(o.at, d.run_at_ms), error = coalesce(o.note, d.error),
        timed_at_ms = CASE WHEN o.at IS NULL THEN d.timed_at_ms ELSE o.now END
      FROM unnest(o_kind, o_id, o_token, o_at, o_failures, o_crashes, o_note, o_now) WITH ORDINALITY
        AS o(kind, id, token, at, failures, crashes, note, now, place)
      WHERE o.kind = 2 AND d.id = o.id AND d.token IS NOT DISTINCT FROM o.token AND d.status IS NOT DISTINCT FROM 2
      RETURNING o.place
    )
    SELECT array_agg(place::integer) INTO done_ FROM changed;
    all_done := all_done || done_;
  END IF;
  IF 4 = ANY (o_kind) THEN
    WITH changed AS (
      UPDATE {schema}.deliveries d SET lease_until_ms = o.at
      FROM unnest(o_kind, o_id, o_token, o_at) WITH ORDINALITY AS o(kind, id, token, at, place)
      WHERE o.kind = 4 AND d.id = o.id AND d.token IS NOT DISTINCT FROM o.token AND d.status IS NOT DISTINCT FROM 2
      RETURNING o.place
    )
    SELECT array_agg(place::integer) INTO done_ FROM changed;
    all_done := all_done || done_;
  END IF;
  IF 5 = ANY (o_kind) THEN
    SELECT array_agg(c.place::integer), array_agg(c.id) FILTER (WHERE c.resumes IS NULL) INTO done_, unmarked FROM (
      SELECT o.place, d.id, d.resumes FROM unnest(o_kind, o_id, o_token) WITH ORDINALITY AS o(kind, id, token, place)
      JOIN {schema}.deliveries d ON d.id = o.id
      WHERE o.kind = 5 AND d.token IS NOT DISTINCT FROM o.token AND d.status IS NOT DISTINCT FROM 2
      FOR NO KEY UPDATE OF d
    ) AS c;
    all_done := all_done || done_;
    -- So that the next leg reads the journal.
    IF unmarked IS NOT NULL THEN UPDATE {schema}.deliveries d SET resumes = 0 WHERE d.id = ANY (unmarked); END IF;
  END IF;
  IF 6 = ANY (o_kind) THEN
    WITH changed AS (
      UPDATE {schema}.deliveries d SET status = 0, timed_at_ms = o.now, attempt = d.attempt - 1,
        resumes = coalesce(d.resumes, 0) + 1, holds_place = o.holds,
        -- Those with waits are locked already.
        run_at_ms = CASE WHEN o.waits IS NULL THEN o.at
          ELSE {schema}.due_of_1(d.run_id, d.enqueued_at_ms, d.event_id, o.waits, o.at, o.now) END
      FROM unnest(o_kind, o_id, o_token, o_at, o_note, o_now, o_place) WITH ORDINALITY
        AS o(kind, id, token, at, waits, now, holds, place)
      WHERE o.kind = 6 AND d.id = o.id AND d.token IS NOT DISTINCT FROM o.token AND d.status IS NOT DISTINCT FROM 2
      RETURNING o.place
    )
    SELECT array_agg(place::integer) INTO done_ FROM changed;
    all_done := all_done || done_;
  END IF;
  IF 10 = ANY (o_kind) THEN
    SELECT array_agg(c.place::integer) INTO done_ FROM (
      SELECT o.place FROM unnest(o_kind, o_token, o_note) WITH ORDINALITY AS o(kind, token, note, place)
      JOIN {schema}.request_keys r ON r.step = decode(o.note::json ->> 0, 'hex')
        AND r.key = decode(o.note::json ->> 1, 'hex') AND r.client = decode(o.note::json ->> 2, 'hex')
      WHERE o.kind = 10 AND r.run_id = o.note::json ->> 3 AND r.token = o.token AND r.state = 0
      FOR NO KEY UPDATE OF r
    ) AS c;
    all_done := all_done || done_;
  END IF;
  IF cardinality(all_done) = cardinality(o_id) THEN RETURN NULL; END IF;
  kept := array_fill(false, ARRAY[cardinality(o_id)]);
  FOREACH place_ IN ARRAY all_done LOOP kept[place_] := true; END LOOP;
  RETURN kept;
END $$;
"""

CLAIM: Final = """
-- Looks whether a claim is the current one; its delivery is locked, and marked as one with a journal.
CREATE FUNCTION {schema}.is_current_1(id_ bigint, token_ integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RETURN {schema}.settle_1('{{5}}', ARRAY[id_], ARRAY[token_], '{{NULL}}', '{{0}}', '{{0}}', '{{NULL}}', '{{NULL}}',
    '{{NULL}}', '{{f}}', '{{NULL}}') IS NULL;
END $$;

-- Claims what is due of some steps. It is no part of a group: SKIP LOCKED waits for a row of which it sees an older
-- version, and a group that waits while it holds rows locks others out.
-- Beside the deliveries it returns of each limited step, without an id, how many places were free (as the token), how
-- many suspended runs went on in places that they kept (as the attempt), and when the next of these is due.
CREATE FUNCTION {schema}.claim_1(
  lane bigint, epoch_ integer, seq bigint, w_step bytea[], w_count integer[], w_limit integer[], w_counting boolean[],
  w_late bigint[], owner_ text, now_ bigint, lease_ bigint, deployment_ bigint
) RETURNS TABLE (id bigint, token integer, kind text, event_id text, topic bytea, step bytea, data bytea, trace_id text,
  run_id text, parent_run_id text, fifo_key bytea, attempt integer, failures integer, crashes integer,
  enqueued_at_ms bigint, resumes integer) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  host_ bigint := {schema}.fence_1(lane, epoch_, seq);
  free integer[] := w_count;
  awake integer;
  running integer;
  waiting integer;
BEGIN
  -- Leases that ran out since the last look. What is locked is being settled.
  WITH late AS MATERIALIZED (
    SELECT l.id FROM unnest(w_step, w_late) AS w(step, late) CROSS JOIN LATERAL (
      SELECT x.id FROM {schema}.deliveries x WHERE x.step = w.step AND x.status = 2 AND x.lease_until_ms > w.late
        AND x.lease_until_ms <= now_ AND x.owner <> owner_ FOR UPDATE SKIP LOCKED) AS l
  )
  UPDATE {schema}.deliveries d SET status = 0 WHERE d.id = ANY (ARRAY (SELECT late.id FROM late));
  IF w_limit IS NOT NULL THEN
    PERFORM {schema}.lock_limits_1(ARRAY (
      SELECT w.step FROM unnest(w_step, w_limit) AS w(step, bound) WHERE w.bound IS NOT NULL));
    SELECT array_agg(
      CASE WHEN w.bound IS NULL THEN w.wanted ELSE greatest(0, least(w.wanted, w.bound - (
        SELECT count(*)::integer FROM {schema}.deliveries x WHERE x.step = w.step AND x.status = 2))) END
      ORDER BY w.place
    ) INTO free FROM unnest(w_step, w_count, w_limit) WITH ORDINALITY AS w(step, wanted, bound, place);
    FOR i IN 1 .. cardinality(w_step) LOOP
      CONTINUE WHEN w_limit[i] IS NULL;
      awake := 0;
      IF w_counting[i] THEN
        SELECT count(*) INTO running FROM {schema}.deliveries x WHERE x.step = w_step[i] AND x.status = 2;
        SELECT count(*) INTO waiting FROM {schema}.deliveries x
          WHERE x.step = w_step[i] AND x.status = 0 AND x.holds_place;
        RETURN QUERY
        WITH due AS MATERIALIZED (
          SELECT x.id FROM {schema}.deliveries x WHERE x.step = w_step[i] AND x.status = 0 AND x.holds_place
            AND x.run_at_ms <= now_ AND x.deployment <= deployment_
          ORDER BY x.run_at_ms, x.id LIMIT greatest(0, least(w_count[i], w_limit[i] - running)) FOR UPDATE SKIP LOCKED
        )
        UPDATE {schema}.deliveries d SET status = 2, owner = owner_, lease_until_ms = lease_, host = host_,
          claim_seq = seq, token = d.token + 1, attempt = d.attempt + 1, holds_place = false
        WHERE d.id = ANY (ARRAY (SELECT due.id FROM due))
        RETURNING d.id, d.token, d.kind, d.event_id, d.topic, d.step, d.data, d.trace_id, d.run_id, d.parent_run_id,
          d.fifo_key, d.attempt, d.failures, d.crashes, d.enqueued_at_ms, d.resumes;
        GET DIAGNOSTICS awake = ROW_COUNT;
        free[i] := greatest(0, least(w_count[i] - awake, w_limit[i] - running - waiting));
      END IF;
      RETURN QUERY
      SELECT NULL::bigint, free[i], NULL::text, NULL::text, NULL::bytea, w_step[i], NULL::bytea, NULL::text, NULL::text,
        NULL::text, NULL::bytea, awake, NULL::integer, NULL::integer, (
          SELECT min(x.run_at_ms) FROM {schema}.deliveries x WHERE w_counting[i] AND x.step = w_step[i]
            AND x.status = 0 AND x.holds_place AND x.run_at_ms > now_), NULL::integer;
    END LOOP;
  END IF;
  RETURN QUERY
  WITH due AS MATERIALIZED (
    SELECT d.id FROM unnest(w_step, free) AS w(step, n) CROSS JOIN LATERAL (
      SELECT x.id FROM {schema}.deliveries x
      WHERE x.step = w.step AND x.status = 0 AND x.run_at_ms <= now_ AND x.deployment <= deployment_
      ORDER BY x.run_at_ms, x.id LIMIT w.n FOR UPDATE SKIP LOCKED) AS d
  )
  UPDATE {schema}.deliveries d SET status = 2, owner = owner_, lease_until_ms = lease_, host = host_, claim_seq = seq,
    token = d.token + 1, attempt = d.attempt + 1, holds_place = false
  -- As an array: with a LIMIT that is a variable the planner expects a tenth of the table and would hash all of it.
  WHERE d.id = ANY (ARRAY (SELECT due.id FROM due))
  RETURNING d.id, d.token, d.kind, d.event_id, d.topic, d.step, d.data, d.trace_id, d.run_id, d.parent_run_id,
    d.fifo_key, d.attempt, d.failures, d.crashes, d.enqueued_at_ms, d.resumes;
END $$;

-- Buries what was not started in time, up to so many deliveries of each step. What comes behind it in its FIFO key may
-- be late too: that is ready with the next call.
CREATE FUNCTION {schema}.expire_1(
  lane bigint, epoch_ integer, seq bigint, x_step bytea[], x_before bigint[], x_most integer[], x_error text[],
  x_print text[], now_ bigint, deployment_ bigint
) RETURNS TABLE (id bigint, token integer, kind text, event_id text, topic bytea, step bytea, data bytea, trace_id text,
  run_id text, parent_run_id text, fifo_key bytea, attempt integer, failures integer, crashes integer,
  enqueued_at_ms bigint, resumes integer) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  found_ bigint[];
  place_ integer[];
  k_step bytea[];
  k_key bytea[];
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  SELECT array_agg(d.id), array_agg(x.place::integer), array_agg(d.step), array_agg(d.fifo_key)
    INTO found_, place_, k_step, k_key
  FROM unnest(x_step, x_before, x_most) WITH ORDINALITY AS x(step, before, most, place) CROSS JOIN LATERAL (
    -- A suspended run has started, whatever its attempts say; a step that was called has somebody who waits for it.
    SELECT y.id, y.step, y.fifo_key FROM {schema}.deliveries y WHERE y.step = x.step AND y.status = 0
      AND y.run_at_ms <= x.before AND y.deployment <= deployment_ AND y.attempt = 0 AND coalesce(y.resumes, 0) = 0
      AND y.kind <> 'call' ORDER BY y.run_at_ms, y.id LIMIT x.most) AS d;
  IF found_ IS NULL THEN RETURN; END IF;
  PERFORM {schema}.lock_keys_1(k_step, k_key);
  RETURN QUERY
  WITH gone AS (
    DELETE FROM {schema}.deliveries d USING unnest(found_, place_) AS f(id, place)
      WHERE d.id = f.id AND d.status IS NOT DISTINCT FROM 0 AND d.attempt = 0 RETURNING d.*, f.place
  ), buried AS (
    INSERT INTO {schema}.dead_letters (kind, event_id, topic, step, data, trace_id, run_id, parent_run_id, fifo_key,
      attempts, error, fingerprint, enqueued_at_ms, died_at_ms)
    SELECT g.kind, g.event_id, g.topic, g.step, g.data, g.trace_id, g.run_id, g.parent_run_id, g.fifo_key, 0,
      x_error[g.place], x_print[g.place], g.enqueued_at_ms, now_ FROM gone g ORDER BY g.id
  )
  SELECT g.id, g.token, g.kind, g.event_id, g.topic, g.step, g.data, g.trace_id, g.run_id, g.parent_run_id,
    g.fifo_key, g.attempt, g.failures, g.crashes, g.enqueued_at_ms, g.resumes FROM gone g;
  PERFORM {schema}.wake_keys_1(k_step, k_key);
END $$;
"""

QUEUE: Final = "".join(
    (
        DELIVERIES,
        WAIT_TABLES,
        CANCEL_TABLES,
        JOURNAL,
        HISTORY_TABLES,
        LINES,
        WAIT_LOCKS,
        WAITS,
        CANCELLING,
        STORE,
        SETTLE,
        CLAIM,
        WAIT_CALLS,
        ONCE_TABLES,
        ONCE,
        REQUEST_TABLES,
        REQUESTS,
        HISTORIES,
    )
)
"""In the order in which they are made."""
