"""Leases: renewed for as long as an attempt is not settled, so that no other host takes it over."""

from __future__ import annotations

import logging

from polystep.bus.backlog import Backlog
from polystep.bus.claims import Claims
from polystep.bus.context import BusContext
from polystep.bus.once_keys import OnceKeys
from polystep.bus.requests import Requests
from polystep.bus.wall_clock import WallClock
from polystep.contracts.errors import PolystepError
from polystep.contracts.limits import LEASE_MS

_log = logging.getLogger("polystep.bus")


class Leases:
    """Renews leases by the clock, and does beside it what is to be done every few seconds."""

    def __init__(
        self,
        context: BusContext,
        wall: WallClock,
        claims: Claims,
        backlog: Backlog,
        requests: Requests,
        once_keys: OnceKeys,
    ) -> None:
        self._context = context
        self._wall = wall
        self._claims = claims
        self._backlog = backlog
        self._requests = requests
        self._once_keys = once_keys

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            if self._backlog.is_due:
                await self._count_backlog()
            await self._context.clock.sleep(LEASE_MS / 3000)
            if self._wall.look():
                self._claims.wake.set()
            if self._claims.held:
                await self._renew()
            if self._requests.held:
                await self._requests.renew()
            if self._once_keys.has_waiting:
                # A run that was woken may have ended without taking its key, or its step be paused.
                await self._once_keys.look()
            if self._context.wakeups.has_peers:
                # A wake-up may be lost, and a peer that is dead lets its leases run out without one.
                self._claims.look_at_all()
                self._backlog.expire()

    async def _renew(self) -> None:
        context = self._context
        held = list(self._claims.held.values())
        try:
            await context.store.renew(held, context.owner, context.clock.now_ms() + LEASE_MS)
        except PolystepError as error:
            _log.error("Renewing leases failed, trying again: %s", error.message)

    async def _count_backlog(self) -> None:
        try:
            await self._backlog.count()
        except PolystepError as error:
            self._backlog.is_due = True
            _log.error("Counting what waits failed, trying again: %s", error.message)
