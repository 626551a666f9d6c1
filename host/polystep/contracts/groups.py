"""Groups of state and streams: their stores, and the pages in which they are read."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal, Protocol

from polystep.contracts.limits import PAGE_BYTES_MAX, PAGE_ENTRIES_MAX


@dataclass(frozen=True, slots=True)
class PageBounds:
    """The most that one page holds. It holds at least one entry, however large, unless there is none."""

    entries_max: int
    bytes_max: int
    """Of keys and values together."""
    entry_bytes: int = 0
    """What every entry adds to its key and value where the page goes."""


@dataclass(frozen=True, slots=True)
class PageQuery:
    """One part of a group, as user code asks for it."""

    cursor: str | None = None
    """What the page before gave; `None` begins at the start."""
    limit: int | None = None
    """At most this many entries."""
    only: Literal["values", "keys"] | None = None
    """`None`: keys and values."""


def message_bounds(message_bytes_max: int, limit: int | None = None, entry_bytes: int = 0) -> PageBounds:
    """Bound a page that travels in one message.

    Half of the message is left free: entries grow by their heads, and a page with more than one must always fit.
    """
    entries_max = PAGE_ENTRIES_MAX if limit is None else min(limit, PAGE_ENTRIES_MAX)
    return PageBounds(entries_max, min(message_bytes_max // 2, PAGE_BYTES_MAX), entry_bytes)


class StateStore(Protocol):
    """Key-value pairs in groups. A write that has returned is on disk. Values are opaque bytes.

    Groups and keys are any text, compared exactly: no group is a prefix or pattern of another.
    Writes are applied in the order of the calls, whichever of their futures is awaited first.
    """

    async def get(self, group: str, key: str) -> bytes | None:
        """The value, `None` when there is none."""
        ...

    def set(self, group: str, key: str, value: bytes) -> asyncio.Future[None]:
        """Write or replace."""
        ...

    def delete(self, group: str, key: str) -> asyncio.Future[bytes | None]:
        """Remove in one step and return what was there."""
        ...

    async def page(
        self, group: str, cursor: str | None, bounds: PageBounds, *, keys_only: bool = False
    ) -> tuple[list[tuple[str, bytes]], str | None]:
        """Read one page of a group, in the order of its keys, and the cursor of the next page.

        A key that exists from the first page to the last is read once. One that is set or deleted meanwhile may be
        read or not.

        Args:
            group: The group.
            cursor: What the page before gave; `None` begins at the first key.
            bounds: How much the page may hold.
            keys_only: Values are empty bytes; nothing of them is read.

        Returns:
            The pairs, and a cursor; `None` at the end of the group.

        Raises:
            InvalidParams: The text is not a cursor of a state group.
        """
        ...

    def clear(self, group: str) -> asyncio.Future[int]:
        """Remove a group; returns how many keys it had."""
        ...

    async def groups(self, after: str | None = None, limit: int = PAGE_ENTRIES_MAX) -> list[tuple[str, int]]:
        """At most `limit` groups with their numbers of keys, in the order of their names, behind the group `after`."""
        ...


class StreamStore(Protocol):
    """Stream items: like `StateStore`, with the time each item was first made. Values are opaque bytes."""

    async def get(self, stream: str, group: str, id: str) -> tuple[bytes, int] | None:
        """`(value, created_at_ms)` or `None`."""
        ...

    def set(self, stream: str, group: str, id: str, value: bytes, now_ms: int) -> asyncio.Future[tuple[bool, int]]:
        """Write or replace; returns `(created, created_at_ms)`: a replaced item keeps its time."""
        ...

    def delete(self, stream: str, group: str, id: str) -> asyncio.Future[tuple[bytes, int] | None]:
        """Remove in one step and return what was there."""
        ...

    async def page(
        self, stream: str, group: str, cursor: str | None, bounds: PageBounds, *, ids_only: bool = False
    ) -> tuple[list[tuple[str, bytes, int]], str | None]:
        """Read one page of a group, oldest first: `(id, value, created_at_ms)` each, and the cursor as `StateStore`."""
        ...
