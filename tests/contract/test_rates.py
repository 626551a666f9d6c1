"""Rates of runs: counted where traces are stored, whatever batches they come in, over restarts and several hosts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from polystep.contracts.rates import WIDTHS, StepRate, quantile
from polystep.contracts.trace import AttemptEnded, AttemptStarted, RunQueued, TraceRecord
from polystep.stores.sqlite.database import Database
from polystep.stores.sqlite.schema import open_traces
from polystep.stores.sqlite.trace import SqliteTraceStore
from polystep.stores.sqlite.trace_queries import SqliteTraceQueries

TRACE = "t" * 32
NOW_MS = 1_796_000_000_000
NOW_MS -= NOW_MS % 3_600_000


def run(
    run_id: str, step: str = "Pack", at: int = NOW_MS, wait: int = 20, fails: int = 0, ends: str = "completed"
) -> list[TraceRecord]:
    """Records of a run whose attempts take 5 ms each."""
    records: list[TraceRecord] = [RunQueued(run_id, TRACE, None, step, "event", "{}", at)]
    for attempt in range(1, fails + 2):
        outcome = ("failed", "waiting") if attempt <= fails else (ends, ends)
        records.append(AttemptStarted(run_id, TRACE, attempt, at + wait))
        records.append(AttemptEnded(run_id, TRACE, attempt, at + wait, 5.0, *outcome, None, None))
    return records


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = open_traces(tmp_path / "traces.db")
    await database.start()
    yield database
    await database.stop()


async def counted(database: Database, step: str = "Pack", width_s: int = 15) -> StepRate:
    whole = StepRate()
    for row in await SqliteTraceQueries(database).rates(width_s, 0, 2**60, [step]):
        whole.add(row.rate)
    return whole


@pytest.mark.parametrize("size", [1, 2, 3, 100])
async def test_batches_make_no_difference(database: Database, size: int) -> None:
    store = SqliteTraceStore(database, "one")
    records = [*run("a"), *run("b", fails=2), *run("c", ends="failed"), *run("d", "Ship", wait=4000)]
    for first in range(0, len(records), size):
        await store.write(records[first : first + size])
    for width_s, _ in WIDTHS:
        pack = await counted(database, "Pack", width_s)
        assert (pack.runs, pack.failed, pack.retried) == (3, 1, 2)
        assert (sum(pack.wait.values()), sum(pack.work.values())) == (3, 5)
        assert quantile(pack.wait, 0.5) == pytest.approx(20, rel=0.05)
        assert quantile(pack.work, 0.99) == pytest.approx(5, rel=0.05)
        ship = await counted(database, "Ship", width_s)
        assert quantile(ship.wait, 0.5) == pytest.approx(4000, rel=0.05)


async def test_restarts_and_other_hosts_add_up(database: Database) -> None:
    for owner in ("one", "two", "three"):
        await SqliteTraceStore(database, owner).write([*run(f"a {owner}"), *run(f"b {owner}")])
    assert (await counted(database)).runs == 6


async def test_a_run_that_is_not_kept_counts_for_nothing(database: Database) -> None:
    lost = run("lost")[1:]
    await SqliteTraceStore(database).write(lost)
    assert await SqliteTraceQueries(database).rates(15, 0, 2**60, None) == []


async def test_old_stretches_go(database: Database) -> None:
    store = SqliteTraceStore(database, "one")
    for hour in range(0, 24 * 9, 1):
        await store.write(run(f"r{hour}", at=NOW_MS + hour * 3_600_000))
    queries = SqliteTraceQueries(database)
    kept = {width_s: len(await queries.rates(width_s, 0, 2**60, None)) for width_s, _ in WIDTHS}
    assert kept == {15: 2, 300: 25, 3600: 169}
    last = NOW_MS + (24 * 9 - 1) * 3_600_000
    assert [row.at_ms for row in await queries.rates(15, last, last + 1, None)] == [last]
