"""Port of the keys of the project: `once` over all runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal, Protocol

from polystep.contracts.events import Delivery
from polystep.contracts.journal import JournalEntry
from polystep.contracts.once_keys import OnceKey, TakenKey, WokenRuns


class OnceKeyStore(Protocol):
    """Keys of the project, beside the deliveries that hold them. Every method is one transaction.

    A key is held by one claim of one delivery, and for no longer than that claim lasts: once the delivery is not
    running any more, or was claimed again, the next one that asks holds the key. Methods that take a delivery change
    nothing, and return `None`, when its token is not the current one. A key whose result has run out is as if it had
    never been used, but for runs that have waited for this result.
    """

    def take(
        self, delivery: Delivery, wait: JournalEntry, ttl_ms: int, room_bytes: int
    ) -> asyncio.Future[TakenKey | JournalEntry | None]:
        """Let a delivery call the function of a key, give the result, or write that the run waits.

        The delivery that holds the key already gets it again. An entry without a value says that the run waits.

        Args:
            delivery: Of the run that asks.
            wait: Entry under the key that is kept in the journal of the run while another one holds the key; the one
                that was kept, if the run has waited before.
            ttl_ms: Time for which the key is remembered, counted from now until there is a result.
            room_bytes: A result that is larger is returned, but not kept in the journal of the run.

        Raises:
            JournalFull: The project keeps too many keys, or too much under them.
        """
        ...

    def keep(self, delivery: Delivery, entry: JournalEntry, ttl_ms: int) -> asyncio.Future[WokenRuns | None]:
        """Keep the result of a key, in the journal of its run too, and make all due that wait for it.

        `None` also when the delivery does not hold the key.
        """
        ...

    def give_back(
        self, delivery: Delivery, key: str, entry: JournalEntry | None = None
    ) -> asyncio.Future[WokenRuns | None]:
        """End the hold on a key whose function has failed, and make one run of each step due that waits for it.

        Args:
            delivery: Of the run that holds it.
            key: The key.
            entry: Error that the journal of the run keeps.
        """
        ...

    async def pass_on(self) -> WokenRuns:
        """Make runs due that wait for keys which nobody holds any more."""
        ...

    async def listed(self, limit: int, after: str, prefix: str) -> Sequence[OnceKey]:
        """Read keys that begin with `prefix` and come after `after`, in the order of their characters."""
        ...

    def forget(self, key: str) -> asyncio.Future[Literal["forgotten", "running"] | None]:
        """Forget a key with its result, unless its function runs; `None` when there is no such key."""
        ...
