"""Port of the live feed: small notices of what has changed, for whoever looks at the project."""

from __future__ import annotations

from typing import Protocol

from polystep.contracts.values import JSONObject


class LiveClient(Protocol):
    """Client of the live feed."""

    def notify(self, notice: JSONObject) -> bool:
        """Take a notice without blocking; False when it cannot, because it is behind."""
        ...


class LiveFeed(Protocol):
    """Feed of changes by subject. It costs nothing while nobody subscribes."""

    @property
    def epoch(self) -> str:
        """Name of this start of the feed: numbers of another one say nothing about this one."""
        ...

    @property
    def seq(self) -> int:
        """Number of the last notice."""
        ...

    def knows(self, subject: str) -> bool:
        """Report whether there is such a subject."""
        ...

    async def subscribe(self, client: LiveClient, subject: str) -> None:
        """Notify a client of changes from now on. Twice is once."""
        ...

    async def unsubscribe(self, client: LiveClient, subject: str) -> None:
        """Notify it of this subject no more; unknown ones are fine."""
        ...

    async def forget(self, client: LiveClient) -> None:
        """Notify it of nothing any more."""
        ...
