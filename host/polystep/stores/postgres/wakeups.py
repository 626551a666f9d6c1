"""Calls between the hosts on one database, as notifications that name steps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Final

import orjson

from polystep.contracts.ports.wakeups import WakeupListener

_PAYLOAD_BYTES_MAX: Final = 7000
"""Of one notification; PostgreSQL takes less than 8,000 bytes."""


class PostgresWakeups:
    """Implements `Wakeups`. Steps that are announced at once share a notification; one that is lost is no loss."""

    def __init__(self, host: Callable[[], int], tell: Callable[[], None]) -> None:
        """Prepare.

        Args:
            host: Returns the id of this host: its own calls come back to it.
            tell: Asks for `take` soon.
        """
        self._host = host
        self._tell = tell
        self._listener: WakeupListener | None = None
        self._due: set[str] = set()
        self._freed: set[str] = set()
        self._must_greet = False
        self.has_peers = False
        """An attribute, not a property: it is read for every delivery."""

    def listen(self, listener: WakeupListener) -> None:
        """Take part."""
        self._listener = listener

    def close(self) -> None:
        """Take part no more."""
        self._listener = None

    def announce(self, due: Collection[str] = (), freed: Collection[str] = ()) -> None:
        """Notify the other hosts soon."""
        if self.has_peers and (due or freed):
            self._due.update(due)
            self._freed.update(freed)
            self._tell()

    def greet(self) -> None:
        """Let the others know that they have a peer."""
        self._must_greet = True
        self._tell()

    def take(self) -> list[str]:
        """Return the payloads of what was announced, and forget it; one at least, for those who only look."""
        due, self._due = self._due, set()
        freed, self._freed = self._freed, set()
        calls = [*((0, step) for step in sorted(due)), *((1, step) for step in sorted(freed))]
        payloads = [orjson.dumps([self._host(), *part]).decode() for part in _parts(calls)]
        if self._must_greet and not payloads:
            payloads = [orjson.dumps([self._host()]).decode()]
        self._must_greet = False
        return payloads or [""]

    def hear(self, payload: str) -> None:
        """Pass a call of another host on."""
        if not payload:
            return
        host, *calls = orjson.loads(payload)
        if host == self._host():
            return
        self.has_peers = True
        if calls and self._listener is not None:
            self._listener(
                {step for is_freed, step in calls if not is_freed}, {step for is_freed, step in calls if is_freed}
            )


def _parts(calls: list[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """Divide calls into parts that fit into a notification."""
    part: list[tuple[int, str]] = []
    size = 0
    for call in calls:
        more = len(orjson.dumps(call)) + 1
        if part and size + more > _PAYLOAD_BYTES_MAX:
            yield part
            part, size = [], 0
        part.append(call)
        size += more
    if part:
        yield part
