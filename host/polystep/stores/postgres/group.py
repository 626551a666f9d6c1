"""Group of writes that share one call: what is sent, and who gets which answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from polystep.contracts.errors import PolystepError
from polystep.contracts.storage import ValueLost
from polystep.stores.postgres.calls import Ask, Mark, Statement
from polystep.stores.postgres.chains import SWAP, Chain, StateRow
from polystep.stores.postgres.driver import Row
from polystep.stores.postgres.queue_group import QUEUE_ARGUMENTS, QueueWrites, size, weight
from polystep.stores.postgres.writes import (
    Apart,
    Asked,
    BuryDelivery,
    ClearState,
    CompleteDelivery,
    DeleteItem,
    ItemKey,
    KeepEntry,
    KeepRequest,
    ReadyDelivery,
    RenameState,
    RenewLeases,
    SendEvent,
    SetItem,
    StateKey,
    StoreDeliveries,
    SuspendDelivery,
    Write,
)

GROUP_MAX: Final = 512
"""Writes of one group: at 64 the commit is already a small share; 512 bounds what one call can delay."""
GROUP_BYTES_MAX: Final = 8 * 1024 * 1024
"""Values of one group, unless one alone is larger: a call is one message, held whole at both ends."""

_ARGUMENTS: Final = 3 + 5 + 7 + QUEUE_ARGUMENTS
_CALL: Final = f"SELECT * FROM {{schema}}.group_1({', '.join(f'${number}' for number in range(1, _ARGUMENTS + 1))})"
_NO_STATE: Final = (None,) * 5
_NO_ITEMS: Final = (None,) * 7
_READ: Final = """
SELECT t.value FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS s(grp, key, place)
LEFT JOIN {schema}.state t ON t.grp = s.grp AND t.key = s.key ORDER BY s.place"""
_OF_QUEUE: Final = (
    StoreDeliveries, CompleteDelivery, ReadyDelivery, BuryDelivery, RenewLeases, KeepEntry, KeepRequest,
    SuspendDelivery,
)  # fmt: skip
_TOLD: Final = """
SELECT 'i', place, type, CASE WHEN type = 'd' THEN value END, created_at_ms FROM {schema}.stream_changes
WHERE lane = $1 AND commit_seq = $2"""


class Group:
    """Writes that are committed together, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._count = 0
        self._rows_count = 0
        self._bytes = 0
        self._chains: dict[StateKey, Chain] = {}
        self._rows: list[tuple[Chain, StateRow]] = []
        """Of the last call."""
        self._items: list[Asked] = []
        self._taken: set[ItemKey] = set()
        self._queue = QueueWrites()

    @property
    def is_wanted(self) -> bool:
        """Somebody waits for it."""
        return self._count > 0

    @property
    def announces(self) -> bool:
        """Something of it is for the subscribers of streams."""
        return bool(self._items)

    def add(self, asked: Asked) -> bool:
        """Take one more; False when it must be in a later group."""
        write = asked.write
        assert not isinstance(write, (ClearState, RenameState, Apart))
        rows = weight(write) if isinstance(write, _OF_QUEUE) else 1
        size_ = size(write) if isinstance(write, _OF_QUEUE) else _size(write)
        if self._count and (self._rows_count + rows > GROUP_MAX or self._bytes + size_ > GROUP_BYTES_MAX):
            return False
        if isinstance(write, _OF_QUEUE):
            if not self._queue.add(asked):
                return False
        elif isinstance(write, (SetItem, DeleteItem)):
            if write.at in self._taken:
                return False
            self._taken.add(write.at)
            self._items.append(asked)
        elif isinstance(write, SendEvent):
            self._items.append(asked)
        else:
            chain = self._chains.get(write.at)
            if chain is None:
                chain = self._chains[write.at] = Chain(write.at)
            chain.asked.append(asked)
        self._count += 1
        self._rows_count += rows
        self._bytes += size_
        return True

    def _asked(self) -> Iterator[Asked]:
        """Go through all writes."""
        for chain in self._chains.values():
            yield from chain.asked
        yield from self._items
        yield from self._queue.asked

    def parts(self) -> Sequence[Group]:
        """Divide it, so that a failure is that of one: the writes of one key stay together."""
        parts = []
        alone = [[each] for each in (*self._items, *self._queue.asked)]
        for asked in (*(chain.asked for chain in self._chains.values()), *alone):
            part = Group()
            for each in asked:
                part.add(each)
            parts.append(part)
        return parts

    def drop(self, before_s: float, failure: PolystepError) -> None:
        """Fail what was asked for before a time, and forget it."""
        for chain in list(self._chains.values()):
            chain.asked = _drop(chain.asked, before_s, failure)
            if not chain.asked:
                del self._chains[chain.at]
        self._items = _drop(self._items, before_s, failure)
        self._queue.asked = _drop(self._queue.asked, before_s, failure)
        self._count = sum(1 for _ in self._asked())

    async def prepare(self, ask: Ask, place: str) -> Statement | None:
        """Read the values that changes begin from, and make the arrays."""
        needed = [chain.at for chain in self._chains.values() if chain.needs_value]
        found = await ask(_READ, *map(list, zip(*needed, strict=True))) if needed else []
        values = iter(found)
        self._rows = []
        for chain in self._chains.values():
            row = chain.row(next(values)[0] if chain.needs_value else None, place)
            if row is None:
                chain.answer()
            else:
                self._rows.append((chain, row))
        self._chains = {chain.at: chain for chain, _ in self._rows}
        queue = self._queue.arguments()
        if not self._rows and not self._items and not self._queue.asked:
            return None
        state: list[list[Any]] = [
            [row.kind for _, row in self._rows],
            [chain.at[0] for chain, _ in self._rows],
            [chain.at[1] for chain, _ in self._rows],
            [row.value for _, row in self._rows],
            [row.seen for _, row in self._rows],
        ]
        items: list[list[Any]] = [list(column) for column in zip(*map(_item_row, self._items), strict=True)]
        return Statement(_CALL, [*(state if self._rows else _NO_STATE), *(items or _NO_ITEMS), *queue])

    def heard(self, rows: Sequence[Row]) -> list[Asked]:
        """Answer all but the stream items; writes of the state are made again to which another host was faster."""
        again = self._queue.answer(rows, {row[1] for row in rows if row[0] == "r"})
        answers = {row[1]: row[3] for row in rows if row[0] == "s"}
        for index, (chain, row) in enumerate(self._rows, 1):
            if chain.is_take:
                chain.asked[0].answer(answers.get(index))
            elif row.kind == SWAP and index not in answers:
                again += chain.asked
            else:
                chain.answer()
        return again

    def recall(self, lane: int, seq: int) -> Sequence[Statement]:
        """Find what was announced, and which deliveries were claimed."""
        return [*([Statement(_TOLD, (lane, seq))] if self._items else ()), *self._queue.recall(lane)]

    def unheard(self, mark: Mark, rows: Sequence[Row]) -> list[Asked]:
        """Answer likewise; the lane has noted the places of the changes that were made."""
        again = self._queue.answer(rows, mark.refused, mark.notes)
        for index, (chain, row) in enumerate(self._rows, 1):
            if chain.is_take:
                chain.asked[0].answer(
                    ValueLost("The value is removed, but the connection broke before it had been returned.")
                )
            elif row.kind == SWAP and index not in mark.swapped:
                again += chain.asked
            else:
                chain.answer()
        return again

    def answer_items(self, rows: Sequence[Row]) -> None:
        """Answer the writes of stream items, from what was announced."""
        told = {row[1]: row for row in rows if row[0] == "i"}
        for place, asked in enumerate(self._items, 1):
            asked.answer(_item_result(asked.write, told.get(place)))

    def data(self) -> dict[int, Any]:
        """Return the announced values that are decoded already, by their place."""
        found = {}
        for place, asked in enumerate(self._items, 1):
            write = asked.write
            if isinstance(write, (SetItem, SendEvent)) and write.data is not None:
                found[place] = write.data
        return found

    def fail(self, failure: PolystepError) -> None:
        """Answer all with one failure."""
        for asked in self._asked():
            asked.answer(failure)


def _drop(asked: list[Asked], before_s: float, failure: PolystepError) -> list[Asked]:
    kept = []
    for each in asked:
        if each.asked_s < before_s:
            each.answer(failure)
        else:
            kept.append(each)
    return kept


def _size(write: Write) -> int:
    value = getattr(write, "value", None)
    return len(value) if isinstance(value, bytes) else 0


def _item_row(asked: Asked) -> tuple[object, ...]:
    write = asked.write
    if isinstance(write, SetItem):
        return ("s", *write.at, write.value, write.now_ms, write.told_ms)
    if isinstance(write, DeleteItem):
        return ("d", *write.at, None, None, write.told_ms)
    assert isinstance(write, SendEvent)
    return ("e", write.stream, write.group, write.id, write.value, None, write.told_ms)


def _item_result(write: Write, told: Row | None) -> object:
    if isinstance(write, SetItem):
        if told is None:
            return ValueLost("The item is stored, but the connection broke before the answer came.")
        return told[2] == "c", told[4]
    if isinstance(write, DeleteItem):
        return None if told is None else (told[3], told[4])
    return None
