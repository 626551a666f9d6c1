"""Asks in SQLite, in the file of the deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any, Final, Literal, cast

import apsw

from polystep.contracts.asks import Ask, AskSignature, ClosedAsk
from polystep.contracts.ports.clock import Clock
from polystep.stores.sqlite.database import Database
from polystep.stores.sqlite.fifo import READY

KEPT_MS: Final = 86_400_000
"""A closed ask is kept for so long."""
_PRUNED: Final = 100
"""Old asks that are removed when one is opened."""

ASKS: Final = """
CREATE TABLE IF NOT EXISTS asks (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, run_id TEXT NOT NULL, key TEXT NOT NULL, step TEXT NOT NULL,
  trace_id TEXT NOT NULL, title TEXT NOT NULL, data BLOB NOT NULL, schema BLOB, asked_at_ms INTEGER NOT NULL,
  due_ms INTEGER NOT NULL, token_hash BLOB NOT NULL, sensitive INTEGER NOT NULL, status TEXT NOT NULL,
  closed_at_ms INTEGER, closed_by TEXT, outcome BLOB
);
CREATE TABLE IF NOT EXISTS ask_signatures (
  token_hash BLOB PRIMARY KEY, header TEXT NOT NULL, secret_env TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS asks_open ON asks (asked_at_ms, id) WHERE status = 'open';
CREATE INDEX IF NOT EXISTS asks_run ON asks (run_id, key);
CREATE INDEX IF NOT EXISTS asks_token ON asks (token_hash);
CREATE INDEX IF NOT EXISTS asks_closed ON asks (closed_at_ms) WHERE closed_at_ms IS NOT NULL;
"""

_COLUMNS: Final = (
    "id, kind, run_id, key, step, trace_id, title, data, schema, asked_at_ms, due_ms, token_hash, sensitive, status, "
    "closed_at_ms, closed_by, outcome"
)
_INSERT: Final = f"INSERT OR IGNORE INTO asks ({_COLUMNS}) VALUES ({', '.join('?' * 17)})"
_CLOSE: Final = "UPDATE asks SET status = ?, closed_at_ms = ?, closed_by = ?, outcome = ? WHERE id = ?"
_KEEP: Final = "UPDATE journal SET value = ? WHERE run_id = ? AND key = ?"
_PRUNE: Final = "DELETE FROM asks WHERE id IN (SELECT id FROM asks WHERE closed_at_ms < ? LIMIT ?) RETURNING token_hash"
_WAKE: Final = (
    f"UPDATE deliveries SET run_at_ms = ?1, timed_at_ms = ?1 WHERE run_id = ?2 AND status = {READY} RETURNING step"
)
_MOVE: Final = """
UPDATE asks SET due_ms = due_ms - coalesce(?1, asked_at_ms - ?2),
  asked_at_ms = asked_at_ms - coalesce(?1, asked_at_ms - ?2)
WHERE status = 'open' AND asked_at_ms > ?2"""
_OF_RUN: Final = f"SELECT {_COLUMNS} FROM asks WHERE run_id = ? AND key = ?"


class SqliteAskStore:
    """Implements `AskStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def open_asks(self, limit: int, after: tuple[int, str] | None = None) -> Sequence[Ask]:
        """Read a page of the index of open asks."""
        sql = (
            f"SELECT {_COLUMNS} FROM asks WHERE status = 'open' AND (asked_at_ms, id) > (?, ?) "
            "ORDER BY asked_at_ms, id LIMIT ?"
        )
        rows = await self._database.scan(sql, (*(after or (-1, "")), limit))
        return [_ask(row) for row in rows]

    async def read(self, ask_id: str) -> Ask | None:
        """Read by the primary key."""
        return _first(self._database.read(f"SELECT {_COLUMNS} FROM asks WHERE id = ?", (ask_id,)))

    async def find(self, token_hash: bytes) -> Ask | None:
        """Read by the index of token hashes."""
        return _first(self._database.read(f"SELECT {_COLUMNS} FROM asks WHERE token_hash = ?", (token_hash,)))

    async def signature(self, token_hash: bytes) -> AskSignature | None:
        """Read by the primary key."""
        rows = self._database.read("SELECT header, secret_env FROM ask_signatures WHERE token_hash = ?", (token_hash,))
        return AskSignature._make(rows[0]) if rows else None

    def close(
        self, ask_id: str, status: Literal["answered", "cancelled"], outcome: bytes, by: str | None
    ) -> asyncio.Future[ClosedAsk | None]:
        """Close the row, and update the journal and the delivery of its run."""
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> ClosedAsk | None:
            ask = _first(connection.execute(f"SELECT {_COLUMNS} FROM asks WHERE id = ?", (ask_id,)).fetchall())
            if ask is None or ask.status != "open":
                return None if ask is None else ClosedAsk(ask, is_closed_now=False)
            if ask.due_ms <= now_ms:
                return ClosedAsk(_time_out(connection, ask, now_ms), is_closed_now=False)
            connection.execute(_CLOSE, (status, now_ms, by, outcome, ask_id))
            connection.execute(_KEEP, (outcome, ask.run_id, ask.key))
            rows = connection.execute(_WAKE, (now_ms, ask.run_id)).fetchall()
            closed = ask._replace(status=status, closed_at_ms=now_ms, closed_by=by, outcome=outcome)
            return ClosedAsk(closed, is_closed_now=True, due_step=cast("str", rows[0][0]) if rows else None)

        return self._database.write(job)


def open_ask(connection: apsw.Connection, ask: Ask, now_ms: int) -> None:
    """Store an ask, and remove a few that were closed long ago."""
    for pruned in connection.execute(_PRUNE, (now_ms - KEPT_MS, _PRUNED)).fetchall():
        connection.execute("DELETE FROM ask_signatures WHERE token_hash = ?", pruned)
    connection.execute(_INSERT, ask[:-1])
    if ask.signature is not None:
        connection.execute("INSERT OR IGNORE INTO ask_signatures VALUES (?, ?, ?)", (ask.token_hash, *ask.signature))


def closed_ask(connection: apsw.Connection, run_id: str, key: str, now_ms: int) -> Ask | None:
    """Return the ask of a wait if it is closed; one whose time is over is closed by that."""
    ask = _first(connection.execute(_OF_RUN, (run_id, key)).fetchall())
    if ask is None or ask.status != "open":
        return ask
    return _time_out(connection, ask, now_ms) if ask.due_ms <= now_ms else None


def has_closed(connection: apsw.Connection, run_id: str, keys: Collection[str]) -> bool:
    """Report whether one of these asks of a run is closed."""
    return any(
        connection.execute(
            "SELECT 1 FROM asks WHERE run_id = ? AND key = ? AND status != 'open'", (run_id, key)
        ).fetchall()
        for key in keys
    )


def move_asks(connection: apsw.Connection, now_ms: int, back_ms: int | None) -> None:
    """Move the ends of open asks along with a wall clock that was set back."""
    connection.execute(_MOVE, (back_ms, now_ms))


def cancel_asks(connection: apsw.Connection, run_ids: str, bindings: Sequence[object], now_ms: int) -> None:
    """Cancel the open asks of runs that are over; `run_ids` is SQL for them."""
    connection.execute(
        f"UPDATE asks SET status = 'cancelled', closed_at_ms = ? WHERE status = 'open' AND run_id IN ({run_ids})",
        (now_ms, *cast("Any", bindings)),
    )


def _time_out(connection: apsw.Connection, ask: Ask, now_ms: int) -> Ask:
    connection.execute(_CLOSE, ("timed_out", now_ms, None, None, ask.id))
    return ask._replace(status="timed_out", closed_at_ms=now_ms)


def _first(rows: Sequence[tuple[Any, ...]]) -> Ask | None:
    return _ask(rows[0]) if rows else None


def _ask(row: tuple[Any, ...]) -> Ask:
    ask = Ask(*row)
    return ask._replace(is_sensitive=bool(ask.is_sensitive))
