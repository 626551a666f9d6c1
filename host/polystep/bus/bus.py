"""The event bus: stores deliveries, claims what is due, runs it, and settles how it ended.

An event whose step has a free place is claimed in the transaction that stores it, so it starts after one commit. What
finds no place waits in the store, and one loop claims it. Every claimed delivery is one task, bounded per step and in
all. The loop sleeps until something is published, something settles, or the next retry is due; it never polls.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Final

from polystep.bus.backlog import Backlog, QueueBound
from polystep.bus.parked import Parking
from polystep.bus.places import Places
from polystep.bus.retry import Backoff
from polystep.bus.routes import Routes
from polystep.bus.wall_clock import WallClock
from polystep.contracts.errors import PolystepError
from polystep.contracts.events import UNKNOWN_STEP, Claim, DeadLetter, Delivery, NewDelivery, Outcome
from polystep.contracts.futures import then
from polystep.contracts.ids import Ids
from polystep.contracts.limits import LEASE_MS, POSTPONED_PAUSE_S, RUNS_PER_RUNNER
from polystep.contracts.ports import Clock, DeliveryObserver, DeliveryRunner, QueueStore
from polystep.contracts.steps import Flow
from polystep.contracts.values import JSONObject

RUNNING_MAX: Final = 2 * RUNS_PER_RUNNER
"""Deliveries claimed at once over all steps: enough to fill a runner of each shipped kind."""

CLAIMED_MAX: Final = 2 * RUNNING_MAX
"""Deliveries claimed at once, with those whose handlers have ended and whose outcome is not stored yet: beyond it none
is claimed, so a disk that takes no outcomes does not fill the memory with them."""

SETTLE_PAUSE_S: Final = 1.0
"""Between tries to store how an attempt ended, when the disk refuses."""

SLEEP_MAX_S: Final = 60.0
"""The wall clock may be set, and a laptop may sleep, while the bus waits for a due time: it looks again this often."""

_log = logging.getLogger("polystep.bus")
_RELEASED: Final = Outcome("released")
_NO_ERROR: Final[JSONObject] = {"name": "unknown", "message": "The attempt failed without saying why."}


class Bus:
    """Publishes events and runs their deliveries."""

    def __init__(
        self,
        store: QueueStore,
        clock: Clock,
        runner: DeliveryRunner,
        observer: DeliveryObserver,
        ids: Ids,
        *,
        owner: str,
        backoff: Backoff | None = None,
        bound: QueueBound | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._runner = runner
        self._observer = observer
        self._owner = owner
        self._backoff = backoff or Backoff()
        self._ids = ids
        self._routes = Routes(Flow(), self._ids, is_complete=False)
        self._parking = Parking(store, observer, clock)
        self._wall = WallClock(clock)
        self._backlog = Backlog(store, clock, bound or QueueBound())
        self._paused_until_s: dict[str, float] = {}
        """Steps whose attempts cannot emit because a queue is full: none is claimed until then."""
        self._wake = asyncio.Event()
        self._places = Places(RUNNING_MAX, self._limit)
        self._claimed: dict[asyncio.Task[None], Delivery] = {}
        self._placed: set[tuple[int, int]] = set()
        """Ids and tokens of attempts that have their place: their handlers have not ended. Both, because a delivery
        that is released may be claimed again before the attempt that released it is done with."""
        self._timer: asyncio.Task[None] | None = None
        self._timer_due_ms = 0
        self._unseen: set[str] = set()
        """Steps whose next due time the store is still to be asked for, once nothing else will wake them."""
        self._storing: set[int] = set()
        """Ids of deliveries whose attempt has ended and whose outcome is with the store at this moment."""
        self._ticking: set[str] = set()
        """Cron steps whose tick is with the store at this moment."""
        self._loops: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self) -> None:
        """Release what an earlier process left running, and begin to claim."""
        if self._loops:
            return
        self._stopping = False
        recovered = await self._store.recover(self._owner)
        if moved := await self._store.move_due(self._clock.now_ms(), None):
            _log.warning(
                "%d waiting events are from a time when the clock was ahead; they start as if it was not", moved
            )
        if recovered:
            _log.info("%d runs were cut short by the last stop; they start again", recovered)
        self._heat_all()
        self._loops = [
            asyncio.create_task(self._claim_loop(), name="bus claims"),
            asyncio.create_task(self._lease_loop(), name="bus leases"),
        ]

    async def stop(self, grace_s: float = 0.0) -> None:
        """Claim nothing more, give running deliveries the grace period, release the rest for the next start."""
        self._stopping = True
        loops, self._loops = self._loops, []
        claims, leases = loops[:1], loops[1:]
        if self._timer is not None:
            claims.append(self._timer)
            self._timer = None
        for task in claims:
            task.cancel()
        if self._claimed and grace_s > 0:
            await asyncio.wait(list(self._claimed), timeout=grace_s)
        for task, delivery in self._claimed.items():
            # What is being stored ends by itself; cut off here, it would be stored without the trace hearing of it.
            if delivery.id not in self._storing:
                task.cancel()
        await asyncio.gather(*self._claimed, return_exceptions=True)
        # Leases are kept up until the last run has settled.
        for task in leases:
            task.cancel()
        await asyncio.gather(*claims, *leases, return_exceptions=True)

    def replace(self, flow: Flow, kept: Iterable[tuple[str, str]] = (), *, is_complete: bool = True) -> None:
        """Route by this flow from now on; the arguments are those of `Routes`."""
        self._routes = Routes(flow, self._ids, kept, is_complete=is_complete)
        self._parking.is_due = True
        self._heat_all()

    def plan(
        self,
        topic: str,
        data: bytes,
        *,
        trace_id: str,
        parent_run_id: str | None,
        fifo_key: str | None = None,
        unstored: int = 0,
    ) -> tuple[NewDelivery, ...]:
        """The deliveries that an event of this topic would make now; nothing is stored.

        One of `UNKNOWN_STEP` when nobody is known to subscribe and some step file does not load.

        Raises:
            Overloaded: The queue of a subscriber is full.
        """
        planned = self._routes.plan(topic, data, trace_id, parent_run_id, fifo_key, self._clock.now_ms())
        for new in planned:
            self._backlog.check(new.step, unstored)
        return self._parking.bound(planned)

    def publish(self, deliveries: Sequence[NewDelivery]) -> asyncio.Future[None]:
        """Store deliveries; when this returns they are on disk. During a stop they wait for the next start.

        Raises:
            Overloaded: Too many writes wait.
        """
        claim = self._reserve(deliveries)
        try:
            stored = self._store.enqueue(deliveries, claim)
        except PolystepError:
            self._give_back(deliveries, claim)
            raise

        def unless_stored(done: asyncio.Future[list[Delivery]]) -> None:
            if done.exception() is not None:
                self._give_back(deliveries, claim)

        if claim is not None:
            stored.add_done_callback(unless_stored)
        return then(stored, lambda claimed: self._published(deliveries, claimed))

    async def publish_tick(self, step: str, data: bytes) -> NewDelivery | None:
        """Store a cron tick, the root of a new trace.

        Ticks do not overlap: `None`, and nothing is stored, when the step's earlier tick is not finished.
        """
        if step in self._ticking:
            return None
        self._ticking.add(step)
        try:
            if await self._store.is_waiting(step):
                return None
            ids = self._ids
            tick = NewDelivery(ids.run(), "cron", "", step, data, ids.trace(), ids.run(), None)
            await self.publish([tick])
            return tick
        finally:
            self._ticking.discard(step)

    async def begin_purge(self, step: str) -> int:
        """Start to purge a step: what runs emits to it no more. Returns the id up to which it is to be purged."""
        return await self._backlog.begin_purge(step)

    async def purge(self, step: str, limit: int, upto_id: int) -> Sequence[str]:
        """Remove up to `limit` events that wait for a step; returns their runs, none when nothing is left to remove."""
        runs = await self._store.purge(step, limit, upto_id)
        if not runs:
            await self._backlog.count()
            self._parking.is_due = True
            self._paused_until_s.clear()
            self._heat_all()
        return runs

    async def replay(self, id: int) -> DeadLetter | None:
        """Try a dead letter again, with a fresh retry budget."""
        try:
            letter = await self._store.replay(id, self._clock.now_ms())
        except asyncio.CancelledError:
            self._heat_all()
            raise
        if letter is not None:
            self._published([letter.again()], [])
        return letter

    @property
    def _is_crowded(self) -> bool:
        return len(self._claimed) >= CLAIMED_MAX

    def _reserve(self, deliveries: Sequence[NewDelivery]) -> Claim | None:
        """Take places for what can start as soon as it is stored."""
        if not deliveries or not self._loops or self._stopping or self._is_crowded:
            return None
        now_ms = self._clock.now_ms()
        indexes = []
        for index, new in enumerate(deliveries):
            starts = new.refused is None and new.fifo_key is None and new.run_at_ms <= now_ms
            if starts and self._places.take_early(new.step):
                indexes.append(index)
        return Claim(frozenset(indexes), self._owner, now_ms + LEASE_MS) if indexes else None

    def _give_back(self, deliveries: Sequence[NewDelivery], claim: Claim | None) -> None:
        for index in claim.indexes if claim is not None else ():
            self._leave_place(deliveries[index].step)

    def _leave_place(self, step: str, *, aside: bool = False) -> None:
        self._places.leave(step, aside=aside)
        if self._places.is_hot:
            self._wake.set()

    def _published(self, deliveries: Sequence[NewDelivery], claimed: Sequence[Delivery]) -> None:
        if not deliveries:
            return
        # Before the trace hears of them: what is claimed must run, whatever happens there.
        for delivery in claimed:
            if self._loops:
                self._begin(delivery)
            else:  # a stop: the next start finds it
                self._places.leave(delivery.step)
        self._backlog.added(deliveries)
        if len(claimed) < len(deliveries):
            self._parking.stored(deliveries, self._routes)
            self._wake_for(deliveries, claimed)
        self._observer.enqueued(deliveries)

    def _wake_for(self, deliveries: Sequence[NewDelivery], claimed: Sequence[Delivery]) -> None:
        """See to it that those that are stored and not claimed are claimed when they are due."""
        now_ms = self._clock.now_ms()
        begun = {delivery.run_id for delivery in claimed}
        for new in deliveries:
            if new.refused is not None or new.step == UNKNOWN_STEP or new.run_id in begun:
                continue
            if new.run_at_ms > now_ms:
                self._due_at(new.run_at_ms)
            else:
                self._places.heat([new.step], 1)
        self._wake.set()

    def _limit(self, name: str) -> int:
        """How many deliveries of a step run at once; none while it pauses."""
        paused = self._paused_until_s and self._clock.monotonic_s() < self._paused_until_s.get(name, 0.0)
        return 0 if paused else self._routes.limit(name)

    def _pause(self, step: str) -> None:
        """Claim nothing of a step for a while: its attempts could not emit either."""
        now_s = self._clock.monotonic_s()
        self._paused_until_s = {name: until_s for name, until_s in self._paused_until_s.items() if until_s > now_s}
        if step not in self._paused_until_s:
            _log.warning(
                "%s emits to a queue that is full; its events wait, and are tried again every few seconds", step
            )
        self._paused_until_s[step] = now_s + POSTPONED_PAUSE_S
        self._due_at(self._clock.now_ms() + round(POSTPONED_PAUSE_S * 1000))

    def _heat_all(self) -> None:
        self._places.heat(self._routes.steps)
        self._unseen.update(self._routes.steps)
        self._wake.set()

    def _due_at(self, at_ms: int) -> None:
        """Wake at this time, unless that is to happen sooner anyway."""
        if self._stopping or (self._timer is not None and self._timer_due_ms <= at_ms):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due_ms = at_ms
        self._timer = asyncio.create_task(self._wake_at(at_ms), name="bus timer")

    async def _wake_at(self, at_ms: int) -> None:
        while (left_ms := at_ms - self._clock.now_ms()) > 0:
            await self._clock.sleep(min(left_ms / 1000, SLEEP_MAX_S))
            if self._wall.look():
                self._wake.set()
        self._timer = None
        self._heat_all()

    async def _claim_loop(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._claim_due()
            except Exception as error:  # noqa: BLE001 - if claiming ended, every event would wait for the next start
                _log.error("Claiming events failed, trying again: %s", error)
                await self._clock.sleep(SETTLE_PAUSE_S)
                self._heat_all()

    async def _move_due(self) -> None:
        """Bring what waits along with a wall clock that was set back."""
        behind_ms = self._wall.behind_ms
        moved = await self._store.move_due(self._clock.now_ms(), behind_ms)
        self._wall.behind_ms -= behind_ms
        _log.warning("The clock was set back by %.1f s; %d waiting events keep their time", behind_ms / 1000, moved)
        self._heat_all()

    async def _claim_due(self) -> None:
        if self._wall.look():
            await self._move_due()
        if self._parking.is_due:
            self._published(await self._parking.settle(self._routes), [])
        if self._is_crowded:
            return  # until one of them has been settled
        wants = self._places.ask()
        if wants:
            claimed: list[Delivery] = []
            try:
                claimed = await self._store.claim(wants, self._owner, self._clock.now_ms(), LEASE_MS)
            finally:
                # Who got less than it asked for may have something that is due later: the next of a FIFO key becomes
                # ready when the one before it ends, and the clock may have been set back.
                self._unseen |= self._places.answer(wants, claimed)
            for delivery in claimed:
                self._begin(delivery)
        if self._places.is_hot:
            # The steps asked for in this round had taken all the room; those after them get theirs now.
            self._wake.set()
        # A step with more to claim is asked for when it has been drained.
        drained = [name for name in self._unseen if not self._places.is_waiting(name)]
        if drained:
            self._unseen.difference_update(drained)
            loaded = [name for name in drained if self._routes.step(name) is not None]
            due_ms = await self._store.next_due_ms(loaded, self._owner)
            if due_ms is not None:
                self._due_at(due_ms)

    def _begin(self, delivery: Delivery) -> None:
        """Attempt a claimed delivery, in a place that was taken for it."""
        self._placed.add((delivery.id, delivery.token))
        if delivery.crashes:
            # The runner gives it a process apart, and it may wait for that: meanwhile others use the room.
            self._places.set_aside(delivery.step)
        task = asyncio.create_task(self._attempt(delivery), name=f"run {delivery.step}")
        self._claimed[task] = delivery
        task.add_done_callback(self._finished)

    def _handled(self, delivery: Delivery) -> None:
        attempt = (delivery.id, delivery.token)
        if attempt in self._placed:
            self._placed.discard(attempt)
            self._leave_place(delivery.step, aside=delivery.crashes > 0)

    def _finished(self, task: asyncio.Task[None]) -> None:
        was_crowded = self._is_crowded
        delivery = self._claimed.pop(task)
        self._handled(delivery)  # when it was cancelled before it began
        if delivery.fifo_key is not None:
            # The next one of its key has become ready.
            self._places.heat([delivery.step], 1)
        if was_crowded or self._places.is_hot:
            self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("A delivery of %s could not be settled", delivery.step, exc_info=error)

    async def _attempt(self, delivery: Delivery) -> None:
        step = self._routes.step(delivery.step)
        outcome = _RELEASED
        try:
            if step is not None:
                outcome = await self._runner.run_delivery(delivery, step)
        except asyncio.CancelledError:
            # Only `stop` cancels: the run was cut short through no fault of its own.
            outcome = _RELEASED
        except Exception as error:  # noqa: BLE001 - a runner that breaks its promise must not strand the delivery
            _log.exception("Running a delivery of %s failed in the host itself", delivery.step)
            outcome = Outcome("failed", error={"name": type(error).__name__, "message": str(error)})
        if outcome.status == "postponed":
            self._pause(delivery.step)
        # The handler is done: its place is free for what it has emitted.
        self._handled(delivery)
        await self._settle(delivery, outcome)

    async def _settle(self, delivery: Delivery, outcome: Outcome) -> None:
        while True:
            self._storing.add(delivery.id)
            try:
                await self._store_outcome(delivery, outcome)
            except PolystepError as error:
                if outcome.status == "completed" and not error.retryable:
                    # What it emitted can never be stored. It was kept until now and must be seen, not tried for ever.
                    outcome = Outcome("failed", error={"name": error.name, "message": error.message}, retryable=False)
                    continue
                # The result stays in memory and the lease is renewed, so nothing is lost while the disk is full.
                _log.error("Storing the result of %s failed, trying again: %s", delivery.step, error.message)
                if self._stopping:
                    return
            else:
                return
            finally:
                self._storing.discard(delivery.id)
            await self._clock.sleep(SETTLE_PAUSE_S)

    async def _store_outcome(self, delivery: Delivery, outcome: Outcome) -> None:
        retry_at_ms: int | None = None
        buried = False
        if outcome.status == "completed":
            mine = await self._complete(delivery, self._backlog.unpurged(delivery, outcome.emits))
        elif outcome.status == "failed":
            error = outcome.error or _NO_ERROR
            failures = delivery.failures + 1
            buried = not outcome.retryable or failures > self._routes.policy(delivery.step).retries_max
            if buried:
                mine = await self._store.bury(delivery, error, self._clock.now_ms())
            else:
                retry_at_ms = self._clock.now_ms() + self._backoff.delay_ms(failures)
                mine = await self._store.retry(delivery, retry_at_ms, error)
                self._due_at(retry_at_ms)
        elif outcome.status == "postponed":
            retry_at_ms = self._clock.now_ms() + round(POSTPONED_PAUSE_S * 1000)
            mine = await self._store.postpone(delivery, retry_at_ms)
        else:
            mine = await self._store.release(delivery, crashed=outcome.status == "suspect")
            retry_at_ms = self._clock.now_ms()
            self._places.heat([delivery.step])
            self._wake.set()
        if mine and (buried or outcome.status == "completed"):
            self._backlog.removed(delivery)
        if mine:
            self._observer.settled(delivery, outcome, retry_at_ms, buried)
        else:
            self._observer.superseded(delivery)

    async def _complete(self, delivery: Delivery, emits: Sequence[NewDelivery]) -> bool:
        claim = self._reserve(emits)
        claimed: list[Delivery] | None = None
        try:
            claimed = await self._store.complete(delivery, emits, claim)
        finally:
            if claimed is None:
                self._give_back(emits, claim)
        if claimed is None:
            return False
        self._published(emits, claimed)
        return True

    async def _lease_loop(self) -> None:
        while True:
            if self._backlog.is_due:
                await self._count_backlog()
            await self._clock.sleep(LEASE_MS / 3000)
            if self._wall.look():
                self._wake.set()
            if self._claimed:
                try:
                    held = list(self._claimed.values())
                    await self._store.renew(held, self._owner, self._clock.now_ms() + LEASE_MS)
                except PolystepError as error:
                    _log.error("Renewing leases failed, trying again: %s", error.message)

    async def _count_backlog(self) -> None:
        try:
            await self._backlog.count()
        except PolystepError as error:
            self._backlog.is_due = True
            _log.error("Counting what waits failed, trying again: %s", error.message)
