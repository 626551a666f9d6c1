"""Ports of the durable queue: deliveries, parked events, and changes to a queue as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from polystep.contracts.events import (
    NO_EXPIRIES,
    Cancellations,
    CancelledRuns,
    Claim,
    Claimed,
    DeadLetter,
    Delivery,
    NewDelivery,
    ParkedEvent,
    RemovedDelivery,
    Stored,
    StoredTick,
)
from polystep.contracts.ports.asks import AskStore
from polystep.contracts.ports.journal import HistoryStore, JournalStore
from polystep.contracts.ports.letters import BulkStore
from polystep.contracts.ports.once_keys import OnceKeyStore
from polystep.contracts.ports.request_keys import RequestKeyStore
from polystep.contracts.ports.wakeups import Wakeups
from polystep.contracts.values import JSONObject


class ParkedStore(Protocol):
    """Durable parked events; part of `DeliveryStore`, whose `enqueue` and `complete` park them."""

    async def parked(self, limit: int, after_id: int = 0) -> list[ParkedEvent]:
        """Read parked events by id, which is the order in which they were stored.

        Events of other deployments are left out: of later ones, and of earlier ones while some host runs them.
        """
        ...

    async def parked_size(self) -> tuple[int, int]:
        """Count parked events, and the bytes of their data."""
        ...

    async def parked_topics(self) -> list[tuple[str, int, int]]:
        """Count parked events that no step has got: `(topic, events, when the oldest was stored in Unix ms)`."""
        ...

    async def unpark(
        self, found: Sequence[tuple[ParkedEvent, Sequence[NewDelivery]]], *, keep: bool
    ) -> list[ParkedEvent]:
        """Store the deliveries of parked events; with `keep` they stay parked for further steps, else they are removed.

        Returns the events that were parked still, with the same `taken_by`; nothing is stored of the others.
        """
        ...


class QueueUpkeep(Protocol):
    """Changes to all deliveries at once; part of `DeliveryStore`."""

    async def move_due(self, now_ms: int, back_ms: int | None) -> int:
        """Move due times along with a wall clock that was set back; returns how many deliveries were concerned.

        Concerned is what was stored or retried later than `now_ms` by the clock of that time. Such a delivery is due
        `back_ms` earlier; with `None`, when nobody knows how far the clock was moved, its delay counts from now.
        Waits and asks that began later than `now_ms` end earlier likewise.
        """
        ...

    async def postpone(self, delivery: Delivery, run_at_ms: int) -> bool:
        """Make a claimed delivery due at `run_at_ms` without using up a failure; False when it was superseded."""
        ...

    async def queue_sizes(self) -> list[tuple[str, int, int]]:
        """Count what is not finished, `(step, deliveries, bytes of data)`, in the order of the writes around it."""
        ...

    async def purge(self, step: str, limit: int, upto_id: int) -> Sequence[str]:
        """Remove up to `limit` deliveries of a step that wait, with ids up to `upto_id`; returns their runs.

        What runs is not removed. A FIFO key goes on with what is left of it. Of `UNKNOWN_STEP`, parked events.
        """
        ...

    async def hasten(self, step: str, id: int | None, now_ms: int) -> int:
        """Make a delivery of a step that is due later, or with `None` all of them, due now; returns how many."""
        ...

    async def remove(self, step: str, id: int) -> tuple[str, int] | None:
        """Remove one delivery that waits; returns its run, and the bytes of its data. Its FIFO key goes on."""
        ...

    async def last_id(self, step: str) -> int:
        """Return the id of the newest delivery of a step, or of the newest parked event; 0 when there is none."""
        ...

    async def purge_dead_letters(self, step: str | None) -> int:
        """Remove the dead letters of a step, or all; returns how many."""
        ...


class EventKeyStore(Protocol):
    """Ids of events; part of `QueueStore`, whose `enqueue`, `complete` and journal decide which event has an id.

    Of the deliveries of an event whose id an earlier one has, none is stored. An earlier one has it until its time is
    over, and as long as it waits or is a dead letter. What is discarded frees it for its step.
    """

    def cancel(self, topic: str, id: str) -> asyncio.Future[Sequence[RemovedDelivery]]:
        """Remove the deliveries of the event with an id that have not started; the id is free for their steps."""
        ...


class CancellationStore(Protocol):
    """Events that cancel runs (`cancelOn`); part of `QueueStore`, whose `enqueue`, `complete` and journal keep them.

    An event means the runs that were stored before it was due. Of those that wait, a few are removed in the commit that
    stores the event. The rest of its work is durable, and done by `settle`: a run that runs is ended by its host, and
    an event is over when none of the runs that it means is left.
    """

    def settle(self, owner: str, limit: int) -> asyncio.Future[Cancellations]:
        """Remove up to about `limit` runs that wait, and find those that run, of events that are due.

        Deliveries whose lease ran out at another owner than `owner` wait again, as in `claim`.
        """
        ...


class DeliveryStore(ParkedStore, QueueUpkeep, Protocol):
    """Durable deliveries. Every method is one transaction, which is on disk when the method returns.

    A delivery is `ready` (from its `run_at_ms` on), `blocked` (an earlier one with its step and FIFO key is not
    finished), or `running` under a lease with a token that grows with every claim. Methods that take a claimed
    delivery change nothing and return False, or `None`, when its token is not the current one: the attempt was
    superseded.
    """

    def enqueue(self, deliveries: Sequence[NewDelivery], claim: Claim | None = None) -> asyncio.Future[Stored]:
        """Store all or none; those that are refused as dead letters, here and in `complete`.

        Those of `UNKNOWN_STEP` are parked: they are no deliveries yet. Those of `SIGNAL_STEP` are kept for waits, and
        make the suspended runs due that wait for them; those of `CANCEL_STEP` cancel runs. Returns those that were
        claimed. Those that wait for an earlier one of their key, or whose step runs as often as `claim.limits` allows,
        are only stored. Of those with ids, `Stored.keyed` says which were not stored, here and in `complete`.

        Two hosts that store under one FIFO key at once do so one after the other: one delivery is the first.
        """
        ...

    def enqueue_tick(
        self, tick: NewDelivery, due_ms: int | None, claim: Claim | None = None
    ) -> asyncio.Future[StoredTick]:
        """Store a tick of a cron step, unless another host has fired it or the step's earlier tick is not finished.

        A tick is known by step and due time, and a step's due times only grow: of several hosts that fire one tick, one
        stores it. After the clock was set back, due times before the last one count again.

        Args:
            tick: The delivery.
            due_ms: Its due time; `None` for a tick that somebody fires by hand.
            claim: As in `enqueue`.
        """
        ...

    async def claim(
        self,
        wants: Mapping[str, int],
        owner: str,
        now_ms: int,
        lease_ms: int,
        limits: Mapping[str, int] | None = None,
        expiries: Mapping[str, int] = NO_EXPIRIES,
        counting: Collection[str] = (),
    ) -> Claimed:
        """Take up to `wants[step]` due deliveries of each step, oldest first, and count one more attempt each.

        Of a step in `expiries`, what was due so many milliseconds ago and has never started goes to the dead letters
        before, with the error `expired`; a FIFO key goes on. That goes by the time of the commit, all else by `now_ms`:
        a host may be frozen between its look and the commit.

        Deliveries whose lease ran out at another owner are due again; those of `owner` itself are `recover`'s. With
        `limits`, no step in it runs more often than its limit over all hosts: what runs is counted, never remembered.
        Of a step in `counting`, suspended runs that keep their places are counted with it. They go first, in these
        places.
        """
        ...

    async def complete(
        self, delivery: Delivery, emits: Sequence[NewDelivery], claim: Claim | None = None, value: bytes | None = None
    ) -> Stored | None:
        """Remove the delivery and store its emits, together or not at all; the caller of a call gets `value`.

        Returns those of its emits that were claimed; `None` when the attempt was superseded.
        """
        ...

    async def retry(self, delivery: Delivery, run_at_ms: int, error: JSONObject) -> bool:
        """Make it due at `run_at_ms` with one failure more."""
        ...

    async def release(self, delivery: Delivery, crashed: bool) -> bool:
        """Make it due at once without using up a failure; `crashed` counts a crash."""
        ...

    async def bury(self, delivery: Delivery, error: JSONObject, now_ms: int) -> bool:
        """Move it to the dead letters; a FIFO key goes on with its next delivery.

        Of a call whose caller waits still, the caller gets the error instead.
        """
        ...

    async def renew(self, deliveries: Sequence[Delivery], owner: str, lease_until_ms: int) -> None:
        """Extend the leases of running deliveries."""
        ...

    async def dead_owners(self) -> list[str]:
        """Return owners of running deliveries that are known to be dead; others may be, and their leases run out.

        An owner is one start of one host, and none is used twice: a host that starts again is another owner.
        """
        ...

    async def recover(self, owner: str) -> int:
        """Make every delivery that `owner` has running due at once; returns how many. It must be dead or stopped."""
        ...

    async def next_due_ms(self, steps: Sequence[str], owner: str) -> int | None:
        """Return when the earliest ready delivery of these steps is due, or another owner's lease; `None`: never.

        Leases of `owner` itself do not count: it renews them for as long as it lives.
        """
        ...

    async def waiting(self) -> list[tuple[str, int]]:
        """Count deliveries that are not finished, by step."""
        ...

    async def pending_among(self, run_ids: Sequence[str]) -> set[str]:
        """Return those of `run_ids` with a delivery that is not finished, or a parked event."""
        ...

    async def bury_orphans(self, known_steps: Sequence[str], error: JSONObject, now_ms: int) -> list[tuple[str, int]]:
        """Move waiting deliveries of steps that no longer exist to the dead letters; returns them by step.

        Steps of another deployment that some host runs exist, and what a later deployment has emitted is left to it.
        """
        ...

    async def dead_letters(self, limit: int, before_id: int | None = None) -> list[DeadLetter]:
        """Read the newest dead letters first."""
        ...

    async def replay(self, id: int, now_ms: int, forget: Sequence[str] | None = ()) -> DeadLetter | None:
        """Make a dead letter a delivery again with a fresh budget, due at once; `None` when there is none.

        Of its journal, what is kept under the keys `forget` is removed, with `None` all of it.
        """
        ...

    async def subscriptions(self) -> list[tuple[str, str, str]]:
        """Return `(file, step, topic)` as this deployment saved them last, or the latest one before it."""
        ...

    async def save_subscriptions(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Replace those of this deployment."""
        ...


class QueueStore(DeliveryStore, Protocol):
    """Durable deliveries, and what is kept of their runs and events in the same transactions."""

    @property
    def wakeups(self) -> Wakeups:
        """This host's end of the calls between the hosts on the store."""
        ...

    @property
    def histories(self) -> HistoryStore:
        """Journals of completed runs."""
        ...

    @property
    def journal(self) -> JournalStore:
        """The journals of the runs, written in the transactions of the deliveries."""
        ...

    @property
    def asks(self) -> AskStore:
        """Asks of the runs, opened and closed in the transactions of their journals."""
        ...

    @property
    def keys(self) -> EventKeyStore:
        """The ids of events, taken in the transactions that store them."""
        ...

    @property
    def once_keys(self) -> OnceKeyStore:
        """Keys of `once` that are the project's, held by deliveries."""
        ...

    @property
    def cancellations(self) -> CancellationStore:
        """The events that cancel runs, kept in the transactions that store them."""
        ...

    @property
    def requests(self) -> RequestKeyStore:
        """Idempotency keys of requests, written in the transactions of their journals and events."""
        ...

    @property
    def bulks(self) -> BulkStore:
        """The records of bulks, written in the transactions of the dead letters."""
        ...

    async def cancel_waiting(self, run_id: str) -> CancelledRuns | None:
        """Remove a run that is queued or suspended, with its journal and the waiting runs of its calls.

        FIFO keys go on. `None` when there is no such run.
        """
        ...

    async def cancel_running(self, delivery: Delivery) -> CancelledRuns | None:
        """Remove a claimed delivery whose attempt was ended for that, likewise; `None` when it was superseded."""
        ...
