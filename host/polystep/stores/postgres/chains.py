"""All writes of one group to one key of the state, as one row of its call.

A group has each key once: a later write of it has to see what the earlier one leaves. So the writes of a key are worked
out here, one after the other, and the database gets what is left of them.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from polystep.contracts.errors import PolystepError
from polystep.stores.postgres.failures import write_failure
from polystep.stores.postgres.writes import Asked, DeleteState, SetState, StateKey, UpdateState

WRITE: Final = 0
"""Write the value, whatever is there."""
TAKE: Final = 1
"""Remove the key and return its value."""
SWAP: Final = 2
"""Write or remove if the stored value is still the one that was seen."""
REMOVE: Final = 3
"""Remove the key, whatever is there."""


class StateRow(NamedTuple):
    """Row of the call: one key, and its fate."""

    kind: int
    value: bytes | None
    seen: bytes | None = None


class Chain:
    """Writes of one key, in the order in which they were asked for."""

    def __init__(self, at: StateKey) -> None:
        self.at = at
        self.asked: list[Asked] = []
        self.results: list[object] = []
        """One for each of `asked`; valid once `row` was called, but that of the first removal, which the call finds."""

    @property
    def needs_value(self) -> bool:
        """The stored value must be known before the row can be made."""
        first = self.asked[0].write
        return isinstance(first, UpdateState) or (isinstance(first, DeleteState) and len(self.asked) > 1)

    @property
    def is_take(self) -> bool:
        """The call returns the only result."""
        return len(self.asked) == 1 and isinstance(self.asked[0].write, DeleteState)

    def row(self, found: bytes | None, place: str) -> StateRow | None:
        """Work out the results and what is to be written; `None` when nothing is.

        Args:
            found: What is stored, where `needs_value`.
            place: The database, for messages.
        """
        if self.is_take:
            return StateRow(TAKE, None)
        value = found
        self.results = []
        for asked in self.asked:
            result, value = _apply(asked.write, value, place)
            self.results.append(result)
        if not self.needs_value:
            return StateRow(REMOVE if value is None else WRITE, value)
        return None if value == found else StateRow(SWAP, value, found)

    def answer(self) -> None:
        """Answer those who asked."""
        for asked, result in zip(self.asked, self.results, strict=True):
            asked.answer(result)


def _apply(write: object, value: bytes | None, place: str) -> tuple[object, bytes | None]:
    """Return the result of one write, and the value after it."""
    if isinstance(write, SetState):
        return None, write.value
    if isinstance(write, DeleteState):
        return value, None
    assert isinstance(write, UpdateState)
    try:
        made = write.change(value)
    except PolystepError as error:
        return error, value
    except Exception as error:  # noqa: BLE001 - the failure belongs to the one who asked for the change
        return write_failure(place, error), value
    return made, made
