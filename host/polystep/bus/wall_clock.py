"""Watch on the wall clock: due times are stored by it, and would wait for hours after it was set back."""

from __future__ import annotations

from typing import Final

from polystep.contracts.ports.clock import Clock

STEP_MS: Final = 250
"""A wall clock that falls this far behind the steady one was set; time services correct it by far less."""


class WallClock:
    """Compares the wall clock with the steady one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wall_ms, self._steady_s = clock.now_ms(), clock.monotonic_s()
        self.behind_ms = 0
        """Distance that it was set back, until the due times have been moved along."""

    def look(self) -> bool:
        """Look at both clocks; returns whether the wall clock was set back and due times are to be moved."""
        wall_ms, steady_s = self._clock.now_ms(), self._clock.monotonic_s()
        moved_ms = wall_ms - self._wall_ms - (steady_s - self._steady_s) * 1000
        self._wall_ms, self._steady_s = wall_ms, steady_s
        if moved_ms <= -STEP_MS:
            self.behind_ms -= round(moved_ms)
        return self.behind_ms > 0
