"""The store port of parked events: those of a topic without a known subscriber, while some file does not load."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from polystep.contracts.events import NewDelivery, ParkedEvent


class ParkedStore(Protocol):
    """Durable parked events; part of `QueueStore`, whose `enqueue` and `complete` park them."""

    async def parked(self, limit: int, after_id: int = 0) -> list[ParkedEvent]:
        """Parked events by id, which is the order in which they were stored."""
        ...

    async def parked_size(self) -> tuple[int, int]:
        """Number of parked events, and the bytes of their data."""
        ...

    async def parked_topics(self) -> list[tuple[str, int, int]]:
        """`(topic, events, when the oldest was stored in Unix ms)` of parked events that no step has got yet."""
        ...

    async def unpark(
        self, found: Sequence[tuple[ParkedEvent, Sequence[NewDelivery]]], *, keep: bool
    ) -> list[ParkedEvent]:
        """Store the deliveries of parked events; with `keep` they stay parked for further steps, else they are removed.

        Returns the events that were parked still, with the same `taken_by`; nothing is stored of the others.
        """
        ...
