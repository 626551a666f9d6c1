"""Parts of one trace in SQLite, for its picture.

SQLite takes words out of the stored JSON and gathers each column of a slice as one JSON text. So payloads never reach
Python, and the interpreter's lock is free while SQLite works; between two slices other readers have their turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from polystep.contracts.limits import SKELETON_TEXT_CHARS_MAX
from polystep.contracts.trace_parts import AttemptPart, Leaves, RunPart, TraceCursor, TraceParts
from polystep.stores.sqlite.database import Database

_SLICE_ROWS: Final = 4000
_LINES_SHARE: Final = 4
"""Log lines have one part in so many of a trace that is cut: a line often says why."""

_CHARS: Final = SKELETON_TEXT_CHARS_MAX
_CHANGED: Final = """(status = 'waiting' AND started_ms IS NOT NULL OR queued_ms >= ? OR started_ms >= ?
  OR ended_ms >= ? OR EXISTS (SELECT 1 FROM attempts WHERE attempts.run_id = runs.run_id
    AND (attempts.started_ms >= ? OR attempts.ended_ms >= ?)))"""
_RUNS: Final = f"""
SELECT run_id, rowid, parent_run_id, step, status, queued_ms, started_ms, ended_ms, coalesce(trigger ->> 'kind', ''),
  substr(CASE trigger ->> 'kind' WHEN 'http' THEN concat(trigger ->> 'method', ' ', trigger ->> 'path')
    ELSE coalesce(trigger ->> 'topic', '') END, 1, {_CHARS}),
  (SELECT count(*) FROM operations WHERE operations.run_id = runs.run_id), {_CHANGED}
FROM runs WHERE trace_id = ? AND rowid > ? ORDER BY rowid LIMIT {_SLICE_ROWS}"""
_CHOSEN: Final = "(SELECT key AS nth, value AS chosen FROM json_each(?))"
_ATTEMPTS: Final = f"""
SELECT run_id, attempt, status, started_ms, ended_ms, duration_ms,
  substr(concat_ws(': ', error ->> 'name', error ->> 'message'), 1, {_CHARS})
FROM {_CHOSEN} CROSS JOIN attempts ON run_id = chosen
WHERE attempt > 0 ORDER BY nth, attempt"""

_OF_CALL: Final = "data -> 'attributes' ->>"
_CALL: Final = f"concat_ws(' ', {_OF_CALL} 'method', {_OF_CALL} 'url', {_OF_CALL} 'status')"
_SPAN: Final = f"""
run_id, CAST(round((at_ms - ?) * 1000) AS INTEGER) AS start,
  CAST(round(coalesce(duration_ms, data ->> 'duration_ms', 0) * 1000) AS INTEGER) AS length, id,
  CASE type WHEN 'http' THEN iif({_OF_CALL} 'model' IS NULL, 'call', 'llm') ELSE type END AS kind,
  CASE type WHEN 'state' THEN concat('state ', data ->> 'operation', char(31), substr(data ->> 'group', 1, {_CHARS}))
    WHEN 'emit' THEN concat('emit', char(31), substr(data ->> 'topic', 1, {_CHARS}))
    WHEN 'stream' THEN concat('stream ', data ->> 'operation', char(31),
      substr(concat_ws(' / ', data ->> 'stream', data ->> 'group'), 1, {_CHARS}))
    WHEN 'http' THEN substr(coalesce({_OF_CALL} 'model', 'call'), 1, {_CHARS})
    ELSE concat_ws(' ', type, data ->> 'operation') END AS name,
  substr(CASE type WHEN 'emit' THEN '' WHEN 'stream' THEN coalesce(data ->> 'id', '')
    WHEN 'http' THEN coalesce(nullif({_CALL}, ''), data ->> 'name', '')
    ELSE coalesce(data ->> 'key', data ->> 'name', '') END, 1, {_CHARS}) AS text,
  coalesce(json_type(data, '$.error'), 'null') <> 'null' AS failed, attempt"""
_LINE: Final = f"""
run_id, (time_ms - ?) * 1000 AS start, 0 AS length, id, 'log' AS kind, level AS name,
  substr(message, 1, {_CHARS}) AS text, level = 'error' AS failed, 0 AS attempt"""
_COLUMNS: Final = ", ".join(
    f"json_group_array({column})"
    for column in ("run_id", "start", "length", "id", "kind", "name", "text", "failed", "attempt")
)


def _gathered(rows: str) -> str:
    """Select the columns of ordered rows. A LIMIT keeps SQLite from taking the order for superfluous."""
    return f"SELECT {_COLUMNS} FROM ({rows} LIMIT ?)"


_SPANS: Final = _gathered(
    f"SELECT {_SPAN} FROM {_CHOSEN} CROSS JOIN operations ON run_id = chosen ORDER BY nth, at_ms, id"
)
_NEW_SPANS: Final = _gathered(
    f"SELECT {_SPAN} FROM operations WHERE id > ? AND run_id NOT IN (SELECT value FROM json_each(?)) AND EXISTS "
    "(SELECT 1 FROM runs WHERE runs.run_id = operations.run_id AND runs.trace_id = ?) ORDER BY at_ms, id"
)
_LINES: Final = _gathered(f"SELECT {_LINE} FROM logs WHERE trace_id = ? AND id > ? AND run_id IS NOT NULL ORDER BY id")
_LINES_OF: Final = _gathered(
    f"SELECT {_LINE} FROM logs WHERE trace_id = ? AND id <= ? AND run_id IN (SELECT value FROM json_each(?)) "
    "ORDER BY id"
)


class TracePartsReader:
    """Reader of the parts of one trace."""

    def __init__(self, database: Database, trace_id: str, zero_ms: int, now_ms: int) -> None:
        self._database = database
        self._trace_id = trace_id
        self._zero_ms = zero_ms
        self._now_ms = now_ms

    async def whole(self, rows_max: int) -> TraceParts:
        """Read all parts, as many as fit."""
        # Ids of before the reading: what comes meanwhile is read again by the next one.
        cursor = await self._cursor(TraceCursor(0, 0, 0))
        runs = await self._runs(None)
        attempts = await self._attempts([run.run_id for run in runs])
        spans_there = sum(run.spans for run in runs)
        counted = "SELECT count(*) FROM logs WHERE trace_id = ? AND run_id IS NOT NULL"
        lines_there = await self._one(counted, self._trace_id)
        tries = Counter(attempt.run_id for attempt in attempts)
        shown = sum(tries[run.run_id] for run in runs if tries[run.run_id] > 1 or run.status == "waiting")
        room = max(0, rows_max - len(runs) - shown)
        lines_room = min(lines_there, max(room // _LINES_SHARE, room - spans_there))
        lines = _ByRun()
        await self._lines(lines, 0, lines_room)
        spans = _ByRun()
        await self._spans(spans, runs, room - lines.count)
        left_out = max(0, spans_there - spans.count) + max(0, lines_there - lines.count)
        return TraceParts(runs, attempts, spans.leaves, lines.leaves, left_out, cursor)

    async def since(self, rows_max: int, after: TraceCursor) -> TraceParts:
        """Read the parts that a cursor does not know."""
        cursor = await self._cursor(after)
        runs = await self._runs(after.at_ms)
        changed = [run for run in runs if run.changed]
        ids = [run.run_id for run in changed]
        listed = orjson.dumps(ids).decode()
        attempts = await self._attempts(ids)
        spans, lines = _ByRun(), _ByRun()
        await self._spans(spans, changed, rows_max)
        spans.add(await self._gather(_NEW_SPANS, (after.span, listed, self._trace_id, rows_max)))
        if ids:
            lines.add(await self._gather(_LINES_OF, (self._trace_id, after.line, listed, rows_max)))
        await self._lines(lines, after.line, rows_max)
        return TraceParts(runs, attempts, spans.leaves, lines.leaves, 0, cursor)

    async def _cursor(self, after: TraceCursor) -> TraceCursor:
        span = await self._one("SELECT max(id) FROM operations")
        line = await self._one("SELECT max(id) FROM logs")
        return TraceCursor(max(span, after.span), max(line, after.line), self._now_ms)

    async def _runs(self, since_ms: int | None) -> list[RunPart]:
        times = (since_ms if since_ms is not None else self._now_ms,) * 5
        runs: list[RunPart] = []
        position = -1
        while True:
            rows = await self._database.scan(_RUNS, (*times, self._trace_id, position))
            runs += [RunPart._make((*row[:-1], since_ms is None or bool(row[-1]))) for row in rows]
            if len(rows) < _SLICE_ROWS:
                return runs
            position = runs[-1].position

    async def _attempts(self, ids: Sequence[str]) -> list[AttemptPart]:
        attempts: list[AttemptPart] = []
        for first in range(0, len(ids), _SLICE_ROWS):
            some = orjson.dumps(ids[first : first + _SLICE_ROWS]).decode()
            attempts += map(AttemptPart._make, await self._database.scan(_ATTEMPTS, (some,)))
        return attempts

    async def _spans(self, found: _ByRun, runs: Sequence[RunPart], rows_max: int) -> None:
        for some in _slices(runs):
            if found.count >= rows_max:
                break
            found.add(await self._gather(_SPANS, (orjson.dumps(some).decode(), rows_max - found.count)))

    async def _lines(self, found: _ByRun, after: int, rows_max: int) -> None:
        while found.count < rows_max:
            count = min(_SLICE_ROWS, rows_max - found.count)
            columns = await self._gather(_LINES, (self._trace_id, after, count))
            found.add(columns)
            if len(columns[0]) < count:
                break
            after = columns[_ID][-1]

    async def _gather(self, sql: str, bindings: tuple[object, ...]) -> list[list[Any]]:
        (row,) = await self._database.scan(sql, (self._zero_ms, *bindings))
        return [orjson.loads(column) for column in row]

    async def _one(self, sql: str, *bindings: object) -> int:
        ((value,),) = await self._database.scan(sql, bindings)
        return value or 0


_ID: Final = 3


class _ByRun:
    """Gathers columns of rows by their run."""

    def __init__(self) -> None:
        self.count = 0
        self._found: dict[str, Leaves] = {}

    @property
    def leaves(self) -> Mapping[str, Leaves]:
        """Return what was found, by run."""
        return self._found

    def add(self, columns: Sequence[list[Any]]) -> None:
        """Add rows: those of one run stand together, or few."""
        runs, rest = columns[0], columns[1:]
        self.count += len(runs)
        first = 0
        while first < len(runs):
            run_id, end = runs[first], first + 1
            while end < len(runs) and runs[end] == run_id:
                end += 1
            known = self._found.setdefault(run_id, Leaves([], [], [], [], [], [], [], []))
            for column, more in zip(known, rest, strict=True):
                column += more[first:end]  # type: ignore[operator]
            first = end


def _slices(runs: Sequence[RunPart]) -> Iterator[list[str]]:
    """Ids of runs, some at a time, with about as many operations as a slice may have."""
    some: list[str] = []
    room = _SLICE_ROWS
    for run in runs:
        if run.spans == 0:
            continue
        some.append(run.run_id)
        room -= run.spans
        if room <= 0:
            yield some
            some, room = [], _SLICE_ROWS
    if some:
        yield some
