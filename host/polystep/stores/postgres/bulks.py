"""Records of bulks in PostgreSQL, beside the dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from polystep.contracts.events import DeadLetter
from polystep.contracts.limits import BULK_LETTERS_MAX, BULKS_KEPT_MAX
from polystep.contracts.names import name_bytes
from polystep.contracts.ports.letters import BulkBatch, BulkOutcomes, BulkRecord, LetterChange, NewBulk
from polystep.stores.postgres.calls import Ask, Mark, Plain, Statement
from polystep.stores.postgres.database import PostgresDatabase
from polystep.stores.postgres.driver import Row
from polystep.stores.postgres.letter_queries import conditions
from polystep.stores.postgres.queue_columns import LETTER, letter_of
from polystep.stores.postgres.writes import Apart, Asked

_COLUMNS: Final = "id, act, about, status, total, done, missing, per_second, begun_ms, ended_ms, refused, patch"
_CHOSEN: Final = "SELECT id FROM {{schema}}.dead_letters WHERE {where} ORDER BY id LIMIT $1"
_COUNT: Final = "SELECT count(*) FROM {{schema}}.dead_letters WHERE {where}"
_BEGIN: Final = "SELECT * FROM {schema}.begin_bulk_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
_BEGUN: Final = "SELECT id, total FROM {schema}.bulks WHERE lane = $1 AND commit_seq = $2"
_POSITION: Final = "SELECT act, position FROM {schema}.bulks WHERE id = $1 AND status = 'running'"
_NEXT: Final = """
SELECT letter FROM {schema}.bulk_letters WHERE bulk = $1 AND letter > $2 AND letter <= $3 ORDER BY letter LIMIT $4"""
_READ_NEXT: Final = f"""
WITH next AS (
  SELECT {LETTER}, sum(length(data)) OVER (ORDER BY id) AS bytes, row_number() OVER (ORDER BY id) AS place
  FROM {{schema}}.dead_letters WHERE id IN (
    SELECT letter FROM {{schema}}.bulk_letters l JOIN {{schema}}.bulks b ON b.id = l.bulk
    WHERE l.bulk = $1 AND l.letter > b.position ORDER BY letter)
  ORDER BY id LIMIT $2
) SELECT {LETTER} FROM next WHERE place = 1 OR bytes <= $3 ORDER BY id"""
_REFUSALS: Final = """
SELECT letter, refusal FROM {schema}.bulk_letters WHERE bulk = $1 AND refusal IS NOT NULL ORDER BY letter LIMIT $2"""
_LAST: Final = 2**62
_LETTERS: Final = f"SELECT {LETTER} FROM {{schema}}.dead_letters WHERE id = ANY ($1)"
_ADVANCE: Final = (
    "SELECT {schema}.advance_bulk_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
)
_STOP: Final = "SELECT {schema}.stop_bulk_1($1, $2, $3, $4, $5)"
_RUNNING: Final = "SELECT id FROM {schema}.bulks WHERE status = 'running' ORDER BY id"
_RECORD: Final = f"SELECT {_COLUMNS} FROM {{schema}}.bulks WHERE id = $1"
_RECORDS: Final = f"""
SELECT {_COLUMNS} FROM {{schema}}.bulks WHERE $1::bigint IS NULL OR id < $1 ORDER BY id DESC LIMIT $2"""
# Those that had their turn and are in a queue still, and those that died again since.
_OUTCOMES: Final = """
SELECT
  (SELECT count(*) FROM {schema}.bulk_letters l JOIN {schema}.bulks b ON b.id = l.bulk
    JOIN {schema}.deliveries d USING (run_id) WHERE l.bulk = $1 AND l.letter <= b.position AND l.refusal IS NULL
    AND d.status <> 2),
  (SELECT count(*) FROM {schema}.bulk_letters l JOIN {schema}.bulks b ON b.id = l.bulk
    JOIN {schema}.deliveries d USING (run_id) WHERE l.bulk = $1 AND l.letter <= b.position AND l.refusal IS NULL
    AND d.status = 2),
  (SELECT count(*) FROM {schema}.bulk_letters l JOIN {schema}.dead_letters d USING (run_id)
    WHERE l.bulk = $1 AND d.id > l.letter)"""


class PostgresBulkStore:
    """Implements `BulkStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def begin(self, new: NewBulk, now_ms: int) -> BulkRecord | int:
        """Choose, and fix what is there still."""
        if new.count is not None:
            where, arguments = conditions(new.chosen)
            ((found,),) = await self._database.read(_COUNT.format(where=where), *arguments)
            if found != new.count:
                return int(found)
        where, arguments = conditions(new.chosen, BULK_LETTERS_MAX)
        ids = [id_ for (id_,) in await self._database.read(_CHOSEN.format(where=where), *arguments)]
        about = orjson.dumps(new.about).decode()
        statement = Statement(_BEGIN, (new.act, about, new.per_second, now_ms, ids, BULKS_KEPT_MAX - 1, new.patch))

        def begun(rows: Sequence[Row]) -> BulkRecord:
            id_, total = rows[0]
            return BulkRecord(
                id_, new.act, new.about, "running", total, 0, 0, new.per_second, now_ms, None, patch=new.patch
            )

        record: BulkRecord = await self._call(
            lambda asked: Plain(
                asked, statement, begun, lambda _, rows: begun(rows), lambda *call: [Statement(_BEGUN, call)]
            )
        )
        return record

    async def next(self, id: int, limit: int, bytes_max: int) -> list[DeadLetter]:
        """Read them, and leave out those that do not fit."""
        return [letter_of(row) for row in await self._database.read(_READ_NEXT, id, limit, bytes_max)]

    async def advance(
        self, id: int, limit: int, now_ms: int, changes: Mapping[int, LetterChange] | None = None
    ) -> BulkBatch:
        """Take the next ones by their ids."""
        turn = _Turn(id, limit, now_ms, changes)
        batch: BulkBatch = await self._call(lambda asked: _Advance(asked, turn, self._database.deployment))
        return batch

    async def refusals(self, id: int, limit: int) -> list[tuple[int, str]]:
        """Read the first."""
        return [(letter, refusal) for letter, refusal in await self._database.read(_REFUSALS, id, limit)]

    async def stop(self, id: int, now_ms: int) -> bool:
        """Write its status."""
        was_running: bool = await self._call(
            lambda asked: Plain(
                asked, Statement(_STOP, (id, now_ms)), lambda rows: bool(rows[0][0]), lambda mark, _: bool(mark.swapped)
            )
        )
        return was_running

    async def running(self) -> list[int]:
        """Look at all of them; they are few."""
        return [id_ for (id_,) in await self._database.read(_RUNNING)]

    async def record(self, id: int) -> BulkRecord | None:
        """Read one."""
        rows = await self._database.read(_RECORD, id)
        return _record(rows[0]) if rows else None

    async def records(self, limit: int, before: int | None) -> list[BulkRecord]:
        """Read the newest."""
        return [_record(row) for row in await self._database.read(_RECORDS, before, limit)]

    async def outcomes(self, id: int) -> BulkOutcomes:
        """Look each run up by its indexes."""
        ((waiting, running, dead),) = await self._database.read(_OUTCOMES, id)
        return BulkOutcomes(waiting, running, dead)

    def _call(self, make: Any) -> asyncio.Future[Any]:
        return self._database.write(Apart(make))


@dataclass(frozen=True, slots=True)
class _Turn:
    """Letters of a bulk that have their turn, at most so many; of one with a patch, what becomes of each."""

    id: int
    limit: int
    now_ms: int
    changes: Mapping[int, LetterChange] | None

    def moving(self, ids: Sequence[int]) -> list[int]:
        """Return those that leave the dead letters; one without a change was gone when they were read."""
        if self.changes is None:
            return list(ids)
        return [id_ for id_ in ids if id_ in self.changes and self.changes[id_].data is not None]

    def unfit(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        """Return those that stay, each with the reason."""
        changes = self.changes or {}
        return [(id_, changes[id_].refusal) for id_ in ids if id_ in changes and changes[id_].data is None]

    def changed(self, letter: DeadLetter) -> DeadLetter:
        """Return a letter with the data that it gets."""
        change = None if self.changes is None else self.changes.get(letter.id)
        return letter if change is None or change.data is None else replace(letter, data=change.data)


class _Advance(Plain):
    """Gives the next letters of a bulk their turn. They are read before: their FIFO keys are locked first."""

    def __init__(self, asked: Asked, turn: _Turn, deployment: int) -> None:
        super().__init__(asked, Statement(""), lambda _: None)
        self._turn = turn
        self._deployment = deployment
        self._is_replay = False
        self._is_last = False
        self._letters: list[DeadLetter | None] = []

    async def prepare(self, ask: Ask, place: str) -> Statement | None:
        """Read where the bulk stands, and its next letters."""
        turn = self._turn
        found = await ask(_POSITION, turn.id)
        if not found:
            self._asked.answer(BulkBatch((), is_last=True))
            return None
        act, position = found[0]
        upto = max(turn.changes) if turn.changes else _LAST
        turns = [id_ for (id_,) in await ask(_NEXT, turn.id, position, upto, turn.limit)]
        ids, unfit = turn.moving(turns), turn.unfit(turns)
        there = {row[0]: turn.changed(letter_of(row)) for row in await ask(_LETTERS, ids)}
        self._is_replay = act == "replay"
        # Those that were read may be fewer than the limit, for their size.
        self._is_last = len(turns) < turn.limit and not turn.changes
        self._letters = [there.get(id_) for id_ in ids]
        edits = [None if turn.changes is None else turn.changes[id_].data for id_ in ids]
        keyed = [each for each in self._letters if each is not None and each.fifo_key is not None]
        return Statement(
            _ADVANCE,
            (
                turn.id, position, ids, [name_bytes(each.step) for each in keyed],
                [name_bytes(each.fifo_key or "") for each in keyed], self._is_last, turn.now_ms, self._deployment,
                edits, [id_ for id_, _ in unfit], [reason for _, reason in unfit], turns[-1] if turns else position,
                len(turns),
            ),
        )  # fmt: skip

    def heard(self, rows: Sequence[Row]) -> list[Asked]:
        """Answer, unless another host was faster."""
        return self._moved(rows[0][0])

    def unheard(self, mark: Mark, rows: Sequence[Row]) -> list[Asked]:
        """Answer likewise."""
        return self._moved(mark.swapped)

    def _moved(self, done: Sequence[int]) -> list[Asked]:
        if not done:
            return [self._asked]
        moved = [self._letters[place - 1] for place in done[1:]] if self._is_replay else []
        self._asked.answer(BulkBatch([each for each in moved if each is not None], self._is_last))
        return []


def _record(row: Row) -> BulkRecord:
    id_, act, about, status, *counts = row
    return BulkRecord(id_, act, orjson.loads(about), status, *counts)
