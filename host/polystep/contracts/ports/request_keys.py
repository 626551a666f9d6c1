"""Ports of idempotency keys: their store, and what the HTTP room asks of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from polystep.contracts.events import Claim, NewDelivery, Stored
from polystep.contracts.journal import JournalEntry
from polystep.contracts.request_keys import KeptResponse, KeyedRequest, KeyedRun, KeyRefusal, SentBy


class RequestKeyStore(Protocol):
    """Idempotency keys of requests, with the journals of their runs. Every method is one transaction.

    A key is running under a lease, ended with a response, ended without one, or free. It is forgotten when its time is
    over and nobody runs it. Methods that take a run change nothing when its token is not the current one, or its key
    not running. Beyond `REQUEST_KEYS_MAX` keys, or `KEPT_RESPONSES_BYTES_MAX` bytes, those that ended first are
    forgotten first.
    """

    def begin(
        self, request: KeyedRequest, run_id: str, owner: str, lease_until_ms: int, until_ms: int
    ) -> asyncio.Future[KeyedRun | KeptResponse | KeyRefusal]:
        """Let a request run under its key, or say what is known of it.

        A key whose lease ran out, or that is free, runs again with what its run has kept. Of two hosts that ask at
        once, one runs it.

        Args:
            request: The request.
            run_id: Of its journal, if it is the first one.
            owner: The host.
            lease_until_ms: Unix time at which another host may take it over.
            until_ms: Unix time at which the key is forgotten.
        """
        ...

    def renew(self, runs: Sequence[KeyedRun], owner: str, lease_until_ms: int) -> asyncio.Future[None]:
        """Extend the leases of runs."""
        ...

    def end(self, run: KeyedRun, response: KeptResponse | None, until_ms: int) -> asyncio.Future[bool]:
        """End a run with its response, or without one that can be kept; its journal goes. False: it was superseded."""
        ...

    def free(self, run: KeyedRun) -> asyncio.Future[bool]:
        """Free the key of a run that failed; the same request finds its journal. False: it was superseded."""
        ...

    def keep(self, run: KeyedRun, entry: JournalEntry) -> asyncio.Future[bool]:
        """Write one entry of its journal. False: it was superseded."""
        ...

    def enqueue(
        self, sent: SentBy, deliveries: Sequence[NewDelivery], claim: Claim | None = None
    ) -> asyncio.Future[Stored]:
        """Store the deliveries of an event, as `QueueStore.enqueue` does, and count it as sent by its run.

        Raises:
            RunEnded: The run was superseded.
        """
        ...

    async def release_dead(self) -> None:
        """End the leases of owners that are known to be dead."""
        ...


class RequestKeys(Protocol):
    """Idempotency keys as the HTTP room uses them. The leases of what runs are kept up."""

    async def begin(self, request: KeyedRequest, ttl_ms: int) -> KeyedRun | KeptResponse | KeyRefusal:
        """Let a request run under its key, or say what is known of it.

        Raises:
            PolystepError: The store cannot be written.
        """
        ...

    async def end(self, run: KeyedRun, response: KeptResponse | None, ttl_ms: int) -> None:
        """Keep the response of a run, before the client gets it; `None` when it cannot be kept."""
        ...

    async def free(self, run: KeyedRun) -> None:
        """Free the key of a run that failed: the next request with it runs again."""
        ...
