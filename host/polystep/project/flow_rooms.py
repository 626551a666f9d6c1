"""Rooms that work with the flow: each switch gives all of them the new one at one moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from polystep.bus import Bus
from polystep.contracts.ports.schedule import Schedule
from polystep.contracts.steps import CronTrigger, Flow
from polystep.streams import Streams


@dataclass(frozen=True, slots=True)
class FlowRooms:
    """Bus, streams and schedule of one project, and the writer of its types."""

    bus: Bus
    streams: Streams
    schedule: Schedule
    types: Callable[[Flow], None] = lambda _: None

    def switch(
        self,
        flow: Flow,
        declared: Flow,
        triggers: Mapping[str, CronTrigger],
        known: Sequence[tuple[str, str]],
        *,
        is_complete: bool,
    ) -> None:
        """Give the rooms the flow that is loaded.

        Args:
            flow: The files that load.
            declared: The same, and the last declarations of files that do not load.
            triggers: Cron steps of `declared`.
            known: Steps and topics of files that do not load: their events wait.
            is_complete: No file can hold a subscriber that is unknown.
        """
        self.bus.replace(flow, known, is_complete=is_complete, waiting=declared.steps.values())
        self.streams.replace(dict(declared.streams))
        self.schedule.replace(triggers)
