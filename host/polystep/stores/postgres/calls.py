"""Calls of a lane: each is one statement, which is committed when it is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias

from polystep.contracts.errors import PolystepError
from polystep.contracts.storage import ValueLost
from polystep.stores.postgres.driver import Row
from polystep.stores.postgres.writes import Asked, ClearState, RenameState

Ask: TypeAlias = Callable[..., Awaitable[list[Row]]]
"""Runs a statement that only reads."""

CLEARED_AT_ONCE: Final = 1000
"""Keys that one call removes of a group of the state: others write the rows beside them meanwhile."""

_BEAT: Final = "SELECT {schema}.fence_1($1, $2, $3)"
_VALUE: Final = "SELECT value FROM {schema}.state WHERE grp = $1 AND key = $2"
_RENAME: Final = "SELECT {schema}.rename_1($1, $2, $3, $4, $5, $6, $7)"
_CLEAR: Final = "SELECT * FROM {schema}.clear_1($1, $2, $3, $4, $5, $6)"


def numbered(count: int) -> str:
    """Return the places of so many arguments, as the text of a statement names them: `$1, $2, …`."""
    return ", ".join(f"${number}" for number in range(1, count + 1))


class Statement(NamedTuple):
    """Text and arguments of a call; before them come the lane, its epoch and the number of the call."""

    sql: str
    arguments: Sequence[object] = ()


class Mark(NamedTuple):
    """State of a lane's row when a connection has taken it over."""

    seq: int
    """Number of the last call that is committed."""
    swapped: Sequence[int] = ()
    """Places of what the last call with such writes has changed."""
    refused: Sequence[int] = ()
    """Places of deliveries that were not current."""
    notes: str | None = None
    """Answer of the last call that notes one, as JSON."""


class Call(Protocol):
    """One call."""

    @property
    def is_wanted(self) -> bool:
        """Somebody waits for it, or it is wanted for itself."""
        ...

    @property
    def announces(self) -> bool:
        """Something of it is for the subscribers of streams."""
        ...

    async def prepare(self, ask: Ask, place: str) -> Statement | None:
        """Make the statement; `None` when none is needed any more. Called again before it is sent again."""
        ...

    def heard(self, rows: Sequence[Row]) -> list[Asked]:
        """Answer those who wait; returns what has to be made again."""
        ...

    def recall(self, lane: int, seq: int) -> Sequence[Statement]:
        """Return statements that only read, and find what a call of this number has answered."""
        ...

    def unheard(self, mark: Mark, rows: Sequence[Row]) -> list[Asked]:
        """Answer likewise, of a call that was committed while its answer was lost, with what was found of it."""
        ...

    def fail(self, failure: PolystepError) -> None:
        """Answer all that wait with a failure."""
        ...

    def drop(self, before_s: float, failure: PolystepError) -> None:
        """Fail what was asked for before a time."""
        ...

    def parts(self) -> Sequence[Call]:
        """Divide it, so that a failure is that of one."""
        ...


class Beat:
    """Says that the lane lives."""

    is_wanted = True
    announces = False

    async def prepare(self, ask: Ask, place: str) -> Statement:
        """Move the mark."""
        return Statement(_BEAT)

    def heard(self, rows: Sequence[Row]) -> list[Asked]:
        """Nobody waits."""
        return []

    def recall(self, lane: int, seq: int) -> Sequence[Statement]:
        """The mark says all."""
        return ()

    def unheard(self, mark: Mark, rows: Sequence[Row]) -> list[Asked]:
        """Nobody waits."""
        return []

    def fail(self, failure: PolystepError) -> None:
        """Nobody waits."""

    def drop(self, before_s: float, failure: PolystepError) -> None:
        """Nobody waits."""

    def parts(self) -> Sequence[Call]:
        """It is one."""
        return [self]


class Plain:
    """One statement whose answer is made of its rows."""

    announces = False

    def __init__(
        self,
        asked: Asked,
        statement: Statement,
        answer: Callable[[Sequence[Row]], object],
        unheard: Callable[[Mark, Sequence[Row]], object] | None = None,
        recall: Callable[[int, int], Sequence[Statement]] = lambda *_: (),
    ) -> None:
        """Make it.

        Args:
            asked: Who wants it.
            statement: Its text and arguments.
            answer: Makes the answer of the rows.
            unheard: Makes it when they were lost; without it the statement is made again, and must bear that.
            recall: As of a call.
        """
        self._asked = asked
        self._statement = statement
        self._answer = answer
        self._unheard = unheard
        self._recall = recall

    @property
    def is_wanted(self) -> bool:
        """It is not answered."""
        return not self._asked.waiter.done()

    async def prepare(self, ask: Ask, place: str) -> Statement | None:
        """Nothing is to be read."""
        return self._statement

    def heard(self, rows: Sequence[Row]) -> list[Asked]:
        """Answer."""
        self._asked.answer(self._answer(rows))
        return []

    def recall(self, lane: int, seq: int) -> Sequence[Statement]:
        """Return those that the maker of the call has given."""
        return self._recall(lane, seq)

    def unheard(self, mark: Mark, rows: Sequence[Row]) -> list[Asked]:
        """Answer, or make it again."""
        if self._unheard is None:
            return [self._asked]
        self._asked.answer(self._unheard(mark, rows))
        return []

    def fail(self, failure: PolystepError) -> None:
        """Answer with a failure."""
        self._asked.answer(failure)

    def drop(self, before_s: float, failure: PolystepError) -> None:
        """Fail it when it is old."""
        if self._asked.asked_s < before_s:
            self._asked.answer(failure)

    def parts(self) -> Sequence[Call]:
        """It is one."""
        return [self]


class Rename:
    """Moves a value to another key of its group."""

    announces = False

    def __init__(self, asked: Asked) -> None:
        assert isinstance(asked.write, RenameState)
        self._asked = asked
        self._write = asked.write
        self._found: bytes | None = None

    @property
    def is_wanted(self) -> bool:
        """It is not answered."""
        return not self._asked.waiter.done()

    async def prepare(self, ask: Ask, place: str) -> Statement | None:
        """Read the value; the call moves it if it is still there."""
        (group, key), to, is_wanted = self._write
        rows = await ask(_VALUE, group, key)
        self._found = rows[0][0] if rows else None
        if self._found is None or not is_wanted(self._found):
            self._asked.answer(self._found)
            return None
        return Statement(_RENAME, (group, key, to, self._found))

    def heard(self, rows: Sequence[Row]) -> list[Asked]:
        """Answer, unless another host was faster."""
        result = rows[0][0]
        if result == "changed":
            return [self._asked]
        self._asked.answer("taken" if result == "taken" else self._found)
        return []

    def recall(self, lane: int, seq: int) -> Sequence[Statement]:
        """The mark says all."""
        return ()

    def unheard(self, mark: Mark, rows: Sequence[Row]) -> list[Asked]:
        """Answer when it was moved, else look again."""
        if not mark.swapped:
            return [self._asked]
        self._asked.answer(self._found)
        return []

    def fail(self, failure: PolystepError) -> None:
        """Answer with a failure."""
        self._asked.answer(failure)

    def drop(self, before_s: float, failure: PolystepError) -> None:
        """Fail it when it is old."""
        if self._asked.asked_s < before_s:
            self._asked.answer(failure)

    def parts(self) -> Sequence[Call]:
        """It is one."""
        return [self]


class Clear:
    """Removes a group of the state, some keys with each call."""

    announces = False

    def __init__(self, asked: Asked) -> None:
        write = asked.write
        assert isinstance(write, ClearState)
        self.group = write.group
        self.is_over = False
        self._asked = asked
        self._after: bytes | None = None
        """The last key that was removed."""
        self._removed = 0
        self._is_exact = True

    @property
    def is_wanted(self) -> bool:
        """It is not over."""
        return not self.is_over

    async def prepare(self, ask: Ask, place: str) -> Statement:
        """Go on behind the last key."""
        return Statement(_CLEAR, (self.group, self._after, CLEARED_AT_ONCE))

    def heard(self, rows: Sequence[Row]) -> list[Asked]:
        """Count, and answer when no key is left."""
        removed, self._after = rows[0]
        self._removed += removed
        if removed < CLEARED_AT_ONCE:
            self._end(
                self._removed
                if self._is_exact
                else ValueLost("The group is removed, but the connection broke before its keys had been counted.")
            )
        return []

    def recall(self, lane: int, seq: int) -> Sequence[Statement]:
        """The mark says all."""
        return ()

    def unheard(self, mark: Mark, rows: Sequence[Row]) -> list[Asked]:
        """Go on, without the number."""
        self._is_exact = False
        return []

    def fail(self, failure: PolystepError) -> None:
        """End it."""
        self._end(failure)

    def drop(self, before_s: float, failure: PolystepError) -> None:
        """End it."""
        if self._asked.asked_s < before_s:
            self._end(failure)

    def parts(self) -> Sequence[Call]:
        """It is one."""
        return [self]

    def _end(self, result: object) -> None:
        self.is_over = True
        self._asked.answer(result)
