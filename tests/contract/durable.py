"""Stores of one host that are on every kind of database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from polystep.contracts.ports.inspection import DataQueries, QueueQueries
from polystep.contracts.ports.letters import LetterQueries
from polystep.contracts.ports.queue import QueueStore
from polystep.contracts.ports.stores import StateStore, StreamStore


class Data(NamedTuple):
    """What handlers store."""

    state: StateStore
    streams: StreamStore
    queries: DataQueries


class Durable(NamedTuple):
    """What one host stores of events, state and streams."""

    queue: QueueStore
    queues: QueueQueries
    letters: LetterQueries
    data: Data
    rows: Callable[[str], Awaitable[int]]
    """Counts the rows of a table."""
