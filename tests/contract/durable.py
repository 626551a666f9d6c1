"""Stores of one host that are on every kind of database."""

from __future__ import annotations

from typing import NamedTuple

from polystep.contracts.ports.inspection import DataQueries, QueueQueries
from polystep.contracts.ports.letters import BulkStore, LetterQueries
from polystep.contracts.ports.queue import DeliveryStore
from polystep.contracts.ports.stores import StateStore, StreamStore


class Data(NamedTuple):
    """What handlers store."""

    state: StateStore
    streams: StreamStore
    queries: DataQueries


class Durable(NamedTuple):
    """What one host stores of events, state and streams."""

    queue: DeliveryStore
    bulks: BulkStore
    queues: QueueQueries
    letters: LetterQueries
    data: Data
