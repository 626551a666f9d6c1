"""Who listens to what. A room is a stream's group, or one item of a group: never an id alone."""

from __future__ import annotations

from polystep.contracts.events import StreamChange
from polystep.contracts.ports import Clock, StreamSubscriber

_Room = tuple[str, str, str | None]


class Rooms:
    """Subscribers by room, and the order of their frames."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rooms: dict[_Room, dict[StreamSubscriber, None]] = {}
        self._joined: dict[StreamSubscriber, set[_Room]] = {}
        self._last_ms = 0

    def next_timestamp_ms(self) -> int:
        """Now, or one more than the last one given: clients drop what is not newer."""
        self._last_ms = max(self._clock.now_ms(), self._last_ms + 1)
        return self._last_ms

    def subscribe(self, subscriber: StreamSubscriber, stream: str, group: str, id: str | None) -> None:
        """Join a room; twice is once."""
        room = (stream, group, id)
        self._rooms.setdefault(room, {})[subscriber] = None
        self._joined.setdefault(subscriber, set()).add(room)

    def unsubscribe(self, subscriber: StreamSubscriber, stream: str, group: str, id: str | None) -> None:
        """Leave a room; one that was never joined is fine."""
        room = (stream, group, id)
        joined = self._joined.get(subscriber)
        if joined is None or room not in joined:
            return
        joined.discard(room)
        if not joined:
            del self._joined[subscriber]
        self._leave(subscriber, room)

    def forget(self, subscriber: StreamSubscriber) -> None:
        """Leave every room."""
        for room in self._joined.pop(subscriber, ()):
            self._leave(subscriber, room)

    def tell(self, change: StreamChange) -> None:
        """Hand a change to everyone in its group's room and its item's room, once each."""
        group_room = self._rooms.get((change.stream, change.group, None), {})
        item_room = {} if change.id is None else self._rooms.get((change.stream, change.group, change.id), {})
        # One dict holds both, so that a client in both rooms gets one frame.
        for subscriber in {**group_room, **item_room} if item_room else dict(group_room):
            subscriber.changed(change)

    def _leave(self, subscriber: StreamSubscriber, room: _Room) -> None:
        members = self._rooms.get(room)
        if members is None:
            return
        members.pop(subscriber, None)
        if not members:
            del self._rooms[room]
