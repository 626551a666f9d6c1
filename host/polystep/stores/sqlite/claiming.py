"""Claims in SQLite: what is due of some steps goes to one host, within the limits over all hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import apsw

from polystep.contracts.events import Claimed, Delivery
from polystep.stores.sqlite.burial import DELIVERY_COLUMNS, EXPIRED_AT_ONCE, bury_expired
from polystep.stores.sqlite.fifo import READY, RELEASE_LATE, RUNNING
from polystep.stores.sqlite.insertion import count_running

_CLAIM: Final = f"""
UPDATE deliveries SET status = {RUNNING}, owner = ?, lease_until_ms = ?, token = token + 1, attempt = attempt + 1
WHERE id IN (
  SELECT id FROM deliveries WHERE step = ? AND status = {READY} AND run_at_ms <= ? AND deployment <= ?
  ORDER BY run_at_ms, id LIMIT ?
) RETURNING {DELIVERY_COLUMNS}"""


class ClaimTerms(NamedTuple):
    """Terms of one claim, as the arguments of `QueueStore.claim`."""

    owner: str
    now_ms: int
    lease_until_ms: int
    deployment: int
    limits: Mapping[str, int] | None
    expiries: Mapping[str, int]


def claim_due(connection: apsw.Connection, wants: Mapping[str, int], terms: ClaimTerms) -> Claimed:
    """Claim due deliveries of each step, oldest first."""
    owner, now_ms, limits, expiries = terms.owner, terms.now_ms, terms.limits, terms.expiries
    connection.execute(RELEASE_LATE, (now_ms, owner))
    rows: list[tuple[Any, ...]] = []
    held_back = set()
    expired: list[Delivery] = []
    for step, wanted in wants.items():
        if step in expiries:
            buried = bury_expired(connection, step, expiries[step], now_ms, terms.deployment)
            expired += buried
            if len(buried) >= EXPIRED_AT_ONCE:
                continue
        count = wanted if limits is None else min(wanted, limits[step] - count_running(connection, step))
        due = []
        if count > 0:
            due = connection.execute(
                _CLAIM, (owner, terms.lease_until_ms, step, now_ms, terms.deployment, count)
            ).fetchall()
            rows += due
        if count < wanted and len(due) >= count:
            held_back.add(step)
    rows.sort()
    return Claimed([Delivery(*row) for row in rows], frozenset(held_back), expired)
