"""Queue between the recorder and one sink: bounded, with a task of its own."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Final

from polystep.contracts.clock import wait_at_most
from polystep.contracts.limits import SINK_RECORDS_MAX, TRACE_WAITING_BYTES_MAX
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.trace import TraceSink
from polystep.contracts.trace import TraceRecord

STOP_GRACE_S: Final = 1.0
"""Time at the stop for a sink to take the records that wait for it."""

_log = logging.getLogger("polystep.trace")


class SinkQueue:
    """Queue that hands batches to a sink one after the other, and drops the oldest when the sink is behind."""

    def __init__(self, name: str, sink: TraceSink) -> None:
        self._name = name
        self._sink = sink
        self._batches: deque[tuple[Sequence[TraceRecord], int]] = deque()
        """Batches with their bytes."""
        self._waiting = 0
        self._bytes_waiting = 0
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None
        self._failing = False
        self.dropped = 0
        """Records that the sink did not get: it was behind, or it failed."""

    def start(self) -> None:
        """Begin handing over."""
        if self._task is None:
            self._task = asyncio.create_task(self._hand_over(), name=f"trace sink {self._name}")

    async def stop(self, clock: Clock) -> None:
        """Give the sink a moment to take the waiting records, then end."""
        task, self._task = self._task, None
        if task is None:
            return
        if not self._idle.is_set():
            await wait_at_most(self._idle, STOP_GRACE_S, clock)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def put(self, batch: Sequence[TraceRecord], size: int) -> None:
        """Queue a batch of so many bytes. Never waits."""
        self._batches.append((batch, size))
        self._waiting += len(batch)
        self._bytes_waiting += size
        while len(self._batches) > 1 and (
            self._waiting > SINK_RECORDS_MAX or self._bytes_waiting > TRACE_WAITING_BYTES_MAX
        ):
            self.dropped += len(self._take())
        self._idle.clear()
        self._filled.set()

    async def _hand_over(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._batches:
                await self._write(self._take())
            self._idle.set()

    def _take(self) -> Sequence[TraceRecord]:
        batch, size = self._batches.popleft()
        self._waiting -= len(batch)
        self._bytes_waiting -= size
        return batch

    async def _write(self, batch: Sequence[TraceRecord]) -> None:
        try:
            await self._sink.write(batch)
        except Exception:  # noqa: BLE001 - a sink may be anybody's; its failure must not reach the store or the runs
            self.dropped += len(batch)
            if not self._failing:
                _log.warning("Trace records could not be handed to %s", self._name, exc_info=True)
            self._failing = True
        else:
            self._failing = False
