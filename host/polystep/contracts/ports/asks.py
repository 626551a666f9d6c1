"""Ports of asks: their store, and the desk that takes answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from polystep.contracts.asks import Ask, AskSignature, ClosedAsk, ShownAsk
from polystep.contracts.values import JSONValue


class AskStore(Protocol):
    """Durable asks, beside the journals of the runs that wait for them. Every method is one transaction.

    An ask is opened with its wait (`JournalStore.begin_wait`). It is cancelled when its run completes or is purged, and
    stays open with a dead letter. Closed asks are kept for a day, so that a late answer hears what has become of its
    ask.
    """

    async def open_asks(self, limit: int, after: tuple[int, str] | None = None) -> Sequence[Ask]:
        """Read open asks, the oldest first, behind the time and id of the last one of the page before."""
        ...

    async def read(self, ask_id: str) -> Ask | None:
        """Read one ask by its id."""
        ...

    async def find(self, token_hash: bytes) -> Ask | None:
        """Read one ask by the hash of the token in its link."""
        ...

    async def signature(self, token_hash: bytes) -> AskSignature | None:
        """Read by which rule answers that come by a link prove their origin; `None` when they need not."""
        ...

    def close(
        self, ask_id: str, status: Literal["answered", "cancelled"], outcome: bytes, by: str | None
    ) -> asyncio.Future[ClosedAsk | None]:
        """Close an open ask, keep its outcome in the journal of its run, and make the run due when it is suspended.

        Returns `None` when there is no such ask.

        An ask that is closed already stays as it is, and one whose time is over is closed as timed out.
        """
        ...


class AskDesk(Protocol):
    """Desk at which asks are answered by their links."""

    @property
    def has_links(self) -> bool:
        """Asks may be answered by links."""
        ...

    async def find(self, token: str) -> ShownAsk | None:
        """Return the ask that a link is for."""
        ...

    async def check_signature(self, token: str, headers: Mapping[str, str], body: bytes) -> None:
        """Check that an answer by a link comes from who has the secret.

        Raises:
            OperationRefused: 401, it does not; 503, the secret is not set.
        """
        ...

    async def answer(self, id: str, value: JSONValue, by: str | None) -> Ask:
        """Give the answer to an ask.

        Raises:
            OperationRefused: 400 with `issues`, 404, 409, 410.
        """
        ...
