"""Traces and logs in SQLite: written in batches, read by the admin API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import apsw
import orjson

from polystep.contracts.values import JSONObject
from polystep.stores.sqlite.database import Database
from polystep.stores.sqlite.trace_batch import REFRESH, TraceBatch

PRUNE_ROWS_MAX: Final = 5000
"""Rows removed in one go, so that a prune never holds the writer for long."""

_SUMMARY = "seq, trace_id, name, type, status, started_ms, ended_ms, runs"
_LOG = "id, time_ms, level, message, fields, step, trace_id, run_id, source"


class SqliteTraceStore:
    """Implements `TraceStore`. Records are the tuples that `TraceRecorder` makes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, records: Sequence[tuple[object, ...]]) -> None:
        """Apply records in order, then bring the summaries of the traces they touch up to date."""

        def job(connection: apsw.Connection) -> None:
            batch = TraceBatch()
            batch.add(records)
            batch.write(connection)

        await self._database.sweep(job)

    async def traces(self, limit: int, before: int | None = None, status: str | None = None) -> list[JSONObject]:
        """Summaries, newest first; `cursor` of the last one is the next call's `before`."""
        rows = await self._database.scan(
            f"SELECT {_SUMMARY} FROM traces WHERE seq < ? AND (? IS NULL OR status = ?) ORDER BY seq DESC LIMIT ?",
            (before if before is not None else 2**62, status, status, limit),
        )
        return [_summary(row) for row in rows]

    async def trace(self, trace_id: str) -> JSONObject | None:
        """One whole trace: its runs with attempts, operations, and logs."""
        heads = await self._database.scan(f"SELECT {_SUMMARY} FROM traces WHERE trace_id = ?", (trace_id,))
        if not heads:
            return None
        runs = await self._database.scan(
            "SELECT run_id, parent_run_id, step, type, trigger, status, queued_ms, started_ms, ended_ms, error "
            "FROM runs WHERE trace_id = ? ORDER BY queued_ms, rowid",
            (trace_id,),
        )
        logs = await self._database.scan(f"SELECT {_LOG} FROM logs WHERE trace_id = ? ORDER BY id", (trace_id,))
        shaped_logs = [_log(row) for row in logs]
        whole = _summary(heads[0])
        whole["runs"] = [await self._run(row, shaped_logs) for row in runs]
        whole["logs"] = cast("Any", shaped_logs)
        return whole

    async def logs(
        self, limit: int, trace_id: str | None = None, level: str | None = None, step: str | None = None
    ) -> list[JSONObject]:
        """Log lines, newest first."""
        wanted = [(column, value) for column, value in
                  (("trace_id", trace_id), ("level", level), ("step", step)) if value is not None]  # fmt: skip
        where = " AND ".join(f"{column} = ?" for column, _ in wanted) or "1"
        rows = await self._database.scan(
            f"SELECT {_LOG} FROM logs WHERE {where} ORDER BY id DESC LIMIT ?",
            (*(value for _, value in wanted), limit),
        )
        return [_log(row) for row in rows]

    async def open_runs(self) -> list[str]:
        """Run ids."""
        rows = await self._database.scan("SELECT run_id FROM runs WHERE status IN ('waiting', 'running')")
        return [row[0] for row in rows]

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
            connection.execute(REFRESH, (orjson.dumps(list(touched)).decode(),))

        await self._database.sweep(job)

    async def prune(self, traces_max: int, logs_max: int, older_than_ms: int) -> None:
        """Remove the oldest traces with all that belongs to them, and the oldest logs."""

        def job(connection: apsw.Connection) -> None:
            doomed = connection.execute(
                "SELECT trace_id FROM traces WHERE status <> 'running' AND (started_ms < ? OR seq <= "
                "(SELECT max(seq) FROM traces) - ?) ORDER BY seq LIMIT ?",
                (older_than_ms, traces_max, PRUNE_ROWS_MAX),
            ).fetchall()
            for (trace_id,) in doomed:
                runs = "(SELECT run_id FROM runs WHERE trace_id = ?)"
                connection.execute(f"DELETE FROM operations WHERE run_id IN {runs}", (trace_id,))
                connection.execute(f"DELETE FROM attempts WHERE run_id IN {runs}", (trace_id,))
                connection.execute("DELETE FROM runs WHERE trace_id = ?", (trace_id,))
                connection.execute("DELETE FROM traces WHERE trace_id = ?", (trace_id,))
            connection.execute(
                "DELETE FROM logs WHERE id IN (SELECT id FROM logs WHERE time_ms < ? OR id <= "
                "(SELECT max(id) FROM logs) - ? ORDER BY id LIMIT ?)",
                (older_than_ms, logs_max, PRUNE_ROWS_MAX),
            )

        await self._database.sweep(job)

    async def _run(self, row: tuple[Any, ...], logs: list[JSONObject]) -> JSONObject:
        run_id, parent, step, type_, trigger, status, queued_ms, started_ms, ended_ms, error = row
        attempts = await self._database.scan(
            "SELECT attempt, status, started_ms, ended_ms, duration_ms, error, result FROM attempts WHERE run_id = ? "
            "ORDER BY attempt",
            (run_id,),
        )
        operations = await self._database.scan(
            "SELECT attempt, at_ms, type, data FROM operations WHERE run_id = ? ORDER BY at_ms, id", (run_id,)
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
            "operations": [
                {"attempt": number, "at": at_ms, "type": kind, **orjson.loads(data)}
                for number, at_ms, kind, data in operations
            ],
            "logs": [log for log in logs if log["runId"] == run_id],
        }  # fmt: skip


def _loads(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)


def _summary(row: tuple[Any, ...]) -> JSONObject:
    seq, trace_id, name, type_, status, started_ms, ended_ms, runs = row
    return {
        "traceId": trace_id, "name": name, "type": type_, "status": status, "startedAt": started_ms,
        "endedAt": ended_ms, "durationMs": None if ended_ms is None else ended_ms - started_ms, "runCount": runs,
        "cursor": seq,
    }  # fmt: skip


def _log(row: tuple[Any, ...]) -> JSONObject:
    id_, time_ms, level, message, fields, step, trace_id, run_id, source = row
    return {
        "id": id_, "time": time_ms, "level": level, "message": message, "fields": _loads(fields) or {}, "step": step,
        "traceId": trace_id, "runId": run_id, "source": source,
    }  # fmt: skip
