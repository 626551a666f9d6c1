"""Counts of queues, and paused steps, in SQLite."""

from __future__ import annotations

from typing import Any, Final, cast

import apsw
import orjson

from polystep.contracts.errors import InvalidParams
from polystep.contracts.pages import PageBounds
from polystep.contracts.ports.inspection import QueueCount, QueuedDelivery, QueuedKey, QueueFilter, QueueState
from polystep.stores.sqlite.database import Database
from polystep.stores.sqlite.fifo import BLOCKED, READY, RUNNING

# By the index alone: the rows hold the data of the events.
_COUNTS: Final = """
SELECT step, status, run_at_ms > ? AS later, count(*), min(run_at_ms) FROM deliveries INDEXED BY deliveries_due
GROUP BY step, status, later ORDER BY step"""
_RETRYING: Final = f"""
SELECT count(*) FROM deliveries WHERE step = ? AND status = {READY} AND run_at_ms > ? AND failures > 0"""


_DELIVERY: Final = (
    "coalesce(error, ''), data, id, status, failures, kind, topic, trace_id, run_id, fifo_key, run_at_ms, "
    "enqueued_at_ms, attempt"
)
_STATES: Final[dict[QueueState, tuple[int, str]]] = {
    "ready": (READY, "run_at_ms <= ?"),
    "running": (RUNNING, "1"),
    "blocked": (BLOCKED, "1"),
    "delayed": (READY, "run_at_ms > ? AND failures = 0"),
    "retrying": (READY, "run_at_ms > ? AND failures > 0"),
}


class SqliteQueueQueries:
    """Implements `QueueQueries`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def counts(self, now_ms: int) -> list[QueueCount]:
        """Count by the index of due times."""
        found: dict[str, dict[tuple[int, bool], int]] = {}
        oldest: dict[str, int] = {}
        for step, status, later, count, first_ms in await self._database.scan(_COUNTS, (now_ms,)):
            states = found.setdefault(step, {})
            state = (status, bool(later) and status == READY)
            states[state] = states.get(state, 0) + count
            if status != RUNNING and not state[1]:
                oldest[step] = min(first_ms, oldest.get(step, first_ms))
        rows = []
        for step, states in found.items():
            later = states.get((READY, True), 0)
            retrying = 0
            if later:
                ((retrying,),) = await self._database.scan(_RETRYING, (step, now_ms))
            rows.append(
                QueueCount(
                    step,
                    states.get((READY, False), 0),
                    states.get((BLOCKED, False), 0),
                    max(later - retrying, 0),
                    retrying,
                    states.get((RUNNING, False), 0),
                    oldest.get(step),
                )
            )
        return rows

    async def deliveries(
        self, step: str, wanted: QueueFilter, limit: int, bytes_max: int
    ) -> tuple[list[QueuedDelivery], bool]:
        """Read a page by the index of due times, or by that of FIFO keys."""
        where, bindings = ["step = ?"], [cast("Any", step)]
        order = "status, run_at_ms, id"
        if wanted.fifo_key is not None:
            where.append("fifo_key = ?")
            bindings.append(wanted.fifo_key)
            order = "id"
        if wanted.state is not None:
            status, condition = _STATES[wanted.state]
            where.append(f"status = {status} AND {condition}".replace("?", str(int(wanted.now_ms))))
        if wanted.after is not None:
            names = order.split(", ")
            where.append(f"({order}) > ({', '.join('?' * len(names))})")
            bindings += _position(wanted.after, len(names))
        rows, more = await self._database.page(
            f"SELECT {_DELIVERY} FROM deliveries WHERE {' AND '.join(where)} ORDER BY {order}",
            tuple(bindings),
            PageBounds(limit, bytes_max),
        )
        return [_queued(row, wanted.now_ms, by_id=order == "id") for row in rows], more

    async def waiting_by_topic(self, step: str, limit: int) -> dict[str, int]:
        """Read the rows: no index holds their topics."""
        rows = await self._database.scan(
            "SELECT topic, count(*) FROM (SELECT topic FROM deliveries INDEXED BY deliveries_due "
            f"WHERE step = ? AND status IN ({READY}, {BLOCKED}) LIMIT ?) GROUP BY topic",
            (step, limit),
        )
        return dict(rows)

    async def dead_letter_counts(self) -> dict[str, int]:
        """Count without the data of the events."""
        return dict(await self._database.scan("SELECT step, count(*) FROM dead_letters GROUP BY step", ()))

    async def keys(self, step: str, after: str | None, limit: int) -> list[QueuedKey]:
        """Count by the index of keys."""
        rows = await self._database.scan(
            "SELECT fifo_key, count(*), min(id) FROM deliveries WHERE step = ? AND fifo_key IS NOT NULL "
            "AND (? IS NULL OR fifo_key > ?) GROUP BY fifo_key ORDER BY fifo_key LIMIT ?",
            (step, after, after, limit),
        )
        return [QueuedKey(*row) for row in rows]

    async def paused(self) -> dict[str, int]:
        """Read all."""
        return dict(self._database.read("SELECT step, since_ms FROM paused_steps"))

    async def pause(self, step: str, now_ms: int | None) -> None:
        """Write or remove the row; who paused first stays."""
        if now_ms is None:
            await self._change("DELETE FROM paused_steps WHERE step = ?1", step)
        else:
            await self._change("INSERT OR IGNORE INTO paused_steps VALUES (?1, ?2)", step, now_ms)

    async def paused_cron(self) -> dict[str, tuple[int, str]]:
        """Read all."""
        rows = self._database.read("SELECT step, since_ms, note FROM paused_cron")
        return {step: (since_ms, note) for step, since_ms, note in rows}

    async def pause_cron(self, step: str, now_ms: int | None, note: str = "") -> None:
        """Write or remove the row; who paused first stays."""
        if now_ms is None:
            await self._change("DELETE FROM paused_cron WHERE step = ?1", step)
        else:
            await self._change("INSERT OR IGNORE INTO paused_cron VALUES (?1, ?2, ?3)", step, now_ms, note)

    async def _change(self, sql: str, *bindings: object) -> bool:
        def job(connection: apsw.Connection) -> bool:
            connection.execute(sql, cast("Any", bindings))
            return bool(connection.changes())

        return await self._database.write(job)


def _queued(row: tuple[Any, ...], now_ms: int, *, by_id: bool) -> QueuedDelivery:
    error, data, id_, status, failures, kind, topic, trace_id, run_id, key, run_at_ms, enqueued_ms, attempt = row
    if status != READY:
        state: QueueState = "running" if status == RUNNING else "blocked"
    elif run_at_ms <= now_ms:
        state = "ready"
    else:
        state = "retrying" if failures else "delayed"
    position = str(id_) if by_id else f"{status}.{run_at_ms}.{id_}"
    return QueuedDelivery(
        id_, state, kind, topic, data, trace_id, run_id, key, run_at_ms, enqueued_ms, attempt,
        orjson.loads(error) if error else None, position,
    )  # fmt: skip


def _position(cursor: str, parts: int) -> list[int]:
    found = cursor.split(".")
    if len(found) != parts or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in found):
        raise InvalidParams(f"{cursor[:80]!r} is not a cursor of a queue. Give the `cursor` of the part before.")
    return [int(part) for part in found]
