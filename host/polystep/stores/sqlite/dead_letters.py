"""Dead letters in SQLite: their columns, the rows that are read of them, and their way back into a queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import apsw
import orjson

from polystep.contracts.events import DeadLetter, DeliveryKind, NewDelivery
from polystep.stores.sqlite.cancellations import forget_cancel_keys, revive_cancel_keys
from polystep.stores.sqlite.insertion import insert
from polystep.stores.sqlite.journal import revive

COLUMNS: Final = (
    "error, data, id, kind, event_id, topic, step, trace_id, run_id, attempts, enqueued_at_ms, died_at_ms, fifo_key, "
    "fingerprint"
)
"""The first two are those whose sizes count in a page, see `Database.page`."""

_TAKE: Final = f"DELETE FROM dead_letters WHERE id = ? RETURNING {COLUMNS}, parent_run_id"


def dead_letter_of(row: tuple[Any, ...]) -> DeadLetter:
    """Make a dead letter of a row with `COLUMNS`."""
    error, data, id_, kind, event_id, topic, step, trace_id, run_id, attempts, enqueued_ms, died_ms, key, print_ = row
    return DeadLetter(
        id_, cast("DeliveryKind", kind), event_id, topic, step, data, trace_id, run_id, attempts, orjson.loads(error),
        enqueued_ms, died_ms, key, print_ or "",
    )  # fmt: skip


def edit_data(connection: apsw.Connection, id: int, data: bytes) -> bool:
    """Replace the data of a dead letter; False when there is none."""
    rows = connection.execute("UPDATE dead_letters SET data = ? WHERE id = ? RETURNING run_id", (data, id)).fetchall()
    for (run_id,) in rows:
        # What it was found by is not in its data any more.
        forget_cancel_keys(connection, cast("str", run_id))
    return bool(rows)


def bring_back(
    connection: apsw.Connection, id: int, now_ms: int, deployment: int, forget: Sequence[str] | None = ()
) -> DeadLetter | None:
    """Move a dead letter back into its queue, behind what waits there; `None` when there is none.

    Args:
        connection: In a transaction.
        id: Of the letter.
        now_ms: When it is due.
        deployment: Of the host that moves it.
        forget: Keys of its journal that are removed; `None` for all of it.
    """
    rows = connection.execute(_TAKE, (id,)).fetchall()
    if not rows:
        return None
    letter = dead_letter_of(rows[0][:-1])
    again = NewDelivery(
        letter.event_id, letter.kind, letter.topic, letter.step, letter.data, letter.trace_id, letter.run_id,
        cast("str | None", rows[0][-1]), letter.fifo_key, now_ms,
    )  # fmt: skip
    insert(connection, [again], now_ms, None, deployment, letter.attempts)
    revive_cancel_keys(connection, letter.run_id, connection.last_insert_rowid())
    # It was born when it was: its waits take what has come since then.
    connection.execute(
        "UPDATE deliveries SET enqueued_at_ms = ?, timed_at_ms = ? WHERE run_id = ?",
        (letter.enqueued_at_ms, now_ms, letter.run_id),
    )
    revive(connection, letter.run_id, forget)
    return letter
