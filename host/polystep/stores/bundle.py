"""Bundle of everything durable of one host, opened from settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.inspection import Inspection
from polystep.contracts.ports.queue import QueueStore
from polystep.contracts.ports.service import Service
from polystep.contracts.ports.stores import StateStore, StoreFile, StreamStore, TraceStore


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores of one host. A service: nothing can be read or written before `start` and after `stop`."""

    owner: str
    """This start of this host, as the owner of leases and runs. No other start has the same."""
    queue: QueueStore
    state: StateStore
    streams: StreamStore
    traces: TraceStore
    clock: Clock
    """The one source of time for what is stored: due times, leases, cron, frames of streams. Hosts that share a store
    go by its time, however far apart the clocks of their machines are."""
    durable: StoreFile
    """Of events, state and streams."""
    files: tuple[StoreFile, ...]
    """All of them."""
    inspection: Inspection
    """Queries of operators."""
    services: Sequence[Service]
    """In the order of their start."""

    async def start(self) -> None:
        """Open all.

        Raises:
            PolystepError: One cannot be opened; the others are closed again.
        """
        try:
            for service in self.services:
                await service.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Store what waits, and close all."""
        for service in reversed(self.services):
            await service.stop()
