"""Way of deliveries to the dead letters in SQLite, and of those that nobody has started in time."""

from __future__ import annotations

from typing import Final

import apsw

from polystep.contracts.events import Delivery, expired_error
from polystep.contracts.fingerprints import fingerprint
from polystep.stores.error_text import json_text
from polystep.stores.sqlite.fifo import READY, unblock

DELIVERY_COLUMNS: Final = (
    "id, token, kind, event_id, topic, step, data, trace_id, run_id, parent_run_id, fifo_key, attempt, failures, "
    "crashes, enqueued_at_ms, resumes"
)
"""Of a `Delivery`, in its order."""
BURY: Final = """
INSERT INTO dead_letters (kind, event_id, topic, step, data, trace_id, run_id, parent_run_id, fifo_key, attempts, error,
  fingerprint, enqueued_at_ms, died_at_ms)
SELECT kind, event_id, topic, step, data, trace_id, run_id, parent_run_id, fifo_key, attempt, ?, ?, enqueued_at_ms, ?
FROM deliveries WHERE """
"""Takes an error as JSON, its fingerprint and the time; then a condition."""
EXPIRED_AT_ONCE: Final = 1000
"""Deliveries that are buried before one claim; the rest follow before the next."""
# A suspended run has started, whatever its attempts say; a step that was called has somebody who waits for it.
_EXPIRED: Final = (
    f"id IN (SELECT id FROM deliveries WHERE step = ? AND status = {READY} AND run_at_ms <= ? AND deployment <= ? "
    "AND attempt = 0 AND coalesce(resumes, 0) = 0 AND kind <> 'call' ORDER BY run_at_ms, id LIMIT ?)"
)


def bury_expired(
    connection: apsw.Connection, step: str, expires_ms: int, now_ms: int, deployment: int
) -> list[Delivery]:
    """Bury what was due so long ago and has not started; returns it, up to `EXPIRED_AT_ONCE` of it."""
    error = expired_error(step, expires_ms)
    buried: list[Delivery] = []
    while len(buried) < EXPIRED_AT_ONCE:
        chosen = (step, now_ms - expires_ms, deployment, EXPIRED_AT_ONCE - len(buried))
        connection.execute(BURY + _EXPIRED, (json_text(error), fingerprint(error), now_ms, *chosen))
        rows = connection.execute(f"DELETE FROM deliveries WHERE {_EXPIRED} RETURNING {DELIVERY_COLUMNS}", chosen)
        found = [Delivery._make(row) for row in rows.fetchall()]
        if not found:
            break
        buried += found
        for delivery in found:
            unblock(connection, step, delivery.fifo_key)
    return buried
