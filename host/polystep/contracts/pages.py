"""Pages in which groups of state and streams are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from polystep.contracts.limits import PAGE_BYTES_MAX, PAGE_ENTRIES_MAX


@dataclass(frozen=True, slots=True)
class PageBounds:
    """Bounds of one page. It holds at least one entry, however large, unless there is none."""

    entries_max: int
    bytes_max: int
    """Of keys and values together."""
    entry_bytes: int = 0
    """Bytes that every entry adds to its key and value in the message."""


@dataclass(frozen=True, slots=True)
class PageQuery:
    """One part of a group, as user code asks for it."""

    cursor: str | None = None
    """Cursor of the page before; `None` begins at the start."""
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
