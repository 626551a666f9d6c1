"""Access to streams: the port that the HTTP room asks, and the refusal of a WebSocket."""

from __future__ import annotations

from typing import Protocol

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
