"""Names for what happens: unique, not secret."""

from __future__ import annotations

import os
import random


class Ids:
    """Makes ids in the sizes of W3C trace context.

    Seeded once from the system's randomness: asking the system each time took 6 % of a busy host.
    """

    def __init__(self) -> None:
        self._random = random.Random(os.urandom(32))

    def run(self) -> str:
        """16 hex digits, never all zero."""
        return f"{self._random.getrandbits(64) or 1:016x}"

    def trace(self) -> str:
        """32 hex digits, never all zero."""
        return f"{self._random.getrandbits(128) or 1:032x}"
