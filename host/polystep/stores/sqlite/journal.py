"""Journals in SQLite, in the file of the deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import apsw

from polystep.contracts.asks import Ask
from polystep.contracts.events import Claim, Delivery, NewDelivery, Stored
from polystep.contracts.journal import JournalEntry, SentEmit, StoredJournal
from polystep.contracts.ports.clock import Clock
from polystep.contracts.signals import ChildCall, SignalWait
from polystep.stores.sqlite.asks import closed_ask, has_closed, move_asks, open_ask
from polystep.stores.sqlite.calls import has_ended, leave_call, open_call
from polystep.stores.sqlite.database import Database
from polystep.stores.sqlite.fifo import READY, RUNNING
from polystep.stores.sqlite.insertion import insert
from polystep.stores.sqlite.signals import begin_signal_wait, end_signal_wait, move_signals, next_signal_ms, take_first

JOURNAL: Final = """
CREATE TABLE IF NOT EXISTS journal (
  run_id TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, kept_at_ms INTEGER NOT NULL, value BLOB, error BLOB,
  final INTEGER NOT NULL, failures INTEGER NOT NULL, due_ms INTEGER, sensitive INTEGER NOT NULL,
  PRIMARY KEY (run_id, key)
);
CREATE TABLE IF NOT EXISTS sent_emits (
  run_id TEXT NOT NULL, print BLOB NOT NULL, topic TEXT NOT NULL, times INTEGER NOT NULL, PRIMARY KEY (run_id, print)
);
"""

WAITS_FOR_KEY: Final = "kind = 'once' AND due_ms IS NOT NULL"
"""Holds of the entry of a run that waits for a key of the project; see `once_keys`."""
_MINE: Final = f"id = ? AND token = ? AND status = {RUNNING}"
# The fence of every write: it also marks the delivery as one with a journal, so that the next leg reads it.
_MARK: Final = f"UPDATE deliveries SET resumes = coalesce(resumes, 0) WHERE {_MINE}"
_SUSPEND: Final = f"""
UPDATE deliveries SET status = {READY}, run_at_ms = ?, timed_at_ms = ?, attempt = attempt - 1,
  resumes = coalesce(resumes, 0) + 1, holds_place = ? WHERE {_MINE}"""
JOURNAL_COLUMNS: Final = "key, kind, kept_at_ms, value, error, final, failures, due_ms, sensitive"
_ENTRIES: Final = f"SELECT {JOURNAL_COLUMNS} FROM journal WHERE run_id = ?"
_SENT_EMITS: Final = "SELECT print, topic, times FROM sent_emits WHERE run_id = ?"
_KEEP: Final = f"INSERT OR REPLACE INTO journal (run_id, {JOURNAL_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
# Of a wait that began later than now, by the clock of that time: see `QueueUpkeep.move_due`.
_MOVE: Final = """
UPDATE journal SET due_ms = due_ms - coalesce(?1, kept_at_ms - ?2),
  kept_at_ms = kept_at_ms - coalesce(?1, kept_at_ms - ?2)
WHERE due_ms IS NOT NULL AND kept_at_ms > ?2"""
_FREE_KEY: Final = f"""
SELECT 1 FROM journal WHERE run_id = ?1 AND key = ?2 AND {WAITS_FOR_KEY} AND NOT EXISTS (
  SELECT 1 FROM once_keys k JOIN deliveries h ON h.id = k.delivery_id AND h.token = k.token
  WHERE k.key = ?2 AND h.status = {RUNNING})"""
_SENT: Final = """
INSERT INTO sent_emits VALUES (?, ?, ?, 1) ON CONFLICT (run_id, print) DO UPDATE SET times = times + 1"""


class SqliteJournalStore:
    """Implements `JournalStore`."""

    def __init__(self, database: Database, clock: Clock, deployment: int) -> None:
        """Write the events that leave with a wait as those of this deployment."""
        self._database = database
        self._clock = clock
        self._deployment = deployment

    async def read(self, run_id: str) -> StoredJournal:
        """Read both tables by their primary keys."""
        return _stored(self._database.read(_ENTRIES, (run_id,)), self._database.read(_SENT_EMITS, (run_id,)))

    def keep(self, delivery: Delivery, entry: JournalEntry) -> asyncio.Future[bool]:
        """Write one row."""

        def job(connection: apsw.Connection) -> bool:
            return _keep(connection, delivery, entry)

        return self._database.write(job)

    def begin_wait(
        self,
        delivery: Delivery,
        entry: JournalEntry,
        emits: Sequence[NewDelivery],
        sent: Sequence[SentEmit],
        claim: Claim | None = None,
        wanted: Ask | SignalWait | ChildCall | None = None,
    ) -> asyncio.Future[Stored | None]:
        """Write the row of the wait, what it waits for, the deliveries and the marks of what has left."""
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> Stored | None:
            if not _keep(connection, delivery, entry):
                return None
            match wanted:
                case Ask():
                    open_ask(connection, wanted, now_ms)
                case SignalWait():
                    begin_signal_wait(connection, delivery.run_id, entry.key, wanted)
                case ChildCall():
                    open_call(connection, delivery.run_id, entry.key, wanted)
                case None:
                    pass
            for each in sent:
                mark_sent(connection, delivery.run_id, each)
            return insert(connection, emits, now_ms, claim, self._deployment)

        return self._database.write(job)

    def closed_ask(self, delivery: Delivery, key: str) -> asyncio.Future[Ask | None]:
        """Read the ask of a wait; one whose time is over is closed by that."""
        now_ms = self._clock.now_ms()
        return self._database.write(lambda connection: closed_ask(connection, delivery.run_id, key, now_ms))

    def take_signal(
        self, delivery: Delivery, entry: JournalEntry, make: Callable[[str, bytes], bytes], late: bytes
    ) -> asyncio.Future[JournalEntry | None]:
        """Take a signal by the index of what is wanted."""
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> JournalEntry | None:
            if not is_current(connection, delivery):
                return None
            value = take_first(connection, delivery, entry.key, now_ms, make)
            if value is None and (entry.due_ms or 0) <= now_ms:
                end_signal_wait(connection, delivery.run_id, entry.key, None)
                value = late
            ended = entry._replace(value=value)
            if value is not None:
                connection.execute(_KEEP, (delivery.run_id, *ended))
            return ended

        return self._database.write(job)

    def take_call(self, delivery: Delivery, entry: JournalEntry, late: bytes) -> asyncio.Future[JournalEntry | None]:
        """Read the row of a call; one whose time is over is kept as failed."""
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> JournalEntry | None:
            if not is_current(connection, delivery):
                return None
            rows = connection.execute(
                f"SELECT {JOURNAL_COLUMNS} FROM journal WHERE run_id = ? AND key = ?", (delivery.run_id, entry.key)
            ).fetchall()
            ended = _entry(rows[0]) if rows else entry
            if ended.value is None and ended.error is None and (entry.due_ms or 0) <= now_ms:
                leave_call(connection, delivery.run_id, entry.key)
                ended = ended._replace(error=late)
                connection.execute(_KEEP, (delivery.run_id, *ended))
            return ended

        return self._database.write(job)

    def suspend(
        self, delivery: Delivery, run_at_ms: int, waits: Collection[str] = (), *, keeps_place: bool = False
    ) -> asyncio.Future[int | None]:
        """Give the delivery back to its queue."""
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> int | None:
            due_ms = run_at_ms
            if (
                has_closed(connection, delivery.run_id, waits)
                or has_ended(connection, delivery.run_id, waits)
                or _has_free_key(connection, delivery.run_id, waits)
            ):
                due_ms = min(run_at_ms, now_ms)
            elif (signal_ms := next_signal_ms(connection, delivery, waits)) is not None:
                due_ms = min(run_at_ms, max(signal_ms, now_ms))
            connection.execute(_SUSPEND, (due_ms, now_ms, keeps_place, delivery.id, delivery.token))
            return due_ms if connection.changes() else None

        return self._database.write(job)


def _entry(row: tuple[Any, ...]) -> JournalEntry:
    return JournalEntry._make(row)._replace(is_final=bool(row[5]), is_sensitive=bool(row[8]))


def is_current(connection: apsw.Connection, delivery: Delivery) -> bool:
    """Report whether a claim is the current one; its delivery is marked as one with a journal."""
    connection.execute(_MARK, (delivery.id, delivery.token))
    return bool(connection.changes())


def _has_free_key(connection: apsw.Connection, run_id: str, keys: Collection[str]) -> bool:
    """Report whether nobody holds a key of the project that a run waits for: it has a result, or is to be taken."""
    return any(connection.execute(_FREE_KEY, (run_id, key)).fetchall() for key in keys)


def _keep(connection: apsw.Connection, delivery: Delivery, entry: JournalEntry) -> bool:
    if not is_current(connection, delivery):
        return False
    write_entry(connection, delivery.run_id, entry)
    return True


def _stored(rows: Sequence[tuple[Any, ...]], sent: Sequence[tuple[Any, ...]]) -> StoredJournal:
    return StoredJournal([_entry(row) for row in rows], {SentEmit(mark, topic): times for mark, topic, times in sent})


def read_journal(connection: apsw.Connection, run_id: str) -> StoredJournal:
    """Read all that is kept of a run, within a transaction."""
    rows = connection.execute(_ENTRIES, (run_id,)).fetchall()
    return _stored(rows, connection.execute(_SENT_EMITS, (run_id,)).fetchall())


def write_entry(connection: apsw.Connection, run_id: str, entry: JournalEntry) -> None:
    """Write one entry; the caller holds the run."""
    connection.execute(_KEEP, (run_id, *entry))


def mark_sent(connection: apsw.Connection, run_id: str, emit: SentEmit) -> None:
    """Count an event that has left; the caller holds the run."""
    connection.execute(_SENT, (run_id, *emit))


def forget_journal(connection: apsw.Connection, run_id: str) -> None:
    """Remove what the run of a request has kept: it has no waits."""
    for table in ("journal", "sent_emits"):
        connection.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))


def move_waits(connection: apsw.Connection, now_ms: int, back_ms: int | None) -> None:
    """Move the ends of waits along with a wall clock that was set back, as those of their deliveries."""
    connection.execute(_MOVE, (back_ms, now_ms))
    move_asks(connection, now_ms, back_ms)
    move_signals(connection, now_ms, back_ms)


def revive(connection: apsw.Connection, run_id: str, forget: Sequence[str] | None) -> None:
    """Let a run that is tried again find its values and waits; what had failed is asked again.

    What is kept under the keys `forget` is removed, with `None` everything.
    """
    for table in ("journal", "asks", "signal_waits", "calls"):
        if forget is None:
            connection.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))
        for key in forget or ():
            connection.execute(f"DELETE FROM {table} WHERE run_id = ? AND key = ?", (run_id, key))
    if forget is None:
        connection.execute("DELETE FROM sent_emits WHERE run_id = ?", (run_id,))
    connection.execute(f"DELETE FROM journal WHERE run_id = ? AND (error IS NOT NULL OR {WAITS_FOR_KEY})", (run_id,))
    rows = connection.execute(
        "SELECT 1 FROM journal WHERE run_id = ?1 UNION ALL SELECT 1 FROM sent_emits WHERE run_id = ?1 LIMIT 1",
        (run_id,),
    ).fetchall()
    if rows:
        connection.execute("UPDATE deliveries SET resumes = 0 WHERE run_id = ?", (run_id,))
