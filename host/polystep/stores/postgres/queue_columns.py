"""Deliveries as columns of the arrays of a call, and rows as deliveries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from polystep.contracts.errors import PolystepError
from polystep.contracts.events import CANCEL_STEP, SIGNAL_STEP, UNKNOWN_STEP, Claim, DeadLetter, Delivery, NewDelivery
from polystep.contracts.fingerprints import fingerprint
from polystep.contracts.names import encode_name, name_bytes
from polystep.stores.error_text import json_text
from polystep.stores.postgres.driver import Row
from polystep.stores.postgres.wait_columns import cancels_text, extra_text, lock_of_id, signals_text
from polystep.stores.postgres.writes import StoreDeliveries

DELIVERY: Final = (
    "id, token, kind, event_id, topic, step, data, trace_id, run_id, parent_run_id, fifo_key, attempt, failures, "
    "crashes, enqueued_at_ms, resumes"
)
"""Of a `Delivery`, in its order."""
LETTER: Final = (
    "id, kind, event_id, topic, step, data, trace_id, run_id, attempts, error, enqueued_at_ms, died_at_ms, fifo_key, "
    "fingerprint"
)
"""Of a `DeadLetter`, in its order."""
LINES_COLUMNS: Final = 6
"""Of the arguments of `Lines`."""
NEW_COLUMNS: Final = 21
"""Of a new delivery, as `store_1` takes them."""

_KEY: Final = 9
_LIMIT: Final = 15
_TARGET_DELIVERY, _TARGET_LETTER, _TARGET_PARKED, _TARGET_SIGNAL, _TARGET_CANCEL = range(5)


@dataclass(slots=True)
class Lines:
    """Locks that a call takes before it writes deliveries."""

    keys: dict[tuple[bytes, bytes], None] = field(default_factory=dict)
    """Steps and FIFO keys."""
    limits: dict[bytes, None] = field(default_factory=dict)
    """Steps of which as many as their limit allows run at once."""
    told: dict[bytes, None] = field(default_factory=dict)
    """Topics of events that are kept for waits."""
    wanted: dict[bytes, None] = field(default_factory=dict)
    """Topics of waits that begin."""
    is_together: bool = False
    """All deliveries that it changes, before one of them."""

    def arguments(self) -> list[Any]:
        """Return the arrays: steps of keys, keys, limited steps, topics of events and of waits; and the last one."""
        steps, keys = zip(*self.keys, strict=True) if self.keys else (None, None)
        return [
            steps, keys, list(self.limits) or None, list(self.told) or None, list(self.wanted) or None,
            self.is_together,
        ]  # fmt: skip


def new_row(new: NewDelivery, index: int, store: StoreDeliveries, source: int | None, lines: Lines) -> tuple[Any, ...]:
    """Make the row of a new delivery, and note what it locks.

    Args:
        new: The delivery.
        index: Among those it is stored with.
        store: The write.
        source: Place of the delivery that emitted it; `None` when it is stored anyway.
        lines: Takes what it locks.

    Raises:
        PolystepError: It cannot be stored.
    """
    step = name_bytes(_text(new.step))
    key = None if new.fifo_key is None else encode_name("FIFO key", new.fifo_key)
    target, note, print_ = _TARGET_DELIVERY, None, None
    owner, lease, limit, is_counting = None, None, None, False
    if new.refused is not None:
        target, note, print_ = _TARGET_LETTER, json_text(new.refused), fingerprint(new.refused)
    elif new.step == UNKNOWN_STEP:
        target, note = _TARGET_PARKED, json.dumps(new.taken_by)
    elif new.step == SIGNAL_STEP:
        target, note = _TARGET_SIGNAL, signals_text(new)
        lines.told[name_bytes(new.topic)] = None
    elif new.step == CANCEL_STEP:
        target, note = _TARGET_CANCEL, cancels_text(new)
    else:
        if key is not None:
            lines.keys[step, key] = None
        if store.claim is not None and index in store.claim.indexes:
            owner, lease, limit = _claimed(new, store.claim)
            is_counting = new.step in store.claim.counting
            if limit is not None:
                lines.limits[step] = None
    extra = None
    if new.key is not None or new.cancel_keys:
        extra = extra_text(new)
        if new.key is not None:
            lines.keys[lock_of_id(new.topic, new.key.id)] = None
    return (
        source, new.kind, new.event_id, name_bytes(new.topic), step, new.data, new.trace_id, new.run_id,
        new.parent_run_id, key, new.run_at_ms, store.now_ms, store.deployment, owner, lease, limit, is_counting,
        target, note, print_, extra,
    )  # fmt: skip


def _claimed(new: NewDelivery, claim: Claim) -> tuple[str, int, int | None]:
    return claim.owner, claim.lease_until_ms, None if claim.limits is None else claim.limits.get(new.step)


def new_arguments(rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Make the arrays of new deliveries, as `store_1` takes them."""
    if not rows:
        return [None] * NEW_COLUMNS
    *columns, extra = [list(column) for column in zip(*rows, strict=True)]
    return [*columns, extra if any(extra) else None]


def has_lines(rows: Sequence[tuple[Any, ...]]) -> bool:
    """Report whether one of new deliveries may have to wait for another, or counts for a limit."""
    return any(row[_KEY] is not None or row[_LIMIT] is not None for row in rows)


def claimed_of(store: StoreDeliveries, ids: Mapping[str, int]) -> list[Delivery]:
    """Return those of new deliveries that were claimed; `ids` has them by run."""
    found = []
    for index in sorted(store.claim.indexes) if store.claim is not None else ():
        if index >= len(store.deliveries):
            break
        new = store.deliveries[index]
        id_ = ids.get(new.run_id)
        if id_ is not None:
            found.append(
                Delivery(id_, 1, new.kind, new.event_id, new.topic, new.step, new.data, new.trace_id, new.run_id,
                         new.parent_run_id, new.fifo_key, 1, 0, 0, store.now_ms)
            )  # fmt: skip
    return found


def delivery_of(row: Row) -> Delivery:
    """Make a delivery of a row with the columns `DELIVERY`."""
    id_, token, kind, event_id, topic, step, data, trace_id, run_id, parent, key, *rest = row
    return Delivery(
        id_, token, kind, event_id, topic.decode(), step.decode(), data, trace_id, run_id, parent, text_or_none(key),
        *rest,
    )  # fmt: skip


def letter_of(row: Row) -> DeadLetter:
    """Make a dead letter of a row with the columns `LETTER`."""
    id_, kind, event_id, topic, step, data, trace_id, run_id, attempts, error, born_ms, died_ms, key, print_ = row
    return DeadLetter(
        id_, kind, event_id, topic.decode(), step.decode(), data, trace_id, run_id, attempts, orjson.loads(error),
        born_ms, died_ms, text_or_none(key), print_,
    )  # fmt: skip


def text_or_none(name: bytes | None) -> str | None:
    """Decode a name that may be missing."""
    return None if name is None else name.decode()


def _text(name: object) -> str:
    if not isinstance(name, str):
        raise PolystepError(f"A delivery needs the name of a step, and {name!r} is none.")
    return name
