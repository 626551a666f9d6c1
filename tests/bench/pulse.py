"""Notices when the whole machine stood still: a virtual machine that was paused, a laptop that slept."""

from __future__ import annotations

import threading
import time
from typing import Final, Self

BEAT_S: Final = 0.05
GAP_S: Final = 0.5
"""A thread that only sleeps gets a processor far sooner, however busy they are."""


class Pulse:
    """A thread that sleeps and looks at the clock; the time that it missed is missing in every figure too."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._gaps_s: list[float] = []
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def take(self) -> list[float]:
        """Seconds of each standstill since the last call."""
        with self._lock:
            gaps_s, self._gaps_s = self._gaps_s, []
        return gaps_s

    def _beat(self) -> None:
        began_s = time.monotonic()
        while not self._stopped.wait(BEAT_S):
            now_s = time.monotonic()
            if now_s - began_s - BEAT_S > GAP_S:
                with self._lock:
                    self._gaps_s.append(now_s - began_s - BEAT_S)
            began_s = now_s
