"""Stores of one host that are on every kind of database."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from polystep.contracts.ports.asks import AskStore
from polystep.contracts.ports.inspection import DataQueries, QueueQueries
from polystep.contracts.ports.journal import JournalStore
from polystep.contracts.ports.letters import BulkStore, LetterQueries
from polystep.contracts.ports.queue import DeliveryStore
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
    def bulks(self) -> BulkStore: ...


class Durable(NamedTuple):
    """What one host stores of events, state and streams."""

    queue: Queue
    queues: QueueQueries
    letters: LetterQueries
    data: Data
