"""Runs that an earlier process left open."""

from __future__ import annotations

from polystep.stores import Stores


async def interrupt_lost_runs(stores: Stores) -> None:
    """Close in the traces the runs that an earlier process left open and no delivery will finish."""
    left_open = await stores.traces.lost_runs()
    pending = await stores.queue.pending_among(left_open)
    lost = [run_id for run_id in left_open if run_id not in pending]
    if lost:
        await stores.traces.interrupt_runs(lost, stores.clock.now_ms())
