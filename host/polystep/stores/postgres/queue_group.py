"""Writes of deliveries in a group: what is sent of them, and who gets which answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import orjson

from polystep.contracts.errors import RunEnded
from polystep.contracts.events import CANCEL_STEP, Cancellations, Delivery, KeyedEvents, Stored
from polystep.contracts.fingerprints import fingerprint
from polystep.contracts.names import encode_name, name_bytes
from polystep.stores.error_text import json_text
from polystep.stores.postgres.calls import Statement
from polystep.stores.postgres.cancel_calls import CancelByEvents, removed_of
from polystep.stores.postgres.driver import Row
from polystep.stores.postgres.journal_columns import JOURNAL_COLUMNS, journal_arguments
from polystep.stores.postgres.queue_columns import (
    LINES_COLUMNS,
    NEW_COLUMNS,
    Lines,
    claimed_of,
    has_lines,
    new_arguments,
    new_row,
)
from polystep.stores.postgres.wait_columns import WAIT_COLUMNS, keys_text, request_text, topics_of, wait_arguments
from polystep.stores.postgres.writes import (
    Apart,
    Asked,
    BuryDelivery,
    CompleteDelivery,
    KeepEntry,
    KeepRequest,
    QueueWrite,
    ReadyDelivery,
    RenewLeases,
    StoreDeliveries,
    SuspendDelivery,
)

_COMPLETE, _READY, _BURY, _RENEW, _KEEP, _SUSPEND, _COMPLETE_CALL, _BURY_CALL = range(1, 9)
_KEEP_REQUEST: Final = 10
_SETTLED_COLUMNS: Final = 11
_NOTE: Final = 6
QUEUE_ARGUMENTS: Final = LINES_COLUMNS + 1 + _SETTLED_COLUMNS + JOURNAL_COLUMNS + WAIT_COLUMNS + NEW_COLUMNS
_NOTHING: Final = (False, *(None,) * (QUEUE_ARGUMENTS - 1))
# By run, since nobody has heard the ids. A delivery is claimed by this lane's host with its first token once.
_CLAIMED: Final = """
SELECT 'd', NULL, d.run_id, NULL, d.id FROM {schema}.deliveries d
WHERE d.run_id = ANY ($2) AND d.status = 2 AND d.token = 1 AND d.host = (SELECT host FROM {schema}.lanes WHERE id = $1)
ORDER BY d.id"""
_SUSPENDED: Final = """
SELECT 'u', s.place, NULL, NULL, d.run_at_ms FROM unnest($1::integer[], $2::bigint[]) AS s(place, id)
JOIN {schema}.deliveries d ON d.id = s.id"""


class QueueWrites:
    """Writes of deliveries that share a call. Two that settle one delivery do not; two that keep something of it do."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._settled: set[int] = set()
        self._keeping: set[int] = set()
        self._entries: set[tuple[int, str]] = set()
        self._requests: set[str] = set()
        """Runs of requests that keep something."""
        self._ids: set[tuple[str, str]] = set()
        """Topics and ids of events."""
        self._news: list[int] = []
        """Of each write, the number of new deliveries before its own."""
        self._places: dict[int, int] = {}
        """Place of the one delivery of a write among the settled ones, by the write's index."""

    def add(self, asked: Asked) -> bool:
        """Take one more; False when it must be in a later group."""
        write = asked.write
        ids = {delivery.id for delivery in _deliveries(write)}
        if not self._settled.isdisjoint(ids):
            return False
        named = _ids(write)
        if named and not self._ids.isdisjoint(named):
            # What becomes of the second event hangs on the deliveries of the first.
            return False
        if isinstance(write, KeepRequest):
            if write.run_id in self._requests:
                return False
            self._requests.add(write.run_id)
        elif isinstance(write, KeepEntry):
            entry = (write.delivery.id, write.entry.key)
            if entry in self._entries:
                return False
            self._entries.add(entry)
            self._keeping |= ids
        elif self._keeping.isdisjoint(ids):
            self._settled |= ids
        else:
            return False
        self._ids |= named
        self.asked.append(asked)
        return True

    def arguments(self) -> Sequence[Any]:
        """Make the arrays.

        Raises:
            PolystepError: One of the writes cannot be stored.
        """
        if not self.asked:
            return _NOTHING
        lines = Lines()
        settled: list[tuple[Any, ...]] = []
        kept: list[tuple[int, KeepEntry]] = []
        of_requests: list[tuple[int, KeepRequest]] = []
        news: list[tuple[Any, ...]] = []
        self._news = []
        for index, asked in enumerate(self.asked):
            self._news.append(len(news))
            rows = _settled_rows(asked.write)
            settled += rows
            place = self._places[index] = len(settled) if rows else 0
            if isinstance(asked.write, KeepEntry):
                kept.append((place, asked.write))
                lines.wanted.update(topics_of(asked.write))
            elif isinstance(asked.write, KeepRequest):
                of_requests.append((place, asked.write))
            for delivery in _ended(asked.write):
                if delivery.fifo_key is not None:
                    lines.keys[name_bytes(delivery.step), encode_name("FIFO key", delivery.fifo_key)] = None
            store = _stored(asked.write)
            if store is not None:
                for number, new in enumerate(store.deliveries):
                    news.append(new_row(new, number, store, place or None, lines))
        lines.is_together = bool(lines.told) or _is_together(settled)
        columns = [list(column) for column in zip(*settled, strict=True)] if settled else [None] * _SETTLED_COLUMNS
        return [
            has_lines(news), *lines.arguments(), *columns, *journal_arguments([*kept, *of_requests]),
            *wait_arguments(kept), *new_arguments(news),
        ]  # fmt: skip

    def recall(self, lane: int) -> Sequence[Statement]:
        """Find what was claimed by a call whose answer was lost."""
        runs = [
            store.deliveries[index].run_id
            for store in map(_stored, (asked.write for asked in self.asked))
            if store is not None and store.claim is not None
            for index in store.claim.indexes
            if index < len(store.deliveries)
        ]
        found = [Statement(_CLAIMED, (lane, runs))] if runs else []
        waiting = [
            (self._places[index], asked.write.delivery.id)
            for index, asked in enumerate(self.asked)
            if isinstance(asked.write, SuspendDelivery) and asked.write.waits
        ]
        return [*found, Statement(_SUSPENDED, [*zip(*waiting, strict=True)])] if waiting else found

    def answer(self, rows: Sequence[Row], refused: Collection[int], notes: str | None = None) -> list[Asked]:
        """Answer all but those who have to wait until runs are cancelled; returns what does that.

        Args:
            rows: Answer of the call, among them those that were claimed.
            refused: Places of settled deliveries that were not current.
            notes: What became of events with ids, if the answer was lost.
        """
        ids = {run_id: id_ for what, _, run_id, _, id_ in rows if what == "d"}
        due = {place: due_ms for what, place, _, _, due_ms in rows if what == "u"}
        said = next((row[2] for row in rows if row[0] == "k"), notes if self._has_ids() else None)
        named = None if said is None else _Named(orjson.loads(said))
        again = []
        for index, asked in enumerate(self.asked):
            place = self._places[index]
            result = _answer(asked.write, place not in refused, ids)
            if isinstance(asked.write, SuspendDelivery) and result:
                result = due.get(place, result)
            store = _stored(asked.write)
            if isinstance(result, Stored) and store is not None and store.is_special:
                keyed = named.of(store, self._news[index]) if named is not None else None
                if any(new.key is not None for new in store.deliveries):
                    result.keyed = keyed or KeyedEvents()
                if (later := _cancelling(asked, store, result)) is not None:
                    again.append(later)
                    continue
            asked.answer(result)
        return again

    def _has_ids(self) -> bool:
        return any(
            new.key is not None or new.cancel_keys
            for store in map(_stored, (asked.write for asked in self.asked))
            if store is not None and store.is_special
            for new in store.deliveries
        )


class _Named:
    """Fate of the events of a group that have ids."""

    def __init__(self, said: Any) -> None:
        self._duplicates: dict[int, str] = dict(said["duplicates"])
        self._removed: list[tuple[int, Sequence[Any]]] = said["removed"]

    def of(self, store: StoreDeliveries, before: int) -> KeyedEvents:
        """Return that of one write."""
        places = range(before + 1, before + 1 + len(store.deliveries))
        return KeyedEvents(
            {
                new.run_id: self._duplicates[place]
                for place, new in zip(places, store.deliveries, strict=True)
                if place in self._duplicates
            },
            [removed_of(said) for place, said in self._removed if place in places],
        )


def _cancelling(asked: Asked, store: StoreDeliveries, result: Stored) -> Asked | None:
    """Return what removes the runs that stored events cancel; `None` when none of them does that now."""
    duplicates = result.keyed.duplicates if result.keyed is not None else {}
    events = [new for new in store.deliveries if new.step == CANCEL_STEP and new.run_id not in duplicates]
    due = [new.event_id for new in events if new.run_at_ms <= store.now_ms]
    if events:
        result.cancelled = Cancellations(is_done=len(due) == len(events))
    if not due:
        return None
    write = Apart(lambda asked: CancelByEvents(asked, result, due, store.now_ms))
    return Asked(write, asked.waiter, asked.asked_s)


def _ids(write: object) -> set[tuple[str, str]]:
    store = _stored(write)
    if store is None or not store.is_special:
        return set()
    return {(new.topic, new.key.id) for new in store.deliveries if new.key is not None}


def weight(write: QueueWrite) -> int:
    """Return the number of rows of a write."""
    store = _stored(write)
    return max(1, len(store.deliveries) if store is not None else len(_deliveries(write)))


def size(write: QueueWrite) -> int:
    """Return the bytes of the data that a write holds."""
    store = _stored(write)
    kept = write.entry.size if isinstance(write, (KeepEntry, KeepRequest)) and write.entry is not None else 0
    return kept + (0 if store is None else sum(len(new.data) for new in store.deliveries))


def _answer(write: object, is_current: bool, ids: dict[str, int]) -> object:
    if isinstance(write, RenewLeases):
        return None
    if isinstance(write, (ReadyDelivery, BuryDelivery)) or (isinstance(write, KeepEntry) and write.emits is None):
        return is_current
    if isinstance(write, SuspendDelivery):
        return write.run_at_ms if is_current else None
    store = _stored(write)
    if isinstance(write, KeepRequest):
        if store is None:
            return is_current
        if not is_current:
            return RunEnded("A later request with the same Idempotency-Key has taken over; this run sends nothing.")
    assert store is not None
    return Stored(claimed_of(store, ids)) if is_current else None


def _stored(write: object) -> StoreDeliveries | None:
    if isinstance(write, (CompleteDelivery, KeepEntry, KeepRequest)):
        return write.emits
    return write if isinstance(write, StoreDeliveries) else None


def _deliveries(write: Any) -> Sequence[Any]:
    if isinstance(write, RenewLeases):
        return write.deliveries
    return [] if isinstance(write, (StoreDeliveries, KeepRequest)) else [write.delivery]


def _ended(write: object) -> Sequence[Any]:
    return [write.delivery] if isinstance(write, (CompleteDelivery, BuryDelivery)) else []


def _settled_rows(write: object) -> list[tuple[Any, ...]]:
    """Return the rows of the deliveries that a write settles, as `settle_1` takes them."""
    if isinstance(write, CompleteDelivery):
        kind = _COMPLETE_CALL if write.delivery.kind == "call" else _COMPLETE
        return [_row(kind, write.delivery, now_ms=write.emits.now_ms, value=write.value, note=write.history)]
    if isinstance(write, ReadyDelivery):
        note = None if write.error is None else json_text(write.error)
        return [
            (_READY, write.delivery.id, write.delivery.token, write.run_at_ms, write.failures, write.crashes, note,
             None, write.now_ms, False, None)
        ]  # fmt: skip
    if isinstance(write, BuryDelivery):
        kind = _BURY_CALL if write.delivery.kind == "call" else _BURY
        return [
            (kind, write.delivery.id, write.delivery.token, None, 0, 0, json_text(write.error),
             fingerprint(write.error), write.now_ms, False, None)
        ]  # fmt: skip
    if isinstance(write, RenewLeases):
        return [_row(_RENEW, each, at_ms=write.until_ms) for each in write.deliveries]
    if isinstance(write, KeepEntry):
        return [_row(_KEEP, write.delivery)]
    if isinstance(write, KeepRequest):
        return [(_KEEP_REQUEST, 0, write.run.token, None, 0, 0, request_text(write.run), None, None, False, None)]
    if isinstance(write, SuspendDelivery):
        return [
            (_SUSPEND, write.delivery.id, write.delivery.token, write.run_at_ms, 0, 0, keys_text(write.waits), None,
             write.now_ms, write.keeps_place, None)
        ]  # fmt: skip
    return []


def _row(
    kind: int,
    delivery: Delivery,
    *,
    at_ms: int | None = None,
    now_ms: int | None = None,
    value: bytes | None = None,
    note: str | None = None,
) -> tuple[Any, ...]:
    return (kind, delivery.id, delivery.token, at_ms, 0, 0, note, None, now_ms, False, value)


def _is_together(settled: Sequence[tuple[Any, ...]]) -> bool:
    """Report whether deliveries have to be locked together before one of them changes.

    Runs look at what has come for them, or get something, when nobody else can change them.
    """
    kinds = {row[0] for row in settled}
    if not kinds.isdisjoint((_COMPLETE_CALL, _BURY_CALL)):
        return True
    # Whoever wakes runs locks them in the order of their ids.
    return (_SUSPEND in kinds or _KEEP in kinds) and (len(settled) > 1 or settled[0][_NOTE] is not None)
