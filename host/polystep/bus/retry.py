"""Backoff: the pause before the next attempt of a delivery that failed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential delays with jitter: 1 s, 2 s, 4 s … up to `max_s`, each up to a quarter longer.

    The jitter keeps deliveries that failed together, say when a service went down, from coming back together.
    """

    first_s: float = 1.0
    max_s: float = 300.0
    jitter: float = 0.25
    random: random.Random = field(default_factory=random.Random)

    def delay_ms(self, failures: int) -> int:
        """Return the milliseconds before the next attempt after `failures` failed ones (at least 1)."""
        base_s = min(self.first_s * 2.0 ** min(failures - 1, 30), self.max_s)
        return round(base_s * (1 + self.jitter * self.random.random()) * 1000)
