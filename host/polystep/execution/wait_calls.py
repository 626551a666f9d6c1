"""Calls of `wait` that are being answered, and the rooms that all kinds of waits use."""

from __future__ import annotations

from dataclasses import dataclass

from polystep.bus import Bus
from polystep.contracts.events import Delivery
from polystep.contracts.journal import EntryKind
from polystep.contracts.ports.asks import AskStore
from polystep.contracts.ports.clock import Clock
from polystep.contracts.values import JSONObject
from polystep.discovery import Loaded
from polystep.execution.asks import AskLinks
from polystep.execution.attempts import OpenAttempt, OpenAttempts
from polystep.execution.emit import Emits
from polystep.execution.journal import AttemptJournal
from polystep.trace import TraceRecorder


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
