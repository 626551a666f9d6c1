"""Who may run: the places of each step and of all together, and the steps that wait for one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from polystep.contracts.events import Delivery

UNKNOWN: Final = 1_000_000
"""Stands for how many deliveries a step has that are due, when nobody has counted."""


class Places:
    """Counts what runs, and chooses whose deliveries are claimed next.

    A place is taken from when a delivery is asked for, or stored as claimed, until its handler has ended.
    """

    def __init__(self, total: int, limit: Callable[[str], int]) -> None:
        """Start with all places free.

        Args:
            total: Places of all steps together.
            limit: Places of one step; 0 when it is not loaded.
        """
        self._total = total
        self._limit = limit
        self._taken = 0
        self._taken_by: dict[str, int] = {}
        self._hot: dict[str, int] = {}
        """Steps that have something due, in the order in which they became so, and how much."""
        self._backlogged: dict[str, None] = {}
        """Steps whose last claim was cut by a limit, so there may be more; who was served last stands at the end."""

    @property
    def is_hot(self) -> bool:
        """Whether there is something to claim."""
        return bool(self._hot)

    def is_waiting(self, step: str) -> bool:
        """Whether a step has something that is to be claimed, or may have."""
        return step in self._hot or step in self._backlogged

    def heat(self, steps: Iterable[str], count: int = UNKNOWN) -> None:
        """Each of these steps has so much more that is due."""
        for step in steps:
            self._hot[step] = min(self._hot.get(step, 0) + count, UNKNOWN)

    def take_early(self, step: str) -> bool:
        """Take a place for a delivery that is about to be stored, if that overtakes nobody.

        A step does not overtake its own backlog. Of the room that all share the second half is for those that wait:
        nothing takes of it early while one of them could.
        """
        if self.is_waiting(step) or self._free(step) <= 0:
            return False
        if self._taken >= self._total // 2 and any(self._free(each) > 0 for each in (*self._hot, *self._backlogged)):
            return False
        self._take(step, 1)
        return True

    def set_aside(self, step: str) -> None:
        """A delivery that has its place runs apart from the others: the room that all share is free for them.

        It counts for its step until `leave` with `aside`.
        """
        self._taken -= 1
        self._heat_able()

    def leave(self, step: str, *, aside: bool = False) -> None:
        """Give a place back; steps that were cut short and can use it are hot again.

        They come before what has just become hot, or a busy step would keep the others out for good.
        """
        self._take(step, -1)
        self._taken += aside
        self._heat_able()

    def _heat_able(self) -> None:
        able = {each: UNKNOWN for each in self._backlogged if self._free(each) > 0}
        if able:
            self._hot = {**able, **{name: count for name, count in self._hot.items() if name not in able}}

    def ask(self) -> dict[str, int]:
        """What to claim of which step; its places are taken. Steps that find no room left stay hot, in their order."""
        had_room = self._taken < self._total
        wants: dict[str, int] = {}
        for step in list(self._hot):
            if had_room and self._taken >= self._total:
                break
            due = self._hot.pop(step)
            if not self._limit(step):
                continue
            count = min(self._free(step), due)
            if count < due:
                self._backlogged.setdefault(step)
            if count > 0:
                wants[step] = count
                self._take(step, count)
        return wants

    def answer(self, wants: Mapping[str, int], claimed: Sequence[Delivery]) -> set[str]:
        """Give back the places that were asked for and not used; returns the steps that had more of them than due."""
        left = dict(wants)
        for delivery in claimed:
            left[delivery.step] -= 1
        for step, unused in left.items():
            if step in self._backlogged:
                del self._backlogged[step]
                if unused == 0:
                    self._backlogged[step] = None
            self._take(step, -unused)
        self._heat_able()
        return {step for step, unused in left.items() if unused}

    def _free(self, step: str) -> int:
        return min(self._limit(step) - self._taken_by.get(step, 0), self._total - self._taken)

    def _take(self, step: str, count: int) -> None:
        self._taken += count
        self._taken_by[step] = self._taken_by.get(step, 0) + count
