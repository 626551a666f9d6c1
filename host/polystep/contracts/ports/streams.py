"""Ports of streams: subscribers, changes, and the rules of access to a WebSocket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Protocol, TypeAlias

from polystep.contracts.events import StoredChange, StreamChange
from polystep.contracts.values import JSONObject, JSONValue


class AccessRefused(Exception):
    """A WebSocket that is not opened: `status` 401 when the rule refuses it, 503 when the rule could not be asked."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        """For the client: it says nothing about the reasons of the rule."""


class StreamAccess(Protocol):
    """The project's access rules. A rule that fails in any way, or cannot be asked, refuses."""

    async def authenticate(self, headers: JSONObject, url: str) -> JSONValue:
        """Ask the project who opens a WebSocket; the context for `may_join`, `None` for an anonymous client.

        Args:
            headers: By lower-case name.
            url: Path and query as they were requested.

        Raises:
            AccessRefused: The socket is not to be opened.
        """
        ...

    def has_rule(self, stream: str) -> bool:
        """Report whether some rule decides who joins a stream: `authenticate` or the stream's `canAccess`."""
        ...

    async def may_join(self, stream: str, group: str, id: str | None, context: JSONValue) -> bool:
        """Ask whether a client with this context may join a group of a stream, or one item of it."""
        ...


ChangeListener: TypeAlias = Callable[[StoredChange], None]
"""Takes one change without blocking."""


class ChangeFeed(Protocol):
    """One host's end of the changes of stream items that the hosts on one store make.

    Every host gets every change once, its own ones too: those of one item in the order of their commits, with
    timestamps that grow over all hosts. A host gets its own change before the write that made it is answered.
    """

    def listen(self, listener: ChangeListener) -> None:
        """Hand changes to `listener` on the event loop. Replaces an earlier one."""
        ...

    def close(self) -> None:
        """Hand on nothing more; may come twice."""
        ...

    def send(self, stream: str, group: str, id: str | None, value: bytes, data: JSONObject) -> None:
        """Hand an event to every host; like a change, it is packed, and `data` is what it was before.

        Nobody waits for it: it may be lost.
        """
        ...

    def next_timestamp_ms(self) -> int:
        """Return a time that is greater than those of all changes before."""
        ...


class StreamSubscriber(Protocol):
    """WebSocket client's side of the streams room."""

    def changed(self, change: StreamChange) -> None:
        """Take one change without blocking; called in commit order."""
        ...


class StreamHub(Protocol):
    """Streams as the WebSocket needs them. Subscriptions are keyed by stream, group and item together."""

    def stream_exists(self, stream: str) -> bool:
        """Report whether a stream of this name is loaded."""
        ...

    def subscribe(self, subscriber: StreamSubscriber, stream: str, group: str, id: str | None) -> None:
        """Register before reading the snapshot, so that no change falls between the two. Twice is once."""
        ...

    def unsubscribe(self, subscriber: StreamSubscriber, stream: str, group: str, id: str | None) -> None:
        """Forget one subscription; unknown ones are fine."""
        ...

    def forget(self, subscriber: StreamSubscriber) -> None:
        """Forget all subscriptions of a client that has gone."""
        ...

    async def snapshot(self, stream: str, group: str, id: str) -> JSONObject | None:
        """Read one item; `None` when there is none."""
        ...

    def pages(self, stream: str, group: str) -> AsyncIterator[list[JSONObject]]:
        """Read all items of a group, oldest first, in parts that are small enough for the event loop."""
        ...

    def next_timestamp_ms(self) -> int:
        """Return a time that is greater than those of all frames before."""
        ...
