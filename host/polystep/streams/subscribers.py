"""Subscribers of streams: of a group, or of one item of a group, never of an id alone."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, TypeAlias

from polystep.contracts.ports.streams import StreamSubscriber

_Subject: TypeAlias = tuple[str, str, str | None]
_NOBODY: Final[dict[StreamSubscriber, None]] = {}


class Subscribers:
    """Subscribers by stream, group and item."""

    def __init__(self) -> None:
        self._by_subject: dict[_Subject, dict[StreamSubscriber, None]] = {}
        self._subjects: dict[StreamSubscriber, set[_Subject]] = {}

    def add(self, subscriber: StreamSubscriber, stream: str, group: str, id: str | None) -> None:
        """Subscribe to a group, or to an item with its id; twice is once."""
        subject = (stream, group, id)
        self._by_subject.setdefault(subject, {})[subscriber] = None
        self._subjects.setdefault(subscriber, set()).add(subject)

    def remove(self, subscriber: StreamSubscriber, stream: str, group: str, id: str | None) -> None:
        """End a subscription; an unknown one is fine."""
        subject = (stream, group, id)
        subjects = self._subjects.get(subscriber)
        if subjects is None or subject not in subjects:
            return
        subjects.discard(subject)
        if not subjects:
            del self._subjects[subscriber]
        self._leave(subscriber, subject)

    def forget(self, subscriber: StreamSubscriber) -> Collection[str]:
        """End all subscriptions of a subscriber; returns their streams."""
        subjects = self._subjects.pop(subscriber, ())
        for subject in subjects:
            self._leave(subscriber, subject)
        return {stream for stream, _, _ in subjects}

    def counts(self, stream: str) -> list[tuple[str, str | None, int]]:
        """Count the subscribers of each group, and of each item by its id, of a stream."""
        return [(group, id, len(members)) for (name, group, id), members in self._by_subject.items() if name == stream]

    def of(self, stream: str, group: str, id: str | None) -> Collection[StreamSubscriber]:
        """Return a copy of those of the group and those of the item, each once."""
        if not self._by_subject:
            return _NOBODY
        of_group = self._by_subject.get((stream, group, None), _NOBODY)
        of_item = _NOBODY if id is None else self._by_subject.get((stream, group, id), _NOBODY)
        # One dict holds both, so that a client with both subscriptions gets one frame.
        return {**of_group, **of_item}

    def _leave(self, subscriber: StreamSubscriber, subject: _Subject) -> None:
        members = self._by_subject.get(subject)
        if members is None:
            return
        members.pop(subscriber, None)
        if not members:
            del self._by_subject[subject]
