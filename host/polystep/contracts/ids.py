"""Ids of traces, runs and events: unique, not secret."""

from __future__ import annotations

import os
import random
import time
from typing import Final

_COUNT_BITS: Final = 20
"""Of a run id: a million ids a second."""
_TAG_BITS: Final = 12
"""Of a run id, drawn by each process: what was made before a kill and after the restart, in one second, differs."""


class Ids:
    """Makes ids in the sizes of W3C trace context. Their order is that of time, to the second.

    So rows of new traces and runs lie at the end of what is stored, and cost the same however much there is: with
    random ids, each batch touches pages all over the file (40 % dearer at 60 MB). One of these makes
    all run ids of a process: two would draw their tags and could meet.
    """

    def __init__(self) -> None:
        # Seeded once from the system's randomness: asking the system each time took 6 % of a busy host.
        self._random = random.Random(os.urandom(32))
        self._tag = self._random.getrandbits(_TAG_BITS) << _COUNT_BITS
        self._count = self._random.getrandbits(_COUNT_BITS)

    def run(self) -> str:
        """Return 16 hex digits, never all zero: the second, the process, and a count."""
        self._count = (self._count + 1) & ((1 << _COUNT_BITS) - 1)
        return f"{int(time.time()) << 32 | self._tag | self._count:016x}"

    def trace(self) -> str:
        """Return 32 hex digits, never all zero: the second, and 96 random bits."""
        return f"{int(time.time()) << 96 | self._random.getrandbits(96):032x}"
