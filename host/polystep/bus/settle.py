"""Settling: the outcome of each attempt is stored, whatever the disk does meanwhile."""

from __future__ import annotations

import logging
from typing import Final, assert_never

from polystep.bus.backlog import Backlog
from polystep.bus.cancelling import Cancelling
from polystep.bus.claims import Claims
from polystep.bus.context import BusContext
from polystep.bus.once_keys import OnceKeys
from polystep.bus.publish import Publisher
from polystep.bus.retry import Backoff
from polystep.contracts.errors import PolystepError
from polystep.contracts.events import NOTHING_CANCELLED, Delivery, Outcome
from polystep.contracts.limits import POSTPONED_PAUSE_S
from polystep.contracts.signals import wanted_of_call
from polystep.contracts.values import JSONObject

SETTLE_PAUSE_S: Final = 1.0
"""Between tries to store how an attempt ended, when the disk refuses."""

_log = logging.getLogger("polystep.bus")
_NO_ERROR: Final[JSONObject] = {"name": "unknown", "message": "The attempt failed without saying why."}


class Settler:
    """Stores outcomes: completed, due again, or in the dead letters."""

    def __init__(
        self,
        context: BusContext,
        claims: Claims,
        publisher: Publisher,
        cancelling: Cancelling,
        backlog: Backlog,
        backoff: Backoff,
        once_keys: OnceKeys,
    ) -> None:
        self._context = context
        self._claims = claims
        self._publisher = publisher
        self._cancelling = cancelling
        self._backlog = backlog
        self._backoff = backoff
        self._once_keys = once_keys
        self._storing: set[int] = set()
        """Ids of deliveries whose outcome is with the store at this moment."""

    def is_storing(self, delivery: Delivery) -> bool:
        """Report whether the outcome of a delivery is with the store at this moment."""
        return delivery.id in self._storing

    async def settle(self, delivery: Delivery, outcome: Outcome) -> None:
        """Store an outcome, again and again while the disk refuses."""
        while True:
            self._storing.add(delivery.id)
            try:
                await self._store(delivery, outcome)
            except PolystepError as error:
                if outcome.status == "completed" and not error.retryable:
                    # Its emits can never be stored. They were kept until now and must be seen, not tried again.
                    described: JSONObject = {"name": error.name, "message": error.message}
                    outcome = Outcome("failed", error=described, retryable=False, duration_ms=outcome.duration_ms)
                    continue
                # The outcome stays in memory and the lease is renewed, so nothing is lost while the disk is full.
                _log.error("Storing the result of %s failed, trying again: %s", delivery.step, error.message)
                if not self._claims.is_open:
                    return
            else:
                if delivery.id in self._once_keys.held:
                    await self._once_keys.ended(delivery)
                return
            finally:
                self._storing.discard(delivery.id)
            await self._context.clock.sleep(SETTLE_PAUSE_S)

    async def _store(self, delivery: Delivery, outcome: Outcome) -> None:
        retry_at_ms: int | None = None
        is_buried = False
        status, cancelled = outcome.status, NOTHING_CANCELLED
        match status:
            case "completed":
                is_mine = await self._publisher.complete(
                    delivery, self._backlog.unpurged(delivery, outcome.emits), outcome.value
                )
            case "failed":
                is_mine, retry_at_ms = await self._fail(delivery, outcome)
                is_buried = retry_at_ms is None
            case "postponed":
                retry_at_ms = self._context.clock.now_ms() + round(POSTPONED_PAUSE_S * 1000)
                is_mine = await self._context.store.postpone(delivery, retry_at_ms)
            case "suspended":
                retry_at_ms = self._context.clock.now_ms() if outcome.run_at_ms is None else outcome.run_at_ms
                keeps_place = delivery.step in self._context.routes.counting
                stored_ms = await self._context.store.journal.suspend(
                    delivery, retry_at_ms, outcome.waits, keeps_place=keeps_place
                )
                is_mine, retry_at_ms = stored_ms is not None, stored_ms or retry_at_ms
                self._claims.due_at(delivery.step, retry_at_ms)
            case "cancelled":
                found = await self._context.store.cancel_running(delivery)
                is_mine, cancelled = found is not None, found or cancelled
            case "released" | "suspect":
                is_mine = await self._context.store.release(delivery, crashed=status == "suspect")
                retry_at_ms = self._context.clock.now_ms()
                self._claims.add_due(delivery.step)
            case _:
                assert_never(status)
        if not is_mine:
            self._context.observer.superseded(delivery)
            return
        if is_buried or status in ("completed", "cancelled"):
            self._backlog.removed(delivery)
            if delivery.kind == "call":
                self._returned(delivery)
        self._context.observer.settled(delivery, outcome, retry_at_ms, is_buried)
        await self._cancelling.end_called(cancelled, outcome.error)

    def _returned(self, delivery: Delivery) -> None:
        """Wake the caller of a run, here or suspended: its result is stored."""
        self._context.woken([delivery.topic], [wanted_of_call(delivery.parent_run_id or "")])
        self._claims.add_due(delivery.topic)

    async def _fail(self, delivery: Delivery, outcome: Outcome) -> tuple[bool, int | None]:
        """Store a failure; returns whether the attempt was the current one, and the time of the next (`None`: dead)."""
        context = self._context
        error = outcome.error or _NO_ERROR
        failures = delivery.failures + 1
        if not outcome.retryable or failures > context.routes.policy(delivery.step).retries_max:
            return await context.store.bury(delivery, error, context.clock.now_ms()), None
        retry_at_ms = outcome.run_at_ms or context.clock.now_ms() + self._backoff.delay_ms(failures)
        is_mine = await context.store.retry(delivery, retry_at_ms, error)
        self._claims.timer.set(retry_at_ms)
        return is_mine, retry_at_ms
