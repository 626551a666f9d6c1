"""Usual times: medians of the last completed runs of a step, and of what they did, from a bounded read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from polystep.contracts.trace import AttemptEnded, AttemptStarted, RunQueued, SpanEnded, TraceRecord
from polystep.stores.sqlite import usual_times
from polystep.stores.sqlite.schema import open_traces
from polystep.stores.sqlite.trace import SqliteTraceStore
from polystep.stores.sqlite.trace_queries import SqliteTraceQueries

AT_MS = 1_796_000_000_000
MINE = "m" * 32


class Files:
    """A store of traces, and the queries on it."""

    def __init__(self, store: SqliteTraceStore, queries: SqliteTraceQueries) -> None:
        self.store, self.queries, self.runs = store, queries, 0

    async def run(self, took: int, step: str = "Pack", trace: str | None = None, status: str = "completed") -> None:
        """Store a run that waited a tenth of what it took, and wrote twice."""
        self.runs += 1
        run_id, wait = f"{self.runs:016}", took // 10
        trace_id = trace or f"{self.runs:032}"
        records: list[TraceRecord] = [RunQueued(run_id, trace_id, None, step, "event", "{}", AT_MS)]
        records.append(AttemptStarted(run_id, trace_id, 1, AT_MS + wait))
        for group, ms in (("a", took / 4), ("b", took / 2)):
            data = orjson.dumps({"operation": "set", "group": group, "key": run_id}).decode()
            records.append(SpanEnded(run_id, trace_id, 1, f"{self.runs}{group}", "state", AT_MS, ms, data))
        ended_ms = AT_MS + wait + took
        records.append(AttemptEnded(run_id, trace_id, 1, ended_ms, float(took), status, status, None, None))
        await self.store.write(records)


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[Files]:
    database = open_traces(tmp_path / "traces.db")
    await database.start()
    yield Files(SqliteTraceStore(database, "one"), SqliteTraceQueries(database))
    await database.stop()


async def test_the_last_completed_runs_count_and_not_those_of_the_trace(files: Files) -> None:
    for took in (5000, 10, 20, 30):
        await files.run(took)
    await files.run(9000, trace=MINE)
    await files.run(9000, status="failed")
    await files.run(70, step="Other")
    (usual,) = await files.queries.usual_times(MINE, 3, 10, 10)
    assert {key: usual[key] for key in ("step", "runs", "waitMs", "workMs")} == {
        "step": "Pack", "runs": 3, "waitMs": 2, "workMs": 20,
    }  # fmt: skip
    names = {"type": "state", "operation": "set", "topic": "", "stream": "", "name": "", "count": 3}
    assert usual["operations"] == [{**names, "group": "a", "workMs": 5.0}, {**names, "group": "b", "workMs": 10.0}]


async def test_the_read_is_bounded(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    await files.run(1000)
    for took in (10, 20):
        await files.run(took)
    await files.run(1, trace=MINE)
    monkeypatch.setattr(usual_times, "RUNS_SEARCHED_MAX", 3)
    (usual,) = await files.queries.usual_times(MINE, 100, 10, 1)
    assert (usual["runs"], len(list(usual["operations"]))) == (2, 1)  # type: ignore[arg-type]
    assert await files.queries.usual_times("n" * 32, 100, 10, 1) == []
