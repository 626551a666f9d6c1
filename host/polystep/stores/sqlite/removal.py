"""Removal of deliveries in SQLite: one that waits, a whole queue, and the end of a call that has failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

import apsw

from polystep.contracts.events import Delivery
from polystep.contracts.values import JSONObject
from polystep.stores.error_text import json_text
from polystep.stores.sqlite.calls import end_call
from polystep.stores.sqlite.cancellations import forget_cancel_keys
from polystep.stores.sqlite.event_keys import free
from polystep.stores.sqlite.fifo import BLOCKED, READY, RUNNING, unblock
from polystep.stores.sqlite.forgetting import forget

MINE: Final = f"id = ? AND token = ? AND status = {RUNNING}"
"""Condition for a claimed delivery; takes its id and its token."""
DELETE_MINE: Final = f"DELETE FROM deliveries WHERE {MINE} RETURNING resumes, cancellable"
_REMOVED: Final = '{"name": "cancelled", "message": "The step that was called was removed from its queue."}'


def remove_one(connection: apsw.Connection, step: str, id: int, now_ms: int) -> tuple[str, int] | None:
    """Remove a delivery that waits; returns its run and the bytes of its data, `None` when there is none."""
    rows = connection.execute(
        f"DELETE FROM deliveries WHERE id = ? AND step = ? AND status <> {RUNNING} "
        "RETURNING run_id, length(data), status, fifo_key",
        (id, step),
    ).fetchall()
    if not rows:
        return None
    run_id, size, status, fifo_key = cast("tuple[str, int, int, str | None]", rows[0])
    if status == READY:
        unblock(connection, step, fifo_key)
    _end_calls(connection, [run_id], now_ms)
    forget(connection, [run_id], now_ms)
    free(connection, "?", (run_id,))
    return run_id, size


def fail_call(connection: apsw.Connection, delivery: Delivery, error: JSONObject, now_ms: int) -> bool:
    """Give the caller of a run its error instead of burying it; False when nobody waits, or it was superseded."""
    is_mine = connection.execute(f"SELECT 1 FROM deliveries WHERE {MINE}", (delivery.id, delivery.token)).fetchall()
    if not is_mine or not end_call(connection, delivery.run_id, now_ms, error=json_text(error)):
        return False
    ((_, cancellable),) = connection.execute(DELETE_MINE, (delivery.id, delivery.token)).fetchall()
    if cancellable:
        forget_cancel_keys(connection, delivery.run_id)
    forget(connection, [delivery.run_id], now_ms)
    unblock(connection, delivery.step, delivery.fifo_key)
    return True


def _end_calls(connection: apsw.Connection, run_ids: Sequence[str], now_ms: int) -> None:
    """Tell the callers of runs that were removed from their queue."""
    for run_id in run_ids:
        end_call(connection, run_id, now_ms, error=_REMOVED)


def purge(connection: apsw.Connection, step: str, limit: int, upto_id: int, now_ms: int) -> list[str]:
    """Remove what is blocked before the heads of keys: a head that is left makes the next one ready when it ends."""
    page = "SELECT id FROM deliveries WHERE step = ? AND status = ? AND id <= ? LIMIT ?"
    for status in (BLOCKED, READY):
        rows = connection.execute(
            f"DELETE FROM deliveries WHERE id IN ({page}) RETURNING run_id, fifo_key", (step, status, upto_id, limit)
        ).fetchall()
        if rows:
            runs, keys = cast("tuple[tuple[str, ...], tuple[str | None, ...]]", tuple(zip(*rows, strict=True)))
            for fifo_key in set(keys) if status == READY else ():
                # What was stored after the purge began may wait behind it.
                unblock(connection, step, fifo_key)
            _end_calls(connection, runs, now_ms)
            forget(connection, runs, now_ms)
            for run_id in runs:
                free(connection, "?", (run_id,))
            return list(runs)
    return []
