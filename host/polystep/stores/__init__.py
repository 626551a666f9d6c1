"""Durable storage with group commit; one behaviour suite over every implementation."""

from polystep.stores.sqlite import (
    Database,
    SqliteQueueStore,
    SqliteStateStore,
    SqliteStreamStore,
    SqliteTraceStore,
    open_durable,
    open_traces,
)

__all__ = [
    "Database",
    "SqliteQueueStore",
    "SqliteStateStore",
    "SqliteStreamStore",
    "SqliteTraceStore",
    "open_durable",
    "open_traces",
]
