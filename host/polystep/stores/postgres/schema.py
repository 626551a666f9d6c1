"""Tables and functions, as the numbered list of changes that makes them. `{schema}` stands for the project's schema.

A change that is released is never edited. It leaves what the hosts of the release before need: new columns have
defaults, and a function that changes is a new one beside the old.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from polystep.stores.postgres.letters_schema import ALL_LETTERS
from polystep.stores.postgres.queue_schema import QUEUE
from polystep.stores.postgres.upkeep_schema import UPKEEP


class Migration(NamedTuple):
    """One change."""

    sql: str
    oldest: int
    """Number of changes that a host must know to work with what this one leaves."""


_HOSTS: Final = """
-- One row for each start of a host. Its id is never used again.
CREATE TABLE {schema}.hosts (
  id bigint PRIMARY KEY, machine text NOT NULL, pid integer NOT NULL, version text NOT NULL,
  deployment bigint NOT NULL, started_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- One row for each writing connection of a host: fence, heartbeat, and mark of the last commit. Pages are left mostly
-- empty, so that each update finds room beside the row and touches no index.
CREATE TABLE {schema}.lanes (
  id bigint PRIMARY KEY, host bigint NOT NULL, epoch integer NOT NULL DEFAULT 0, alive boolean NOT NULL DEFAULT true,
  commit_seq bigint NOT NULL DEFAULT 0, seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Places of the values that the last group with such has changed, in case that its answer is lost.
  swapped integer[],
  -- Places of the deliveries of the last group that were not current; NULL when all were.
  refused integer[],
  -- What the last call with more to say has said.
  notes text
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

CREATE FUNCTION {schema}.register_1(
  host_ bigint, machine_ text, pid_ integer, version_ text, deployment_ bigint, lanes_ bigint[]
) RETURNS void LANGUAGE sql AS $$
  INSERT INTO {schema}.hosts (id, machine, pid, version, deployment)
    VALUES (host_, machine_, pid_, version_, deployment_);
  INSERT INTO {schema}.lanes (id, host) SELECT lane, host_ FROM unnest(lanes_) AS lane;
$$;

-- Refuses a statement of a lane that is not alive, or that a later connection has taken over. Returns the lane's host.
CREATE FUNCTION {schema}.fence_1(lane bigint, epoch_ integer, seq bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  host_ bigint;
BEGIN
  UPDATE {schema}.lanes SET commit_seq = seq, seen_at = clock_timestamp(), refused = NULL
    WHERE id = lane AND lanes.epoch = epoch_ AND alive RETURNING host INTO host_;
  IF NOT FOUND THEN RAISE EXCEPTION 'This host was taken for dead.' USING ERRCODE = 'PSEVI'; END IF;
  RETURN host_;
END $$;

-- Ends hosts whose lanes were not seen for so long. A lane that is locked works: its host lives.
CREATE FUNCTION {schema}.evict_1(host_ bigint, silent interval) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  locked bigint[];
  silence timestamptz := clock_timestamp() - silent;
BEGIN
  SELECT array_agg(id) INTO locked FROM
    (SELECT id FROM {schema}.lanes WHERE host = host_ AND seen_at < silence FOR UPDATE SKIP LOCKED) AS held;
  IF (SELECT count(*) FROM {schema}.lanes WHERE host = host_) <> coalesce(cardinality(locked), 0) THEN
    RETURN false;
  END IF;
  -- Before the rows by which its death is known are gone. The others wait for a host's lanes with nothing in hand.
  UPDATE {schema}.deliveries SET status = 0 WHERE status = 2 AND deliveries.host = host_;
  DELETE FROM {schema}.lanes WHERE id = ANY (locked);
  DELETE FROM {schema}.hosts WHERE id = host_;
  -- False when another host has ended it meanwhile.
  RETURN FOUND;
END $$;
"""

_DATA: Final = """
-- Names are bytes of UTF-8: any text fits, and the order is that of its bytes.
CREATE TABLE {schema}.state (
  grp bytea NOT NULL, key bytea NOT NULL, value bytea NOT NULL, PRIMARY KEY (grp, key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE SEQUENCE {schema}.stream_items_seq;
CREATE TABLE {schema}.stream_items (
  stream bytea NOT NULL, grp bytea NOT NULL, id bytea NOT NULL, value bytea NOT NULL, created_at_ms bigint NOT NULL,
  -- Orders items of one time.
  seq bigint NOT NULL, PRIMARY KEY (stream, grp, id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX stream_items_oldest ON {schema}.stream_items (stream, grp, created_at_ms, seq);
-- What the hosts tell their subscribers. Read by snapshots: transactions do not commit in the order of their numbers.
CREATE TABLE {schema}.stream_changes (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  -- Which write of which group it is: its answer is found here when it was lost.
  lane bigint NOT NULL, commit_seq bigint NOT NULL, place integer NOT NULL,
  type text NOT NULL, stream bytea NOT NULL, grp bytea NOT NULL, id bytea, value bytea NOT NULL,
  created_at_ms bigint NOT NULL, told_ms bigint NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX stream_changes_xid ON {schema}.stream_changes (xid);
"""

_GROUP: Final = """
-- One group of writes in one round trip. Each statement of a volatile function has a snapshot of its own.
CREATE FUNCTION {schema}.group_1(
  lane_ bigint, epoch_ integer, seq_ bigint,
  s_kind smallint[], s_grp bytea[], s_key bytea[], s_value bytea[], s_seen bytea[],
  i_kind text[], i_stream bytea[], i_grp bytea[], i_id bytea[], i_value bytea[], i_now_ms bigint[],
  i_told_ms bigint[],
  q_lines boolean, q_key_step bytea[], q_key bytea[], q_limit bytea[], q_told bytea[], q_wanted bytea[],
  q_together boolean,
  o_kind smallint[], o_id bigint[], o_token integer[], o_at bigint[], o_failures integer[], o_crashes integer[],
  o_note text[], o_print text[], o_now bigint[], o_place boolean[], o_value bytea[],
  j_source integer[], j_run text[], j_key bytea[], j_kind text[], j_at bigint[], j_value bytea[], j_error bytea[],
  j_final boolean[], j_failures integer[], j_due bigint[], j_sensitive boolean[],
  m_source integer[], m_run text[], m_print bytea[], m_topic bytea[], m_times integer[],
  w_source integer[], w_wait text[],
  n_source integer[], n_kind text[], n_event text[], n_topic bytea[], n_step bytea[], n_data bytea[], n_trace text[],
  n_run text[], n_parent text[], n_key bytea[], n_run_at bigint[], n_now bigint[], n_deployment bigint[],
  n_owner text[], n_lease bigint[], n_limit integer[], n_counting boolean[], n_target smallint[], n_note text[],
  n_print text[], n_extra text[]
) RETURNS TABLE (what text, place integer, type text, value bytea, at_ms bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  host_ bigint := {schema}.fence_1(lane_, epoch_, seq_);
  swapped_ integer[];
  kept boolean[];
  ids_ json;
  place_ integer;
BEGIN
  -- Locks of keys and limits first: whoever waits for them holds nothing yet.
  IF q_key IS NOT NULL THEN PERFORM {schema}.lock_keys_1(q_key_step, q_key); END IF;
  IF q_limit IS NOT NULL THEN PERFORM {schema}.lock_limits_1(q_limit); END IF;
  IF q_told IS NOT NULL OR q_wanted IS NOT NULL THEN PERFORM {schema}.lock_topics_1(q_told, q_wanted); END IF;
  IF q_together THEN PERFORM {schema}.lock_deliveries_1(o_id, n_topic, n_target, n_note); END IF;
  IF o_kind IS NOT NULL THEN
    kept := {schema}.settle_1(o_kind, o_id, o_token, o_at, o_failures, o_crashes, o_note, o_print, o_now, o_place,
      o_value);
    IF kept IS NOT NULL THEN
      UPDATE {schema}.lanes SET refused = ARRAY (
        SELECT k.place::integer FROM unnest(kept) WITH ORDINALITY AS k(is_kept, place) WHERE NOT k.is_kept)
      WHERE id = lane_;
      RETURN QUERY SELECT 'r'::text, k.place::integer, NULL::text, NULL::bytea, NULL::bigint
        FROM unnest(kept) WITH ORDINALITY AS k(is_kept, place) WHERE NOT k.is_kept;
    END IF;
  END IF;
  IF q_together THEN
    RETURN QUERY SELECT 'u'::text, o.place::integer, NULL::text, NULL::bytea, d.run_at_ms
      FROM unnest(o_kind, o_id, o_note) WITH ORDINALITY AS o(kind, id, waits, place)
      JOIN {schema}.deliveries d ON d.id = o.id WHERE o.kind = 6 AND o.waits IS NOT NULL;
  END IF;
  IF j_run IS NOT NULL OR m_run IS NOT NULL THEN
    PERFORM {schema}.keep_1(kept, j_source, j_run, j_key, j_kind, j_at, j_value, j_error, j_final, j_failures, j_due,
      j_sensitive, m_source, m_run, m_print, m_topic, m_times);
  END IF;
  IF w_wait IS NOT NULL THEN PERFORM {schema}.open_waits_1(kept, w_source, w_wait); END IF;
  IF n_kind IS NOT NULL THEN
    IF n_extra IS NOT NULL THEN
      ids_ := {schema}.take_ids_1(kept, n_source, n_event, n_topic, n_step, n_run, n_run_at, n_now, n_owner, n_target,
        n_extra);
      -- Neither those that an earlier event keeps out are stored, nor those that a later one replaces.
      FOR place_ IN SELECT (x ->> 0)::integer FROM json_array_elements(ids_ -> 'duplicates') AS x
        UNION SELECT x::integer FROM json_array_elements_text(ids_ -> 'dropped') AS x
      LOOP
        n_target[place_] := -1;
      END LOOP;
      RETURN QUERY SELECT 'k'::text, NULL::integer, {schema}.note_1(lane_, ids_), NULL::bytea, NULL::bigint;
    END IF;
    RETURN QUERY SELECT 'd'::text, NULL::integer, c.run, NULL::bytea, c.born FROM {schema}.store_1(
      host_, kept, q_lines, n_source, n_kind, n_event, n_topic, n_step, n_data, n_trace, n_run, n_parent, n_key,
      n_run_at, n_now, n_deployment, n_owner, n_lease, n_limit, n_counting, n_target, n_note, n_print, n_extra) AS c;
  END IF;
  IF 0 = ANY (s_kind) THEN
    -- In one order, so that two groups that write the same keys wait for each other instead of locking each other out.
    INSERT INTO {schema}.state AS t (grp, key, value)
      SELECT s.grp, s.key, s.value FROM unnest(s_kind, s_grp, s_key, s_value) AS s(kind, grp, key, value)
      WHERE s.kind = 0 ORDER BY s.grp, s.key
      ON CONFLICT (grp, key) DO UPDATE SET value = excluded.value;
  END IF;
  IF 3 = ANY (s_kind) THEN
    DELETE FROM {schema}.state t USING unnest(s_kind, s_grp, s_key) AS s(kind, grp, key)
      WHERE s.kind = 3 AND t.grp = s.grp AND t.key = s.key;
  END IF;
  IF 1 = ANY (s_kind) THEN
    RETURN QUERY
    DELETE FROM {schema}.state t USING unnest(s_kind, s_grp, s_key) WITH ORDINALITY AS s(kind, grp, key, place)
      WHERE s.kind = 1 AND t.grp = s.grp AND t.key = s.key
      RETURNING 's'::text, s.place::integer, NULL::text, t.value, NULL::bigint;
  END IF;
  IF 2 = ANY (s_kind) THEN
    WITH s AS MATERIALIZED (
      SELECT s.* FROM unnest(s_kind, s_grp, s_key, s_value, s_seen)
        WITH ORDINALITY AS s(kind, grp, key, value, seen, place)
      WHERE s.kind = 2
    ), made AS (
      INSERT INTO {schema}.state AS t (grp, key, value) SELECT s.grp, s.key, s.value FROM s WHERE s.seen IS NULL
        ORDER BY s.grp, s.key ON CONFLICT (grp, key) DO NOTHING RETURNING t.grp, t.key
    ), changed AS (
      UPDATE {schema}.state t SET value = s.value FROM s
        WHERE t.grp = s.grp AND t.key = s.key AND t.value = s.seen AND s.value IS NOT NULL RETURNING s.place
    ), gone AS (
      DELETE FROM {schema}.state t USING s
        WHERE t.grp = s.grp AND t.key = s.key AND t.value = s.seen AND s.value IS NULL RETURNING s.place
    )
    SELECT coalesce(array_agg(done.place::integer), '{{}}') INTO swapped_ FROM (
      SELECT s.place FROM made JOIN s USING (grp, key) UNION ALL TABLE changed UNION ALL TABLE gone
    ) AS done;
    UPDATE {schema}.lanes SET swapped = swapped_ WHERE id = lane_;
    RETURN QUERY
    SELECT 's'::text, done.place, NULL::text, NULL::bytea, NULL::bigint FROM unnest(swapped_) AS done(place);
  END IF;
  IF i_kind IS NOT NULL THEN
    RETURN QUERY
    WITH i AS MATERIALIZED (
      SELECT i.*, CASE WHEN i.kind = 's' THEN nextval('{schema}.stream_items_seq') END AS seq
      FROM unnest(i_kind, i_stream, i_grp, i_id, i_value, i_now_ms, i_told_ms)
        WITH ORDINALITY AS i(kind, stream, grp, id, value, now_ms, told_ms, place)
    ), put AS (
      INSERT INTO {schema}.stream_items AS t (stream, grp, id, value, created_at_ms, seq)
        SELECT i.stream, i.grp, i.id, i.value, i.now_ms, i.seq FROM i WHERE i.kind = 's' ORDER BY i.stream, i.grp, i.id
        ON CONFLICT (stream, grp, id) DO UPDATE SET value = excluded.value
        RETURNING t.stream, t.grp, t.id, t.created_at_ms, CASE WHEN t.xmax = 0 THEN 'c' ELSE 'u' END AS type
    ), gone AS (
      DELETE FROM {schema}.stream_items t USING i
        WHERE i.kind = 'd' AND t.stream = i.stream AND t.grp = i.grp AND t.id = i.id
        RETURNING i.place, t.value, t.created_at_ms
    ), told AS (
      INSERT INTO {schema}.stream_changes AS t
        (lane, commit_seq, place, type, stream, grp, id, value, created_at_ms, told_ms)
      -- The sort ends after the last row is locked, so the numbers of an item's changes are in the order of commits.
      SELECT lane_, seq_, each.place, each.type, each.stream, each.grp, each.id, each.value, each.created_at_ms,
        each.told_ms
      FROM (
        SELECT i.place, put.type::text, i.stream, i.grp, i.id, i.value, put.created_at_ms, i.told_ms
          FROM put JOIN i USING (stream, grp, id) WHERE i.kind = 's'
        UNION ALL
        SELECT i.place, 'd'::text, i.stream, i.grp, i.id, gone.value, gone.created_at_ms, i.told_ms
          FROM gone JOIN i USING (place)
        UNION ALL
        SELECT i.place, 'e'::text, i.stream, i.grp, i.id, i.value, 0, i.told_ms FROM i WHERE i.kind = 'e'
      ) AS each ORDER BY each.place
      RETURNING t.place, t.type, t.value, t.created_at_ms
    )
    SELECT 'i'::text, told.place, told.type, CASE WHEN told.type = 'd' THEN told.value END, told.created_at_ms
    FROM told;
  END IF;
END $$;

-- Removes some keys of a group, from the first one behind `after` on.
CREATE FUNCTION {schema}.clear_1(
  lane bigint, epoch integer, seq bigint, group_ bytea, after bytea, upto integer
) RETURNS TABLE (removed integer, last bytea) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM {schema}.fence_1(lane, epoch, seq);
  RETURN QUERY
  WITH page AS MATERIALIZED (
    SELECT key FROM {schema}.state WHERE grp = group_ AND (after IS NULL OR key > after) ORDER BY key LIMIT upto
    FOR UPDATE
  ), gone AS (
    DELETE FROM {schema}.state t WHERE t.grp = group_ AND t.key = ANY (ARRAY (SELECT page.key FROM page))
    RETURNING t.key
  )
  SELECT count(*)::integer, (SELECT page.key FROM page ORDER BY page.key DESC LIMIT 1) FROM gone;
END $$;
-- Moves a value to a key that has none. Notes with the lane that it has, in case that the answer is lost.
CREATE FUNCTION {schema}.rename_1(
  lane bigint, epoch integer, seq bigint, group_ bytea, from_ bytea, to_ bytea, seen bytea
) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM {schema}.fence_1(lane, epoch, seq);
  UPDATE {schema}.lanes SET swapped = '{{}}' WHERE id = lane;
  PERFORM FROM {schema}.state WHERE grp = group_ AND key = from_ AND value = seen FOR UPDATE;
  IF NOT FOUND THEN RETURN 'changed'; END IF;
  INSERT INTO {schema}.state (grp, key, value) VALUES (group_, to_, seen) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN 'taken'; END IF;
  DELETE FROM {schema}.state WHERE grp = group_ AND key = from_;
  UPDATE {schema}.lanes SET swapped = '{{1}}' WHERE id = lane;
  RETURN 'moved';
END $$;
"""

MIGRATIONS: Final = (Migration(_HOSTS + _DATA + QUEUE + UPKEEP + ALL_LETTERS + _GROUP, oldest=1),)
"""Oldest first. A database has the first so many of them."""
