"""A bus on a real store, a clock that the test moves, and a runner that does what the test says."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from polystep.bus import Backoff, Bus, BusOptions
from polystep.contracts.events import Delivery, NewDelivery, Outcome, ParkedEvent, RemovedDelivery
from polystep.contracts.ids import Ids
from polystep.contracts.steps import CronTrigger, EventTrigger, Flow, QueuePolicy, SourceFile, StepSpec
from polystep.stores import Database, SqliteHosts, SqliteQueueStore, open_durable
from polystep.testing import FakeClock, SettableClock
from tests.patience import HANG_S

DONE = Outcome("completed")
FAILED = Outcome("failed", error={"name": "Error", "message": "no"})
Handler = Callable[[Delivery], Awaitable[Outcome]]


def event_step(name: str, *topics: str, queue: QueuePolicy | None = None) -> StepSpec:
    source = SourceFile(f"{name}.step.ts", "step", "typescript", "node")
    return StepSpec(name, "event", source, EventTrigger(topics or (name,)), queue=queue or QueuePolicy())


def cron_step(name: str) -> StepSpec:
    source = SourceFile(f"{name}.step.ts", "step", "typescript", "node")
    return StepSpec(name, "cron", source, CronTrigger("* * * * *"))


def flow(*steps: StepSpec) -> Flow:
    return Flow({step.name: step for step in steps})


class Runner:
    """Does for each step what the test says, and keeps what was started and how many ran at once."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.started: list[Delivery] = []
        self.running: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self._changed = asyncio.Condition()

    async def run_delivery(self, delivery: Delivery, step: StepSpec) -> Outcome:
        assert step.name == delivery.step
        self.started.append(delivery)
        await self._count(delivery.step, 1)
        try:
            handler = self.handlers.get(delivery.step)
            return DONE if handler is None else await handler(delivery)
        finally:
            self.running[delivery.step] -= 1
            self.running["all"] -= 1

    async def let_units_end(self) -> None:
        """Nothing is kept from being cut."""

    async def started_count(self, count: int) -> None:
        """Return when so many attempts have been started."""
        await self.until(lambda: len(self.started) >= count)

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(HANG_S), self._changed:
            await self._changed.wait_for(reached)

    async def _count(self, step: str, change: int) -> None:
        for name in (step, "all"):
            self.running[name] = self.running.get(name, 0) + change
            self.most[name] = max(self.most.get(name, 0), self.running[name])
        async with self._changed:
            self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class Settled:
    """What the observer was told of one attempt."""

    data: str
    attempt: int
    status: str
    retry_in_ms: int | None
    buried: bool


@dataclass
class Observer:
    """Keeps what the bus told, and lets a test wait for it."""

    clock: FakeClock
    stored: list[NewDelivery] = field(default_factory=list)
    ends: list[Settled] = field(default_factory=list)
    refused: list[Delivery] = field(default_factory=list)
    unparks: list[tuple[str, list[str]]] = field(default_factory=list)
    duplicates: list[tuple[str, str, int]] = field(default_factory=list)
    removed: list[RemovedDelivery] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def enqueued(self, deliveries: Sequence[NewDelivery]) -> None:
        self.stored += deliveries

    def settled(self, delivery: Delivery, outcome: Outcome, retry_at_ms: int | None, buried: bool) -> None:
        wait_ms = None if retry_at_ms is None else retry_at_ms - self.clock.now_ms()
        self.ends.append(
            Settled(delivery.data.decode(errors="replace"), delivery.attempt, outcome.status, wait_ms, buried)
        )
        self.told.set()

    def unparked(self, event: ParkedEvent, steps: Sequence[str]) -> None:
        self.unparks.append((event.data.decode(errors="replace"), [*steps]))
        self.told.set()

    def duplicated(self, new: NewDelivery, event_id: str, attempt: int) -> None:
        self.duplicates.append((new.step, event_id, attempt))

    def cancelled(self, removed: Sequence[RemovedDelivery]) -> None:
        self.removed += removed

    def superseded(self, delivery: Delivery) -> None:
        self.refused.append(delivery)
        self.told.set()

    async def ends_count(self, count: int, timeout_s: float = 20) -> None:
        """Return when so many attempts have been settled or refused."""
        async with asyncio.timeout(timeout_s):
            while len(self.ends) + len(self.refused) < count:
                self.told.clear()
                await self.told.wait()

    async def unparks_count(self, count: int) -> None:
        """Return when so many parked events have gone somewhere."""
        async with asyncio.timeout(HANG_S):
            while len(self.unparks) < count:
                self.told.clear()
                await self.told.wait()

    @property
    def results(self) -> list[tuple[str, int, str]]:
        return [(end.data, end.attempt, end.status) for end in self.ends]


class BusHarness:
    """The bus with everything around it."""

    def __init__(self, database: Database, store: SqliteQueueStore, clock: SettableClock, hosts: SqliteHosts) -> None:
        self.hosts = hosts
        self.database = database
        self.store = store
        self.clock = clock
        self.runner = Runner()
        self.observer = Observer(clock)
        self.bus = self.new_bus()

    def new_bus(self, owner: str = "host") -> Bus:
        backoff = Backoff(random=random.Random(1))
        return Bus(self.store, self.clock, self.runner, self.observer, Ids(), BusOptions(owner, backoff))

    async def begin(self, *steps: StepSpec, kept: Iterable[tuple[str, str]] = (), is_complete: bool = True) -> None:
        self.bus.replace(flow(*steps), kept, is_complete=is_complete)
        await self.bus.start()

    async def publish(self, topic: str, *names: str, key: str | None = None) -> None:
        """One event each, stored together."""
        planned = [
            delivery
            for name in names
            for delivery in self.bus.plan(topic, name.encode(), trace_id="t", parent_run_id=None, fifo_key=key)
        ]
        await self.bus.publish(planned)

    async def quiet(self) -> None:
        """Return when the store has answered everything and nothing more is asked of it."""
        async with asyncio.timeout(HANG_S):
            while True:
                await self.database.write(lambda _: None)
                answered = self.database.commits
                await self.clock.settle()
                # What its answers set off would wait for the disk now, or have been there in between.
                if self.database.waiting == 0 and self.database.commits == answered:
                    return

    async def advance(self, delay_s: float) -> None:
        """Move the clock, and let what that wakes come to rest."""
        await self.clock.advance(delay_s)
        await self.quiet()


@asynccontextmanager
async def open_harness(folder: Path) -> AsyncIterator[BusHarness]:
    database = open_durable(folder / "polystep.db", "none")
    clock = SettableClock()
    await database.start()
    hosts = SqliteHosts()
    harness = BusHarness(database, SqliteQueueStore(database, clock, hosts), clock, hosts)
    try:
        yield harness
    finally:
        async with asyncio.timeout(HANG_S):
            await harness.bus.stop()
            await database.stop()


def gate() -> tuple[asyncio.Event, Handler]:
    """An event, and a handler that completes when it is set."""
    opened = asyncio.Event()

    async def wait(_: Delivery) -> Outcome:
        await opened.wait()
        return DONE

    return opened, wait


def scripted(*outcomes: Outcome) -> Handler:
    """Ends its attempts like this, one after the other; completes after the last."""
    left = list(outcomes)

    async def handle(_: Delivery) -> Outcome:
        return left.pop(0) if left else DONE

    return handle
