"""Asks in PostgreSQL, beside the journals of the runs that wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Literal

from polystep.contracts.asks import Ask, AskSignature, ClosedAsk
from polystep.contracts.names import name_bytes
from polystep.contracts.ports.clock import Clock
from polystep.stores.postgres.calls import Mark, Plain, Statement
from polystep.stores.postgres.database import PostgresDatabase
from polystep.stores.postgres.driver import Row
from polystep.stores.postgres.queue_columns import text_or_none
from polystep.stores.postgres.writes import Apart

_COLUMNS: Final = (
    "id, kind, run_id, key, step, trace_id, title, data, schema, asked_at_ms, due_ms, token_hash, sensitive, status, "
    "closed_at_ms, closed_by, outcome"
)
_OPEN: Final = f"""
SELECT {_COLUMNS} FROM {{schema}}.asks WHERE status = 'open' AND (asked_at_ms, id COLLATE "C") > ($1, $2)
ORDER BY asked_at_ms, id COLLATE "C" LIMIT $3"""
_BY_ID: Final = f"SELECT {_COLUMNS} FROM {{schema}}.asks WHERE id = $1"
_BY_TOKEN: Final = f"SELECT {_COLUMNS} FROM {{schema}}.asks WHERE token_hash = $1"
_SIGNATURE: Final = "SELECT header, secret_env FROM {schema}.ask_signatures WHERE token_hash = $1"
_CLOSE: Final = "SELECT * FROM {schema}.close_ask_1($1, $2, $3, $4, $5, $6, $7, $8)"
_CLOSED: Final = f"""
SELECT l.swapped[1] = 1, l.swapped[2] = 1, {_COLUMNS} FROM {{schema}}.asks
CROSS JOIN (SELECT swapped FROM {{schema}}.lanes WHERE id = $1) AS l WHERE id = $2"""
_END: Final = "SELECT * FROM {schema}.end_ask_1($1, $2, $3, $4, $5, $6)"


class PostgresAskStore:
    """Implements `AskStore`."""

    def __init__(self, database: PostgresDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def open_asks(self, limit: int, after: tuple[int, str] | None = None) -> Sequence[Ask]:
        """Read a page of the index of open asks."""
        return [_ask(row) for row in await self._database.read(_OPEN, *(after or (-1, "")), limit)]

    async def read(self, ask_id: str) -> Ask | None:
        """Read by the primary key."""
        return _first(await self._database.read(_BY_ID, ask_id))

    async def find(self, token_hash: bytes) -> Ask | None:
        """Read by the index of token hashes."""
        return _first(await self._database.read(_BY_TOKEN, token_hash))

    async def signature(self, token_hash: bytes) -> AskSignature | None:
        """Read by the primary key."""
        rows = await self._database.read(_SIGNATURE, token_hash)
        return AskSignature(*(text.decode() for text in rows[0])) if rows else None

    def close(
        self, ask_id: str, status: Literal["answered", "cancelled"], outcome: bytes, by: str | None
    ) -> asyncio.Future[ClosedAsk | None]:
        """Close the row, and update the journal and the delivery of its run."""
        by_bytes = None if by is None else name_bytes(by)
        call = Statement(_CLOSE, (ask_id, status, outcome, by_bytes, self._clock.now_ms()))

        def closed(rows: Sequence[Row]) -> ClosedAsk | None:
            if not rows:
                return None
            is_closed, is_due, *columns = rows[0]
            ask = _ask(columns)
            return ClosedAsk(ask, is_closed, ask.step if is_due else None)

        def unheard(_: Mark, rows: Sequence[Row]) -> ClosedAsk | None:
            return closed(rows)

        def recall(lane: int, _: int) -> Sequence[Statement]:
            return [Statement(_CLOSED, (lane, ask_id))]

        return self._database.write(Apart(lambda asked: Plain(asked, call, closed, unheard, recall)))


def end_ask(database: PostgresDatabase, run_id: str, key: str, now_ms: int) -> asyncio.Future[Ask | None]:
    """Return the ask of a wait once it is closed; one whose time is over is closed by that."""
    call = Statement(_END, (run_id, name_bytes(key), now_ms))
    return database.write(Apart(lambda asked: Plain(asked, call, _first)), run_id)


def _first(rows: Sequence[Row]) -> Ask | None:
    return _ask(rows[0]) if rows else None


def _ask(row: Row) -> Ask:
    ask = Ask(*row)
    return ask._replace(
        key=row[3].decode(), step=row[4].decode(), title=row[6].decode(), closed_by=text_or_none(row[15])
    )
