"""Events on their way to steps: deliveries, their outcomes, dead letters; and changes of stream items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from polystep.contracts.values import JSONObject, JSONValue

DeliveryKind: TypeAlias = Literal["event", "cron"]
ChangeType: TypeAlias = Literal["create", "update", "delete", "event"]

UNKNOWN_STEP: Final = "(unknown subscriber)"
"""Stands for the step of a parked event: no known step subscribes to its topic, and a file that does not load may."""


# Deliveries are made for every event, and named tuples cost a fifth of what frozen dataclasses do.
class NewDelivery(NamedTuple):
    """One event for one subscribed step, not stored yet."""

    event_id: str
    """Shared by the deliveries of one emit."""
    kind: DeliveryKind
    topic: str
    """For a cron tick: empty."""
    step: str
    data: bytes
    """Packed by the wire codec; the bus and the store never look inside."""
    trace_id: str
    run_id: str
    """The run that this delivery will be, in every attempt; 16 hex digits."""
    parent_run_id: str | None
    fifo_key: str | None = None
    run_at_ms: int = 0
    """Not before this Unix time."""
    refused: JSONObject | None = None
    """The error of an event that its step cannot take: it is stored as a dead letter, and never attempted."""


class Delivery(NamedTuple):
    """A delivery that this host has claimed for one attempt."""

    id: int
    token: int
    """Fencing token: answers that carry an older one are refused."""
    kind: DeliveryKind
    event_id: str
    topic: str
    step: str
    data: bytes
    trace_id: str
    run_id: str
    parent_run_id: str | None
    fifo_key: str | None
    attempt: int
    """1 for the first start; every start counts, also those that a crash cut short."""
    failures: int
    """Attempts that used up the retry budget so far."""
    crashes: int
    """Starts that ended with the death of their runner beside others; above 0 it runs alone."""
    enqueued_at_ms: int


class ParkedEvent(NamedTuple):
    """A stored event that waits for its topic's subscribers to become known."""

    id: int
    event_id: str
    topic: str
    data: bytes
    trace_id: str
    run_id: str
    """The run that stands for it in the trace until a step gets it."""
    parent_run_id: str | None
    fifo_key: str | None
    taken_by: tuple[str, ...]
    """Steps that have got it already; more may follow while files do not load."""


class Claim(NamedTuple):
    """Which of several new deliveries are claimed for a first attempt in the transaction that stores them."""

    indexes: frozenset[int]
    owner: str
    lease_until_ms: int


class Outcome(NamedTuple):
    """How one attempt ended."""

    status: Literal["completed", "failed", "suspect", "released", "postponed"]
    """failed: uses up an attempt. suspect: its runner died with several runs inside. released: not its fault.
    postponed: a queue that it emits to is full; it is tried again after a pause."""
    emits: tuple[NewDelivery, ...] = ()
    error: JSONObject | None = None
    retryable: bool = True
    """False sends a failure to the dead letters at once."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that kept failing, or could not be delivered."""

    id: int
    kind: DeliveryKind
    event_id: str
    topic: str
    step: str
    data: bytes
    trace_id: str
    run_id: str
    attempts: int
    error: JSONObject
    enqueued_at_ms: int
    died_at_ms: int

    def again(self) -> NewDelivery:
        """The delivery that a replay makes of it."""
        return NewDelivery(
            self.event_id, self.kind, self.topic, self.step, self.data, self.trace_id, self.run_id, parent_run_id=None
        )


@dataclass(frozen=True, slots=True)
class StreamChange:
    """One change that subscribers are told of, after its commit."""

    type: ChangeType
    stream: str
    group: str
    id: str | None
    """`None`: an ephemeral event to a whole group."""
    data: JSONValue
    timestamp_ms: int
    """Strictly increasing per host."""
