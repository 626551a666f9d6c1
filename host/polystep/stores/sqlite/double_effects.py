"""Double effects in SQLite: calls that legs of one run made again, found in what its trace has stored."""

from __future__ import annotations

from typing import Any, Final

from polystep.contracts.values import JSONObject
from polystep.stores.sqlite.database import Database

_LOOKED_AT: Final = 200_000
"""Operations, the newest, among which calls of all traces are looked for: a second's work in a thread."""
_NAMES: Final = ("traceId", "runId", "step", "method", "url", "legs", "calls", "firstAt", "lastAt")
# A call inside a `once` lies within its window. One millisecond more: runners tell whole ones.
_FOUND: Final = """
SELECT r.trace_id, o.run_id, r.step, o.data ->> '$.attributes.method', o.data ->> '$.attributes.url',
  count(DISTINCT o.attempt || '.' || coalesce(o.data ->> '$.leg', 0)) AS legs, count(*), min(o.at_ms),
  max(o.at_ms) AS last
FROM {} WHERE {} AND o.type = 'http'
AND upper(o.data ->> '$.attributes.method') IN ('POST', 'PUT', 'PATCH', 'DELETE')
AND o.data ->> '$.attributes.status' < 400
AND NOT EXISTS (
  SELECT 1 FROM operations w WHERE w.run_id = o.run_id AND w.attempt = o.attempt AND w.type = 'once'
  AND w.data ->> '$.operation' IN ('run', 'cut') AND o.at_ms BETWEEN w.at_ms - 1 AND w.at_ms + w.duration_ms + 1)
GROUP BY o.run_id, 4, 5 HAVING legs > 1 ORDER BY last DESC LIMIT ?"""
_OF_TRACE: Final = _FOUND.format("runs r CROSS JOIN operations o ON o.run_id = r.run_id", "r.trace_id = ?")
_OF_ALL: Final = _FOUND.format(
    "operations o CROSS JOIN runs r ON r.run_id = o.run_id",
    f"o.id > (SELECT coalesce(max(id), 0) - {_LOOKED_AT} FROM operations)",
)


async def double_effects(database: Database, trace_id: str | None, limit: int) -> list[JSONObject]:
    """Find calls that two legs of a run made outside `once`, of one trace or of all; the newest first."""
    if trace_id is None:
        rows: list[tuple[Any, ...]] = await database.scan(_OF_ALL, (limit,))
    else:
        rows = await database.scan(_OF_TRACE, (trace_id, limit))
    return [dict(zip(_NAMES, row, strict=True)) for row in rows]
