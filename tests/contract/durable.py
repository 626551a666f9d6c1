"""Stores of one host that are on every kind of database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from polystep.contracts.events import CancelledRuns, Delivery
from polystep.contracts.ports.asks import AskStore
from polystep.contracts.ports.inspection import DataQueries, QueueQueries
from polystep.contracts.ports.journal import JournalStore
from polystep.contracts.ports.letters import BulkStore, LetterQueries
from polystep.contracts.ports.once_keys import OnceKeyStore
from polystep.contracts.ports.queue import CancellationStore, DeliveryStore, EventKeyStore
from polystep.contracts.ports.stores import StateStore, StreamStore
from polystep.contracts.ports.wakeups import Wakeups


class Data(NamedTuple):
    """What handlers store."""

    state: StateStore
    streams: StreamStore
    queries: DataQueries


class Queue(DeliveryStore, Protocol):
    """Deliveries, with what of `QueueStore` is on every kind of database."""

    @property
    def wakeups(self) -> Wakeups: ...

    @property
    def journal(self) -> JournalStore: ...

    @property
    def asks(self) -> AskStore: ...

    @property
    def once_keys(self) -> OnceKeyStore: ...

    @property
    def keys(self) -> EventKeyStore: ...

    @property
    def cancellations(self) -> CancellationStore: ...

    async def cancel_waiting(self, run_id: str) -> CancelledRuns | None: ...

    async def cancel_running(self, delivery: Delivery) -> CancelledRuns | None: ...

    @property
    def bulks(self) -> BulkStore: ...


class Durable(NamedTuple):
    """What one host stores of events, state and streams."""

    queue: Queue
    queues: QueueQueries
    letters: LetterQueries
    data: Data
    rows: Callable[[str], Awaitable[int]]
    """Counts the rows of a table."""
