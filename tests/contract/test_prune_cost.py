"""What one portion of pruning costs does not depend on how much there is to prune."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import apsw
import pytest

from polystep.contracts.trace import TraceRecord
from polystep.stores.sqlite.database import Database
from polystep.stores.sqlite.rates import RATES
from polystep.stores.sqlite.schema import TRACES
from polystep.stores.sqlite.trace import PRUNE_ROWS_MAX, PRUNE_TRACES_MAX, SqliteTraceStore
from tests.contract.test_trace_store import end, log, run


class Counting:
    """Runs jobs at once, and counts the steps of SQLite's machine."""

    def __init__(self) -> None:
        self.steps = 0
        self._connection = apsw.Connection(":memory:")
        self._connection.execute(TRACES + RATES)
        self._connection.set_progress_handler(self._step, 1)

    async def sweep(self, job: Callable[[apsw.Connection], Any]) -> Any:
        return job(self._connection)

    def _step(self) -> bool:
        self.steps += 1
        return False


async def steps_of_a_portion(records: Callable[[int], list[TraceRecord]], count: int, *limits: int) -> int:
    counting = Counting()
    store = SqliteTraceStore(cast("Database", counting))
    await store.write([each for number in range(count) for each in records(number)])
    before = counting.steps
    assert await store.prune(*limits)
    return counting.steps - before


def a_trace(number: int) -> list[TraceRecord]:
    trace_id, run_id = f"t{number:06}", f"r{number:06}"
    return [run(run_id, trace_id, at_ms=1000 + number), end(run_id, 1, "completed", trace_id=trace_id)]


@pytest.mark.parametrize(
    ("records", "portion", "limits"),
    [
        (a_trace, PRUNE_TRACES_MAX, (100, 100, 100, 0, 2**40)),
        (a_trace, PRUNE_TRACES_MAX, (10**6, 100, 100, 10**6, 2**40)),
        (lambda number: [log(f"l{number}", trace_id=None)], PRUNE_ROWS_MAX, (100, 100, 100, 0, 2**40)),
    ],
    ids=["too many traces", "too old traces", "too many lines"],
)
async def test_a_portion_costs_the_same_however_much_waits(
    records: Callable[[int], list[TraceRecord]], portion: int, limits: tuple[int, ...]
) -> None:
    few = await steps_of_a_portion(records, 2 * portion, *limits)
    many = await steps_of_a_portion(records, 10 * portion, *limits)
    assert many < 1.1 * few
