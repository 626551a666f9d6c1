"""Keys of the project in PostgreSQL, beside the deliveries and journals."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final, Literal

from polystep.contracts import limits
from polystep.contracts.errors import JournalFull
from polystep.contracts.events import Delivery
from polystep.contracts.journal import JournalEntry
from polystep.contracts.names import encode_name, name_bytes
from polystep.contracts.once_keys import OnceKey, TakenKey, WokenRuns
from polystep.contracts.ports.clock import Clock
from polystep.stores.postgres.calls import Ask, Mark, Plain, Statement, numbered
from polystep.stores.postgres.database import PostgresDatabase
from polystep.stores.postgres.driver import Row
from polystep.stores.postgres.once_schema import ONCE_LISTED, ONCE_WAITING, ONCE_WAKES, ONCE_WANTED
from polystep.stores.postgres.tally import Tally
from polystep.stores.postgres.writes import Apart, Asked
from polystep.stores.versions import behind

_LOOKED_AT: Final = 32
"""Waiting runs, the longest waiting first, among which one of each step is made due when a key is free."""
_PASSED_ON: Final = 100
"""Keys that are passed on by one call."""
_FATES: Final[Sequence[Literal["forgotten", "running"] | None]] = (None, "forgotten", "running")

_TAKE: Final = f"SELECT * FROM {{schema}}.take_once_1({numbered(19)})"
_END: Final = f"SELECT * FROM {{schema}}.end_once_1({numbered(18)})"
_PASS_ON: Final = "SELECT * FROM {schema}.pass_on_1($1, $2, $3, $4, $5, $6)"
_FORGET: Final = "SELECT {schema}.forget_once_1($1, $2, $3, $4, $5)"
_COUNT: Final = "SELECT count(*), coalesce(sum(length(value)), 0)::bigint FROM {schema}.once_keys"


class PostgresOnceKeyStore:
    """Implements `OnceKeyStore`."""

    def __init__(self, database: PostgresDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._tally = Tally(_COUNT, lambda: (limits.ONCE_KEYS_MAX, limits.ONCE_KEYS_BYTES_MAX))

    def take(
        self, delivery: Delivery, wait: JournalEntry, ttl_ms: int, room_bytes: int
    ) -> asyncio.Future[TakenKey | JournalEntry | None]:
        """Look at the row of the key, and write it or the wait."""
        now_ms = self._clock.now_ms()
        write = Apart(lambda asked: _Take(asked, self._tally, delivery, wait, (ttl_ms, room_bytes), now_ms))
        return self._database.write(write, delivery.run_id)

    def keep(self, delivery: Delivery, entry: JournalEntry, ttl_ms: int) -> asyncio.Future[WokenRuns | None]:
        """Write the result, and make deliveries due."""
        self._tally.bytes += len(entry.value or b"")
        return self._end(delivery, entry.key, entry, ttl_ms)

    def give_back(
        self, delivery: Delivery, key: str, entry: JournalEntry | None = None
    ) -> asyncio.Future[WokenRuns | None]:
        """Write that nobody holds the key, and make deliveries due."""
        return self._end(delivery, key, entry, None)

    async def pass_on(self) -> WokenRuns:
        """Look at all keys that runs wait for."""
        steps: set[str] = set()
        wanted = [key for (key,) in await self._database.read(ONCE_WANTED)]
        for first in range(0, len(wanted), _PASSED_ON):
            keys = wanted[first : first + _PASSED_ON]
            call = Statement(_PASS_ON, ([sha256(key).digest() for key in keys], keys, self._clock.now_ms()))
            found = await self._database.write(_listing(call))
            steps.update(step.decode() for (step,) in found)
        ((are_waiting,),) = await self._database.read(ONCE_WAITING)
        return WokenRuns(frozenset(steps), are_waiting)

    async def listed(self, limit: int, after: str, prefix: str) -> Sequence[OnceKey]:
        """Read a page by the primary key."""
        end = behind(prefix)
        rows = await self._database.read(
            ONCE_LISTED, name_bytes(after), name_bytes(prefix), None if end is None else name_bytes(end),
            self._clock.now_ms(), limit,
        )  # fmt: skip
        return [OnceKey(key.decode(), status, step.decode(), *rest) for key, status, step, *rest in rows]

    def forget(self, key: str) -> asyncio.Future[Literal["forgotten", "running"] | None]:
        """Remove the row."""
        key_bytes = name_bytes(key)
        call = Statement(_FORGET, (sha256(key_bytes).digest(), key_bytes))
        return self._database.write(
            Apart(
                lambda asked: Plain(
                    asked, call, lambda rows: _FATES[rows[0][0]], lambda mark, _: _FATES[mark.swapped[0]]
                )
            )
        )

    def _end(
        self, delivery: Delivery, key: str, entry: JournalEntry | None, ttl_ms: int | None
    ) -> asyncio.Future[WokenRuns | None]:
        """Write the end of a hold, with a result when there is a time for which it is remembered."""
        now_ms = self._clock.now_ms()
        key_bytes = name_bytes(key)
        kept = entry or JournalEntry(key, "once", now_ms)
        is_result = ttl_ms is not None
        call = Statement(
            _END,
            (sha256(key_bytes).digest(), delivery.id, delivery.token, delivery.run_id, key_bytes, entry is not None,
             *kept[2:], now_ms + ttl_ms if ttl_ms is not None else None, now_ms),
        )  # fmt: skip

        def answer(rows: Sequence[Row]) -> WokenRuns | None:
            fate = max((row[0] for row in rows), default=0)
            if fate < 2:
                return WokenRuns(frozenset()) if fate == 1 and not is_result else None
            return WokenRuns(frozenset(step.decode() for _, step in rows if step is not None))

        def unheard(mark: Mark, rows: Sequence[Row]) -> WokenRuns | None:
            fate = mark.swapped[0]
            return answer([(fate, None), *(rows if fate == 2 else ())])

        def recall(*_: int) -> Sequence[Statement]:
            return [Statement(ONCE_WAKES, (key_bytes, None if is_result else _LOOKED_AT))]

        return self._database.write(Apart(lambda asked: Plain(asked, call, answer, unheard, recall)), delivery.run_id)


def _full(tally: Tally) -> JournalFull:
    return JournalFull(
        f"The project keeps {tally.count:,} keys of `once` with {tally.bytes:,} bytes; at most "
        f"{limits.ONCE_KEYS_MAX:,} and {limits.ONCE_KEYS_BYTES_MAX:,} may be. Give them a shorter `ttl`, or forget "
        "some (polystep forget-once)."
    )


def _listing(call: Statement) -> Apart:
    return Apart(lambda asked: Plain(asked, call, list))


class _Take(Plain):
    """Lets a delivery take a key. Made again, it finds what it has done."""

    def __init__(
        self, asked: Asked, tally: Tally, delivery: Delivery, wait: JournalEntry, bounds: tuple[int, int], now_ms: int
    ) -> None:
        super().__init__(asked, Statement(""), self._taken)
        self._tally = tally
        self._delivery = delivery
        self._wait = wait
        self._bounds = bounds
        self._now_ms = now_ms

    async def prepare(self, ask: Ask, place: str) -> Statement | None:
        """Count, as far as that is needed."""
        delivery, wait = self._delivery, self._wait
        key = encode_name("key", wait.key)
        arguments: tuple[Any, ...] = (
            sha256(key).digest(), delivery.id, delivery.token, name_bytes(delivery.step), delivery.run_id,
            delivery.trace_id, key, wait.kept_at_ms, wait.failures, wait.due_ms, wait.is_sensitive, *self._bounds,
            await self._tally.is_full(ask, self._now_ms), secrets.token_hex(16), self._now_ms,
        )  # fmt: skip
        return Statement(_TAKE, arguments)

    def _taken(self, rows: Sequence[Row]) -> TakenKey | JournalEntry | JournalFull | None:
        if not rows:
            return None
        what, id_, value, kept_at_ms, is_sensitive = rows[0]
        if what == "full":
            return _full(self._tally)
        if what == "taken":
            self._tally.count += 1
            return TakenKey(id_)
        if what == "waits":
            return self._wait
        return self._wait._replace(
            value=value, kept_at_ms=kept_at_ms, due_ms=None, failures=0, is_sensitive=is_sensitive
        )
