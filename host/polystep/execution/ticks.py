"""Cron ticks on their way to the bus, and the notices of ticks that were skipped."""

from __future__ import annotations

from typing import Final

from polystep.bus import Bus
from polystep.contracts.ports.reporter import Reporter
from polystep.discovery import Loaded
from polystep.trace import TraceRecorder
from polystep.wire import pack

SKIPPED: Final = "This tick was skipped"
"""Beginning of the lines about ticks that did not fire; `cron_history` finds them by it."""
SKIPPED_PAUSED: Final = f"{SKIPPED}: the step is paused."


class Ticks:
    """Publisher of the ticks that the schedule fires."""

    def __init__(self, bus: Bus, recorder: TraceRecorder, reporter: Reporter, loaded: Loaded) -> None:
        self._bus = bus
        self._recorder = recorder
        self._reporter = reporter
        self._loaded = loaded

    async def fire(self, step: str, due_ms: int) -> None:
        """Publish a tick; one that comes while the tick before is at work, or waits, is skipped with a notice."""
        tick = await self._bus.publish_tick(step, pack(due_ms), due_ms)
        if tick.status != "busy":
            return
        if step in self._loaded.flow.steps:
            message = f"{SKIPPED}: the one before is still at work."
            self._reporter.warning(f"{step}: {message}")
        else:
            # The terminal has named the file; a step that fires every second must not fill it.
            message = f"{SKIPPED}: the one before waits for the step's file, which does not load."
        self._recorder.log("warn", message, step=step, source="host", time_ms=due_ms)

    def skipped(self, step: str, due_ms: int) -> None:
        """Take note of a tick of a step that is paused."""
        self._recorder.log("info", SKIPPED_PAUSED, step=step, source="host", time_ms=due_ms)

    def failed(self, step: str, error: Exception) -> None:
        """Show that a tick could not be stored."""
        self._reporter.error(f"{step}: its tick could not be stored: {error}")
