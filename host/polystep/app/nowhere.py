"""Notices about events that reach no step: once per topic on the console, and on the trace of each event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from polystep.app.console import Console
from polystep.contracts.steps import Flow

TOPICS_MAX: Final = 1000
"""Topics that are remembered as shown: a step may make up names without end."""


class Nowhere:
    """Warns once per topic; silent in production, where the trace and the findings at start say it."""

    def __init__(self, console: Console, flow: Callable[[], Flow], *, dev: bool) -> None:
        self._console = console
        self._flow = flow
        self._dev = dev
        self._told: set[str] = set()

    def notice(self, topic: str) -> str:
        """Return what the trace says of such an event; warn when it is the first of its topic."""
        message = f"No step subscribes to {topic}: the event went nowhere."
        if self._dev and topic not in self._told and len(self._told) < TOPICS_MAX and not self._leaves(topic):
            self._told.add(topic)
            self._console.warning(
                f"{message} Add the topic to `subscribes` of an event step, or to `virtualSubscribes` where something "
                "outside takes it. This is shown once per topic."
            )
        return message

    def _leaves(self, topic: str) -> bool:
        """Report whether a config says that something outside the project takes the topic."""
        return any(topic in step.virtual_subscribes for step in self._flow().steps.values())
