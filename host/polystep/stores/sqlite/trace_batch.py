"""Batch of trace records that is folded and written with one statement a table.

A statement for each row would let go of the interpreter's lock and wait for it again thousands of times a second;
beside a busy event loop that wait, not SQLite, decides how many records can be kept (measured: 970 requests/s lost most
of their records that way, and none this way). New rows are bound as values, changes of old ones as one JSON text.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence, Set
from typing import Any, Final, assert_never

import apsw
import orjson

from polystep.contracts.rates import StepRate, bin_of
from polystep.contracts.trace import (
    AttemptEnded,
    AttemptStarted,
    LogLine,
    RunQueued,
    RunReplayed,
    SpanEnded,
    TraceRecord,
)
from polystep.stores.sqlite.rates import RateCounter

_logger = logging.getLogger("polystep.stores")

_ROWS_MAX: Final = 1000
"""Rows of one statement: SQLite takes 32,766 values, and a run has 13."""
_TRACES: Final = "INSERT OR IGNORE INTO traces (trace_id, name, type, status, started_ms) VALUES "
_RUNS: Final = (
    "INSERT INTO runs (run_id, trace_id, parent_run_id, step, type, trigger, queued_ms, status, started_ms, ended_ms, "
    "error, owner, input) VALUES "
)
# A replay of a dead letter runs under the same id, and keeps the time of its first start. Its data may be other.
_AGAIN: Final = """ ON CONFLICT (run_id) DO UPDATE SET status = excluded.status, ended_ms = excluded.ended_ms,
error = excluded.error, owner = excluded.owner, started_ms = coalesce(runs.started_ms, excluded.started_ms),
trigger = excluded.trigger, input = coalesce(excluded.input, runs.input)"""
# What is still open when a later attempt starts was cut short by the end of its process.
_OVERTAKEN: Final = """
UPDATE attempts SET status = 'interrupted', ended_ms = later.started_ms
FROM (SELECT value ->> 0 AS run_id, value ->> 1 AS attempt, value ->> 3 AS started_ms FROM json_each(?)) AS later
WHERE attempts.run_id = later.run_id AND attempts.attempt < later.attempt AND attempts.status = 'running'"""
_ATTEMPTS: Final = (
    "INSERT OR REPLACE INTO attempts (run_id, attempt, status, started_ms, ended_ms, duration_ms, error, result) "
    "VALUES "
)
_ENDS: Final = """
UPDATE attempts SET status = done.status, ended_ms = done.ended_ms, duration_ms = done.duration_ms, error = done.error,
  result = done.result
FROM (SELECT value ->> 0 AS run_id, value ->> 1 AS attempt, value ->> 2 AS status, value ->> 4 AS ended_ms,
  value ->> 5 AS duration_ms, value ->> 6 AS error, value ->> 7 AS result FROM json_each(?)) AS done
WHERE attempts.run_id = done.run_id AND attempts.attempt = done.attempt"""
_STATES: Final = """
UPDATE runs SET status = latest.status, started_ms = coalesce(runs.started_ms, latest.started_ms),
  ended_ms = latest.ended_ms, error = latest.error
FROM (SELECT value ->> 0 AS run_id, value ->> 1 AS status, value ->> 2 AS started_ms, value ->> 3 AS ended_ms,
  value ->> 4 AS error FROM json_each(?)) AS latest
WHERE runs.run_id = latest.run_id"""
_OPERATIONS: Final = "INSERT INTO operations (run_id, attempt, span_id, at_ms, duration_ms, type, data) VALUES "
_REPLAYS: Final = "INSERT INTO replays (trace_id, of_trace_id, of_run_id, step, edited, at_ms) VALUES "
_LOGS: Final = "INSERT INTO logs (time_ms, level, message, fields, step, trace_id, run_id, source) VALUES "
_BEFORE: Final = "SELECT run_id, status, step, queued_ms FROM runs WHERE run_id IN (SELECT value FROM json_each(?))"
_SUMMARIES: Final = """
UPDATE traces SET runs = traces.runs + more.runs, open = traces.open + more.open,
  failed = traces.failed + more.failed, rejected = traces.rejected + more.rejected,
  ended_ms = max(coalesce(traces.ended_ms, 0), more.ended_ms),
  status = CASE WHEN traces.open + more.open > 0 THEN 'running'
                WHEN traces.failed + more.failed > 0 THEN 'failed'
                WHEN traces.rejected + more.rejected > 0 THEN 'rejected'
                ELSE 'completed' END
FROM (SELECT value ->> 0 AS trace_id, value ->> 1 AS runs, value ->> 2 AS open, value ->> 3 AS failed,
  value ->> 4 AS rejected, value ->> 5 AS ended_ms FROM json_each(?)) AS more
WHERE traces.trace_id = more.trace_id"""

_RUNS_OF_TRACE, _ENDED_OF_TRACE = 0, 4
_COUNTED_AS: Final = {"waiting": 1, "running": 1, "failed": 2, "interrupted": 2, "rejected": 3}
"""Index of the counter of a status in the additions to a trace: `[runs, open, failed, rejected, ended_ms]`."""
_WORKED: Final = ("completed", "failed")
"""Status of an attempt whose duration is that of work."""
_WAITING: Final = ("waiting", None, None, None)
_STATUS, _ENDED, _RESULT = 2, 4, 7
"""Columns of an attempt's row."""


class TraceBatch:
    """Gathers records, in the order they happened, into rows of each table."""

    def __init__(self, owner: str = "") -> None:
        """Begin a batch of the runs of this owner."""
        self._owner = owner
        self._traces: dict[str, str] = {}
        """The trace of each run that changes."""
        self._first_runs: dict[str, list[Any]] = {}
        """By trace: what a new one is named after."""
        self._runs: list[list[Any]] = []
        self._later: list[list[Any]] = []
        self._started: dict[tuple[str, int], list[Any]] = {}
        self._ended: list[list[Any]] = []
        self._states: dict[str, list[Any]] = {}
        self._operations: list[list[Any]] = []
        self._logs: list[list[Any]] = []
        self._first_attempts: list[AttemptStarted] = []
        self._ends: list[AttemptEnded] = []
        self._replays: list[list[Any]] = []

    def add(self, records: Sequence[TraceRecord]) -> None:
        """Fold records in."""
        for record in records:
            # The records of every run first: each case that does not match costs.
            match record:
                case RunQueued():
                    self._add_run(record)
                case AttemptStarted():
                    self._add_attempt(record)
                case AttemptEnded():
                    self._add_end(record)
                case SpanEnded():
                    self._add_operation(record)
                case LogLine():
                    self._logs.append(list(record))
                case RunReplayed():
                    self._replays.append(list(record))
                case _:
                    assert_never(record)

    def write(self, connection: apsw.Connection, rates: RateCounter) -> None:
        """Write all rows, and count runs; the caller has opened the transaction."""
        touched = {*self._traces, *(operation[0] for operation in self._operations)}
        found: list[Any] = connection.execute(_BEFORE, (orjson.dumps(list(touched)).decode(),)).fetchall()
        before: dict[str, str] = {run_id: status for run_id, status, _, _ in found}
        new = {run[0] for run in self._runs}
        # What belongs to a run that was removed, or was dropped when the disk did not keep up, would never be removed.
        attempts = [row for row in self._started.values() if row[0] in new or row[0] in before]
        operations = [row for row in self._operations if row[0] in new or row[0] in before]
        _insert(connection, _TRACES, list(self._first_runs.values()))
        runs = [[*run[:-1], *self._states.get(run[0], _WAITING), self._owner, run[-1]] for run in self._runs]
        _insert(connection, _RUNS, runs, _AGAIN)
        _update(connection, _OVERTAKEN, self._later)
        _insert(connection, _ATTEMPTS, attempts)
        _update(connection, _ENDS, self._ended)
        changed = [[run_id, *state] for run_id, state in self._states.items() if run_id not in new]
        _update(connection, _STATES, changed)
        _insert(connection, _OPERATIONS, operations)
        _insert(connection, _LOGS, self._logs)
        _insert(connection, _REPLAYS, self._replays)
        _update(connection, _SUMMARIES, self._summaries(before, new))
        if self._first_attempts or self._ends:
            queued = {run_id: (step, queued_ms) for run_id, _, step, queued_ms in found}
            queued.update((run[0], (run[3], run[6])) for run in self._runs)
            rates.write(connection, *self._counted(queued))

    def _counted(self, queued: Mapping[str, tuple[str, int]]) -> tuple[int, dict[str, StepRate]]:
        """Return the time of the last change, and what this batch adds to the counts of each step.

        Args:
            queued: Step of each run, and when it was queued.
        """
        counted: dict[str, StepRate] = {}
        for run_id, _, _, started_ms in self._first_attempts:
            if (known := queued.get(run_id)) is not None:
                rate = counted.setdefault(known[0], StepRate())
                bin_ = bin_of(started_ms - known[1])
                rate.wait[bin_] = rate.wait.get(bin_, 0) + 1
        for run_id, _, attempt, _, duration_ms, status, run_status, _, _ in self._ends:
            if (known := queued.get(run_id)) is None:
                continue
            rate = counted.setdefault(known[0], StepRate())
            if run_status != "waiting":
                rate.runs += 1
                rate.failed += run_status == "failed"
            elif status == "failed":
                rate.retried += 1
            if attempt > 0 and status in _WORKED:
                bin_ = bin_of(duration_ms)
                rate.work[bin_] = rate.work.get(bin_, 0) + 1
        times = [each.started_ms for each in self._first_attempts[-1:]] + [each.ended_ms for each in self._ends[-1:]]
        return max(times), counted

    def _summaries(self, before: Mapping[str, str], new: Set[str]) -> list[list[Any]]:
        """Return what to add to the counts of each trace.

        Args:
            before: Status of the runs that were stored already.
            new: Ids of runs that have been written now.
        """
        totals: dict[str, list[int]] = {}
        for run_id, trace_id in self._traces.items():
            if run_id not in new and run_id not in before:
                continue  # its row has been removed, or was dropped when the disk did not keep up
            status, _, ended_ms, _ = self._states.get(run_id, _WAITING)
            total = totals.setdefault(trace_id, [0, 0, 0, 0, 0])
            if run_id not in before:
                total[_RUNS_OF_TRACE] += 1
            elif before[run_id] in _COUNTED_AS:
                total[_COUNTED_AS[before[run_id]]] -= 1
            if status in _COUNTED_AS:
                total[_COUNTED_AS[status]] += 1
            total[_ENDED_OF_TRACE] = max(total[_ENDED_OF_TRACE], ended_ms or 0)
        return [[trace_id, *total] for trace_id, total in totals.items()]

    def _add_run(self, queued: RunQueued) -> None:
        run_id, trace_id, _, step, type_, _, queued_ms, _ = queued
        self._traces[run_id] = trace_id
        self._first_runs.setdefault(trace_id, [trace_id, step, type_, "running", queued_ms])
        self._runs.append(list(queued))
        if run_id in self._states:
            # A replay within the batch: the run waits again, and keeps the time of its first start.
            self._states[run_id] = ["waiting", self._states[run_id][1], None, None]

    def _add_attempt(self, started: AttemptStarted) -> None:
        run_id, trace_id, attempt, started_ms = started
        self._traces[run_id] = trace_id
        row = [run_id, attempt, "running", started_ms, None, None, None, None]
        earlier = self._started.get((run_id, attempt - 1))
        if earlier is not None and earlier[_STATUS] == "running":
            earlier[_STATUS], earlier[_ENDED] = "interrupted", started_ms
        self._started[run_id, attempt] = row
        if attempt > 1:
            self._later.append(row)
        else:
            self._first_attempts.append(started)
        known = self._states.get(run_id)
        self._states[run_id] = ["running", known[1] if known and known[1] is not None else started_ms, None, None]

    def _add_end(self, ended: AttemptEnded) -> None:
        run_id, trace_id, attempt, ended_ms, duration_ms, status, run_status, error, result = ended
        self._traces[run_id] = trace_id
        self._ends.append(ended)
        end = [ended_ms, duration_ms, error, result]
        row = self._started.get((run_id, attempt))
        if row is None:
            self._ended.append([run_id, attempt, status, None, *end])
        else:
            row[_STATUS], row[_ENDED : _RESULT + 1] = status, end
        known = self._states.get(run_id)
        started_ms = known[1] if known else None
        self._states[run_id] = [run_status, started_ms, None if run_status == "waiting" else ended_ms, error]

    def _add_operation(self, ended: SpanEnded) -> None:
        run_id, _, attempt, span_id, type_, started_ms, duration_ms, data = ended
        self._operations.append([run_id, attempt, span_id, started_ms, duration_ms, type_, data])


def _insert(connection: apsw.Connection, sql: str, rows: Sequence[list[Any]], ending: str = "") -> None:
    for first in range(0, len(rows), _ROWS_MAX):
        some = rows[first : first + _ROWS_MAX]
        row = f"({','.join('?' * len(some[0]))})"
        try:
            # Not cached: each number of rows is another statement, and parsing it costs less than a row.
            whole = f"{sql}{','.join([row] * len(some))}{ending}"
            connection.execute(whole, list(itertools.chain.from_iterable(some)), can_cache=False)
        except (UnicodeError, OverflowError) as error:
            # What SQLite cannot carry, such as an integer over 64 bits, must not cost its neighbours.
            if len(some) == 1:
                _logger.warning("A trace record cannot be stored: %s", error)
                continue
            for each in some:
                _insert(connection, sql, [each], ending)


def _update(connection: apsw.Connection, sql: str, rows: Sequence[object]) -> None:
    if rows:
        connection.execute(sql, (orjson.dumps(rows).decode(),))
