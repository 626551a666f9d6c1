"""Dead letters by filter and in groups, in SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import apsw
import orjson

from polystep.contracts.events import DeadLetter
from polystep.contracts.fingerprints import fingerprint
from polystep.contracts.pages import PageBounds
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.letters import LetterCount, LetterFilter, LetterGroup
from polystep.stores.sqlite.database import Database
from polystep.stores.sqlite.dead_letters import COLUMNS, dead_letter_of, edit_data
from polystep.stores.sqlite.event_keys import free
from polystep.stores.sqlite.forgetting import forget

_NEWEST: Final = 2**62
_PRINTED_AT_ONCE: Final = 500
_LISTED: Final = "(SELECT value FROM json_each(?))"
# SQLite lowers ASCII letters alone. The texts in packed data are UTF-8, as they are.
_HOLDS: Final = (
    "(instr(lower(step), ?) OR instr(lower(topic), ?) OR instr(lower(error), ?) OR instr(trace_id, ?) "
    "OR instr(lower(CAST(data AS TEXT)), ?) OR instr(data, ?))"
)
_NOWHERE: Final = b"\xc1polystep"
"""Bytes that no packed value begins with; data has them only in a text about this."""


class SqliteLetterQueries:
    """Implements `LetterQueries`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def page(
        self, wanted: LetterFilter, limit: int, before: int | None, bytes_max: int
    ) -> tuple[list[DeadLetter], bool]:
        """Read a page by its bytes: a letter may hold as much as a message."""
        where, bindings = conditions(wanted)
        rows, more = await self._database.page(
            f"SELECT {COLUMNS} FROM dead_letters WHERE id < ? AND {where} ORDER BY id DESC",
            (before if before is not None else _NEWEST, *bindings),
            PageBounds(limit, bytes_max),
        )
        return [dead_letter_of(row) for row in rows], more

    async def one(self, id: int) -> DeadLetter | None:
        """Read one by its id."""
        rows = await self._database.scan(f"SELECT {COLUMNS} FROM dead_letters WHERE id = ?", (id,))
        return dead_letter_of(rows[0]) if rows else None

    async def ids(self, wanted: LetterFilter, limit: int) -> list[int]:
        """Read the first."""
        where, bindings = conditions(wanted)
        sql = f"SELECT id FROM dead_letters WHERE {where} ORDER BY id LIMIT ?"
        return [cast("int", row[0]) for row in await self._database.scan(sql, (*bindings, limit))]

    async def groups(self, wanted: LetterFilter, limit: int, skip: int) -> list[LetterGroup]:
        """Count by fingerprint, and read the error of the newest of each."""
        await self._print_old()
        where, bindings = conditions(wanted)
        rows = await self._database.scan(
            "SELECT fingerprint, count(*) AS letters, min(died_at_ms), max(died_at_ms), json_group_array(DISTINCT step)"
            f", max(id) AS newest FROM dead_letters WHERE {where} GROUP BY fingerprint "
            "ORDER BY letters DESC, newest DESC LIMIT ? OFFSET ?",
            (*bindings, limit, skip),
        )
        newest = orjson.dumps([row[-1] for row in rows]).decode()
        errors = dict(await self._database.scan(f"SELECT id, error FROM dead_letters WHERE id IN {_LISTED}", (newest,)))
        return [
            LetterGroup(row[0], row[1], row[2], row[3], orjson.loads(row[4]), row[5], orjson.loads(errors[row[5]]))
            for row in rows
            if row[5] in errors
        ]

    async def count(self, wanted: LetterFilter) -> LetterCount:
        """Count by step, then the keys."""
        where, bindings = conditions(wanted)
        rows = await self._database.scan(
            f"SELECT step, count(*), max(id) FROM dead_letters WHERE {where} GROUP BY step ORDER BY step", bindings
        )
        ((keys,),) = await self._database.scan(
            "SELECT count(*) FROM (SELECT DISTINCT step, fifo_key FROM dead_letters "
            f"WHERE fifo_key IS NOT NULL AND {where})",
            bindings,
        )
        return LetterCount([(row[0], row[1]) for row in rows], keys, max((row[2] for row in rows), default=0))

    async def edit(self, id: int, data: bytes) -> bool:
        """Write the data."""
        return await self._database.write(lambda connection: edit_data(connection, id, data))

    async def discard(self, id: int) -> bool:
        """Remove the row, and what its run has kept."""
        now_ms = self._clock.now_ms()

        def job(connection: apsw.Connection) -> bool:
            rows = connection.execute("DELETE FROM dead_letters WHERE id = ? RETURNING run_id", (id,)).fetchall()
            for (run_id,) in rows:
                forget(connection, [cast("str", run_id)], now_ms)
                free(connection, "?", (cast("str", run_id),))
            return bool(rows)

        return await self._database.write(job)

    async def _print_old(self) -> None:
        """Give letters of before there were fingerprints theirs."""
        sql = "SELECT id, error FROM dead_letters WHERE fingerprint IS NULL LIMIT ?"
        while rows := await self._database.scan(sql, (_PRINTED_AT_ONCE,)):
            found = [(fingerprint(orjson.loads(error)), id_) for id_, error in rows]

            def job(connection: apsw.Connection, found: Sequence[tuple[str, int]] = found) -> None:
                connection.executemany("UPDATE dead_letters SET fingerprint = ? WHERE id = ?", found)

            await self._database.sweep(job)


def conditions(wanted: LetterFilter) -> tuple[str, tuple[Any, ...]]:
    """Return the condition of a filter, and what it binds."""
    clauses: list[str] = []
    bindings: list[Any] = []
    for clause, value in (
        ("step = ?", wanted.step),
        ("topic = ?", wanted.topic),
        ("fingerprint = ?", wanted.fingerprint),
        ("died_at_ms >= ?", wanted.since_ms),
        ("died_at_ms < ?", wanted.until_ms),
        ("id <= ?", wanted.upto_id),
        (f"id IN {_LISTED}", None if wanted.ids is None else orjson.dumps(list(wanted.ids)).decode()),
    ):
        if value is not None:
            clauses.append(clause)
            bindings.append(value)
    for word in wanted.words:
        clauses.append(_HOLDS)
        bindings += [word.text] * 5 + [word.packed or _NOWHERE]
    return " AND ".join(clauses) or "1", tuple(bindings)
