"""Runs that somebody cancels, in SQLite: removed with all that they keep and call, and their FIFO keys go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import apsw

from polystep.contracts.events import CancelledRuns, Delivery, RemovedDelivery
from polystep.stores.sqlite.calls import called_by, end_call
from polystep.stores.sqlite.event_keys import free
from polystep.stores.sqlite.fifo import BLOCKED, RUNNING, unblock
from polystep.stores.sqlite.forgetting import forget

_CANCELLED: Final = '{"name": "cancelled", "message": "The step that was called was cancelled."}'
_REMOVE: Final = "DELETE FROM deliveries WHERE {} RETURNING step, run_id, trace_id, length(data), fifo_key"
_WAITING: Final = f"run_id = ? AND status <> {RUNNING}"
_RUNNING: Final = f"SELECT 1 FROM deliveries WHERE run_id = ? AND status = {RUNNING}"


def cancel_waiting(connection: apsw.Connection, run_id: str, now_ms: int) -> CancelledRuns | None:
    """Remove a run that is queued or suspended, and those of its calls; `None` when there is none."""
    return _cancel(connection, _WAITING, (run_id,), now_ms)


def cancel_running(connection: apsw.Connection, delivery: Delivery, now_ms: int) -> CancelledRuns | None:
    """Remove a run whose attempt has been ended for that, and those of its calls; `None` when it was superseded."""
    which = f"id = ? AND token = ? AND status = {RUNNING}"
    cancelled = _cancel(connection, which, (delivery.id, delivery.token), now_ms)
    return cancelled and cancelled._replace(removed=cancelled.removed[1:])


def _cancel(connection: apsw.Connection, which: str, bindings: Sequence[object], now_ms: int) -> CancelledRuns | None:
    first = _remove(connection, which, bindings, now_ms)
    if first is None:
        return None
    removed, called, running = [first[0]], first[1], list[str]()
    while called:
        child = called.pop()
        if (gone := _remove(connection, _WAITING, (child,), now_ms)) is not None:
            removed.append(gone[0])
            called += gone[1]
        elif connection.execute(_RUNNING, (child,)).fetchall():
            running.append(child)
    return CancelledRuns(removed, running)


def _remove(
    connection: apsw.Connection, which: str, bindings: Sequence[object], now_ms: int
) -> tuple[RemovedDelivery, list[str]] | None:
    """Remove one run; returns it, and the runs that it has called."""
    rows = connection.execute(_REMOVE.format(which), cast("Any", bindings)).fetchall()
    if not rows:
        return None
    step, run_id, trace_id, size, fifo_key = cast("tuple[str, str, str, int, str | None]", rows[0])
    if (
        fifo_key is not None
        and not connection.execute(
            f"SELECT 1 FROM deliveries WHERE step = ? AND fifo_key = ? AND status <> {BLOCKED} LIMIT 1",
            (step, fifo_key),
        ).fetchall()
    ):
        unblock(connection, step, fifo_key)
    end_call(connection, run_id, now_ms, error=_CANCELLED)
    called = called_by(connection, run_id)
    forget(connection, [run_id], now_ms)
    free(connection, "?", (run_id,))
    return RemovedDelivery(step, run_id, trace_id, size), called
