"""Parked events in SQLite: they wait until the subscribers of their topic are known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, cast

import apsw

from polystep.contracts.events import NewDelivery, ParkedEvent
from polystep.stores.sqlite.database import Database

_COLUMNS: Final = "id, event_id, topic, data, trace_id, run_id, parent_run_id, fifo_key, run_at_ms, taken_by"
_INSERT: Final = """
INSERT INTO parked (event_id, topic, data, trace_id, run_id, parent_run_id, fifo_key, enqueued_at_ms, taken_by,
  deployment, run_at_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_MOVE: Final = """
UPDATE parked SET run_at_ms = run_at_ms - coalesce(?1, enqueued_at_ms - ?2),
  enqueued_at_ms = enqueued_at_ms - coalesce(?1, enqueued_at_ms - ?2)
WHERE enqueued_at_ms > ?2"""
_BY_TOPIC: Final = """
SELECT topic, count(*), min(enqueued_at_ms) FROM parked WHERE taken_by = '[]' GROUP BY topic ORDER BY topic"""


def park(connection: apsw.Connection, new: NewDelivery, now_ms: int, deployment: int) -> None:
    """Store an event; the connection is in a transaction."""
    connection.execute(
        _INSERT,
        (new.event_id, new.topic, new.data, new.trace_id, new.run_id, new.parent_run_id, new.fifo_key, now_ms,
         json.dumps(new.taken_by), deployment, new.run_at_ms),
    )  # fmt: skip


def move_parked(connection: apsw.Connection, now_ms: int, back_ms: int | None) -> None:
    """Move the due times of parked events along with a wall clock that was set back."""
    connection.execute(_MOVE, (back_ms, now_ms))


def take(connection: apsw.Connection, event: ParkedEvent, steps: Sequence[str], *, keep: bool) -> bool:
    """Note that these steps get the event, or remove it; False when another has done so meanwhile."""
    unchanged = (event.id, json.dumps(event.taken_by))
    if keep:
        taken_by = json.dumps((*event.taken_by, *steps))
        connection.execute("UPDATE parked SET taken_by = ? WHERE id = ? AND taken_by = ?", (taken_by, *unchanged))
    else:
        connection.execute("DELETE FROM parked WHERE id = ? AND taken_by = ?", unchanged)
    return bool(connection.changes())


async def read_parked(
    database: Database, limit: int, after_id: int, deployments: tuple[int, Sequence[int]]
) -> list[ParkedEvent]:
    """Read a page, oldest first.

    Args:
        database: The file.
        limit: Events of the page.
        after_id: Of the page before.
        deployments: That of the host, and earlier ones that other hosts run: their events are left to them, and those
            of later ones too.
    """
    # Nearly always there is none, and a thread would cost each reload a millisecond.
    if not database.read("SELECT 1 FROM parked WHERE id > ? LIMIT 1", (after_id,)):
        return []
    own, others = deployments
    rows = await database.scan(
        f"SELECT {_COLUMNS} FROM parked WHERE id > ? AND deployment <= ? "
        "AND deployment NOT IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?",
        (after_id, own, json.dumps(list(others)), limit),
    )
    return [_event(row) for row in rows]


async def count_parked(database: Database) -> tuple[int, int]:
    """Count events and bytes."""
    if not database.read("SELECT 1 FROM parked LIMIT 1"):
        return 0, 0
    ((count, size),) = await database.scan("SELECT count(*), coalesce(sum(length(data)), 0) FROM parked")
    return cast("int", count), cast("int", size)


async def parked_by_topic(database: Database) -> list[tuple[str, int, int]]:
    """Count those that no step has got yet."""
    return cast("list[tuple[str, int, int]]", await database.scan(_BY_TOPIC))


def _event(row: tuple[Any, ...]) -> ParkedEvent:
    *columns, run_at_ms, taken_by = row
    return ParkedEvent._make([*columns, tuple(json.loads(taken_by)), run_at_ms])


def purge_parked(connection: apsw.Connection, limit: int, upto_id: int) -> list[str]:
    """Remove the oldest; returns their runs. Copies of events that steps got have none, and go with the first page."""
    connection.execute("DELETE FROM parked WHERE id <= ? AND run_id = ''", (upto_id,))
    oldest = "SELECT id FROM parked WHERE id <= ? ORDER BY id LIMIT ?"
    rows = connection.execute(f"DELETE FROM parked WHERE id IN ({oldest}) RETURNING run_id", (upto_id, limit))
    return [cast("str", row[0]) for row in rows.fetchall()]
