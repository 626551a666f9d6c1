"""Writes as values: a writer makes the arrays of one call out of many of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from polystep.contracts.asks import Ask
from polystep.contracts.events import Claim, Delivery, NewDelivery
from polystep.contracts.journal import JournalEntry, SentEmit
from polystep.contracts.request_keys import KeyedRun
from polystep.contracts.signals import ChildCall, SignalWait
from polystep.contracts.values import JSONObject

StateKey: TypeAlias = tuple[bytes, bytes]
"""Group and key."""
ItemKey: TypeAlias = tuple[bytes, bytes, bytes]
"""Stream, group and id."""


class SetState(NamedTuple):
    """Write a value."""

    at: StateKey
    value: bytes


class DeleteState(NamedTuple):
    """Remove a value; the answer is what was there."""

    at: StateKey


class UpdateState(NamedTuple):
    """Replace a value by what `change` makes of it; the answer is what is there now."""

    at: StateKey
    change: Callable[[bytes | None], bytes | None]


class ClearState(NamedTuple):
    """Remove a group; the answer is how many keys it had."""

    group: bytes


class RenameState(NamedTuple):
    """Move a value to another key of its group, unless that has one.

    The answer is the value that was moved; "taken" when the other key has one; `None` when there is none. When
    `is_wanted` refuses the value, it is the answer, and nothing is moved.
    """

    at: StateKey
    to: bytes
    is_wanted: Callable[[bytes], bool]


class SetItem(NamedTuple):
    """Write a stream item and announce it; the answer is whether it is new, and since when it is there."""

    at: ItemKey
    value: bytes
    now_ms: int
    told_ms: int
    """Time of the announcement."""
    data: JSONObject | None


class DeleteItem(NamedTuple):
    """Remove a stream item and announce it; the answer is what was there, and since when."""

    at: ItemKey
    told_ms: int


class SendEvent(NamedTuple):
    """Announce an event that is not stored."""

    stream: bytes
    group: bytes
    id: bytes | None
    value: bytes
    told_ms: int
    data: JSONObject


class StoreDeliveries(NamedTuple):
    """Store deliveries, all or none; the answer is `Stored`."""

    deliveries: Sequence[NewDelivery]
    claim: Claim | None
    now_ms: int
    deployment: int

    @property
    def is_special(self) -> bool:
        """One of them has an id, or cancels runs, or is to be found when it is to be cancelled."""
        return any(new.key is not None or new.cancels or new.cancel_keys for new in self.deliveries)


class CompleteDelivery(NamedTuple):
    """Remove a claimed delivery and store its emits; the answer is `Stored`, or `None` when it was superseded."""

    delivery: Delivery
    emits: StoreDeliveries
    value: bytes | None = None
    """Of a run that was called."""
    history: str | None = None
    """Time for which its journal is kept, and bounds of all journals, as JSON; `None`: it is not."""


class ReadyDelivery(NamedTuple):
    """Make a claimed delivery ready again; the answer is False when it was superseded."""

    delivery: Delivery
    now_ms: int
    run_at_ms: int | None = None
    """`None`: when it was due."""
    failures: int = 0
    """To add."""
    crashes: int = 0
    """To add."""
    error: JSONObject | None = None
    """Of its failure; `None` leaves the last one."""


class BuryDelivery(NamedTuple):
    """Move a claimed delivery to the dead letters; the answer is False when it was superseded."""

    delivery: Delivery
    error: JSONObject
    now_ms: int


class RenewLeases(NamedTuple):
    """Extend the leases of claimed deliveries, as far as they were not superseded."""

    deliveries: Sequence[Delivery]
    until_ms: int


class KeepEntry(NamedTuple):
    """Keep an entry of the run of a claimed delivery, with events that leave with it.

    With events the answer is `Stored`, or `None` when it was superseded; without any, whether it was current.
    """

    delivery: Delivery
    entry: JournalEntry
    emits: StoreDeliveries | None = None
    sent: Sequence[SentEmit] = ()
    wanted: Ask | SignalWait | ChildCall | None = None
    """Subject of a wait that begins."""

    @property
    def run_id(self) -> str:
        """Name the run of the journal."""
        return self.delivery.run_id


class KeepRequest(NamedTuple):
    """Keep an entry of the run of a request with a key, or store events that it sends.

    With events the answer is `Stored`, or `RunEnded` when it was superseded; with an entry, whether it was current.
    """

    run: KeyedRun
    entry: JournalEntry | None
    emits: StoreDeliveries | None = None
    sent: Sequence[SentEmit] = ()

    @property
    def run_id(self) -> str:
        """Name the run of the journal."""
        return self.run.run_id


class SuspendDelivery(NamedTuple):
    """Give a claimed delivery back to its queue, with one leg more; the answer is its time, or `None`."""

    delivery: Delivery
    run_at_ms: int
    now_ms: int
    keeps_place: bool
    waits: Sequence[str] = ()
    """It is due at once when one of the waits under these keys has got what it waits for."""


class Apart(NamedTuple):
    """Write that is a call of its own, in its place among the others."""

    make: Callable[[Asked], Any]
    """Makes the call."""


DataWrite: TypeAlias = SetState | DeleteState | UpdateState | SetItem | DeleteItem | SendEvent
QueueWrite: TypeAlias = (
    StoreDeliveries
    | CompleteDelivery
    | ReadyDelivery
    | BuryDelivery
    | RenewLeases
    | KeepEntry
    | KeepRequest
    | SuspendDelivery
)
Write: TypeAlias = DataWrite | QueueWrite | ClearState | RenameState | Apart


@dataclass(slots=True, eq=False)
class Asked:
    """Write that somebody waits for."""

    write: Write
    waiter: asyncio.Future[Any]
    asked_s: float
    """Monotonic time."""

    def answer(self, result: object) -> None:
        """Answer with a result, or with an exception."""
        if self.waiter.done():
            return
        if isinstance(result, BaseException):
            self.waiter.set_exception(result)
        else:
            self.waiter.set_result(result)
