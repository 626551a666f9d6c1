"""Port of whatever takes trace records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from polystep.contracts.trace import TraceRecord


class TraceSink(Protocol):
    """Sink that takes batches of trace records, such as a store, a live feed or an exporter.

    A sink is off the hot path: it gets a batch some tenths of a second after the first of its records, and one batch
    at a time. Records are shared between sinks and never change.
    """

    async def write(self, records: Sequence[TraceRecord]) -> None:
        """Take records, in the order they were recorded; a failure is an exception."""
        ...
