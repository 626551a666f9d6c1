"""Sessions of browsers that have signed in: kept in the memory of this start, bounded, and over after a time."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from polystep.contracts.limits import SESSIONS_MAX
from polystep.contracts.ports.clock import Clock

_SECRET_BYTES: Final = 32


class Sessions:
    """Knows which session ids are good, and until when.

    Only hashes of the ids are kept, and looked up: how long that takes tells nothing about an id. The ids have nothing
    to do with the token: browsers send a cookie to every port of a machine, so other local servers may see it.
    """

    def __init__(self, clock: Clock, session_s: float) -> None:
        self._clock = clock
        self.session_s = session_s
        self._ends_s: dict[bytes, float] = {}

    def begin(self) -> str:
        """Return the id of a new session; beyond `SESSIONS_MAX` the oldest one ends."""
        now_s = self._clock.monotonic_s()
        for over in [key for key, end_s in self._ends_s.items() if end_s <= now_s]:
            del self._ends_s[over]
        while len(self._ends_s) >= SESSIONS_MAX:
            del self._ends_s[next(iter(self._ends_s))]
        session = secrets.token_urlsafe(_SECRET_BYTES)
        self._ends_s[_hashed(session)] = now_s + self.session_s
        return session

    def left_s(self, session: str) -> float:
        """Return how long a session still holds; 0 for one that is over, or that never was."""
        end_s = self._ends_s.get(_hashed(session), 0.0) if session else 0.0
        return max(0.0, end_s - self._clock.monotonic_s())

    def end(self, session: str) -> None:
        """Forget a session: its cookie is good for nothing from here on."""
        self._ends_s.pop(_hashed(session), None)


def _hashed(session: str) -> bytes:
    return hashlib.sha256(session.encode("utf-8", "surrogateescape")).digest()
