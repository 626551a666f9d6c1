"""Notices about events without a subscriber: once per topic in the terminal, and in the trace of each event."""

from __future__ import annotations

from typing import Final

from polystep.contracts.ports.reporter import Reporter
from polystep.discovery import Loaded

TOPICS_MAX: Final = 1000
"""Topics that are remembered as shown: a step may make up names without end."""


class UnroutedEvents:
    """Reporter that warns once per topic; silent in production, where traces and findings say the same."""

    def __init__(self, reporter: Reporter, loaded: Loaded, *, dev: bool) -> None:
        self._reporter = reporter
        self._loaded = loaded
        self._dev = dev
        self._shown: set[str] = set()

    def notice(self, topic: str) -> str:
        """Return the notice for the trace of such an event; warn when it is the first of its topic."""
        message = f"No step subscribes to {topic}: the event went nowhere."
        if self._dev and topic not in self._shown and len(self._shown) < TOPICS_MAX and not self._leaves(topic):
            self._shown.add(topic)
            self._reporter.warning(
                f"{message} Add the topic to `subscribes` of an event step, or to `virtualSubscribes` where something "
                "outside takes it. This is shown once per topic."
            )
        return message

    def _leaves(self, topic: str) -> bool:
        """Report whether a config names something outside the project that takes the topic."""
        return any(topic in step.virtual_subscribes for step in self._loaded.flow.steps.values())
