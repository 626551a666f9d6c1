"""Insertion of deliveries in SQLite: ready, blocked behind their FIFO key, claimed, parked or refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import apsw

from polystep.contracts.events import (
    PSEUDO_STEPS,
    SIGNAL_STEP,
    UNKNOWN_STEP,
    Cancellations,
    Claim,
    Delivery,
    KeyedEvents,
    NewDelivery,
    Stored,
)
from polystep.contracts.fingerprints import fingerprint
from polystep.contracts.values import JSONObject
from polystep.stores.error_text import json_text
from polystep.stores.sqlite.cancellations import cancel_by_event, keep_cancel_keys
from polystep.stores.sqlite.event_keys import take_key
from polystep.stores.sqlite.fifo import BLOCKED, READY, RUNNING
from polystep.stores.sqlite.parked import park
from polystep.stores.sqlite.signals import keep_signals

_INSERT = """
INSERT INTO deliveries (kind, event_id, topic, step, data, trace_id, run_id, parent_run_id, fifo_key, status,
  run_at_ms, enqueued_at_ms, owner, lease_until_ms, token, attempt, deployment)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_REFUSE = """
INSERT INTO dead_letters (kind, event_id, topic, step, data, trace_id, run_id, parent_run_id, fifo_key, attempts, error,
  enqueued_at_ms, died_at_ms, fingerprint) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)"""


def insert(
    connection: apsw.Connection,
    deliveries: Sequence[NewDelivery],
    now_ms: int,
    claim: Claim | None,
    deployment: int,
    attempt: int = 0,
) -> Stored:
    """Store deliveries, and return those that are claimed as well.

    Args:
        connection: In a transaction.
        deliveries: What to store.
        now_ms: When they are stored.
        claim: Which of them are claimed at once.
        deployment: Of the host that stores them.
        attempt: Attempts so far. A replayed one keeps counting them: each has its own row in the trace.
    """
    claimed = Stored()
    for index, new in enumerate(deliveries):
        if new.key is not None:
            claimed.keyed = claimed.keyed or KeyedEvents()
            if not take_key(connection, new, new.key, now_ms, claimed.keyed):
                continue
        if new.refused is not None:
            _refuse(connection, new, new.refused, now_ms)
            continue
        if new.step in PSEUDO_STEPS:
            _keep(connection, new, now_ms, deployment, claimed)
            continue
        status, owner, lease_until_ms, token = READY, None, None, 0
        if new.fifo_key is not None and _key_is_taken(connection, new):
            status = BLOCKED
        elif claim is not None and index in claim.indexes and _is_within(connection, new.step, claim):
            status, owner, lease_until_ms, token = RUNNING, claim.owner, claim.lease_until_ms, 1
        connection.execute(
            _INSERT,
            (new.kind, new.event_id, new.topic, new.step, new.data, new.trace_id, new.run_id, new.parent_run_id,
             new.fifo_key, status, new.run_at_ms, now_ms, owner, lease_until_ms, token, attempt + token, deployment),
        )  # fmt: skip
        if new.cancel_keys:
            keep_cancel_keys(connection, new, connection.last_insert_rowid())
        if token:
            claimed.append(
                Delivery(connection.last_insert_rowid(), token, new.kind, new.event_id, new.topic, new.step, new.data,
                         new.trace_id, new.run_id, new.parent_run_id, new.fifo_key, attempt + token, 0, 0, now_ms)
            )  # fmt: skip
    return claimed


def _refuse(connection: apsw.Connection, new: NewDelivery, error: JSONObject, now_ms: int) -> None:
    connection.execute(
        _REFUSE,
        (new.kind, new.event_id, new.topic, new.step, new.data, new.trace_id, new.run_id, new.parent_run_id,
         new.fifo_key, json_text(error), now_ms, now_ms, fingerprint(error)),
    )  # fmt: skip
    if new.cancel_keys:
        keep_cancel_keys(connection, new, 0)


def _keep(connection: apsw.Connection, new: NewDelivery, now_ms: int, deployment: int, stored: Stored) -> None:
    """Do what an event is for beside starting runs."""
    if new.step == UNKNOWN_STEP:
        park(connection, new, now_ms, deployment)
    elif new.step == SIGNAL_STEP:
        keep_signals(connection, new, now_ms)
    else:
        stored.cancelled = _joined(stored.cancelled, cancel_by_event(connection, new, now_ms))


def _joined(before: Cancellations | None, found: Cancellations) -> Cancellations:
    if before is None:
        return found
    return Cancellations(
        [*before.removed, *found.removed],
        [*before.running, *found.running],
        [*before.called, *found.called],
        before.is_done and found.is_done,
        before.has_more or found.has_more,
    )


def _is_within(connection: apsw.Connection, step: str, claim: Claim) -> bool:
    limit = None if claim.limits is None else claim.limits.get(step)
    if limit is None:
        return True
    kept = count_places(connection, step) if step in claim.counting else 0
    return count_running(connection, step) + kept < limit


def count_running(connection: apsw.Connection, step: str) -> int:
    """Count attempts of a step at all hosts: as many entries of the index as its limit allows."""
    ((count,),) = connection.execute(f"SELECT count(*) FROM deliveries WHERE step = ? AND status = {RUNNING}", (step,))
    return cast("int", count)


def count_places(connection: apsw.Connection, step: str) -> int:
    """Count suspended runs of a step that keep their places."""
    sql = f"SELECT count(*) FROM deliveries WHERE step = ? AND status = {READY} AND holds_place = 1"
    ((count,),) = connection.execute(sql, (step,))
    return cast("int", count)


def _key_is_taken(connection: apsw.Connection, new: NewDelivery) -> bool:
    sql = "SELECT 1 FROM deliveries WHERE step = ? AND fifo_key = ? LIMIT 1"
    return bool(connection.execute(sql, (new.step, new.fifo_key)).fetchall())
