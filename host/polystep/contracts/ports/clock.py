"""Port of time."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Source of time."""

    def now_ms(self) -> int:
        """Return Unix time in milliseconds."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds that never go back, for durations."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Return after `delay_s` seconds; at once when it is not positive."""
        ...
