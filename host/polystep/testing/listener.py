"""Listener to changes of streams."""

from __future__ import annotations

from polystep.contracts.events import StreamChange


class StreamListener:
    """Subscriber of a stream that keeps what it gets."""

    def __init__(self) -> None:
        self.changes: list[StreamChange] = []

    def changed(self, change: StreamChange) -> None:
        """Keep a change."""
        self.changes.append(change)

    @property
    def seen(self) -> list[tuple[str, str, str | None]]:
        """Return type, group and id of each change."""
        return [(change.type, change.group, change.id) for change in self.changes]
