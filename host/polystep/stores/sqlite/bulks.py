"""Records of bulks in SQLite, in the file of the dead letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import apsw
import orjson

from polystep.contracts.events import DeadLetter
from polystep.contracts.limits import BULK_LETTERS_MAX, BULKS_KEPT_MAX
from polystep.contracts.pages import PageBounds
from polystep.contracts.ports.letters import (
    BulkAct,
    BulkBatch,
    BulkOutcomes,
    BulkRecord,
    BulkStatus,
    LetterChange,
    NewBulk,
)
from polystep.stores.sqlite.database import Database
from polystep.stores.sqlite.dead_letters import COLUMNS, bring_back, dead_letter_of, edit_data
from polystep.stores.sqlite.event_keys import free
from polystep.stores.sqlite.fifo import RUNNING
from polystep.stores.sqlite.forgetting import forget
from polystep.stores.sqlite.letter_queries import conditions

BULKS: Final = """
CREATE TABLE IF NOT EXISTS bulks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, act TEXT NOT NULL, about TEXT NOT NULL, status TEXT NOT NULL,
  total INTEGER NOT NULL, done INTEGER NOT NULL DEFAULT 0, missing INTEGER NOT NULL DEFAULT 0, per_second INTEGER,
  begun_ms INTEGER NOT NULL, ended_ms INTEGER,
  -- The last letter that had its turn.
  position INTEGER NOT NULL DEFAULT 0,
  -- Packed merge patch for the data of each letter, and how many letters stay dead since it makes them unfit.
  patch BLOB, refused INTEGER NOT NULL DEFAULT 0
);
-- The letters that a bulk is about, with the runs that they are in any attempt.
CREATE TABLE IF NOT EXISTS bulk_letters (
  bulk INTEGER NOT NULL, letter INTEGER NOT NULL, run_id TEXT NOT NULL,
  -- Why it stays dead.
  refusal TEXT,
  PRIMARY KEY (bulk, letter)
) WITHOUT ROWID;
"""

# The tables may be missing: they are created as they were, so that there is something to change.
PATCHED: Final = """
CREATE TABLE IF NOT EXISTS bulks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, act TEXT NOT NULL, about TEXT NOT NULL, status TEXT NOT NULL,
  total INTEGER NOT NULL, done INTEGER NOT NULL DEFAULT 0, missing INTEGER NOT NULL DEFAULT 0, per_second INTEGER,
  begun_ms INTEGER NOT NULL, ended_ms INTEGER, position INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS bulk_letters (
  bulk INTEGER NOT NULL, letter INTEGER NOT NULL, run_id TEXT NOT NULL, PRIMARY KEY (bulk, letter)
) WITHOUT ROWID;
ALTER TABLE bulks ADD COLUMN patch BLOB;
ALTER TABLE bulks ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE bulk_letters ADD COLUMN refusal TEXT;
"""
"""Adds the columns of patches to a file of before there were any."""

_COLUMNS: Final = "id, act, about, status, total, done, missing, per_second, begun_ms, ended_ms, refused, patch"
_FIX: Final = """
INSERT INTO bulk_letters (bulk, letter, run_id)
SELECT ?, id, run_id FROM dead_letters WHERE {where} ORDER BY id LIMIT ?"""
_NEXT: Final = """
SELECT letter FROM bulk_letters WHERE bulk = ? AND letter BETWEEN ? + 1 AND ? ORDER BY letter LIMIT ?"""
_READ_NEXT: Final = f"""
SELECT {COLUMNS} FROM dead_letters WHERE id IN (
  SELECT letter FROM bulk_letters JOIN bulks ON bulks.id = bulk WHERE bulk = ? AND letter > position
) ORDER BY id"""
_REFUSE: Final = "UPDATE bulk_letters SET refusal = ? WHERE bulk = ? AND letter = ?"
_REFUSALS: Final = """
SELECT letter, refusal FROM bulk_letters WHERE bulk = ? AND refusal IS NOT NULL ORDER BY letter LIMIT ?"""
_LAST: Final = 2**62
_ADVANCE: Final = """
UPDATE bulks SET position = ?, done = done + ?, missing = missing + ?, refused = refused + ?, status = ?, ended_ms = ?
WHERE id = ?"""
# Those that had their turn and are in a queue still, and those that died again since.
_QUEUED: Final = """
SELECT deliveries.status, count(*) FROM bulk_letters JOIN bulks ON bulks.id = bulk
JOIN deliveries USING (run_id) WHERE bulk = ? AND letter <= position AND refusal IS NULL GROUP BY deliveries.status"""
_DEAD: Final = """
SELECT count(*) FROM bulk_letters JOIN dead_letters ON dead_letters.run_id = bulk_letters.run_id AND id > letter
WHERE bulk = ?"""


class SqliteBulkStore:
    """Implements `BulkStore`."""

    def __init__(self, database: Database, deployment: int) -> None:
        """Bring letters back as events of this deployment."""
        self._database = database
        self._deployment = deployment

    async def begin(self, new: NewBulk, now_ms: int) -> BulkRecord | int:
        """Count and write in one transaction."""
        where, bindings = conditions(new.chosen)

        def job(connection: apsw.Connection) -> BulkRecord | int:
            if new.count is not None:
                sql = f"SELECT count(*) FROM dead_letters WHERE {where}"
                ((found,),) = connection.execute(sql, bindings).fetchall()
                if found != new.count:
                    return cast("int", found)
            _remove_old(connection)
            about = orjson.dumps(new.about).decode()
            connection.execute(
                "INSERT INTO bulks (act, about, status, total, per_second, begun_ms, patch) "
                "VALUES (?, ?, 'running', 0, ?, ?, ?)",
                (new.act, about, new.per_second, now_ms, new.patch),
            )
            id_ = connection.last_insert_rowid()
            connection.execute(_FIX.format(where=where), (id_, *bindings, BULK_LETTERS_MAX))
            total = connection.changes()
            connection.execute("UPDATE bulks SET total = ? WHERE id = ?", (total, id_))
            return BulkRecord(
                id_, new.act, new.about, "running", total, 0, 0, new.per_second, now_ms, None, patch=new.patch
            )

        return await self._database.sweep(job)

    async def next(self, id: int, limit: int, bytes_max: int) -> list[DeadLetter]:
        """Read a page by its bytes: a letter may hold as much as a message."""
        rows, _ = await self._database.page(_READ_NEXT, (id,), PageBounds(limit, bytes_max))
        return [dead_letter_of(row) for row in rows]

    async def advance(
        self, id: int, limit: int, now_ms: int, changes: Mapping[int, LetterChange] | None = None
    ) -> BulkBatch:
        """Take the next ones by their ids."""
        upto = max(changes) if changes else _LAST

        def job(connection: apsw.Connection) -> BulkBatch:
            sql = "SELECT act, position FROM bulks WHERE id = ? AND status = 'running'"
            found = connection.execute(sql, (id,)).fetchall()
            if not found:
                return BulkBatch((), is_last=True)
            act, position = found[0]
            letters = [cast("int", row[0]) for row in connection.execute(_NEXT, (id, position, upto, limit)).fetchall()]
            replayed: list[DeadLetter] = []
            refused = 0
            if act == "replay":
                replayed, refused = self._replay(connection, id, letters, now_ms, changes)
                done = len(replayed)
            else:
                done = _discard(connection, letters, now_ms)
            # Those that were read may be fewer than the limit, for their size.
            is_last = len(letters) < limit and not changes
            connection.execute(
                _ADVANCE,
                (
                    letters[-1] if letters else position, done, len(letters) - done - refused, refused,
                    "done" if is_last else "running", now_ms if is_last else None, id,
                ),
            )  # fmt: skip
            return BulkBatch(replayed, is_last)

        return await self._database.sweep(job)

    def _replay(
        self,
        connection: apsw.Connection,
        id: int,
        letters: Sequence[int],
        now_ms: int,
        changes: Mapping[int, LetterChange] | None,
    ) -> tuple[list[DeadLetter], int]:
        """Bring letters back; returns them, and how many stay dead since they do not fit."""
        brought: list[DeadLetter | None] = []
        refused = 0
        for letter in letters:
            if changes is None:
                brought.append(bring_back(connection, letter, now_ms, self._deployment))
            # One without a change was gone when they were read.
            elif (change := changes.get(letter)) is not None:
                if change.data is None:
                    connection.execute(_REFUSE, (change.refusal, id, letter))
                    refused += 1
                elif edit_data(connection, letter, change.data):
                    brought.append(bring_back(connection, letter, now_ms, self._deployment))
        return [each for each in brought if each is not None], refused

    async def refusals(self, id: int, limit: int) -> list[tuple[int, str]]:
        """Read the first."""
        rows = await self._database.scan(_REFUSALS, (id, limit))
        return [(cast("int", letter), cast("str", refusal)) for letter, refusal in rows]

    async def stop(self, id: int, now_ms: int) -> bool:
        """Write its status."""

        def job(connection: apsw.Connection) -> bool:
            sql = "UPDATE bulks SET status = 'stopped', ended_ms = ? WHERE id = ? AND status = 'running'"
            connection.execute(sql, (now_ms, id))
            return bool(connection.changes())

        return await self._database.write(job)

    async def running(self) -> list[int]:
        """Look at all of them; they are few."""
        rows = self._database.read("SELECT id FROM bulks WHERE status = 'running' ORDER BY id")
        return [cast("int", row[0]) for row in rows]

    async def record(self, id: int) -> BulkRecord | None:
        """Read one."""
        rows = self._database.read(f"SELECT {_COLUMNS} FROM bulks WHERE id = ?", (id,))
        return _record(rows[0]) if rows else None

    async def records(self, limit: int, before: int | None) -> list[BulkRecord]:
        """Read the newest."""
        sql = f"SELECT {_COLUMNS} FROM bulks WHERE ? IS NULL OR id < ? ORDER BY id DESC LIMIT ?"
        return [_record(row) for row in await self._database.scan(sql, (before, before, limit))]

    async def outcomes(self, id: int) -> BulkOutcomes:
        """Look each run up by its indexes."""
        queued = dict(await self._database.scan(_QUEUED, (id,)))
        ((dead,),) = await self._database.scan(_DEAD, (id,))
        running = queued.pop(RUNNING, 0)
        return BulkOutcomes(sum(queued.values()), running, dead)


def _discard(connection: apsw.Connection, letters: list[int], now_ms: int) -> int:
    runs: list[str] = []
    for letter in letters:
        rows = connection.execute("DELETE FROM dead_letters WHERE id = ? RETURNING run_id", (letter,)).fetchall()
        runs += [cast("str", row[0]) for row in rows]
    forget(connection, runs, now_ms)
    for run_id in runs:
        free(connection, "?", (run_id,))
    return len(runs)


def _remove_old(connection: apsw.Connection) -> None:
    """Remove the oldest records that have ended, with their letters."""
    sql = "SELECT id FROM bulks WHERE status <> 'running' ORDER BY id DESC LIMIT -1 OFFSET ?"
    for (id_,) in connection.execute(sql, (BULKS_KEPT_MAX - 1,)).fetchall():
        connection.execute("DELETE FROM bulk_letters WHERE bulk = ?", (id_,))
        connection.execute("DELETE FROM bulks WHERE id = ?", (id_,))


def _record(row: tuple[Any, ...]) -> BulkRecord:
    id_, act, about, status, *counts = row
    return BulkRecord(id_, cast("BulkAct", act), orjson.loads(about), cast("BulkStatus", status), *counts)
