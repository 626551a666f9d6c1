"""Dead letters by filter and in groups, in PostgreSQL."""

from __future__ import annotations

from typing import Any, Final

import orjson

from polystep.contracts.events import DeadLetter
from polystep.contracts.names import name_bytes
from polystep.contracts.ports.letters import LetterCount, LetterFilter, LetterGroup
from polystep.stores.postgres.calls import Plain, Statement
from polystep.stores.postgres.database import PostgresDatabase
from polystep.stores.postgres.queue_columns import LETTER, letter_of
from polystep.stores.postgres.writes import Apart

_NEWEST: Final = 2**62
_PAGE: Final = f"""
WITH found AS (
  SELECT {LETTER} FROM {{{{schema}}}}.dead_letters WHERE id < $1 AND {{where}} ORDER BY id DESC LIMIT $2 + 1
), sized AS (
  SELECT *, row_number() OVER in_order AS place, sum(octet_length(error) + octet_length(data)) OVER in_order AS size
  FROM found WINDOW in_order AS (ORDER BY id DESC)
)
SELECT {LETTER}, (SELECT count(*) FROM found) FROM sized
WHERE place = 1 OR (place <= $2 AND size <= $3) ORDER BY place"""
_ONE: Final = f"SELECT {LETTER} FROM {{schema}}.dead_letters WHERE id = $1"
_IDS: Final = "SELECT id FROM {{schema}}.dead_letters WHERE {where} ORDER BY id LIMIT $1"
_GROUPS: Final = """
WITH groups AS (
  SELECT fingerprint, count(*) AS letters, min(died_at_ms) AS first_ms, max(died_at_ms) AS last_ms,
    array_agg(DISTINCT step) AS steps, max(id) AS newest
  FROM {{schema}}.dead_letters WHERE {where} GROUP BY fingerprint ORDER BY letters DESC, newest DESC LIMIT $1 OFFSET $2
)
SELECT g.fingerprint, g.letters, g.first_ms, g.last_ms, g.steps, g.newest, d.error
FROM groups g JOIN {{schema}}.dead_letters d ON d.id = g.newest ORDER BY g.letters DESC, g.newest DESC"""
_COUNT: Final = """
SELECT step, count(*), max(id), count(DISTINCT fifo_key) FROM {{schema}}.dead_letters WHERE {where}
GROUP BY step ORDER BY step"""
_CHANGE: Final = "SELECT {schema}.change_letter_1($1, $2, $3, $4, $5, $6)"


class PostgresLetterQueries:
    """Implements `LetterQueries`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def page(
        self, wanted: LetterFilter, limit: int, before: int | None, bytes_max: int
    ) -> tuple[list[DeadLetter], bool]:
        """Read a page by its bytes: a letter may hold as much as a message."""
        where, arguments = conditions(wanted, before if before is not None else _NEWEST, limit, bytes_max)
        rows = await self._database.read(_PAGE.format(where=where), *arguments)
        more = bool(rows) and rows[0][-1] > len(rows)
        return [letter_of([*row][:-1]) for row in rows], more

    async def one(self, id: int) -> DeadLetter | None:
        """Read one by its id."""
        rows = await self._database.read(_ONE, id)
        return letter_of(rows[0]) if rows else None

    async def ids(self, wanted: LetterFilter, limit: int) -> list[int]:
        """Read the first."""
        where, arguments = conditions(wanted, limit)
        return [id_ for (id_,) in await self._database.read(_IDS.format(where=where), *arguments)]

    async def groups(self, wanted: LetterFilter, limit: int, skip: int) -> list[LetterGroup]:
        """Count by fingerprint, and read the error of the newest of each."""
        where, arguments = conditions(wanted, limit, skip)
        rows = await self._database.read(_GROUPS.format(where=where), *arguments)
        return [
            LetterGroup(
                print_, count, first_ms, last_ms, [step.decode() for step in steps], newest, orjson.loads(error)
            )
            for print_, count, first_ms, last_ms, steps, newest, error in rows
        ]

    async def count(self, wanted: LetterFilter) -> LetterCount:
        """Count by step, and in each its keys."""
        where, arguments = conditions(wanted)
        rows = await self._database.read(_COUNT.format(where=where), *arguments)
        return LetterCount(
            [(step.decode(), count) for step, count, _, _ in rows],
            sum(keys for _, _, _, keys in rows),
            max((newest for _, _, newest, _ in rows), default=0),
        )

    async def edit(self, id: int, data: bytes) -> bool:
        """Write the data."""
        return await self._change(id, data)

    async def discard(self, id: int) -> bool:
        """Remove the row."""
        return await self._change(id, None)

    async def _change(self, id: int, data: bytes | None) -> bool:
        is_there: bool = await self._database.write(
            Apart(
                lambda asked: Plain(
                    asked, Statement(_CHANGE, (id, data, self._database.clock.now_ms())), lambda rows: bool(rows[0][0]),
                    lambda mark, _: bool(mark.swapped),
                )
            )
        )  # fmt: skip
        return is_there


def conditions(wanted: LetterFilter, *before: object) -> tuple[str, list[Any]]:
    """Return the condition of a filter, and all arguments: those given come first."""
    clauses: list[str] = []
    arguments: list[Any] = [*before]

    def place(value: object, type_: str) -> str:
        arguments.append(value)
        return f"${len(arguments)}::{type_}"

    for clause, value, type_ in (
        ("step = {}", None if wanted.step is None else name_bytes(wanted.step), "bytea"),
        ("topic = {}", None if wanted.topic is None else name_bytes(wanted.topic), "bytea"),
        ("fingerprint = {}", wanted.fingerprint, "text"),
        ("died_at_ms >= {}", wanted.since_ms, "bigint"),
        ("died_at_ms < {}", wanted.until_ms, "bigint"),
        ("id <= {}", wanted.upto_id, "bigint"),
        ("id = ANY ({})", None if wanted.ids is None else list(wanted.ids), "bigint[]"),
    ):
        if value is not None:
            clauses.append(clause.format(place(value, type_)))
    for word in wanted.words:
        pattern = place(_pattern(name_bytes(word.text)), "text")
        tried = [f"encode({column}, 'hex') ~ {pattern}" for column in ("step", "topic", "data")]
        if "\0" not in word.text:
            text = place(word.text, "text")
            tried += [f'strpos(lower(error COLLATE "C"), {text}) > 0', f"strpos(trace_id, {text}) > 0"]
        if word.packed is not None:
            tried.append(f"position({place(word.packed, 'bytea')} IN data) > 0")
        clauses.append(f"({' OR '.join(tried)})")
    return " AND ".join(clauses) or "true", arguments


def _pattern(word: bytes) -> str:
    """Return the expression that finds a word in the hex digits of bytes, in any case of its ASCII letters.

    PostgreSQL knows case in texts alone, and packed data is none: its texts are UTF-8 between other bytes.
    """
    bytes_ = (f"({byte:02x}|{byte - 32:02x})" if 97 <= byte <= 122 else f"{byte:02x}" for byte in word)
    return f"^(..)*{''.join(bytes_)}"
