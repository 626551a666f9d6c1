"""Ports of durable storage: state, streams, traces, and the file of a store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from polystep.contracts.limits import PAGE_ENTRIES_MAX
from polystep.contracts.pages import PageBounds
from polystep.contracts.ports.streams import ChangeFeed
from polystep.contracts.ports.trace import TraceSink
from polystep.contracts.storage import NotStored
from polystep.contracts.values import JSONObject


class StoreFile(Protocol):
    """File of a store."""

    @property
    def trouble(self) -> NotStored | None:
        """The failure of the last write, until another one succeeds."""
        ...


class StateStore(Protocol):
    """Key-value pairs in groups. A write that has returned is on disk. Values are opaque bytes.

    Groups and keys are any text, compared exactly: no group is a prefix or pattern of another.
    Writes are applied in the order of the calls, whichever of their futures is awaited first.
    """

    async def get(self, group: str, key: str) -> bytes | None:
        """Read a value; `None` when there is none."""
        ...

    def set(self, group: str, key: str, value: bytes) -> asyncio.Future[None]:
        """Write or replace."""
        ...

    def update(
        self, group: str, key: str, change: Callable[[bytes | None], bytes | None]
    ) -> asyncio.Future[bytes | None]:
        """Replace a value by what `change` makes of it, with no other write in between; returns what is there now.

        Args:
            group: The group.
            key: The key.
            change: Takes the stored value, `None` when there is none, and returns the one to store; `None` removes. It
                changes nothing else: it is called again when its transaction has to be. A `PolystepError` that it
                raises is raised here, nothing is written, and writes beside it do not suffer.
        """
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
        """Count the keys of at most `limit` groups, in the order of their names, behind the group `after`."""
        ...


class StreamStore(Protocol):
    """Stream items: like `StateStore`, with the time each item was first made. Values are opaque bytes."""

    @property
    def changes(self) -> ChangeFeed:
        """This host's end of the changes that the hosts on the store make."""
        ...

    async def get(self, stream: str, group: str, id: str) -> tuple[bytes, int] | None:
        """Read `(value, created_at_ms)`; `None` when there is none."""
        ...

    def set(
        self, stream: str, group: str, id: str, value: bytes, now_ms: int, data: JSONObject | None = None
    ) -> asyncio.Future[tuple[bool, int]]:
        """Write or replace, and announce it; returns `(created, created_at_ms)`: a replaced item keeps its time.

        `data` is the value before it was packed, which spares its readers in this process to unpack it.
        """
        ...

    def delete(self, stream: str, group: str, id: str) -> asyncio.Future[tuple[bytes, int] | None]:
        """Remove in one step, announce it, and return what was there."""
        ...

    async def page(
        self, stream: str, group: str, cursor: str | None, bounds: PageBounds, *, ids_only: bool = False
    ) -> tuple[list[tuple[str, bytes, int]], str | None]:
        """Read one page of a group, oldest first: `(id, value, created_at_ms)` each, and the cursor as `StateStore`."""
        ...


class TraceStore(TraceSink, Protocol):
    """Sink that keeps trace records. Not on the hot path: a crash may lose the last fraction of a second of them."""

    async def traces(self, limit: int, before: int | None = None, status: str | None = None) -> list[JSONObject]:
        """Read summaries, newest first."""
        ...

    async def trace(self, trace_id: str, rows_max: int | None = None) -> JSONObject | None:
        """Read one trace; with `rows_max` about so many runs, lines and operations, and `cut` when it has more."""
        ...

    async def traces_like(self, part: str, limit: int) -> list[JSONObject]:
        """Read summaries of the traces with an id that begins or ends with this, newest first."""
        ...

    async def logs(
        self, limit: int, trace_id: str | None = None, level: str | None = None, step: str | None = None
    ) -> list[JSONObject]:
        """Read log lines, newest first."""
        ...

    async def lost_runs(self) -> list[str]:
        """Return runs that wait or run, of owners that are known to be dead: a delivery may still finish them."""
        ...

    async def interrupt_runs(self, run_ids: Sequence[str], now_ms: int) -> None:
        """Mark open runs that a dead host left behind, and that no delivery will finish."""
        ...

    async def prune(self, traces_max: int, runs_max: int, logs_max: int, older_than_ms: int, bytes_max: int) -> bool:
        """Remove some of the oldest beyond these bounds, `runs_max` within one trace; True when there are more.

        Beyond `bytes_max` for all, whichever is older goes first: lines or whole traces.
        """
        ...
