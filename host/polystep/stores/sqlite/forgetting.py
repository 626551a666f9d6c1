"""Removal of what runs that are over have kept, in SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import apsw

from polystep.stores.sqlite.asks import cancel_asks

_TABLES: Final = ("journal", "sent_emits", "signal_waits", "calls")
"""Tables of what a run has kept and waits for; the first has its entries."""


def forget(connection: apsw.Connection, run_ids: Sequence[str], now_ms: int, *, keeps_entries: bool = False) -> None:
    """Remove the journals of runs that are over, perhaps without their entries, and cancel their asks."""
    for run_id in run_ids:
        cancel_asks(connection, "?", (run_id,), now_ms)
        for table in _TABLES[keeps_entries:]:
            connection.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))


def forget_dead(connection: apsw.Connection, step: str | None, now_ms: int) -> None:
    """Remove the journals of the dead letters of a step, or of all."""
    dead = "SELECT run_id FROM dead_letters WHERE ? IS NULL OR step = ?"
    cancel_asks(connection, dead, (step, step), now_ms)
    for table in _TABLES:
        connection.execute(f"DELETE FROM {table} WHERE run_id IN ({dead})", (step, step))
