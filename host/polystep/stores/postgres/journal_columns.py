"""Entries of journals as columns of the arrays of a call, and rows as entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from polystep.contracts.journal import JournalEntry
from polystep.contracts.names import encode_name, name_bytes
from polystep.stores.postgres.driver import Row
from polystep.stores.postgres.writes import KeepEntry, KeepRequest

JOURNAL_COLUMNS: Final = 16
"""Of what `keep_1` takes behind its first argument."""
ENTRY: Final = "key, kind, kept_at_ms, value, error, final, failures, due_ms, sensitive"
"""Of a `JournalEntry`, in its order."""
_SENT: Final = 5
_ENTRY: Final = JOURNAL_COLUMNS - _SENT


def journal_arguments(kept: Sequence[tuple[int, KeepEntry | KeepRequest]]) -> list[Any]:
    """Make the arrays of entries and of events that have left; each has the place of its delivery.

    Raises:
        PolystepError: A key is too long, or no text.
    """
    if not kept:
        return [None] * JOURNAL_COLUMNS
    entries = [
        (place, write.run_id, encode_name("key", write.entry.key), *write.entry[1:])
        for place, write in kept
        if write.entry is not None
    ]
    sent = [
        (place, write.run_id, emit.print, name_bytes(emit.topic), times)
        for place, write in kept
        for emit, times in Counter(write.sent).items()
    ]
    columns = [list(column) for column in zip(*sent, strict=True)] if sent else [None] * _SENT
    kept_columns = [list(column) for column in zip(*entries, strict=True)] if entries else [None] * _ENTRY
    return [*kept_columns, *columns]


def entry_of(row: Row) -> JournalEntry:
    """Make an entry of a row with the columns `ENTRY`."""
    key, *rest = row
    return JournalEntry(key.decode(), *rest)
