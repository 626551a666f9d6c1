"""The store port for what happens to a queue as a whole: a clock that was set back."""

from __future__ import annotations

from typing import Protocol


class QueueUpkeep(Protocol):
    """Changes to all deliveries at once; part of `QueueStore`."""

    async def move_due(self, now_ms: int, back_ms: int | None) -> int:
        """Move due times along with a wall clock that was set back; returns how many deliveries were concerned.

        Concerned is what was stored or retried later than `now_ms` by the clock of that time. Such a delivery is due
        `back_ms` earlier; with `None`, when nobody knows how far the clock was moved, its delay counts from now.
        """
        ...
