"""A file of an earlier version is brought up to date, once, with what it holds."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from polystep.contracts.errors import PolystepError
from polystep.stores import Database, SqliteQueueStore, SqliteTraceStore, open_durable, open_traces
from polystep.testing import FakeClock

COUNTERS = (
    "  -- How many of its runs are so. Counted as they change: a trace may have a million runs.\n"
    "  open INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0\n"
)


async def test_traces_of_before_their_runs_were_counted_are_counted(tmp_path: Path) -> None:
    from polystep.stores.sqlite.schema import TRACES

    assert COUNTERS in TRACES
    old = apsw.Connection(str(tmp_path / "traces.db"))
    old.execute(TRACES.replace(f"DEFAULT 0,\n{COUNTERS}", "DEFAULT 0\n"))
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
        assert database.read("PRAGMA user_version") == [(1,)]
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

    column = ",\n  -- When run_at_ms was set, if that was not when it was stored.\n  timed_at_ms INTEGER\n"
    assert column in DURABLE
    old = apsw.Connection(str(tmp_path / "polystep.db"))
    old.execute(DURABLE.replace(column, "\n"))
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
