"""Records of bulks in PostgreSQL, beside the dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import orjson

from polystep.contracts.events import DeadLetter
from polystep.contracts.limits import BULK_LETTERS_MAX, BULKS_KEPT_MAX
from polystep.contracts.names import name_bytes
from polystep.contracts.ports.letters import BulkBatch, BulkOutcomes, BulkRecord, NewBulk
from polystep.stores.postgres.calls import Ask, Mark, Plain, Statement
from polystep.stores.postgres.database import PostgresDatabase
from polystep.stores.postgres.driver import Row
from polystep.stores.postgres.letter_queries import conditions
from polystep.stores.postgres.queue_columns import LETTER, letter_of
from polystep.stores.postgres.writes import Apart, Asked

_COLUMNS: Final = "id, act, about, status, total, done, missing, per_second, begun_ms, ended_ms"
_CHOSEN: Final = "SELECT id FROM {{schema}}.dead_letters WHERE {where} ORDER BY id LIMIT $1"
_COUNT: Final = "SELECT count(*) FROM {{schema}}.dead_letters WHERE {where}"
_BEGIN: Final = "SELECT * FROM {schema}.begin_bulk_1($1, $2, $3, $4, $5, $6, $7, $8, $9)"
_BEGUN: Final = "SELECT id, total FROM {schema}.bulks WHERE lane = $1 AND commit_seq = $2"
_POSITION: Final = "SELECT act, position FROM {schema}.bulks WHERE id = $1 AND status = 'running'"
_NEXT: Final = """
SELECT letter FROM {schema}.bulk_letters WHERE bulk = $1 AND letter > $2 ORDER BY letter LIMIT $3"""
_LETTERS: Final = f"SELECT {LETTER} FROM {{schema}}.dead_letters WHERE id = ANY ($1)"
_ADVANCE: Final = "SELECT {schema}.advance_bulk_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
_STOP: Final = "SELECT {schema}.stop_bulk_1($1, $2, $3, $4, $5)"
_RUNNING: Final = "SELECT id FROM {schema}.bulks WHERE status = 'running' ORDER BY id"
_RECORD: Final = f"SELECT {_COLUMNS} FROM {{schema}}.bulks WHERE id = $1"
_RECORDS: Final = f"""
SELECT {_COLUMNS} FROM {{schema}}.bulks WHERE $1::bigint IS NULL OR id < $1 ORDER BY id DESC LIMIT $2"""
# Those that had their turn and are in a queue still, and those that died again since.
_OUTCOMES: Final = """
SELECT
  (SELECT count(*) FROM {schema}.bulk_letters l JOIN {schema}.bulks b ON b.id = l.bulk
    JOIN {schema}.deliveries d USING (run_id) WHERE l.bulk = $1 AND l.letter <= b.position AND d.status <> 2),
  (SELECT count(*) FROM {schema}.bulk_letters l JOIN {schema}.bulks b ON b.id = l.bulk
    JOIN {schema}.deliveries d USING (run_id) WHERE l.bulk = $1 AND l.letter <= b.position AND d.status = 2),
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
        statement = Statement(_BEGIN, (new.act, about, new.per_second, now_ms, ids, BULKS_KEPT_MAX - 1))

        def begun(rows: Sequence[Row]) -> BulkRecord:
            id_, total = rows[0]
            return BulkRecord(id_, new.act, new.about, "running", total, 0, 0, new.per_second, now_ms, None)

        record: BulkRecord = await self._call(
            lambda asked: Plain(
                asked, statement, begun, lambda _, rows: begun(rows), lambda *call: [Statement(_BEGUN, call)]
            )
        )
        return record

    async def advance(self, id: int, limit: int, now_ms: int) -> BulkBatch:
        """Take the next ones by their ids."""
        batch: BulkBatch = await self._call(lambda asked: _Advance(asked, id, limit, now_ms, self._database.deployment))
        return batch

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


class _Advance(Plain):
    """Gives the next letters of a bulk their turn. They are read before: their FIFO keys are locked first."""

    def __init__(self, asked: Asked, id: int, limit: int, now_ms: int, deployment: int) -> None:
        super().__init__(asked, Statement(""), lambda _: None)
        self._id = id
        self._limit = limit
        self._now_ms = now_ms
        self._deployment = deployment
        self._is_replay = False
        self._is_last = False
        self._letters: list[DeadLetter | None] = []

    async def prepare(self, ask: Ask, place: str) -> Statement | None:
        """Read where the bulk stands, and its next letters."""
        found = await ask(_POSITION, self._id)
        if not found:
            self._asked.answer(BulkBatch((), is_last=True))
            return None
        act, position = found[0]
        ids = [id_ for (id_,) in await ask(_NEXT, self._id, position, self._limit)]
        there = {row[0]: letter_of(row) for row in await ask(_LETTERS, ids)}
        self._is_replay = act == "replay"
        self._is_last = len(ids) < self._limit
        self._letters = [there.get(id_) for id_ in ids]
        keyed = [each for each in self._letters if each is not None and each.fifo_key is not None]
        return Statement(
            _ADVANCE,
            (
                self._id, position, ids, [name_bytes(each.step) for each in keyed],
                [name_bytes(each.fifo_key or "") for each in keyed], self._is_last, self._now_ms, self._deployment,
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
