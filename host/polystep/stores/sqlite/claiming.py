"""Claims in SQLite: what is due of some steps goes to one host, within the limits over all hosts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple, cast

import apsw

from polystep.contracts.events import Claimed, Delivery
from polystep.stores.sqlite.burial import DELIVERY_COLUMNS, EXPIRED_AT_ONCE, bury_expired
from polystep.stores.sqlite.fifo import READY, RELEASE_LATE, RUNNING
from polystep.stores.sqlite.insertion import count_places, count_running

_CLAIM: Final = f"""
UPDATE deliveries SET status = {RUNNING}, owner = ?, lease_until_ms = ?, token = token + 1, attempt = attempt + 1
WHERE id IN (
  SELECT id FROM deliveries WHERE step = ? AND status = {READY} AND run_at_ms <= ? AND deployment <= ?
  ORDER BY run_at_ms, id LIMIT ?
) RETURNING {DELIVERY_COLUMNS}"""
_WAKE: Final = f"""
UPDATE deliveries SET status = {RUNNING}, owner = ?, lease_until_ms = ?, token = token + 1, attempt = attempt + 1,
  holds_place = 0
WHERE id IN (
  SELECT id FROM deliveries WHERE step = ? AND status = {READY} AND holds_place = 1 AND run_at_ms <= ?
  AND deployment <= ? ORDER BY run_at_ms, id LIMIT ?
) RETURNING {DELIVERY_COLUMNS}"""
_NEXT_WAKE: Final = f"""
SELECT min(run_at_ms) FROM deliveries WHERE step = ? AND status = {READY} AND holds_place = 1 AND run_at_ms > ?"""


class ClaimTerms(NamedTuple):
    """Terms of one claim, as the arguments of `QueueStore.claim`."""

    owner: str
    now_ms: int
    commit_ms: int
    """Time of the commit, by which deliveries expire."""
    lease_until_ms: int
    deployment: int
    limits: Mapping[str, int] | None
    expiries: Mapping[str, int]
    counting: Collection[str]


def claim_due(connection: apsw.Connection, wants: Mapping[str, int], terms: ClaimTerms) -> Claimed:
    """Claim due deliveries of each step, oldest first."""
    owner, now_ms, limits, expiries = terms.owner, terms.now_ms, terms.limits, terms.expiries
    connection.execute(RELEASE_LATE, (now_ms, owner))
    rows: list[tuple[Any, ...]] = []
    held_back = set()
    expired: list[Delivery] = []
    next_ms: int | None = None
    for step, wanted in wants.items():
        if step in expiries:
            buried = bury_expired(connection, step, expiries[step], terms.commit_ms, terms.deployment)
            expired += buried
            if len(buried) >= EXPIRED_AT_ONCE:
                continue
        limit = None if limits is None else limits.get(step)
        if limit is not None and step in terms.counting:
            found = _claim_counting(connection, step, wanted, limit, terms)
            rows += found.rows
            if found.is_held_back:
                held_back.add(step)
            if found.next_ms is not None:
                next_ms = min(found.next_ms, next_ms or found.next_ms)
            continue
        count = wanted if limit is None else min(wanted, limit - count_running(connection, step))
        due = _claim(connection, _CLAIM, step, count, terms)
        rows += due
        if count < wanted and len(due) >= count:
            held_back.add(step)
    rows.sort()
    return Claimed([Delivery(*row) for row in rows], frozenset(held_back), expired, next_ms)


class _Counted(NamedTuple):
    """Claim of a step whose suspended runs keep their places."""

    rows: list[tuple[Any, ...]]
    is_held_back: bool
    next_ms: int | None


def _claim_counting(connection: apsw.Connection, step: str, wanted: int, limit: int, terms: ClaimTerms) -> _Counted:
    """Claim suspended runs in the places that they keep, then others as far as places are free."""
    running, kept = count_running(connection, step), count_places(connection, step)
    woken = _claim(connection, _WAKE, step, min(wanted, limit - running), terms)
    count = min(wanted - len(woken), limit - running - kept)
    begun = _claim(connection, _CLAIM, step, count, terms)
    if count >= wanted - len(woken) or len(begun) < count:
        return _Counted(woken + begun, is_held_back=False, next_ms=None)
    # Who is held back is not asked when more is due: the others wait for a place, those that keep one for their time.
    ((next_ms,),) = connection.execute(_NEXT_WAKE, (step, terms.now_ms)).fetchall()
    return _Counted(woken + begun, is_held_back=True, next_ms=cast("int | None", next_ms))


def _claim(connection: apsw.Connection, sql: str, step: str, count: int, terms: ClaimTerms) -> list[tuple[Any, ...]]:
    if count <= 0:
        return []
    of_terms = (terms.owner, terms.lease_until_ms, step, terms.now_ms, terms.deployment)
    return cast("list[tuple[Any, ...]]", connection.execute(sql, (*of_terms, count)).fetchall())
