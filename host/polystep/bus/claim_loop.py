"""Loop that claims what is due. It sleeps until something is published, settles or becomes due: no polling."""

from __future__ import annotations

import logging
from typing import Final

from polystep.bus.attempts import Attempts
from polystep.bus.cancelling import Cancelling
from polystep.bus.claims import Claims
from polystep.bus.context import BusContext
from polystep.bus.parked import Parking
from polystep.bus.publish import Publisher
from polystep.bus.wall_clock import WallClock
from polystep.contracts.events import Claimed
from polystep.contracts.limits import LEASE_MS

CLAIM_PAUSE_S: Final = 1.0
"""Between tries to claim, when the disk refuses."""

_log = logging.getLogger("polystep.bus")


class ClaimLoop:
    """Claims due deliveries and starts their attempts."""

    def __init__(
        self,
        context: BusContext,
        wall: WallClock,
        claims: Claims,
        attempts: Attempts,
        publisher: Publisher,
        parking: Parking,
        cancelling: Cancelling,
    ) -> None:
        self._context = context
        self._wall = wall
        self._claims = claims
        self._attempts = attempts
        self._publisher = publisher
        self._parking = parking
        self._cancelling = cancelling

    async def run(self) -> None:
        """Claim until cancelled."""
        claims = self._claims
        while True:
            await claims.wake.wait()
            claims.wake.clear()
            try:
                await self._claim_due()
            except Exception as error:  # noqa: BLE001 - if claiming ended, every event would wait for the next start
                _log.error("Claiming events failed, trying again: %s", error)
                await self._context.clock.sleep(CLAIM_PAUSE_S)
                claims.look_at_all()

    async def _claim_due(self) -> None:
        context, claims = self._context, self._claims
        if self._wall.look():
            await self._move_due()
        if self._parking.is_due:
            self._publisher.accept(await self._parking.settle(context.routes), [])
        # Before cancelled runs are looked for: what a lease that ends meanwhile leaves is claimed in the next round.
        now_ms = context.clock.now_ms()
        later_ms = claims.cancels_ms
        # Of hosts that share a store each looks before it claims: another one may have died with what it was to end.
        shares = context.wakeups.has_peers and bool(context.routes.cancel_paths)
        if claims.has_cancellations or shares or (later_ms is not None and later_ms <= now_ms):
            await self._cancelling.settle()
        if claims.is_crowded:
            return  # until one of them has been settled
        if wants := claims.slots.take_for_due():
            await self._claim(wants, now_ms)
        if claims.slots.has_due:
            # The steps asked for in this round had taken all slots; those after them get theirs now.
            claims.wake.set()
        # A step with more to claim is asked for when it has been drained.
        if claims.unseen and (drained := claims.drained()):
            due_ms = await context.store.next_due_ms(list(drained), context.owner)
            if due_ms is not None:
                claims.timer.set(due_ms)

    async def _claim(self, wants: dict[str, int], now_ms: int) -> None:
        context, claims = self._context, self._claims
        claimed = Claimed([])
        counting = context.routes.counting
        limits = claims.limits(wants) if context.wakeups.has_peers or counting else None
        expiries = context.routes.expiries
        try:
            claimed = await context.store.claim(wants, context.owner, now_ms, LEASE_MS, limits, expiries, counting)
        finally:
            # A step that got less than it asked for may have something that is due later: the next of a FIFO key
            # becomes ready when the one before it ends, and the clock may have been set back.
            claims.unseen |= claims.slots.give_back_unused(wants, claimed.deliveries)
            if claimed.held_back:
                # They are due already: nobody is to be asked when.
                claims.unseen -= claimed.held_back
                claims.held_back |= claimed.held_back
            if claimed.next_ms is not None:
                claims.timer.set(claimed.next_ms)
        for delivery in claimed.deliveries:
            self._attempts.begin(delivery)
        if claimed.expired:
            self._publisher.expired(claimed.expired, expiries)

    async def _move_due(self) -> None:
        """Bring what waits along with a wall clock that was set back."""
        behind_ms = self._wall.behind_ms
        moved = await self._context.store.move_due(self._context.clock.now_ms(), behind_ms)
        self._wall.behind_ms -= behind_ms
        _log.warning("The clock was set back by %.1f s; %d waiting events keep their time", behind_ms / 1000, moved)
        self._claims.look_at_all()
