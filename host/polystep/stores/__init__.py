"""Durable storage with group commit; one behaviour suite over every implementation."""

from __future__ import annotations

import secrets
from pathlib import Path

from polystep.contracts.ports.clock import Clock
from polystep.stores.bundle import Stores
from polystep.stores.sqlite import (
    DURABLE_FILE,
    SCHEMA,
    TRACES_FILE,
    CopiedFile,
    CopyFailed,
    Database,
    SqliteChanges,
    SqliteFiles,
    SqliteHosts,
    SqliteQueueStore,
    SqliteStateStore,
    SqliteStreamStore,
    SqliteTraceStore,
    copy_database,
    described,
    merge_log,
    open_durable,
    open_traces,
    sync,
)

__all__ = [
    "DURABLE_FILE",
    "SCHEMA",
    "TRACES_FILE",
    "CopiedFile",
    "CopyFailed",
    "Database",
    "SqliteChanges",
    "SqliteFiles",
    "SqliteHosts",
    "SqliteQueueStore",
    "SqliteStateStore",
    "SqliteStreamStore",
    "SqliteTraceStore",
    "Stores",
    "copy_database",
    "described",
    "merge_log",
    "open_durable",
    "open_stores",
    "open_traces",
    "sync",
]


def open_stores(folder: Path, durability: str, clock: Clock, deployment: int = 0, keep_ms: int = 0) -> Stores:
    """Make the stores of a host, as the settings of its project say; `Stores.start` opens them.

    Args:
        folder: The project's own folder. The host holds its lock, which proves that earlier starts have ended.
        durability: `[storage] durability`.
        clock: Of the machine. The stores say by which clock the host is to go.
        deployment: Number of what the host runs; a later deployment has a larger one. A folder that nobody deploys
            stays at 0.
        keep_ms: Time for which journals of completed runs are kept.
    """
    return SqliteFiles(folder, durability, clock).stores(secrets.token_hex(8), deployment, keep_ms)
