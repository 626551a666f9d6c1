"""Simulated host: the real bus in a process that can be killed, frozen, stopped and started."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from polystep.bus import Backoff, Bus, BusOptions, QueueBound
from polystep.contracts.events import Delivery, EventKey, NewDelivery, Outcome, ParkedEvent
from polystep.contracts.ids import Ids
from polystep.contracts.steps import Flow
from polystep.contracts.values import JSONObject
from polystep.wire import pack
from tests.simulation.database import SimulatedDatabase
from tests.simulation.handlers import SimulatedRunner
from tests.simulation.store import SimulatedStore, SimulatedWakeups

if TYPE_CHECKING:
    from tests.simulation.world import World

SMALL = QueueBound(events=12)


class CountedIds(Ids):
    """Ids that are counted in one world, so that they are the same whenever its seed runs."""

    def __init__(self) -> None:
        super().__init__()
        self._number = 0

    def run(self) -> str:
        self._number += 1
        return f"{self._number:016x}"

    def trace(self) -> str:
        return "t"


class SimulatedHost:
    """One start of one host; also its observer and its disk."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self.name = name
        self.ledger = world.ledger
        self.clock = world.clock
        self.process = world.loop.process(name)
        self.wakeups = SimulatedWakeups(world.exchange)
        self.database = SimulatedDatabase(self, world.connection)
        self.store = SimulatedStore(self.database, self.clock, world.owners, self.wakeups, self.ledger)
        runner = SimulatedRunner(self, world.plan, world.chance, lambda: world.is_calm)
        bound = SMALL if "small queues" in world.plan.faults else QueueBound()
        options = BusOptions(name, Backoff(max_s=20, random=world.chance), bound)
        self.bus = Bus(self.store, self.clock, runner, self, world.ids, options)
        self.bus.suspensions.on_cancel(runner.end)
        self.clients: list[asyncio.Task[None]] = []
        """What clients and operators ask of it."""
        self.is_up = False
        self.is_stopping = False
        self.is_excused = False
        """It may lose a lease."""
        self._stops_s = self._grace_until_s = 0.0

    @property
    def is_dead(self) -> bool:
        """No line of it runs any more."""
        return self.process.is_dead

    @property
    def is_at_work(self) -> bool:
        """Something of it is with the disk, or is about to be."""
        return self.database.waiting > 0 or any(not task.done() for task in self.clients)

    async def begin(self, flow: Flow) -> None:
        """Start the bus."""
        dead = self._world.dead_owners()
        await self.database.start()
        self.bus.replace(flow)
        await self.bus.start()
        self.is_up = True
        left = [owner for owner in dead if self._runs(owner)]
        if left:
            self._world.broken(f"{self.name} has started, and work of {left[0]}, which is dead, is not released")

    async def stop(self, grace_s: float) -> None:
        """Stop the bus in an orderly way."""
        self.is_stopping, self.is_up = True, False
        self._stops_s = self.clock.monotonic_s()
        self._grace_until_s = self._stops_s + grace_s
        await self.bus.stop(grace_s)
        running = [life.new.run_id for life, owner in self.ledger.handlers.values() if owner == self.name]
        if running:
            self._world.broken(f"{self.name} has stopped, and the handler of {running[0]} goes on")
        if self._runs(self.name) and not self.is_excused:
            self._world.broken(f"{self.name} has stopped, and still holds leases")
        while self.database.waiting:
            await self.clock.sleep(0.01)
        await self.clock.sleep(0.01)
        self._check_slots()

    def plan(
        self, prefix: str, count: int, parent: str | None = None, topic: str | None = None
    ) -> tuple[NewDelivery, ...]:
        """Plan some events.

        Raises:
            Overloaded: A queue is full.
        """
        chance, planned = self._world.chance, list[NewDelivery]()
        for _ in range(count):
            key = chance.choice((None, None, None, "k", "l"))
            chosen = topic or chance.choice(self._world.topics)
            value: JSONObject = {"k": chance.choice((1, 2, 3)), "name": f"{prefix}{self._world.next_name()}"}
            named = None
            # A copy that is parked has no run by which its fate is told.
            if chance.random() < 0.1 and "reloads" not in self._world.plan.faults:
                named = EventKey(f"id{chance.randrange(8)}", chance.choice((50, 5000)))
            planned += self.bus.plan(
                chosen, pack(value), trace_id="t", parent_run_id=parent, fifo_key=key, unstored=len(planned), key=named,
                value=value,
            )  # fmt: skip
        return tuple(planned)

    # --- What its runner tells ---

    def began(self, delivery: Delivery) -> None:
        """Take note of a handler that begins."""
        if self.is_stopping and self.clock.monotonic_s() > self._stops_s and not self.is_excused:
            self._world.broken(f"{delivery.run_id} starts on {self.name}, which stops")

    def cut_off(self, units: int) -> None:
        """Take note of a handler that is cut off."""
        if not self.is_stopping or self.clock.monotonic_s() < self._grace_until_s - 0.001:
            self._world.broken(f"a handler of {self.name} is cut off before its time")
        if units:
            self._world.broken(f"a handler of {self.name} is cut off inside a unit")

    # --- Its observer ---

    def enqueued(self, deliveries: Sequence[NewDelivery]) -> None:
        """Hear of stored deliveries."""

    def settled(self, delivery: Delivery, outcome: Outcome, retry_at_ms: int | None, buried: bool) -> None:
        """Hear of a stored result."""
        self.ledger.told(delivery)
        if outcome.status == "completed":
            self.ledger.acknowledged([])

    def unparked(self, event: ParkedEvent, steps: Sequence[str]) -> None:
        """Hear of a parked event."""

    def duplicated(self, *_: object) -> None:
        """Hear of an event that was not stored."""

    def cancelled(self, removed: object) -> None:
        """Hear of deliveries that were removed."""

    def superseded(self, delivery: Delivery) -> None:
        """Hear of a result that was refused."""

    # --- Its disk ---

    def delay_s(self) -> float:
        """Draw how long the next thing takes."""
        return self._world.chance.random() * self._world.plan.answer_s

    def is_crowded(self) -> bool:
        """Draw whether a write is refused at once."""
        return self._refuses(0.01)

    def refuses(self) -> bool:
        """Draw whether a group is refused."""
        return self._refuses(0.05)

    def committed(self) -> None:
        """Draw whether the host dies before anybody hears of the commit."""
        world = self._world
        if "deaths at commits" in world.plan.faults and not world.is_calm and world.chance.random() < 0.004:
            world.kill(self)

    def _refuses(self, share: float) -> bool:
        world = self._world
        if "refusals" not in world.plan.faults or world.is_calm or world.chance.random() >= share:
            return False
        self.is_excused = True
        return True

    def _runs(self, owner: str) -> bool:
        sql = "SELECT 1 FROM deliveries WHERE status = 2 AND owner = ? LIMIT 1"
        return bool(self._world.connection.execute(sql, (owner,)).fetchall())

    def _check_slots(self) -> None:
        claims, attempts = self.bus._claims, self.bus._attempts
        left = (
            claims.slots._taken,
            {step: count for step, count in claims.slots._taken_by.items() if count},
            len(attempts._in_slots),
            len(claims.held),
        )
        if left != (0, {}, 0, 0):
            self._world.broken(f"{self.name} has stopped, and slots are taken: {left}")
