"""Requests with idempotency keys that run on this host: their leases, and what their runs keep."""

from __future__ import annotations

import logging

from polystep.bus.context import BusContext
from polystep.contracts.errors import PolystepError
from polystep.contracts.ids import Ids
from polystep.contracts.limits import LEASE_MS
from polystep.contracts.request_keys import KeptResponse, KeyedRequest, KeyedRun, KeyRefusal

_log = logging.getLogger("polystep.bus")


class Requests:
    """Owner of the keys of what runs here: the port `RequestKeys`."""

    def __init__(self, context: BusContext, ids: Ids) -> None:
        self._context = context
        self._ids = ids
        self.held: dict[KeyedRequest, KeyedRun] = {}
        """Runs whose leases are kept up."""

    async def begin(self, request: KeyedRequest, ttl_ms: int) -> KeyedRun | KeptResponse | KeyRefusal:
        """Let a request run under its key, or say what is known of it."""
        context = self._context
        now_ms = context.clock.now_ms()
        store = context.store.requests
        begun = await store.begin(request, self._ids.run(), context.owner, now_ms + LEASE_MS, now_ms + ttl_ms)
        if isinstance(begun, KeyedRun):
            self.held[request] = begun
        return begun

    async def end(self, run: KeyedRun, response: KeptResponse | None, ttl_ms: int) -> None:
        """Keep the response of a run."""
        self.held.pop(run.request, None)
        try:
            await self._context.store.requests.end(run, response, self._context.clock.now_ms() + ttl_ms)
        except PolystepError as error:
            # The step has done its work, and its client hears so. A request that comes all the same runs again.
            _log.error("Keeping the response of %s failed: %s", run.request.step, error.message)

    async def free(self, run: KeyedRun) -> None:
        """Free the key of a run that failed."""
        self.held.pop(run.request, None)
        try:
            await self._context.store.requests.free(run)
        except PolystepError as error:
            _log.error(
                "Freeing a key of %s failed; it is free when its lease ends: %s", run.request.step, error.message
            )

    async def renew(self) -> None:
        """Extend the leases of what runs."""
        context, runs = self._context, list(self.held.values())
        try:
            await context.store.requests.renew(runs, context.owner, context.clock.now_ms() + LEASE_MS)
        except PolystepError as error:
            _log.error("Renewing the leases of requests failed, trying again: %s", error.message)
