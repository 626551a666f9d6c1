"""Parts of traces and logs in SQLite, by filter and page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from polystep.contracts.ports.inspection import LogFilter, LogWord, TraceFilter, WriteFilter
from polystep.contracts.rates import RateRow
from polystep.contracts.trace_parts import TraceCursor, TraceParts
from polystep.contracts.values import JSONObject
from polystep.stores.sqlite.database import Database
from polystep.stores.sqlite.double_effects import double_effects
from polystep.stores.sqlite.rates import read_rates
from polystep.stores.sqlite.trace import LOG, OPERATION, SUMMARY, log_of, operation_of, summary_of
from polystep.stores.sqlite.trace_parts import TracePartsReader
from polystep.stores.sqlite.usual_times import read_usual_times

_NEWEST: Final = 2**62
_RUN: Final = (
    "rowid, run_id, trace_id, parent_run_id, step, type, trigger, status, queued_ms, started_ms, ended_ms, error"
)
_REPLAY: Final = (
    "replays.seq, replays.trace_id, of_trace_id, of_run_id, step, edited, at_ms, status "
    "FROM replays LEFT JOIN traces ON traces.trace_id = replays.trace_id"
)
WRITES_SEARCHED_MAX: Final = 500_000
"""The newest operations that a search for writes looks at."""
_TOKENS: Final = ("tokensIn", "tokensOut", "tokensCached", "tokensReasoning")
_SUMS: Final = ", ".join(f"sum(about ->> '{name}')" for name in _TOKENS)
_MODELS: Final = f"""
SELECT about ->> 'model' AS model, about ->> 'provider' AS provider, count(*) AS calls, sum(failed),
  sum(about ->> 'tokensIn' IS NULL AND about ->> 'tokensOut' IS NULL), {_SUMS}
FROM (SELECT data -> 'attributes' AS about, coalesce(json_type(data, '$.error'), 'null') <> 'null' AS failed
  FROM runs JOIN operations ON operations.run_id = runs.run_id
  WHERE trace_id = ? AND operations.type = 'http')
WHERE model IS NOT NULL GROUP BY 1, 2 ORDER BY calls DESC, model LIMIT ?"""
_LISTED: Final = "(SELECT value FROM json_each(?))"
_TEXT_OF_RUNS: Final = """
EXISTS (SELECT 1 FROM runs WHERE runs.trace_id = traces.trace_id
  AND (instr(lower(step), ?) OR instr(lower(coalesce(error, '')), ?)))"""


class SqliteTraceQueries:
    """Implements `TraceQueries`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def traces(self, wanted: TraceFilter, limit: int, before: int | None) -> list[JSONObject]:
        """Read the newest that fit, by looking at one after the other."""
        where, bindings = ["seq < ?"], [before if before is not None else _NEWEST]
        conditions: Sequence[tuple[str, Sequence[Any] | None]] = (
            ("status = ?", _one(wanted.status)),
            ("started_ms >= ?", _one(wanted.since_ms)),
            ("started_ms < ?", _one(wanted.until_ms)),
            (
                f"EXISTS (SELECT 1 FROM runs WHERE runs.trace_id = traces.trace_id AND step IN {_LISTED})",
                None if wanted.steps is None else [orjson.dumps(list(wanted.steps)).decode()],
            ),
            (
                f"(instr(trace_id, ?) OR instr(lower(name), ?) OR {_TEXT_OF_RUNS})",
                None if wanted.text is None else [wanted.text.lower()] * 4,
            ),
        )
        return await self._summaries(where, bindings, conditions, limit)

    async def trace(self, trace_id: str) -> JSONObject | None:
        """Read one by its id."""
        rows = await self._database.scan(f"SELECT {SUMMARY} FROM traces WHERE trace_id = ?", (trace_id,))
        return summary_of(rows[0]) if rows else None

    async def ticks(self, step: str, limit: int, before: int | None) -> list[JSONObject]:
        """Read the newest of a step."""
        where, bindings = ["seq < ?", "type = 'cron'"], [before if before is not None else _NEWEST]
        found = await self._summaries(where, bindings, [("name = ?", [step])], limit)
        rows = await self._database.scan(
            "SELECT trace_id, json_extract(trigger, '$.at') FROM runs "
            f"WHERE trace_id IN {_LISTED} AND parent_run_id IS NULL",
            (orjson.dumps([each["traceId"] for each in found]).decode(),),
        )
        times = dict(rows)
        return [{**each, "scheduledAt": times.get(each["traceId"])} for each in found]

    async def runs(self, trace_id: str, limit: int, after: int) -> list[JSONObject]:
        """Read a page of a trace."""
        rows = await self._database.scan(
            f"SELECT {_RUN}, (SELECT max(attempt) FROM attempts WHERE attempts.run_id = runs.run_id), "
            "(SELECT count(*) FROM operations WHERE operations.run_id = runs.run_id) "
            "FROM runs WHERE trace_id = ? AND rowid > ? ORDER BY rowid LIMIT ?",
            (trace_id, after, limit),
        )
        return [
            {**_run(row[:-2]), "position": row[0], "attemptCount": row[-2] or 0, "operationCount": row[-1]}
            for row in rows
        ]

    async def parts(
        self, trace_id: str, zero_ms: int, rows_max: int, now_ms: int, after: TraceCursor | None
    ) -> TraceParts:
        """Read by run, in slices."""
        reader = TracePartsReader(self._database, trace_id, zero_ms, now_ms)
        return await (reader.whole(rows_max) if after is None else reader.since(rows_max, after))

    async def operation(self, trace_id: str, position: int) -> JSONObject | None:
        """Read one by its id."""
        columns = ", ".join(f"operations.{name}" for name in OPERATION.split(", "))
        rows = await self._database.scan(
            f"SELECT operations.run_id, {columns} FROM operations JOIN runs ON runs.run_id = operations.run_id "
            "WHERE operations.id = ? AND trace_id = ?",
            (position, trace_id),
        )
        return {"runId": rows[0][0], **operation_of(rows[0][1:]), "position": position} if rows else None

    async def double_effects(self, trace_id: str | None, limit: int) -> list[JSONObject]:
        """Read the operations of the trace, or the newest of all."""
        return await double_effects(self._database, trace_id, limit)

    async def models(self, trace_id: str, limit: int) -> list[JSONObject]:
        """Read all operations of the trace: no index holds what they call."""
        names = ("model", "provider", "calls", "failed", "untold", *_TOKENS)
        rows = await self._database.scan(_MODELS, (trace_id, limit))
        return [dict(zip(names, row, strict=True)) for row in rows]

    async def usual_times(self, trace_id: str, runs: int, steps: int, rows: int) -> list[JSONObject]:
        """Read the newest runs of all, and the operations of those that are chosen."""
        return await read_usual_times(self._database, trace_id, runs, steps, rows)

    async def run(self, run_id: str) -> JSONObject | None:
        """Read one by its id."""
        rows = await self._database.scan(f"SELECT {_RUN} FROM runs WHERE run_id = ?", (run_id,))
        if not rows:
            return None
        attempts = await self._database.scan(
            "SELECT attempt, status, started_ms, ended_ms, duration_ms, error, result FROM attempts WHERE run_id = ? "
            "ORDER BY attempt DESC LIMIT 1000",
            (run_id,),
        )
        names = ("attempt", "status", "startedAt", "endedAt", "durationMs")
        shown: list[Any] = [
            {**dict(zip(names, row[:-2], strict=True)), "error": _loads(row[-2]), "result": _loads(row[-1])}
            for row in reversed(attempts)
        ]
        return {**_run(rows[0]), "attempts": shown}

    async def input(self, run_id: str) -> bytes | None:
        """Read the column alone: it may be large."""
        rows = await self._database.scan("SELECT input FROM runs WHERE run_id = ?", (run_id,))
        return rows[0][0] if rows else None

    async def replay_of(self, trace_id: str) -> JSONObject | None:
        """Read the one that began the trace."""
        rows = await self._database.scan(
            f"SELECT {_REPLAY} WHERE replays.trace_id = ? AND of_trace_id <> replays.trace_id LIMIT 1", (trace_id,)
        )
        return _replay(rows[0]) if rows else None

    async def replays(self, trace_id: str, limit: int, after: int) -> list[JSONObject]:
        """Read a page of those of the runs of a trace."""
        rows = await self._database.scan(
            f"SELECT {_REPLAY} WHERE of_trace_id = ? AND replays.seq > ? ORDER BY replays.seq LIMIT ?",
            (trace_id, after, limit),
        )
        return [_replay(row) for row in rows]

    async def operations(self, run_id: str, attempt: int | None, limit: int, after: int) -> list[JSONObject]:
        """Read a page of a run."""
        rows = await self._database.scan(
            f"SELECT id, {OPERATION} FROM operations WHERE run_id = ? AND id > ? AND (? IS NULL OR attempt = ?) "
            "ORDER BY id LIMIT ?",
            (run_id, after, attempt, attempt, limit),
        )
        return [{**operation_of(row[1:]), "position": row[0]} for row in rows]

    async def writes(self, wanted: WriteFilter, limit: int, before: int | None) -> tuple[list[JSONObject], int | None]:
        """Look at the newest operations, one after the other: no index is kept for what is asked rarely."""
        ((newest, oldest),) = await self._database.scan("SELECT max(id), min(id) FROM operations")
        if newest is None:
            return [], None
        floor = max(newest - WRITES_SEARCHED_MAX, 0)
        # Beginnings of JSON: the members of an operation are written in the order of its parameters.
        begins = [orjson.dumps(each)[:-1].decode() for each in wanted.begins]
        matches = " OR ".join("substr(operations.data, 1, ?) = ?" for _ in begins)
        rows = await self._database.scan(
            "SELECT operations.id, at_ms, data, operations.run_id, trace_id, step FROM operations "
            "LEFT JOIN runs ON runs.run_id = operations.run_id "
            f"WHERE operations.id > ? AND operations.id < ? AND operations.type = ? AND ({matches}) "
            "ORDER BY operations.id DESC LIMIT ?",
            (
                floor,
                before if before is not None else _NEWEST,
                wanted.type,
                *(part for begin in begins for part in (len(begin), begin)),
                limit,
            ),
        )
        ((since_ms,),) = await self._database.scan(
            "SELECT at_ms FROM operations WHERE id = ?", (max(floor + 1, oldest),)
        ) or [(None,)]
        shown: list[JSONObject] = [
            {
                "position": id_,
                "at": at_ms,
                "data": orjson.loads(data),
                "runId": run_id,
                "traceId": trace_id,
                "step": step,
            }
            for id_, at_ms, data, run_id, trace_id, step in rows
        ]
        return shown, None if since_ms is None else int(since_ms)

    async def logs(self, wanted: LogFilter, limit: int, before: int | None, after: int | None) -> list[JSONObject]:
        """Read by id, which is the order in which lines came."""
        follows = after is not None
        where, bindings = ["id > ?" if follows else "id < ?"], [after if follows else before or _NEWEST]
        conditions: list[tuple[str, Sequence[Any] | None]] = [
            (f"{column} = ?", [value]) for column, value in wanted.equal.items()
        ]
        conditions += [
            (f"level IN {_LISTED}", None if wanted.levels is None else [orjson.dumps(list(wanted.levels)).decode()]),
            ("time_ms >= ?", _one(wanted.since_ms)),
            ("time_ms < ?", _one(wanted.until_ms)),
            (f"step IN {_LISTED}", None if wanted.steps is None else [orjson.dumps(list(wanted.steps)).decode()]),
            *(_condition(word) for word in wanted.words),
        ]
        clauses, values = _joined(where, bindings, conditions)
        order = "ASC" if follows else "DESC"
        rows = await self._database.scan(
            f"SELECT {LOG} FROM logs WHERE {clauses} ORDER BY id {order} LIMIT ?", (*values, limit)
        )
        return [log_of(row) for row in rows]

    async def rates(self, width_s: int, since_ms: int, until_ms: int, steps: Sequence[str] | None) -> list[RateRow]:
        """Read them by time."""
        return await read_rates(self._database, width_s, since_ms, until_ms, steps)

    async def _summaries(
        self,
        where: list[str],
        bindings: Sequence[Any],
        conditions: Sequence[tuple[str, Sequence[Any] | None]],
        limit: int,
    ) -> list[JSONObject]:
        clauses, values = _joined(where, bindings, conditions)
        rows = await self._database.scan(
            f"SELECT {SUMMARY} FROM traces WHERE {clauses} ORDER BY seq DESC LIMIT ?", (*values, limit)
        )
        return [summary_of(row) for row in rows]


def _condition(word: LogWord) -> tuple[str, Sequence[Any]]:
    inside = "instr(lower(message), ?) OR instr(lower(coalesce(step, '')), ?) OR instr(lower(coalesce(fields, '')), ?)"
    values: list[Any] = [word.text] * 3
    if word.field is not None:
        inside += f" OR coalesce(CASE WHEN json_valid(fields) THEN fields -> ? END IN {_LISTED}, 0)"
        values += [word.field, orjson.dumps(list(word.values)).decode()]
    return f"{'NOT ' if word.is_refused else ''}({inside})", values


def _one(value: object) -> list[object] | None:
    return None if value is None else [value]


def _joined(
    where: list[str], bindings: Sequence[Any], conditions: Sequence[tuple[str, Sequence[Any] | None]]
) -> tuple[str, list[Any]]:
    """Join the conditions that are set, in order."""
    chosen = [(clause, values) for clause, values in conditions if values is not None]
    clauses = " AND ".join([*where, *(clause for clause, _ in chosen)])
    return clauses, [*bindings, *(value for _, values in chosen for value in values)]


def _run(row: tuple[Any, ...]) -> JSONObject:
    _, run_id, trace_id, parent, step, type_, trigger, status, queued_ms, started_ms, ended_ms, error = row
    took = ended_ms - started_ms if ended_ms is not None and started_ms is not None else None
    return {
        "runId": run_id, "traceId": trace_id, "parentRunId": parent, "step": step, "type": type_,
        "trigger": orjson.loads(trigger), "status": status, "queuedAt": queued_ms, "startedAt": started_ms,
        "endedAt": ended_ms, "durationMs": took, "error": _loads(error),
    }  # fmt: skip


def _replay(row: tuple[Any, ...]) -> JSONObject:
    seq, trace_id, of_trace_id, of_run_id, step, edited, at_ms, status = row
    return {
        "traceId": trace_id, "ofTraceId": of_trace_id, "ofRunId": of_run_id, "step": step, "edited": edited == 1,
        "at": at_ms, "status": status, "position": seq,
    }  # fmt: skip


def _loads(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)
