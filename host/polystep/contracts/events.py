"""Events on their way to steps: deliveries, their outcomes, dead letters; and changes of stream items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeAlias

from polystep.contracts.values import JSONObject, JSONValue

DeliveryKind: TypeAlias = Literal["event", "cron", "call", "trial"]
"""call: a run called the step, and waits for its result. trial: an event for one step, whose run sends no events."""
ChangeType: TypeAlias = Literal["create", "update", "delete", "event"]

TickStatus: TypeAlias = Literal["stored", "busy", "elsewhere"]
"""busy: the step's earlier tick is not finished. elsewhere: another host has fired the tick of this due time."""

UNKNOWN_STEP: Final = "(unknown subscriber)"
"""Stands for the step of a parked event: no known step subscribes to its topic, and a file that does not load may."""


SIGNAL_STEP: Final = "(waiting runs)"
"""Stands for the step of a signal: an event of a topic that runs may wait for is stored for them too."""


CANCEL_STEP: Final = "(runs to cancel)"
"""Stands for the step of a cancellation: an event of a topic that cancels runs of steps (`cancelOn`)."""


PSEUDO_STEPS: Final = frozenset((UNKNOWN_STEP, SIGNAL_STEP, CANCEL_STEP))
"""Names that stand for steps; nothing of them is claimed."""


class EventKey(NamedTuple):
    """Id that the author of an event gave it: in the project there is one event with it and its topic at a time."""

    id: str
    ttl_ms: int
    """The id stays taken for so long after the event is due, and for as long as it waits or is a dead letter."""
    replaces: bool = False
    """The event takes the place of an earlier one with its id, as far as that has not started."""


class RunsOf(NamedTuple):
    """Runs of a step that have a value at a path of their input."""

    step: str
    path: str
    """Empty: every run of the step."""
    value: str
    """As text; empty with an empty path."""


NO_EXPIRIES: Final[Mapping[str, int]] = {}


# Deliveries are made for every event, and named tuples cost a fifth of what frozen dataclasses do.
class NewDelivery(NamedTuple):
    """One event for one subscribed step, not stored yet."""

    event_id: str
    """Shared by the deliveries of one emit."""
    kind: DeliveryKind
    topic: str
    """For a cron tick: empty. For a call: the step that calls."""
    step: str
    data: bytes
    """Packed by the wire codec; the store never looks inside."""
    trace_id: str
    run_id: str
    """The run that this delivery will be, in every attempt; 16 hex digits."""
    parent_run_id: str | None
    fifo_key: str | None = None
    run_at_ms: int = 0
    """Not before this Unix time."""
    refused: JSONObject | None = None
    """The error of an event that its step cannot take: it is stored as a dead letter, and never attempted."""
    taken_by: tuple[str, ...] = ()
    """Of a parked copy: the known subscribers, which get the event themselves. It is kept for unknown ones."""
    key: EventKey | None = None
    signals: tuple[tuple[str, str], ...] = ()
    """Of a signal: paths of its data by which steps wait, each with the value there."""
    cancels: tuple[RunsOf, ...] = ()
    """Of a cancellation: the runs that the event cancels, as far as they are stored."""
    cancel_keys: tuple[tuple[str, str], ...] = ()
    """Paths of the data by which an event cancels the run, each with the value there."""


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
    resumes: int | None = None
    """Number of suspensions of its run; `None` without a journal."""


class ParkedEvent(NamedTuple):
    """A stored event that waits for its topic's subscribers to become known."""

    id: int
    event_id: str
    topic: str
    data: bytes
    trace_id: str
    run_id: str
    """The run that stands for it in the trace until a step gets it; empty for the copy of an event that steps got."""
    parent_run_id: str | None
    fifo_key: str | None
    taken_by: tuple[str, ...]
    """Steps that have got it already; more may follow while files do not load."""
    run_at_ms: int = 0
    """Not before this Unix time, and before the delay of a step."""

    @property
    def source_run_id(self) -> str | None:
        """Return the parent of the runs that it leads to."""
        return self.run_id or self.parent_run_id


class Claim(NamedTuple):
    """New deliveries that are claimed for a first attempt in the transaction that stores them."""

    indexes: frozenset[int]
    owner: str
    lease_until_ms: int
    limits: Mapping[str, int] | None = None
    """Attempts of each step at once over all hosts: those beyond it are only stored. `None`, or without a step, when
    one host is alone, whose slots bound them."""
    counting: frozenset[str] = frozenset()
    """Steps whose suspended runs count for the limit too."""


class RemovedDelivery(NamedTuple):
    """Delivery that was removed before it started."""

    step: str
    run_id: str
    trace_id: str
    size: int
    """Bytes of its data."""
    reason: JSONObject | None = None
    """The event that cancelled the run, as an error; `None` when somebody has removed it."""


class RunToEnd(NamedTuple):
    """Run that is cancelled and runs: its handler is to be ended by the host that has it."""

    run_id: str
    reason: JSONObject


class Cancellations(NamedTuple):
    """Part of the work of events that cancel runs."""

    removed: Sequence[RemovedDelivery] = ()
    """Runs that waited, and those of their calls."""
    running: Sequence[RunToEnd] = ()
    """Runs that are meant and run; they are looked at again when they have ended."""
    called: Sequence[RunToEnd] = ()
    """Running runs of the calls of those that were removed."""
    is_done: bool = True
    """False: more is to be done, now or when a running one has ended."""
    has_more: bool = False
    """More can be done at once."""
    next_ms: int | None = None
    """Due time of the next event that cancels later."""


class CancelledRuns(NamedTuple):
    """Runs that went with the cancelling of one run, and those that are still to be ended."""

    removed: Sequence[RemovedDelivery]
    """Runs that waited: the run itself, unless it ran, and those of its calls, with theirs."""
    running: Sequence[str]
    """Runs of its calls that run."""


NOTHING_CANCELLED: Final = CancelledRuns((), ())


@dataclass(slots=True)
class KeyedEvents:
    """Fate of stored events that have ids."""

    duplicates: dict[str, str] = field(default_factory=dict)
    """By the run of a delivery that was not stored, the event that has its id already."""
    removed: list[RemovedDelivery] = field(default_factory=list)
    """Deliveries whose places were taken."""


class Stored(list[Delivery]):
    """Deliveries that were claimed as they were stored, and the fate of those with ids."""

    keyed: KeyedEvents | None = None
    """`None` when none of them has an id."""
    cancelled: Cancellations | None = None
    """`None` when none of them cancels runs."""


class Claimed(NamedTuple):
    """Deliveries that a host has claimed from the queue."""

    deliveries: list[Delivery]
    held_back: frozenset[str] = frozenset()
    """Steps that run as often as their limit over all hosts allows, so more of them may be due."""
    expired: Sequence[Delivery] = ()
    """Deliveries that were not started in time, and are dead letters now."""
    next_ms: int | None = None
    """Time at which the first suspended run is due that keeps its place in a step that is held back."""


def expired_error(step: str, expires_ms: int) -> JSONObject:
    """Return the error of a delivery that was not started in time (`expires`)."""
    message = f"{step} did not start it within {expires_ms / 1000:g} s of its due time (`expires`)."
    return {"name": "expired", "message": message}


class StoredTick(NamedTuple):
    """Result of storing one tick of a cron step."""

    status: TickStatus
    claimed: Sequence[Delivery] = ()
    """The tick, when it was claimed as it was stored."""


class Tick(NamedTuple):
    """One tick of a cron step."""

    status: TickStatus
    delivery: NewDelivery


class Outcome(NamedTuple):
    """End of one attempt."""

    status: Literal["completed", "failed", "suspect", "released", "postponed", "suspended", "cancelled"]
    """failed: uses up an attempt. suspect: its runner died with several runs inside. released: not its fault.
    postponed: a queue that it emits to is full; it is tried again after a pause. suspended: it waits until `run_at_ms`.
    cancelled: somebody wanted it to end; its emits are dropped.
    """
    emits: tuple[NewDelivery, ...] = ()
    error: JSONObject | None = None
    retryable: bool = True
    """False sends a failure to the dead letters at once."""
    duration_ms: float = 0.0
    """From the start of the attempt to the end of its handler."""
    run_at_ms: int | None = None
    """Time at which a suspended run goes on, or at which the handler wants its failure to be tried again."""
    waits: tuple[str, ...] = ()
    """Keys that a suspended run waits under: it goes on at once if one of them has been answered."""
    value: bytes | None = None
    """Result of a step that was called, packed."""


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
    fifo_key: str | None = None
    fingerprint: str = ""
    """Of its error; errors that differ only in ids and numbers have the same one."""

    def again(self) -> NewDelivery:
        """Return the delivery that a replay makes of it."""
        return NewDelivery(
            self.event_id, self.kind, self.topic, self.step, self.data, self.trace_id, self.run_id, parent_run_id=None,
            fifo_key=self.fifo_key,
        )  # fmt: skip


class StoredChange(NamedTuple):
    """One committed change of a stream item, or an event, as every host on the store gets it."""

    type: ChangeType
    stream: str
    group: str
    id: str | None
    value: bytes
    """Packed by the wire codec: what the item holds, of a deleted one what it held; or the event."""
    created_at_ms: int
    """Of the item; 0 of an event."""
    data: JSONObject | None
    """`value` decoded, where that costs nothing."""
    timestamp_ms: int
    """Grows with every change on the store, whichever host made it."""


@dataclass(frozen=True, slots=True)
class StreamChange:
    """One change as subscribers get it, after its commit."""

    type: ChangeType
    stream: str
    group: str
    id: str | None
    """`None`: an ephemeral event to a whole group."""
    data: JSONValue
    timestamp_ms: int
    """Grows with every change on the store."""
