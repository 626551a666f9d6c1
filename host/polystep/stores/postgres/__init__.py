"""PostgreSQL through asyncpg: groups of writes in one call each, fenced by the row of a lane."""

from polystep.stores.postgres.data_queries import PostgresDataQueries
from polystep.stores.postgres.database import PostgresDatabase
from polystep.stores.postgres.identity import Times
from polystep.stores.postgres.letter_queries import PostgresLetterQueries
from polystep.stores.postgres.queue import PostgresQueueStore
from polystep.stores.postgres.queue_queries import PostgresQueueQueries
from polystep.stores.postgres.state import PostgresStateStore
from polystep.stores.postgres.streams import PostgresStreamStore

__all__ = [
    "PostgresDataQueries",
    "PostgresDatabase",
    "PostgresLetterQueries",
    "PostgresQueueQueries",
    "PostgresQueueStore",
    "PostgresStateStore",
    "PostgresStreamStore",
    "Times",
]
