"""Tables and functions of idempotency keys of requests. `{schema}` stands for the project's schema; see `schema`.

The row of a key is its lock: whoever begins, keeps or ends a run holds it.
"""

from __future__ import annotations

from typing import Final

REQUEST_TABLES: Final = """
CREATE TABLE {schema}.request_keys (
  step bytea NOT NULL, key bytea NOT NULL, client bytea NOT NULL, fingerprint bytea NOT NULL,
  run_id text COLLATE "C" NOT NULL, token integer NOT NULL,
  -- 0 running, 1 ended with a response, 2 ended without one that is kept, 3 free.
  state smallint NOT NULL, owner text, host bigint, lease_until_ms bigint NOT NULL, until_ms bigint NOT NULL,
  ended_at_ms bigint, status integer, headers text, trace_id text, body bytea, PRIMARY KEY (step, key, client)
) WITH (fillfactor = 80);
CREATE INDEX request_keys_until ON {schema}.request_keys (until_ms);
CREATE INDEX request_keys_ended ON {schema}.request_keys (ended_at_ms) WHERE ended_at_ms IS NOT NULL;
CREATE INDEX request_keys_running ON {schema}.request_keys (owner) WHERE state = 0;
"""

REQUESTS: Final = """
-- Removes keys whose time is over, and of too many the ones that ended first: `most` and `most_bytes` are what may be
-- left of `count` and `size`, which are NULL when nobody had to count.
CREATE FUNCTION {schema}.prune_requests_1(
  now_ bigint, count_ bigint, size_ bigint, most bigint, most_bytes bigint
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  runs text[];
BEGIN
  WITH gone AS (
    DELETE FROM {schema}.request_keys r WHERE (r.step, r.key, r.client) IN (
      SELECT x.step, x.key, x.client FROM {schema}.request_keys x
      WHERE x.until_ms <= now_ AND (x.state <> 0 OR x.lease_until_ms <= now_) ORDER BY x.until_ms LIMIT 10
      FOR UPDATE SKIP LOCKED) RETURNING r.run_id
  ), oldest AS MATERIALIZED (
    SELECT x.step, x.key, x.client, coalesce(length(x.body), 0) AS bytes, x.ended_at_ms
    FROM {schema}.request_keys x WHERE count_ IS NOT NULL AND x.ended_at_ms IS NOT NULL
    ORDER BY x.ended_at_ms LIMIT 10 FOR UPDATE SKIP LOCKED
  ), crowded AS (
    DELETE FROM {schema}.request_keys r USING (
      SELECT o.*, row_number() OVER (ORDER BY o.ended_at_ms) - 1 AS turn,
        sum(o.bytes) OVER (ORDER BY o.ended_at_ms ROWS UNBOUNDED PRECEDING) - o.bytes AS before FROM oldest o
    ) AS o WHERE r.step = o.step AND r.key = o.key AND r.client = o.client
      AND (count_ - o.turn >= most OR size_ - o.before >= most_bytes) RETURNING r.run_id
  )
  SELECT array_agg(g.run_id) INTO runs FROM (TABLE gone UNION ALL TABLE crowded) AS g;
  PERFORM {schema}.forget_kept_1(runs);
END $$;

-- Removes what the runs of requests have kept: they have no waits.
CREATE FUNCTION {schema}.forget_kept_1(runs text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF runs IS NULL THEN RETURN; END IF;
  DELETE FROM {schema}.journal j WHERE j.run_id = ANY (runs);
  DELETE FROM {schema}.sent_emits s WHERE s.run_id = ANY (runs);
END $$;

-- Lets a request run ('run'), or says what is known of it. Notes with the lane the token of a run.
CREATE FUNCTION {schema}.begin_request_1(
  lane bigint, epoch_ integer, seq bigint, step_ bytea, key_ bytea, client_ bytea, print_ bytea, run_ text, owner_ text,
  lease bigint, until bigint, now_ bigint, count_ bigint, size_ bigint, most bigint, most_bytes bigint
) RETURNS TABLE (what text, run text, token integer, status integer, headers text, body bytea, trace_id text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  host_ bigint := {schema}.fence_1(lane, epoch_, seq);
  r {schema}.request_keys;
  token_ integer := 1;
BEGIN
  UPDATE {schema}.lanes SET notes = NULL WHERE id = lane;
  PERFORM {schema}.prune_requests_1(now_, count_, size_, most, most_bytes);
  LOOP
    SELECT * INTO r FROM {schema}.request_keys x WHERE x.step = step_ AND x.key = key_ AND x.client = client_
      FOR UPDATE;
    -- As if it had never been used: its time is over, or it is free for another request.
    IF FOUND AND (CASE WHEN r.until_ms <= now_ THEN r.state <> 0 OR r.lease_until_ms <= now_
        ELSE r.state = 3 AND r.fingerprint <> print_ END) THEN
      DELETE FROM {schema}.request_keys x WHERE x.step = step_ AND x.key = key_ AND x.client = client_;
      PERFORM {schema}.forget_kept_1(ARRAY[r.run_id]);
      r := NULL;
    END IF;
    EXIT WHEN r.step IS NOT NULL;
    INSERT INTO {schema}.request_keys (step, key, client, fingerprint, run_id, token, state, owner, host,
      lease_until_ms, until_ms) VALUES (step_, key_, client_, print_, run_, 1, 0, owner_, host_, lease, until)
      ON CONFLICT DO NOTHING;
    -- Another host was faster: it is looked at again.
    EXIT WHEN FOUND;
  END LOOP;
  IF r.step IS NOT NULL THEN
    IF r.fingerprint <> print_ OR r.state IN (1, 2) OR (r.state = 0 AND r.lease_until_ms > now_) THEN
      RETURN QUERY SELECT CASE WHEN r.fingerprint <> print_ THEN 'other_request' WHEN r.state = 1 THEN 'kept'
        WHEN r.state = 2 THEN 'not_kept' ELSE 'running' END, NULL::text, NULL::integer, r.status, r.headers, r.body,
        r.trace_id;
      RETURN;
    END IF;
    token_ := r.token + 1;
    UPDATE {schema}.request_keys x SET token = token_, state = 0, owner = owner_, host = host_, lease_until_ms = lease,
      until_ms = until, ended_at_ms = NULL WHERE x.step = step_ AND x.key = key_ AND x.client = client_;
  END IF;
  PERFORM {schema}.note_1(lane, json_build_array(coalesce(r.run_id, run_), token_));
  RETURN QUERY SELECT 'run', coalesce(r.run_id, run_), token_, NULL::integer, NULL::text, NULL::bytea, NULL::text;
END $$;

-- Ends or frees runs, or extends their leases (no state). Notes with the lane whether the first was current.
CREATE FUNCTION {schema}.end_request_1(
  lane bigint, epoch_ integer, seq bigint, step_ bytea[], key_ bytea[], client_ bytea[], run_ text[], token_ integer[],
  state_ smallint, owner_ text, lease bigint, until bigint, now_ bigint, status_ integer, headers_ text, trace text,
  body_ bytea
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  count_ bigint;
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  UPDATE {schema}.request_keys r SET state = coalesce(state_, r.state),
    owner = CASE WHEN state_ IS NULL THEN r.owner END, lease_until_ms = coalesce(lease, r.lease_until_ms),
    until_ms = coalesce(until, r.until_ms), ended_at_ms = CASE WHEN state_ IS NOT NULL THEN now_ END,
    status = status_, headers = headers_, trace_id = trace, body = body_
    FROM unnest(step_, key_, client_, run_, token_) AS x(step, key, client, run, token)
    WHERE r.step = x.step AND r.key = x.key AND r.client = x.client AND r.run_id = x.run AND r.token = x.token
      AND r.state = 0 AND (owner_ IS NULL OR r.owner = owner_);
  GET DIAGNOSTICS count_ = ROW_COUNT;
  IF count_ > 0 AND state_ IN (1, 2) THEN PERFORM {schema}.forget_kept_1(run_); END IF;
  UPDATE {schema}.lanes SET swapped = CASE WHEN count_ > 0 THEN '{{1}}'::integer[] ELSE '{{}}' END WHERE id = lane;
  RETURN count_ > 0;
END $$;

-- Ends the leases of hosts that are gone.
CREATE FUNCTION {schema}.release_requests_1(lane bigint, epoch_ integer, seq bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM {schema}.fence_1(lane, epoch_, seq);
  UPDATE {schema}.request_keys r SET lease_until_ms = 0
    WHERE r.state = 0 AND NOT EXISTS (SELECT FROM {schema}.hosts h WHERE h.id = r.host);
END $$;
"""
