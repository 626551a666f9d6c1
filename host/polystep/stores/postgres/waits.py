"""Waits for events and for calls in PostgreSQL, as their runs take what has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from polystep.contracts.events import Delivery
from polystep.contracts.journal import JournalEntry
from polystep.contracts.names import encode_name, name_bytes
from polystep.stores.postgres.calls import Ask, Plain, Statement, numbered
from polystep.stores.postgres.database import PostgresDatabase
from polystep.stores.postgres.driver import Row
from polystep.stores.postgres.journal_columns import entry_of
from polystep.stores.postgres.writes import Apart, Asked

_FIRST: Final = "SELECT topic, event_id, data FROM {schema}.signals_of_1($1, $2, $3, $4, $5)"
_TAKE_SIGNAL: Final = f"SELECT {{schema}}.take_signal_1({numbered(17)})"
_TAKE_CALL: Final = f"SELECT * FROM {{schema}}.take_call_1({numbered(14)})"


class TakeSignal(Plain):
    """Gives a wait the oldest event that it wants. It is read before: a value is made of it."""

    def __init__(
        self,
        asked: Asked,
        delivery: Delivery,
        entry: JournalEntry,
        make: Callable[[str, bytes], bytes],
        late: bytes,
        now_ms: int,
    ) -> None:
        super().__init__(
            asked, Statement(""), lambda rows: self._ended if rows[0][0] else None,
            lambda mark, _: self._ended if mark.swapped else None,
        )  # fmt: skip
        self._delivery = delivery
        self._ended = self._entry = entry
        self._make = make
        self._late = late
        self._now_ms = now_ms

    async def prepare(self, ask: Ask, place: str) -> Statement | None:
        """Read the event. Nobody else takes it from this run: the call asks whether this is its leg still."""
        delivery, entry = self._delivery, self._entry
        key = encode_name("key", entry.key)
        rows = await ask(_FIRST, delivery.run_id, key, delivery.enqueued_at_ms, delivery.event_id, self._now_ms)
        value, topic, event_id = None, None, None
        if rows:
            topic, event_id, data = rows[0]
            value = self._make(topic.decode(), data)
        elif (entry.due_ms or 0) <= self._now_ms:
            value = self._late
        self._ended = entry._replace(value=value)
        return Statement(
            _TAKE_SIGNAL,
            (delivery.id, delivery.token, delivery.run_id, key, topic, event_id, *self._ended[1:]),
        )


def take_call(
    database: PostgresDatabase, delivery: Delivery, entry: JournalEntry, late: bytes, now_ms: int
) -> asyncio.Future[JournalEntry | None]:
    """Return a call with its result, once it has one; one whose time is over fails with `late`."""
    arguments = (
        delivery.id, delivery.token, delivery.run_id, name_bytes(entry.key), entry.kind, entry.kept_at_ms,
        entry.due_ms, entry.failures, entry.is_sensitive, late, now_ms,
    )  # fmt: skip

    def answer(rows: Sequence[Row]) -> JournalEntry | None:
        if not rows:
            return None
        return entry if rows[0][0] is None else entry_of(rows[0])

    call = Statement(_TAKE_CALL, arguments)
    return database.write(Apart(lambda asked: Plain(asked, call, answer)), delivery.run_id)
