"""A file of an earlier version is brought up to date, once, with what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

from polystep.contracts.errors import PolystepError
from polystep.stores import Database, SqliteQueueStore, SqliteTraceStore, open_durable, open_traces
from polystep.stores.sqlite.schema import DURABLE_TABLES
from polystep.stores.sqlite.trace_queries import SqliteTraceQueries
from polystep.testing import FakeClock

COUNTERS = (
    "  -- How many of its runs are so. Counted as they change: a trace may have a million runs.\n"
    "  open INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0\n"
)
INPUT = ",\n  -- Whole data of the delivery, packed; last, since it may be large.\n  input BLOB\n"
OWNER = f",\n  -- The start of the host that queued it; missing in rows of before runs had one.\n  owner TEXT{INPUT}"
FINGERPRINT = (
    ",\n  -- Of the error; missing in rows of before there were fingerprints, until somebody asks for groups.\n"
    "  fingerprint TEXT"
)
GROUPS = (
    "CREATE INDEX IF NOT EXISTS dead_letters_groups ON dead_letters (fingerprint, step, topic, died_at_ms, fifo_key);\n"
)
CANCELLABLE = ",\n  -- It has rows in `cancel_keys`.\n  cancellable INTEGER NOT NULL DEFAULT 0"
PLACES = (
    ",\n  -- Its run is suspended, and counts for the limit of its step all the same.\n"
    "  holds_place INTEGER NOT NULL DEFAULT 0"
)
PLACES_INDEX = (
    "CREATE INDEX IF NOT EXISTS deliveries_places ON deliveries (step, run_at_ms, id) "
    "WHERE status = 0 AND holds_place = 1;\n"
)
SPANS = ",\n  -- Missing in rows of before operations were timed.\n  span_id TEXT, duration_ms REAL\n"


async def test_traces_of_before_their_runs_were_counted_are_counted(tmp_path: Path) -> None:
    from polystep.stores.sqlite.schema import TRACES

    assert COUNTERS in TRACES
    old = apsw.Connection(str(tmp_path / "traces.db"))
    assert SPANS in TRACES
    assert OWNER in TRACES
    old.execute(TRACES.replace(f"DEFAULT 0,\n{COUNTERS}", "DEFAULT 0\n").replace(SPANS, "\n").replace(OWNER, "\n"))
    old.execute("INSERT INTO traces VALUES (1, 't', 'A', 'api', 'failed', 1000, 1200, 3)")
    for run_id, status in (("a", "completed"), ("b", "failed"), ("c", "waiting")):
        old.execute(
            "INSERT INTO runs VALUES (?, 't', NULL, 'A', 'api', '{}', ?, 1000, 1000, 1300, NULL)", (run_id, status)
        )
    old.close()
    for _ in range(2):
        database = open_traces(tmp_path / "traces.db")
        await database.start()
        (trace,) = await SqliteTraceStore(database).traces(10)
        assert (trace["status"], trace["runCount"], trace["endedAt"]) == ("running", 3, None)
        assert database.read("SELECT open, failed, rejected FROM traces") == [(1, 1, 0)]
        assert database.read("PRAGMA user_version") == [(4,)]
        await database.stop()


async def test_operations_of_before_they_were_timed_are_read_without_span_id_and_duration(tmp_path: Path) -> None:
    from polystep.stores.sqlite.schema import TRACES

    old = apsw.Connection(str(tmp_path / "traces.db"))
    old.execute(TRACES.replace(SPANS, "\n").replace(OWNER, "\n"))
    old.execute("PRAGMA user_version = 1")
    old.execute("INSERT INTO traces VALUES (1, 't', 'A', 'api', 'completed', 1000, 1200, 1, 0, 0, 0)")
    old.execute("INSERT INTO runs VALUES ('a', 't', NULL, 'A', 'api', '{}', 'completed', 1000, 1000, 1200, NULL)")
    old.execute("INSERT INTO operations VALUES (1, 'a', 1, 1100.0, 'state', '{\"operation\":\"clear\"}')")
    old.close()
    for _ in range(2):
        database = open_traces(tmp_path / "traces.db")
        await database.start()
        whole: Any = await SqliteTraceStore(database).trace("t")
        assert whole["runs"][0]["operations"] == [
            {"attempt": 1, "spanId": None, "at": 1100.0, "durationMs": None, "type": "state", "operation": "clear"}
        ]
        assert database.read("PRAGMA user_version") == [(4,)]
        await database.stop()


async def test_open_runs_of_before_runs_had_an_owner_are_of_a_dead_host(tmp_path: Path) -> None:
    from polystep.stores.sqlite.schema import TRACES

    old = apsw.Connection(str(tmp_path / "traces.db"))
    old.execute(TRACES.replace(OWNER, "\n"))
    old.execute("PRAGMA user_version = 2")
    old.execute("INSERT INTO runs VALUES ('a', 't', NULL, 'A', 'api', '{}', 'running', 1000, 1000, NULL, NULL)")
    old.close()
    database = open_traces(tmp_path / "traces.db")
    await database.start()
    assert await SqliteTraceStore(database, "one").lost_runs() == ["a"]
    await database.stop()


async def test_runs_of_before_their_input_was_kept_have_none(tmp_path: Path) -> None:
    from polystep.stores.sqlite.schema import TRACES

    assert INPUT in TRACES
    old = apsw.Connection(str(tmp_path / "traces.db"))
    old.execute(TRACES.replace(INPUT, "\n"))
    old.execute("PRAGMA user_version = 3")
    old.execute("INSERT INTO runs VALUES ('a', 't', NULL, 'A', 'event', '{}', 'failed', 1000, 1000, 1, NULL, NULL)")
    old.close()
    database = open_traces(tmp_path / "traces.db")
    await database.start()
    queries = SqliteTraceQueries(database)
    assert (await queries.input("a"), (await queries.runs("t", 9, 0))[0]["runId"]) == (None, "a")
    await database.stop()


async def test_a_new_file_has_every_upgrade(tmp_path: Path) -> None:
    database = Database(tmp_path / "new.db", "CREATE TABLE IF NOT EXISTS t (n)", upgrades=["CREATE TABLE t (n)"] * 2)
    await database.start()
    assert database.read("PRAGMA user_version") == [(2,)]
    await database.stop()


async def test_an_upgrade_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    schema = "CREATE TABLE IF NOT EXISTS t (n)"
    database = Database(tmp_path / "a.db", schema)
    await database.start()
    await database.write(lambda connection: connection.execute("INSERT INTO t VALUES (1)"))
    await database.stop()
    broken = Database(tmp_path / "a.db", schema, upgrades=["DELETE FROM t; SELECT * FROM missing"])
    with pytest.raises(PolystepError, match="cannot be opened"):
        await broken.start()
    await database.start()
    assert database.read("SELECT n FROM t") == [(1,)]
    await database.stop()


async def test_deliveries_of_before_due_times_were_moved_are_kept(tmp_path: Path) -> None:
    from polystep.stores.sqlite.schema import DURABLE

    column = ",\n  -- When run_at_ms was set, if that was not when it was stored.\n  timed_at_ms INTEGER"
    before = _undeployed(DURABLE)
    assert column in before
    old = apsw.Connection(str(tmp_path / "polystep.db"))
    old.execute(before.replace(column, ""))
    old.execute(
        "INSERT INTO deliveries (kind, event_id, topic, step, data, trace_id, run_id, status, run_at_ms, "
        "enqueued_at_ms) VALUES ('event', 'e', 't', 'A', x'00', 't', 'r', 0, 5000, 5000)"
    )
    old.close()
    for moved in (1, 0):
        database = open_durable(tmp_path / "polystep.db")
        await database.start()
        queue = SqliteQueueStore(database, FakeClock())
        assert await queue.move_due(2000, None) == moved
        assert await queue.next_due_ms(["A"], "host") == 2000
        await database.stop()


def _undeployed(durable: str) -> str:
    """The tables of before deliveries had journals, and they, parked events and subscriptions a deployment."""
    for column, without in (
        (",\n  -- Not before this time, and before the delay of a step.\n  run_at_ms INTEGER NOT NULL DEFAULT 0", ""),
        ("\n  -- Of the host that emitted it: hosts of earlier ones do not run it.", ""),
        (",\n  deployment INTEGER NOT NULL DEFAULT 0", ""),
        ("  deployment INTEGER NOT NULL, file TEXT", "  file TEXT"),
        ("PRIMARY KEY (deployment, file", "PRIMARY KEY (file"),
        (",\n  -- How often its run was suspended; NULL without a journal.\n  resumes INTEGER", ""),
        (FINGERPRINT, ""),
        (GROUPS, ""),
        (CANCELLABLE, ""),
        (PLACES, ""),
        (PLACES_INDEX, ""),
    ):
        assert column in durable
        durable = durable.replace(column, without)
    return durable


@pytest.mark.parametrize("missing", [(), ("parked",), ("parked", "subscriptions")])
async def test_rows_of_before_deployments_are_of_the_first_one(tmp_path: Path, missing: tuple[str, ...]) -> None:
    from polystep.stores.sqlite.schema import DURABLE

    old = apsw.Connection(str(tmp_path / "polystep.db"))
    old.execute(_undeployed(DURABLE))
    old.execute("PRAGMA user_version = 1")
    old.execute("INSERT INTO subscriptions VALUES ('a.ts', 'A', 't')")
    old.execute(
        "INSERT INTO deliveries (kind, event_id, topic, step, data, trace_id, run_id, status, run_at_ms, "
        "enqueued_at_ms) VALUES ('event', 'e', 't', 'A', x'00', 't', 'r', 0, 5000, 5000)"
    )
    for table in missing:
        old.execute(f"DROP TABLE {table}")
    old.close()
    for _ in range(2):
        database = open_durable(tmp_path / "polystep.db")
        await database.start()
        queue = SqliteQueueStore(database, FakeClock())
        subscribed = [] if "subscriptions" in missing else [("a.ts", "A", "t")]
        assert (await queue.subscriptions(), await queue.waiting()) == (subscribed, [("A", 1)])
        assert await queue.parked_size() == (0, 0)
        assert database.read("PRAGMA user_version") == [(8,)]
        await database.stop()


async def test_a_bulk_of_before_bulks_had_patches_goes_on_without_one(tmp_path: Path) -> None:
    patch = (
        ",\n  -- Packed merge patch for the data of each letter, and how many letters stay dead since it makes them "
        "unfit.\n  patch BLOB, refused INTEGER NOT NULL DEFAULT 0"
    )
    added = (patch, "\n  -- Why it stays dead.\n  refusal TEXT,")
    before = DURABLE_TABLES
    for column in added:
        assert column in before
        before = before.replace(column, "")
    old = apsw.Connection(str(tmp_path / "polystep.db"))
    old.execute(before)
    old.execute("PRAGMA user_version = 7")
    old.execute("INSERT INTO bulks (act, about, status, total, begun_ms) VALUES ('replay', '{}', 'running', 1, 5)")
    old.execute("INSERT INTO bulk_letters VALUES (1, 1, 'r')")
    old.close()
    for _ in range(2):
        database = open_durable(tmp_path / "polystep.db")
        await database.start()
        queue = SqliteQueueStore(database, FakeClock())
        record = await queue.bulks.record(1)
        assert record is not None
        assert (record.patch, record.refused, await queue.bulks.running()) == (None, 0, [1])
        assert await queue.bulks.refusals(1, 9) == []
        await database.stop()
