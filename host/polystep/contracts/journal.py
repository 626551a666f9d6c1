"""Journals of runs: values, errors and waits under the keys that authors chose, and emits that left before a wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from polystep.contracts.events import DeliveryKind

EntryKind: TypeAlias = Literal["once", "sleep", "ask", "callback", "event", "call"]


class JournalEntry(NamedTuple):
    """One key of a run."""

    key: str
    kind: EntryKind
    kept_at_ms: int
    value: bytes | None = None
    """Of a `once` that succeeded, and of a wait that has ended, packed by the wire codec; kept for the run."""
    error: bytes | None = None
    """Of a `once` that failed, packed: `{name, message, code?, data?}`. Of a call: as JSON."""
    is_final: bool = False
    """The error is kept for the run; others count only within the try in which they were raised."""
    failures: int = 0
    """Failures of the delivery when the error was raised: they number its try."""
    due_ms: int | None = None
    """Of a wait, the Unix time at which it ends."""
    is_sensitive: bool = False

    @property
    def size(self) -> int:
        """Bytes that count for the bounds of a journal."""
        return len(self.key) + len(self.value or self.error or b"")


class RunHistory(NamedTuple):
    """Run that is over, with what it had kept: it completed a while ago, or is a dead letter."""

    kind: DeliveryKind
    topic: str
    step: str
    trace_id: str
    fifo_key: str | None
    data: bytes | None
    """Its input, packed; `None` when it was too large to be kept."""
    keys: Sequence[str]
    """In the order in which they were recorded."""


class RecordedKey(NamedTuple):
    """One key of a journal, without what it keeps."""

    key: str
    kind: EntryKind
    kept_at_ms: int
    position: int
    """Grows in the order in which keys were recorded."""


class SentEmit(NamedTuple):
    """One event that left with a wait: making it again in a later leg sends nothing."""

    print: bytes
    """Hash of topic and data."""
    topic: str


class StoredJournal(NamedTuple):
    """All that is kept of one run."""

    entries: Sequence[JournalEntry] = ()
    sent: Mapping[SentEmit, int] = {}
    """Events that have left, with their numbers."""
