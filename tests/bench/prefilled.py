"""A project's database as long use would leave it: written in the host's own tables, before the host starts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from polystep.stores.sqlite.fifo import READY
from polystep.stores.sqlite.schema import DURABLE, DURABLE_UPGRADES
from polystep.wire import pack

_NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)"


def fill_queue(project: Path, step: str, topic: str, count: int, data: object) -> None:
    """Events that are due, waiting for one step; each began a trace of its own, at the same time."""
    with _database(project) as connection:
        connection.execute(
            f"""{_NUMBERS}
            INSERT INTO deliveries
              (kind, topic, step, data, status, run_at_ms, enqueued_at_ms, event_id, run_id, trace_id)
            SELECT 'event', ?2, ?3, ?4, ?5, ?6, ?6,
              lower(hex(randomblob(8))), lower(hex(randomblob(8))), lower(hex(randomblob(16))) FROM numbers""",
            (count, topic, step, pack(data), READY, round(time.time() * 1000) - 60_000),
        )


def fill_state(project: Path, group: str, count: int, value: object) -> None:
    """Keys in one group."""
    with _database(project) as connection:
        connection.execute(
            f"{_NUMBERS} INSERT INTO state (grp, key, value) SELECT ?2, printf('key-%08d', n), ?3 FROM numbers",
            (count, group, pack(value)),
        )


@contextmanager
def _database(project: Path) -> Iterator[apsw.Connection]:
    folder = project / ".polystep"
    folder.mkdir(parents=True, exist_ok=True)
    connection = apsw.Connection(str(folder / "polystep.db"))
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(DURABLE)
        connection.execute(f"PRAGMA user_version = {len(DURABLE_UPGRADES)}")
        with connection:
            yield connection
    finally:
        connection.close()
