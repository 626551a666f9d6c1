"""Slots: permissions for one attempt to run, of each step and of all steps together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from polystep.contracts.events import Delivery

UNKNOWN: Final = 1_000_000
"""Stands for the number of due deliveries of a step when nobody has counted them."""


class Slots:
    """Counts what runs, and chooses the steps whose deliveries are claimed next.

    A slot is taken from the moment a delivery is asked for, or stored as claimed, until its handler has ended.
    """

    def __init__(self, total: int, limit: Callable[[str], int]) -> None:
        """Start with all slots free.

        Args:
            total: Slots of all steps together.
            limit: Slots of one step; 0 when it is not loaded.
        """
        self._total = total
        self._limit = limit
        self._taken = 0
        self._taken_by: dict[str, int] = {}
        self._due: dict[str, int] = {}
        """Number of due deliveries by step, in the order in which the steps got them."""
        self._backlogged: dict[str, None] = {}
        """Steps whose last claim was cut by a limit, so there may be more; the one served last is at the end."""

    @property
    def has_due(self) -> bool:
        """Something is to be claimed."""
        return bool(self._due)

    def is_waiting(self, step: str) -> bool:
        """Report whether a step has deliveries that are to be claimed, or may have some."""
        return step in self._due or step in self._backlogged

    def add_due(self, steps: Iterable[str], count: int = UNKNOWN) -> None:
        """Count so many more due deliveries of each step."""
        for step in steps:
            self._due[step] = min(self._due.get(step, 0) + count, UNKNOWN)

    def take_for_new(self, step: str) -> bool:
        """Take a slot for a delivery that is about to be stored; False when it would overtake another.

        A step does not overtake its own backlog. Once half of the global slots are taken, refuse early claims while a
        waiting step could use a slot.
        """
        if self.is_waiting(step) or self._free(step) <= 0:
            return False
        if self._taken >= self._total // 2 and any(self._free(each) > 0 for each in (*self._due, *self._backlogged)):
            return False
        self._take(step, 1)
        return True

    def take_for_due(self) -> dict[str, int]:
        """Take the slots for a claim; returns the number by step.

        Steps that find no slot left stay due, in their order.
        """
        had_room = self._taken < self._total
        wants: dict[str, int] = {}
        for step in list(self._due):
            if had_room and self._taken >= self._total:
                break
            due = self._due.pop(step)
            if not self._limit(step):
                continue
            count = min(self._free(step), due)
            if count < due:
                self._backlogged.setdefault(step)
            if count > 0:
                wants[step] = count
                self._take(step, count)
        return wants

    def give_back_unused(self, wants: Mapping[str, int], claimed: Sequence[Delivery]) -> set[str]:
        """Give back the slots that a claim did not use; returns the steps with fewer due deliveries than slots."""
        left = dict(wants)
        for delivery in claimed:
            left[delivery.step] -= 1
        for step, unused in left.items():
            if step in self._backlogged:
                del self._backlogged[step]
                if unused == 0:
                    self._backlogged[step] = None
            self._take(step, -unused)
        self._add_backlogged()
        return {step for step, unused in left.items() if unused}

    def give_back(self, step: str, *, apart: bool = False) -> None:
        """Give back the slot of an attempt; steps that were cut short and can use it are due again.

        They come before steps that have just got something due, or a busy step would keep the others out for good.
        """
        self._take(step, -1)
        self._taken += apart
        self._add_backlogged()

    def set_apart(self, step: str) -> None:
        """Free the global slot of an attempt that runs apart from the others.

        It counts for its step until `give_back` with `apart`.
        """
        self._taken -= 1
        self._add_backlogged()

    def _add_backlogged(self) -> None:
        able = {each: UNKNOWN for each in self._backlogged if self._free(each) > 0}
        if able:
            self._due = {**able, **{name: count for name, count in self._due.items() if name not in able}}

    def _free(self, step: str) -> int:
        return min(self._limit(step) - self._taken_by.get(step, 0), self._total - self._taken)

    def _take(self, step: str, count: int) -> None:
        self._taken += count
        self._taken_by[step] = self._taken_by.get(step, 0) + count
