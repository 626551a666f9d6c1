"""Subscriptions of steps, stored for the next start: events wait for steps whose file does not load then."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.queue import QueueStore
from polystep.contracts.steps import Flow

_NO_TOPIC: Final = ""
"""Of a cron step: it has no topic, but ticks may wait for it too."""


class Subscriptions:
    """Stored rows of file, step and topic."""

    def __init__(self, queue: QueueStore, clock: Clock) -> None:
        self._queue = queue
        self._clock = clock
        self._rows: list[tuple[str, str, str]] = []

    async def read(self) -> None:
        """Read what the last start stored."""
        self._rows = await self._queue.subscriptions()

    def of_files(self, files: Collection[str]) -> list[tuple[str, str]]:
        """List the steps and topics of files that do not load."""
        return [(step, topic) for file, step, topic in self._rows if file in files and topic != _NO_TOPIC]

    async def save(self, flow: Flow, broken: Collection[str]) -> None:
        """Store the subscriptions of a flow; those of `broken` files stay."""
        rows = [
            (step.source.path, step.name, topic)
            for step in flow.steps.values()
            for topic in (step.topics or (_NO_TOPIC,) * (step.type == "cron"))
        ]
        rows += [row for row in self._rows if row[0] in broken]
        if sorted(set(rows)) != sorted(set(self._rows)):
            await self._queue.save_subscriptions(rows)
            self._rows = rows

    async def bury_orphans(self, flow: Flow, broken: Collection[str]) -> list[tuple[str, int]]:
        """Move the deliveries of steps that are in no file any more to the dead letters.

        Returns:
            Such steps, with the number of their deliveries.
        """
        known = [*flow.steps, *(step for file, step, _ in self._rows if file in broken)]
        gone = {"name": "step_not_found", "message": "No file of the project has this step any more."}
        return await self._queue.bury_orphans(known, {**gone}, self._clock.now_ms())
