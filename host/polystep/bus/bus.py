"""Event bus that stores deliveries, claims what is due, runs it, and settles how it ended.

An event whose step has a free slot is claimed in the transaction that stores it, so it starts after one commit. One
that finds no slot waits in the store, and one loop claims it. Every claimed delivery is one task; tasks are bounded for
each step and in all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from polystep.bus.attempts import Attempts
from polystep.bus.backlog import Backlog, QueueBound
from polystep.bus.bulks import Bulks
from polystep.bus.cancelling import Cancelling
from polystep.bus.claim_loop import ClaimLoop
from polystep.bus.claims import Claims
from polystep.bus.context import BusContext
from polystep.bus.leases import Leases
from polystep.bus.once_keys import OnceKeys
from polystep.bus.parked import Parking
from polystep.bus.publish import Publisher
from polystep.bus.requests import Requests
from polystep.bus.retry import Backoff
from polystep.bus.routes import Routes
from polystep.bus.settle import Settler
from polystep.bus.suspensions import Suspensions
from polystep.bus.wall_clock import WallClock
from polystep.contracts.errors import PolystepError
from polystep.contracts.ids import Ids
from polystep.contracts.ports.bus import DeliveryObserver, DeliveryRunner
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.queue import QueueStore
from polystep.contracts.steps import Flow, StepSpec

_log = logging.getLogger("polystep.bus")


@dataclass(frozen=True, slots=True)
class BusOptions:
    """Name and bounds of one bus."""

    owner: str
    """The owner of its leases."""
    backoff: Backoff = field(default_factory=Backoff)
    bound: QueueBound = field(default_factory=QueueBound)


class Bus:
    """Publishes events and runs their deliveries."""

    def __init__(
        self,
        store: QueueStore,
        clock: Clock,
        runner: DeliveryRunner,
        observer: DeliveryObserver,
        ids: Ids,
        options: BusOptions,
    ) -> None:
        self._ids = ids
        self.now_ms = clock.now_ms
        """Tells the time by which events are due."""
        self._wall = WallClock(clock)
        routes = Routes(Flow(), ids, is_complete=False)
        self._context = BusContext(store, clock, observer, store.wakeups, options.owner, routes)
        self._backlog = Backlog(store, clock, options.bound)
        self._parking = Parking(store, observer, clock)
        self._claims = Claims(self._context, self._wall)
        self._attempts = Attempts(self._context, self._claims, runner)
        self._cancelling = Cancelling(self._context, self._claims, self._backlog)
        self._publisher = Publisher(
            self._context, ids, self._claims, self._attempts, self._backlog, self._parking, self._cancelling
        )
        # Attributes, not methods that call them: each event passes here.
        self.plan = self._publisher.plan
        self.plan_call = self._publisher.plan_call
        self.publish = self._publisher.publish
        self.publish_tick = self._publisher.publish_tick
        self.replay = self._publisher.replay
        self.rerun = self._publisher.rerun
        self.cancel_event = self._cancelling.cancel_event
        self.cancel_run = self._cancelling.cancel_run
        self.suspensions = Suspensions(self._context, self._claims, self._publisher, self._backlog)
        self.once_keys = OnceKeys(self._context, self._claims)
        parts = (self._context, self._claims, self._publisher, self._cancelling, self._backlog)
        self._settler = Settler(*parts, options.backoff, self.once_keys)
        self.bulks = Bulks(self._context, self._publisher, self._backlog)
        self.requests = Requests(self._context, ids)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Release the deliveries that earlier starts left running, and begin to claim."""
        if self._tasks:
            return
        context, claims = self._context, self._claims
        claims.timer.start()
        recovered = 0
        for owner in {context.owner, *await context.store.dead_owners()}:
            recovered += await context.store.recover(owner)
        await context.store.requests.release_dead()
        await self.once_keys.look()
        if moved := await context.store.move_due(context.clock.now_ms(), None):
            _log.warning(
                "%d waiting events are from a time when the clock was ahead; they start as if it was not", moved
            )
        if recovered:
            _log.info("%d runs were cut short by the last stop; they start again", recovered)
        context.wakeups.listen(claims.hear)
        claims.look_at_all()
        # Before anything is claimed: events may have cancelled what the last stop has left.
        claims.has_cancellations = True
        loop = ClaimLoop(context, self._wall, claims, self._attempts, self._publisher, self._parking, self._cancelling)
        leases = Leases(context, self._wall, claims, self._backlog, self.requests, self.once_keys)
        self._attempts.start(self._settler.settle)
        claims.is_open = True
        self._tasks = [
            asyncio.create_task(loop.run(), name="bus claims"),
            asyncio.create_task(leases.run(), name="bus leases"),
        ]
        self.bulks.start()

    async def stop(self, grace_s: float = 0.0) -> None:
        """Claim nothing more, give running deliveries the grace period, release the rest for the next start."""
        self._claims.is_open = False
        await self.bulks.stop()
        tasks, self._tasks = self._tasks, []
        if (timer := self._claims.timer.stop()) is not None:
            tasks.append(timer)
        for task in tasks:
            if task.get_name() != "bus leases":
                task.cancel()
        await self._attempts.stop(grace_s, self._settler.is_storing)
        # Leases are kept up until the last run has settled.
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._leave()

    async def _leave(self) -> None:
        """Release what could not be settled, so that other hosts need not wait for its lease, and wake them."""
        context = self._context
        try:
            await context.store.recover(context.owner)
        except PolystepError as error:
            _log.error("Releasing what was left failed; it starts when its lease ends: %s", error.message)
        # Nobody else wakes the others for what is due later.
        context.wakeups.announce(due=context.routes.steps)
        context.wakeups.close()

    def replace(
        self,
        flow: Flow,
        kept: Iterable[tuple[str, str]] = (),
        *,
        is_complete: bool = True,
        is_known: bool = False,
        waiting: Iterable[StepSpec] = (),
    ) -> None:
        """Route by this flow from now on; the arguments are those of `Routes`."""
        self._context.routes = Routes(
            flow, self._ids, kept, is_complete=is_complete, is_known=is_known, waiting=waiting
        )
        self._parking.is_due = True
        self._claims.look_at_all()

    def pause(self, steps: Iterable[str]) -> None:
        """Claim nothing of these steps, until they are resumed; what runs goes on."""
        self._claims.stopped = self._claims.stopped.union(steps)

    def resume(self, step: str) -> None:
        """Claim what is due of a step again."""
        self._claims.stopped -= {step}
        self._claims.look_at_all()

    async def hasten(self, step: str, id: int | None) -> int:
        """Try a delivery that is due later now, or all of a step; returns how many."""
        count = await self._context.store.hasten(step, id, self._context.clock.now_ms())
        if count:
            self._claims.add_due(step)
        return count

    async def remove(self, step: str, id: int) -> str | None:
        """Remove one delivery that waits for a step; returns its run, `None` when there is none that waits."""
        removed = await self._context.store.remove(step, id)
        if removed is None:
            return None
        run_id, size = removed
        self._backlog.gone(step, size)
        self._claims.look_at_all()
        return run_id

    async def begin_purge(self, step: str) -> int:
        """Start to purge a step: what runs emits to it no more. Returns the id up to which it is to be purged."""
        return await self._backlog.begin_purge(step)

    async def purge(self, step: str, limit: int, upto_id: int) -> Sequence[str]:
        """Remove up to `limit` events that wait for a step; returns their runs, none when nothing is left to remove."""
        runs = await self._context.store.purge(step, limit, upto_id)
        if not runs:
            await self._backlog.count()
            self._parking.is_due = True
            self._claims.end_pauses()
        return runs
