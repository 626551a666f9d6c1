"""Usual times of the steps of a trace in SQLite: medians of their last runs, by what they did."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any, Final

import orjson

from polystep.contracts.values import JSONObject
from polystep.stores.sqlite.database import Database

RUNS_SEARCHED_MAX: Final = 20_000
"""The newest runs of all steps, among which the last of each step are found: no index leads to them."""
OPERATIONS_READ_MAX: Final = 20_000

_RUNS: Final = """
WITH newest AS (
  SELECT rowid AS position, run_id, trace_id, step, status, queued_ms, started_ms, ended_ms FROM runs
  ORDER BY rowid DESC LIMIT ?1
), chosen AS (
  SELECT *, row_number() OVER (PARTITION BY step ORDER BY position DESC) AS place FROM newest
  WHERE status = 'completed' AND trace_id <> ?2 AND started_ms IS NOT NULL AND ended_ms IS NOT NULL
    AND step IN (SELECT DISTINCT step FROM runs WHERE trace_id = ?2 LIMIT ?3)
)
SELECT step, run_id, started_ms - queued_ms, ended_ms - started_ms FROM chosen WHERE place <= ?4 ORDER BY step"""
_OPERATIONS: Final = """
SELECT run_id, type, data ->> 'operation', CASE type WHEN 'state' THEN data ->> 'group' END, data ->> 'topic',
  data ->> 'stream', data ->> 'name', duration_ms
FROM operations WHERE run_id IN (SELECT value FROM json_each(?)) AND duration_ms IS NOT NULL LIMIT ?"""
_NAMES: Final = ("operation", "group", "topic", "stream", "name")


async def read_usual_times(database: Database, trace_id: str, runs: int, steps: int, rows: int) -> list[JSONObject]:
    """Read medians of up to `runs` completed runs of each step, of `rows` kinds of operations for each."""
    found = await database.scan(_RUNS, (RUNS_SEARCHED_MAX, trace_id, steps, runs))
    times: dict[str, list[tuple[float, float]]] = {}
    step_of: dict[str, str] = {}
    for step, run_id, wait_ms, work_ms in found:
        times.setdefault(step, []).append((max(0, wait_ms), max(0, work_ms)))
        step_of[run_id] = step
    listed = orjson.dumps(list(step_of)).decode()
    kinds: dict[str, dict[tuple[str, ...], list[float]]] = {}
    for run_id, *what, took_ms in await database.scan(_OPERATIONS, (listed, OPERATIONS_READ_MAX)):
        key = tuple(each if isinstance(each, str) else "" for each in what)
        kinds.setdefault(step_of[run_id], {}).setdefault(key, []).append(took_ms)
    return [
        {
            "step": step,
            "runs": len(each),
            "waitMs": median(wait_ms for wait_ms, _ in each),
            "workMs": median(work_ms for _, work_ms in each),
            "operations": _medians(kinds.get(step, {}), rows),
        }
        for step, each in times.items()
    ]


def _medians(kinds: dict[tuple[str, ...], list[float]], rows: int) -> list[Any]:
    often: Sequence[tuple[tuple[str, ...], list[float]]] = sorted(kinds.items(), key=lambda each: -len(each[1]))
    return [
        {"type": key[0], **dict(zip(_NAMES, key[1:], strict=True)), "count": len(ms), "workMs": round(median(ms), 3)}
        for key, ms in often[:rows]
    ]
