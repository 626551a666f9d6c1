"""SQLite through apsw: one writer thread, WAL, group commit."""

from polystep.stores.sqlite.changes import SqliteChanges
from polystep.stores.sqlite.copying import CopiedFile, CopyFailed, copy_database, described, merge_log, sync
from polystep.stores.sqlite.database import Database
from polystep.stores.sqlite.files import DURABLE_FILE, TRACES_FILE, SqliteFiles
from polystep.stores.sqlite.hosts import SqliteHosts
from polystep.stores.sqlite.queue import SqliteQueueStore
from polystep.stores.sqlite.schema import SCHEMA, open_durable, open_traces
from polystep.stores.sqlite.state import SqliteStateStore
from polystep.stores.sqlite.streams import SqliteStreamStore
from polystep.stores.sqlite.trace import SqliteTraceStore

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
    "copy_database",
    "described",
    "merge_log",
    "open_durable",
    "open_traces",
    "sync",
]
