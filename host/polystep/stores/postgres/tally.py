"""Number and bytes of what is kept, as far as one host knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from polystep.stores.postgres.calls import Ask

_COUNTED_FOR_MS: Final = 60_000
"""Time after which it is counted again: other hosts add some too."""


class Tally:
    """Counts now and then, and near the bounds each time: a number that every call would change would be one lock."""

    def __init__(self, sql: str, bounds: Callable[[], tuple[int, int]]) -> None:
        """Begin without a number.

        Args:
            sql: Counts both.
            bounds: Returns the number and the bytes that may be.
        """
        self._sql = sql
        self._bounds = bounds
        self._counted_ms: int | None = None
        self.count = 0
        self.bytes = 0

    async def is_full(self, ask: Ask, now_ms: int) -> bool:
        """Report whether there is no room for one more."""
        is_old = self._counted_ms is None or not 0 <= now_ms - self._counted_ms < _COUNTED_FOR_MS
        if is_old or self._is_beyond():
            ((self.count, self.bytes),) = await ask(self._sql)
            self._counted_ms = now_ms
        return self._is_beyond()

    def _is_beyond(self) -> bool:
        count_max, bytes_max = self._bounds()
        return self.count >= count_max or self.bytes >= bytes_max
