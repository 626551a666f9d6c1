"""Calls of `wait` that are being answered, and the rooms that all kinds of waits use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from polystep.bus import Bus
from polystep.contracts.asks import Ask
from polystep.contracts.errors import PolystepError, RunEnded
from polystep.contracts.events import Delivery, NewDelivery
from polystep.contracts.journal import EntryKind, JournalEntry
from polystep.contracts.ports.asks import AskStore
from polystep.contracts.ports.clock import Clock
from polystep.contracts.signals import ChildCall, SignalWait
from polystep.contracts.values import JSONObject
from polystep.discovery import Loaded
from polystep.execution.asks import AskLinks
from polystep.execution.attempts import OpenAttempt, OpenAttempts
from polystep.execution.emit import Emits
from polystep.execution.journal import AttemptJournal, print_of
from polystep.trace import TraceRecorder

SUPERSEDED: Final = "This run was taken over by a later attempt; nothing of this one is kept."


@dataclass(frozen=True, slots=True)
class WaitTools:
    """Rooms that waits of all kinds use."""

    bus: Bus
    attempts: OpenAttempts
    recorder: TraceRecorder
    clock: Clock
    emits: Emits
    links: AskLinks
    asks: AskStore
    loaded: Loaded


@dataclass(frozen=True, slots=True)
class WaitCall:
    """One call of `wait`."""

    attempt: OpenAttempt
    journal: AttemptJournal
    delivery: Delivery
    key: str
    kind: EntryKind
    for_ms: int
    params: JSONObject
    began_s: float


async def begin_wait(
    bus: Bus,
    attempt: OpenAttempt,
    journal: AttemptJournal,
    entry: JournalEntry,
    wanted: Ask | SignalWait | ChildCall | None = None,
    notified: str | None = None,
) -> None:
    """Store a wait together with what its handler has emitted before it, which leaves with it, once.

    Args:
        bus: Stores it.
        attempt: The attempt that waits.
        journal: Of the attempt, of a delivery.
        entry: Of the wait.
        wanted: What it waits for, to be stored with it.
        notified: The event of an ask or a call itself, which later legs do not make again.

    Raises:
        RunEnded: A later attempt has taken the run over.
        NotStored: The disk refuses; the events stay with the attempt.
    """
    assert journal.delivery is not None, "requests do not wait"
    emits: list[NewDelivery] = attempt.emits[:]
    attempt.emits.clear()
    made = {new.event_id: new for new in emits if new.event_id != notified}
    sent = [print_of(each.topic, each.data, each.key) for each in made.values()]
    try:
        if not await bus.suspensions.begin_wait(journal.delivery, entry, emits, sent, wanted):
            raise RunEnded(SUPERSEDED)
    except PolystepError:
        attempt.emits[:0] = emits
        raise
    journal.add(entry)
    for each in sent:
        journal.add_sent(each)
