"""Claims in PostgreSQL: what is due of some steps goes to one host, within the limits over all hosts."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from polystep.contracts.events import Claimed, Delivery, expired_error
from polystep.contracts.fingerprints import fingerprint
from polystep.contracts.names import name_bytes
from polystep.stores.error_text import json_text
from polystep.stores.postgres.calls import Mark, Plain, Statement
from polystep.stores.postgres.database import PostgresDatabase
from polystep.stores.postgres.driver import Row
from polystep.stores.postgres.queue_columns import DELIVERY, delivery_of
from polystep.stores.postgres.writes import Apart

EXPIRED_AT_ONCE: Final = 1000
"""Deliveries of a step that are buried before one claim; the rest follow before the next."""
_LOOK_BACK_MS: Final = 60_000
"""All leases are looked at so often; between, only those that have run out since the last claim."""
_EVER: Final = -(2**62)

_CLAIM: Final = "SELECT * FROM {schema}.claim_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
_CLAIMED: Final = f"""
SELECT {DELIVERY} FROM {{schema}}.deliveries
WHERE status = 2 AND claim_seq = $2 AND host = (SELECT host FROM {{schema}}.lanes WHERE id = $1)"""
_EXPIRE: Final = "SELECT * FROM {schema}.expire_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"


class _Places(NamedTuple):
    """Places of a limited step."""

    step: str
    free: int
    woken: int
    """Suspended runs that went on in the places that they kept."""
    next_ms: int | None
    """Time of the next of these."""


class Claiming:
    """Claims of one host."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self._looked: dict[str, tuple[int, int]] = {}
        """Of a step: when all leases were looked at, and up to when those that had run out."""

    async def claim(
        self,
        wants: Mapping[str, int],
        owner: str,
        now_ms: int,
        lease_ms: int,
        limits: Mapping[str, int] | None,
        expiries: Mapping[str, int],
        counting: Collection[str],
    ) -> Claimed:
        """Claim due deliveries of each step, oldest first."""
        late = {step: after_ms for step, after_ms in expiries.items() if step in wants}
        expired, is_behind = await self._expire(late, now_ms) if late else ([], set())
        steps = [step for step, wanted in wants.items() if wanted > 0 and step not in is_behind]
        if not steps:
            return Claimed([], frozenset(), expired)
        bounds = [None if limits is None else limits.get(step) for step in steps]
        limited = [step for step, bound in zip(steps, bounds, strict=True) if bound is not None]
        arguments = (
            [name_bytes(step) for step in steps], [wants[step] for step in steps], bounds if limited else None,
            [step in counting for step in steps],
            [self._looked_until(step, now_ms) for step in steps], owner, now_ms, now_ms + lease_ms,
            self._database.deployment,
        )  # fmt: skip

        def answer(rows: Sequence[Row]) -> Claimed:
            found = [delivery_of(row) for row in rows if row[0] is not None]
            places = [_Places(row[5].decode(), row[1], row[11], row[14]) for row in rows if row[0] is None]
            held = _held_back(wants, found, places)
            next_ms = min((each.next_ms for each in held if each.next_ms is not None), default=None)
            return Claimed(sorted(found), frozenset(each.step for each in held), expired, next_ms)

        def unheard(_: Mark, rows: Sequence[Row]) -> Claimed:
            # Whether places were free was not heard: it is looked at again when one becomes free.
            return Claimed(sorted(delivery_of(row) for row in rows), frozenset(limited), expired)

        claimed: Claimed = await self._call(Statement(_CLAIM, arguments), answer, unheard, _CLAIMED)
        return claimed

    async def _expire(self, expiries: Mapping[str, int], now_ms: int) -> tuple[list[Delivery], set[str]]:
        """Bury what was not started in time; returns it, and the steps of which there may be more."""
        left = dict.fromkeys(expiries, EXPIRED_AT_ONCE)
        buried: list[Delivery] = []
        while left:
            # A host that was frozen since its look must not start what has expired meanwhile.
            now_ms = max(now_ms, self._database.clock.now_ms())
            errors = [expired_error(step, expiries[step]) for step in left]
            arguments = (
                [name_bytes(step) for step in left], [now_ms - expiries[step] for step in left], [*left.values()],
                [json_text(error) for error in errors], [fingerprint(error) for error in errors], now_ms,
                self._database.deployment,
            )  # fmt: skip
            found: list[Delivery] = await self._call(Statement(_EXPIRE, arguments), _deliveries, lambda *_: [])
            if not found:
                return buried, set()
            buried += found
            for delivery in found:
                left[delivery.step] -= 1
            if not all(left.values()):
                return buried, {step for step, count in left.items() if not count}
        return buried, set()

    def _call(self, statement: Statement, answer: Any, unheard: Any, recall: str | None = None) -> asyncio.Future[Any]:
        def found(lane: int, seq: int) -> Sequence[Statement]:
            return [Statement(recall, (lane, seq))] if recall is not None else ()

        return self._database.claim(Apart(lambda asked: Plain(asked, statement, answer, unheard, found)))

    def _looked_until(self, step: str, now_ms: int) -> int:
        """Return up to when leases of a step were looked at, and note that they are looked at up to now.

        Entries of leases that have ended well stay in the index for a while: nobody should pass over them twice.
        """
        all_ms, until_ms = self._looked.get(step, (_EVER, _EVER))
        if not all_ms <= until_ms <= now_ms or now_ms - all_ms >= _LOOK_BACK_MS:
            all_ms = now_ms
            until_ms = _EVER
        self._looked[step] = all_ms, now_ms
        return until_ms


def _deliveries(rows: Sequence[Row]) -> list[Delivery]:
    return sorted(delivery_of(row) for row in rows)


def _held_back(wants: Mapping[str, int], found: Sequence[Delivery], places: Sequence[_Places]) -> list[_Places]:
    """Return those of limited steps that took all places that were free, and wanted more."""
    counts = Counter(delivery.step for delivery in found)
    return [
        each
        for each in places
        if each.free < wants[each.step] - each.woken and counts[each.step] - each.woken >= each.free
    ]
