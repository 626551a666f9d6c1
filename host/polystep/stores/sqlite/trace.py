"""Traces and logs in SQLite: written in batches, read by the admin API."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, cast

import apsw
import orjson

from polystep.contracts.trace import TraceRecord
from polystep.contracts.values import JSONObject
from polystep.stores.sqlite.database import Database
from polystep.stores.sqlite.hosts import SqliteHosts
from polystep.stores.sqlite.rates import RateCounter
from polystep.stores.sqlite.schema import RECOUNT
from polystep.stores.sqlite.trace_batch import TraceBatch

PRUNE_TRACES_MAX: Final = 1000
PRUNE_ROWS_MAX: Final = 5000
"""Rows removed in one go, so that a prune never holds the writer for long."""
PRUNE_BYTES_TRACES_MAX: Final = 100
PRUNE_BYTES_ROWS_MAX: Final = 250
"""The same where bytes count: rows may be large, and no more is to go than must."""
FREE_PAGES_MAX: Final = 2000
"""Given back to the disk in one go."""
RUNNING_KEPT_TIMES: Final = 10
"""Traces that run go too once this many times the bound have come since: their end may have been lost."""

_ALL: Final = -1
"""As a limit of rows: none."""
_LISTED = "(SELECT value FROM json_each(?))"
# Each stops at its limit: as one UNION they would gather all that is too old, for every portion again.
_TOO_MANY = """
SELECT trace_id FROM traces WHERE status <> 'running' AND seq <= (SELECT max(seq) FROM traces) - ?
ORDER BY seq LIMIT ?"""
_FAR_TOO_MANY = "SELECT trace_id FROM traces WHERE seq <= (SELECT max(seq) FROM traces) - ? ORDER BY seq LIMIT ?"
_TOO_OLD = "SELECT trace_id FROM traces WHERE status <> 'running' AND started_ms < ? ORDER BY started_ms LIMIT ?"
_OLDEST = "SELECT trace_id FROM traces WHERE status <> 'running' ORDER BY seq LIMIT ?"
_FIRST_ENDED = "SELECT run_id FROM runs WHERE status NOT IN ('waiting', 'running') ORDER BY rowid LIMIT ?"
_LONG = "SELECT trace_id, (SELECT count(*) FROM runs WHERE runs.trace_id = traces.trace_id) FROM traces WHERE runs > ?"
_ITS_FIRST = (
    "SELECT run_id FROM runs WHERE trace_id = ? AND status NOT IN ('waiting', 'running') ORDER BY rowid LIMIT ?"
)

SUMMARY = (
    "seq, trace_id, name, type, status, started_ms, CASE WHEN open = 0 THEN ended_ms END, runs, "
    "(SELECT of_trace_id FROM replays WHERE replays.trace_id = traces.trace_id AND of_trace_id <> traces.trace_id), "
    "(SELECT count(*) FROM replays WHERE of_trace_id = traces.trace_id)"
)
OPERATION = "attempt, span_id, at_ms, duration_ms, type, data"
LOG = "id, time_ms, level, message, fields, step, trace_id, run_id, source"


class SqliteTraceStore:
    """Implements `TraceStore`."""

    def __init__(self, database: Database, owner: str = "", hosts: SqliteHosts | None = None) -> None:
        """Write the runs of a host.

        Args:
            database: The file.
            owner: This start of the host.
            hosts: Those on the file; `None` for a host that is alone on it.
        """
        self._database = database
        self._owner = owner
        self._hosts = hosts or SqliteHosts()
        self._rates = RateCounter(owner)

    async def write(self, records: Sequence[TraceRecord]) -> None:
        """Apply records in order, then bring the summaries of the traces they touch up to date."""

        def job(connection: apsw.Connection) -> None:
            batch = TraceBatch(self._owner)
            batch.add(records)
            batch.write(connection, self._rates)

        await self._database.sweep(job)

    async def traces(self, limit: int, before: int | None = None, status: str | None = None) -> list[JSONObject]:
        """Read summaries, newest first; `cursor` of the last one is the next call's `before`."""
        rows = await self._database.scan(
            f"SELECT {SUMMARY} FROM traces WHERE seq < ? AND (? IS NULL OR status = ?) ORDER BY seq DESC LIMIT ?",
            (before if before is not None else 2**62, status, status, limit),
        )
        return [summary_of(row) for row in rows]

    async def trace(self, trace_id: str, rows_max: int | None = None) -> JSONObject | None:
        """Read one trace: its runs with attempts, operations, and logs."""
        heads = await self._database.scan(f"SELECT {SUMMARY} FROM traces WHERE trace_id = ?", (trace_id,))
        if not heads:
            return None
        limit = _ALL if rows_max is None else rows_max + 1
        runs = await self._database.scan(
            "SELECT run_id, parent_run_id, step, type, trigger, status, queued_ms, started_ms, ended_ms, error "
            "FROM runs WHERE trace_id = ? ORDER BY queued_ms, rowid LIMIT ?",
            (trace_id, limit),
        )
        logs = await self._database.scan(
            f"SELECT {LOG} FROM logs WHERE trace_id = ? ORDER BY id LIMIT ?", (trace_id, limit)
        )
        shaped_logs = [log_of(row) for row in logs[:rows_max]]
        whole, shaped_runs, left = summary_of(heads[0]), [], limit
        for row in runs[:rows_max]:
            shaped_runs.append(await self._run(row, shaped_logs, left))
            left -= len(cast("list[Any]", shaped_runs[-1]["operations"])) if rows_max is not None else 0
            if left == 0:
                break
        whole["runs"] = cast("Any", shaped_runs)
        whole["logs"] = cast("Any", shaped_logs)
        if rows_max is not None:
            whole["cut"] = left == 0 or len(runs) > rows_max or len(logs) > rows_max
        return whole

    async def traces_like(self, part: str, limit: int) -> list[JSONObject]:
        """Read summaries of traces with an id that begins or ends with this, newest first. Looks at every trace."""
        rows = await self._database.scan(
            f"SELECT {SUMMARY} FROM traces WHERE substr(trace_id, 1, ?) = ? OR substr(trace_id, ?) = ? "
            "ORDER BY seq DESC LIMIT ?",
            (len(part), part, -len(part), part, limit),
        )
        return [summary_of(row) for row in rows]

    async def logs(
        self, limit: int, trace_id: str | None = None, level: str | None = None, step: str | None = None
    ) -> list[JSONObject]:
        """Read log lines, newest first."""
        wanted = [(column, value) for column, value in
                  (("trace_id", trace_id), ("level", level), ("step", step)) if value is not None]  # fmt: skip
        where = " AND ".join(f"{column} = ?" for column, _ in wanted) or "1"
        rows = await self._database.scan(
            f"SELECT {LOG} FROM logs WHERE {where} ORDER BY id DESC LIMIT ?",
            (*(value for _, value in wanted), limit),
        )
        return [log_of(row) for row in rows]

    async def lost_runs(self) -> list[str]:
        """Look at the open ones. Those without an owner are from before runs had one."""
        rows = await self._database.scan("SELECT run_id, owner FROM runs WHERE status IN ('waiting', 'running')")
        return [run_id for run_id, owner in rows if owner not in self._hosts.live]

    async def interrupt_runs(self, run_ids: Sequence[str], now_ms: int) -> None:
        """Close them and their open attempts."""

        def job(connection: apsw.Connection) -> None:
            touched: set[str] = set()
            for run_id in run_ids:
                rows = connection.execute(
                    "UPDATE runs SET status = 'interrupted', ended_ms = ? "
                    "WHERE run_id = ? AND status IN ('waiting', 'running') RETURNING trace_id",
                    (now_ms, run_id),
                ).fetchall()
                connection.execute(
                    "UPDATE attempts SET status = 'interrupted', ended_ms = ? WHERE run_id = ? AND status = 'running'",
                    (now_ms, run_id),
                )
                touched.update(cast("str", row[0]) for row in rows)
            connection.execute(f"{RECOUNT} WHERE trace_id IN {_LISTED}", (_json(list(touched)),))

        await self._database.sweep(job)

    async def prune(self, traces_max: int, runs_max: int, logs_max: int, older_than_ms: int, bytes_max: int) -> bool:
        """Remove the oldest traces with all that belongs to them, the first runs of long ones, and the oldest logs."""

        def job(connection: apsw.Connection) -> bool:
            # One after the other: what looks through all traces is not done for every portion.
            return (
                _prune_traces(connection, traces_max, older_than_ms) == PRUNE_TRACES_MAX
                or _prune_runs(connection, runs_max) == PRUNE_ROWS_MAX
                or _prune_logs(connection, logs_max, older_than_ms) == PRUNE_ROWS_MAX
                or _prune_replays(connection, traces_max, older_than_ms) == PRUNE_ROWS_MAX
                or _prune_bytes(connection, bytes_max)
            )

        return await self._database.sweep(job)

    async def _run(self, row: tuple[Any, ...], logs: list[JSONObject], operations_max: int) -> JSONObject:
        run_id, parent, step, type_, trigger, status, queued_ms, started_ms, ended_ms, error = row
        attempts = await self._database.scan(
            "SELECT attempt, status, started_ms, ended_ms, duration_ms, error, result FROM attempts WHERE run_id = ? "
            "ORDER BY attempt",
            (run_id,),
        )
        operations = await self._database.scan(
            f"SELECT {OPERATION} FROM operations WHERE run_id = ? ORDER BY at_ms, id LIMIT ?",
            (run_id, operations_max),
        )
        return {
            "runId": run_id, "parentRunId": parent, "step": step, "type": type_, "trigger": orjson.loads(trigger),
            "status": status, "queuedAt": queued_ms, "startedAt": started_ms, "endedAt": ended_ms,
            "durationMs": ended_ms - started_ms if ended_ms is not None and started_ms is not None else None,
            "error": _loads(error),
            "attempts": [
                {"attempt": number, "status": state, "startedAt": began, "endedAt": ended, "durationMs": duration,
                 "error": _loads(failure), "result": _loads(result)}
                for number, state, began, ended, duration, failure, result in attempts
            ],
            "operations": [operation_of(row) for row in operations],
            "logs": [log for log in logs if log["runId"] == run_id],
        }  # fmt: skip


def _remove_runs(connection: apsw.Connection, ids: str, bindings: tuple[object, ...]) -> int:
    """Remove the runs that a query names, with all that belongs to them; returns how many."""
    runs = [row[0] for row in connection.execute(ids, bindings)]
    listed = _json(runs)
    for table in ("operations", "attempts", "runs"):
        connection.execute(f"DELETE FROM {table} WHERE run_id IN {_LISTED}", (listed,))
    return len(runs)


def _remove_traces(connection: apsw.Connection, trace_ids: Collection[str]) -> int:
    """Remove traces with all that belongs to them but their log lines; returns how many."""
    listed = _json(list(trace_ids))
    _remove_runs(connection, f"SELECT run_id FROM runs WHERE trace_id IN {_LISTED}", (listed,))
    connection.execute(f"DELETE FROM traces WHERE trace_id IN {_LISTED}", (listed,))
    return len(trace_ids)


def _prune_traces(connection: apsw.Connection, traces_max: int, older_than_ms: int) -> int:
    """Remove some of the oldest traces; returns how many."""
    bounds = (
        (_TOO_MANY, traces_max),
        (_FAR_TOO_MANY, RUNNING_KEPT_TIMES * (traces_max + 1)),
        (_TOO_OLD, older_than_ms),
    )
    doomed: set[str] = set()
    for sql, bound in bounds:
        rows = connection.execute(sql, (bound, PRUNE_TRACES_MAX - len(doomed)))
        doomed.update(cast("str", row[0]) for row in rows)
    return _remove_traces(connection, doomed)


def _prune_runs(connection: apsw.Connection, runs_max: int) -> int:
    """Remove some of the first runs of traces that are too long; returns how many."""
    left = PRUNE_ROWS_MAX
    for trace_id, count in connection.execute(_LONG, (runs_max,)).fetchall():
        surplus = min(cast("int", count) - runs_max, left)
        if surplus > 0:
            # None of them when they all wait: then there is no more to do than this.
            left -= _remove_runs(connection, _ITS_FIRST, (trace_id, surplus))
    return PRUNE_ROWS_MAX - left


def _prune_logs(connection: apsw.Connection, logs_max: int, older_than_ms: int) -> int:
    """Remove some of the oldest lines; returns how many at most by one of the two reasons."""
    oldest = "(SELECT min(id) FROM logs) + ?"
    # One bound: of two, SQLite may take the one that leaves more rows to look at.
    surplus = f"id < min((SELECT max(id) FROM logs) - ? + 1, {oldest})"
    connection.execute(f"DELETE FROM logs WHERE {surplus}", (logs_max, PRUNE_ROWS_MAX))
    removed = connection.changes()
    connection.execute(f"DELETE FROM logs WHERE time_ms < ? AND id < {oldest}", (older_than_ms, PRUNE_ROWS_MAX))
    return max(removed, connection.changes())


def _prune_replays(connection: apsw.Connection, replays_max: int, older_than_ms: int) -> int:
    """Remove some of the oldest records of replays; returns how many at most by one of the two reasons."""
    oldest = "(SELECT min(seq) FROM replays) + ?"
    surplus = f"seq < min((SELECT max(seq) FROM replays) - ? + 1, {oldest})"
    connection.execute(f"DELETE FROM replays WHERE {surplus}", (replays_max, PRUNE_ROWS_MAX))
    removed = connection.changes()
    connection.execute(f"DELETE FROM replays WHERE at_ms < ? AND seq < {oldest}", (older_than_ms, PRUNE_ROWS_MAX))
    return max(removed, connection.changes())


def _prune_bytes(connection: apsw.Connection, bytes_max: int) -> bool:
    """Remove some of what is oldest while the pages in use are beyond the bound; whether there is more to do."""
    ((pages,),) = connection.execute("PRAGMA page_count")
    ((free,),) = connection.execute("PRAGMA freelist_count")
    ((page_bytes,),) = connection.execute("PRAGMA page_size")
    if (pages - free) * page_bytes <= bytes_max:
        # New rows use the free pages again; what a burst has left beyond that goes back to the disk.
        surplus = min(pages - bytes_max // page_bytes, free, FREE_PAGES_MAX)
        if surplus > 0:
            connection.execute(f"PRAGMA incremental_vacuum({surplus})").fetchall()
        return False
    ((oldest_line,),) = connection.execute("SELECT (SELECT time_ms FROM logs ORDER BY id LIMIT 1)")
    ((oldest_trace,),) = connection.execute("SELECT (SELECT started_ms FROM traces ORDER BY seq LIMIT 1)")
    if oldest_trace is None or (oldest_line is not None and oldest_line <= oldest_trace):
        connection.execute("DELETE FROM logs WHERE id < (SELECT min(id) FROM logs) + ?", (PRUNE_BYTES_ROWS_MAX,))
        return connection.changes() > 0
    if _remove_traces(connection, [row[0] for row in connection.execute(_OLDEST, (PRUNE_BYTES_TRACES_MAX,))]):
        return True
    # The oldest traces run, such as those of a step whose events lead to itself without an end.
    return _remove_runs(connection, _FIRST_ENDED, (PRUNE_BYTES_ROWS_MAX,)) > 0


def _json(ids: list[str]) -> str:
    return orjson.dumps(ids).decode()


def _loads(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)


def summary_of(row: tuple[Any, ...]) -> JSONObject:
    """Return a trace in short; the row has the columns `SUMMARY`."""
    seq, trace_id, name, type_, status, started_ms, ended_ms, runs, replay_of, replays = row
    return {
        "traceId": trace_id, "name": name, "type": type_, "status": status, "startedAt": started_ms,
        "endedAt": ended_ms, "durationMs": None if ended_ms is None else ended_ms - started_ms, "runCount": runs,
        "replayOf": replay_of, "replayCount": replays, "cursor": seq,
    }  # fmt: skip


def operation_of(row: tuple[Any, ...]) -> JSONObject:
    """Return an operation; the row has the columns `OPERATION`."""
    attempt, span_id, at_ms, duration_ms, type_, data = row
    known: JSONObject = {
        "attempt": attempt, "spanId": span_id, "at": round(at_ms, 3),
        "durationMs": None if duration_ms is None else round(duration_ms, 3), "type": type_,
    }  # fmt: skip
    # First, and not to be replaced by members that a runner has sent.
    return {**known, **orjson.loads(data), **known}


def log_of(row: tuple[Any, ...]) -> JSONObject:
    """Return a log line; the row has the columns `LOG`."""
    id_, time_ms, level, message, fields, step, trace_id, run_id, source = row
    return {
        "id": id_, "time": time_ms, "level": level, "message": message, "fields": _loads(fields) or {}, "step": step,
        "traceId": trace_id, "runId": run_id, "source": source,
    }  # fmt: skip
