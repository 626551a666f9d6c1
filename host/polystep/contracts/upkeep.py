"""The store port for what happens to a queue as a whole: its size, its purge, a clock that was set back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from polystep.contracts.events import Delivery
from polystep.contracts.values import JSONObject


class QueueUpkeep(Protocol):
    """Changes to all deliveries at once; part of `QueueStore`."""

    async def move_due(self, now_ms: int, back_ms: int | None) -> int:
        """Move due times along with a wall clock that was set back; returns how many deliveries were concerned.

        Concerned is what was stored or retried later than `now_ms` by the clock of that time. Such a delivery is due
        `back_ms` earlier; with `None`, when nobody knows how far the clock was moved, its delay counts from now.
        """
        ...

    async def postpone(self, delivery: Delivery, run_at_ms: int) -> bool:
        """Make a claimed delivery due at `run_at_ms` without using up a failure; False when it was superseded."""
        ...

    async def queue_sizes(self) -> list[tuple[str, int, int]]:
        """`(step, deliveries, bytes of their data)` of what is not finished, in the order of the writes around it."""
        ...

    async def purge(self, step: str, limit: int, upto_id: int) -> Sequence[str]:
        """Remove up to `limit` deliveries of a step that wait, with ids up to `upto_id`; returns their runs.

        What runs is not removed. A FIFO key goes on with what is left of it. Of `UNKNOWN_STEP`, parked events.
        """
        ...

    async def last_id(self, step: str) -> int:
        """The id of the newest delivery of a step, or of the newest parked event; 0 when there is none."""
        ...

    async def purge_dead_letters(self, step: str | None) -> int:
        """Remove the dead letters of a step, or all; returns how many."""
        ...


class PurgeAdmin(Protocol):
    """What the admin API empties; part of `Admin`."""

    async def purge(self, step: str) -> JSONObject | None:
        """Remove what waits for a step; `{step, removed}`, `None` when no such step is known and nothing waits."""
        ...

    async def purge_dead_letters(self, step: str | None) -> JSONObject:
        """Remove the dead letters of a step, or all; `{step, removed}`."""
        ...
