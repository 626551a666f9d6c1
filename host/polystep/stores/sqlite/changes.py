"""Changes of stream items on their way to the hosts of one process."""

from __future__ import annotations

from polystep.contracts.events import ChangeType, StoredChange
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.streams import ChangeListener
from polystep.contracts.values import JSONObject


class SqliteChanges:
    """Hands each change to every host, in the order of the commits, with the next timestamp."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_ms = 0
        self._listeners: list[ChangeListener] = []

    def next_timestamp_ms(self) -> int:
        """Return now, or one more than the last timestamp: clients drop what is not newer."""
        self._last_ms = max(self._clock.now_ms(), self._last_ms + 1)
        return self._last_ms

    def add(self, listener: ChangeListener) -> None:
        """Hand changes to a host from now on."""
        self._listeners.append(listener)

    def remove(self, listener: ChangeListener) -> None:
        """Hand changes to a host no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def announce(
        self,
        type_: ChangeType,
        key: tuple[str, str, str | None],
        value: bytes,
        created_at_ms: int,
        data: JSONObject | None,
    ) -> None:
        """Hand a change on; `key` is stream, group and id."""
        change = StoredChange(type_, *key, value, created_at_ms, data, self.next_timestamp_ms())
        for listener in self._listeners:
            listener(change)


class LocalChanges:
    """Implements `ChangeFeed` between hosts in one process. The store announces changes when their commit is known."""

    def __init__(self, changes: SqliteChanges) -> None:
        self._changes = changes
        self._listener: ChangeListener | None = None
        self.next_timestamp_ms = changes.next_timestamp_ms

    def listen(self, listener: ChangeListener) -> None:
        """Take part."""
        self.close()
        self._listener = listener
        self._changes.add(listener)

    def close(self) -> None:
        """Take part no more."""
        if self._listener is not None:
            self._changes.remove(self._listener)
            self._listener = None

    def send(self, stream: str, group: str, id: str | None, value: bytes, data: JSONObject) -> None:
        """Hand an event on."""
        self._changes.announce("event", (stream, group, id), value, 0, data)
