"""Port of journals: what runs keep under keys, fenced by their deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from polystep.contracts.asks import Ask
from polystep.contracts.events import Claim, Delivery, NewDelivery, Stored
from polystep.contracts.journal import JournalEntry, RecordedKey, RunHistory, SentEmit, StoredJournal
from polystep.contracts.signals import ChildCall, SignalWait


class EntryStore(Protocol):
    """Durable journals of runs, beside their deliveries. Every method is one transaction.

    Methods that take a claimed delivery change nothing, and return False or `None`, when its token is not the current
    one. A journal becomes a history as its delivery completes, stays with a dead letter, and goes when that is purged.
    A dead letter that is tried again keeps its values and waits, and loses its errors.
    """

    async def read(self, run_id: str) -> StoredJournal:
        """Read all that is kept of a run."""
        ...

    def keep(self, delivery: Delivery, entry: JournalEntry) -> asyncio.Future[bool]:
        """Write one entry, in the place of an earlier one with its key."""
        ...

    def begin_wait(
        self,
        delivery: Delivery,
        entry: JournalEntry,
        emits: Sequence[NewDelivery],
        sent: Sequence[SentEmit],
        claim: Claim | None = None,
        wanted: Ask | SignalWait | ChildCall | None = None,
    ) -> asyncio.Future[Stored | None]:
        """Write the entry of a wait and what it waits for, store the events that leave with it, and count them as sent.

        Returns those of its emits that were claimed.
        """
        ...

    def suspend(
        self, delivery: Delivery, run_at_ms: int, waits: Collection[str] = (), *, keeps_place: bool = False
    ) -> asyncio.Future[int | None]:
        """Make it due at `run_at_ms`, without an attempt more and with one leg more; returns the time.

        It is due at once when one of the waits under the keys `waits` has got what it waits for. With `keeps_place` it
        counts as running for the limit of a step that counts what waits, and goes on in that place.
        """
        ...


class JournalStore(EntryStore, Protocol):
    """Journals of runs, and what their waits wait for."""

    def closed_ask(self, delivery: Delivery, key: str) -> asyncio.Future[Ask | None]:
        """Return the ask of a wait once it is closed; one whose time is over is closed as timed out."""
        ...

    def take_signal(
        self, delivery: Delivery, entry: JournalEntry, make: Callable[[str, bytes], bytes], late: bytes
    ) -> asyncio.Future[JournalEntry | None]:
        """Give a wait the oldest event that it wants, and keep what `make` makes of its topic and data as its value.

        Events from before the birth of the run do not count, nor those that the run has taken already. A wait whose
        time is over, and for which there is none, keeps `late`. The value of the result is `None` while it goes on.
        """
        ...

    def take_call(self, delivery: Delivery, entry: JournalEntry, late: bytes) -> asyncio.Future[JournalEntry | None]:
        """Return a call with its value or its error, once it has one; one whose time is over keeps the error `late`."""
        ...


class HistoryStore(Protocol):
    """Journals of runs that are over, which no live run reads. Those of completed runs are kept for a while."""

    async def find(self, run_id: str) -> RunHistory | None:
        """Read the history of a run that completed a while ago, or of a dead letter."""
        ...

    async def recorded(self, run_id: str, limit: int, after: int) -> Sequence[RecordedKey]:
        """Read keys of any run behind a position, also of one that waits or runs, in the order they were recorded."""
        ...

    async def rerun(self, run_id: str, key: str, new: NewDelivery) -> bool:
        """Store a delivery of another run that finds what this one had recorded before a key; False when that is gone.

        Errors of a completed run count within the first try; those of a dead letter are not copied.
        """
        ...
