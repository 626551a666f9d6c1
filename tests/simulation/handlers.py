"""Simulated runner: handlers that do what the seed says, and tell the ledger when they begin and end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from polystep.contracts.asks import Ask
from polystep.contracts.errors import Overloaded, PolystepError
from polystep.contracts.events import Delivery, NewDelivery, Outcome
from polystep.contracts.journal import JournalEntry, SentEmit
from polystep.contracts.steps import StepSpec
from polystep.contracts.values import JSONObject
from tests.simulation.plan import CRON, GONE, Plan

if TYPE_CHECKING:
    from tests.simulation.hosts import SimulatedHost

DEPTH_MAX = 3
"""Events that lead to one another."""


class HostFault(Exception):
    """A fault of the host in the middle of an attempt."""


class SimulatedRunner:
    """Runner of one host."""

    def __init__(self, host: SimulatedHost, plan: Plan, chance: random.Random, is_calm: Callable[[], bool]) -> None:
        self._host = host
        self._plan = plan
        self._chance = chance
        self._is_calm = is_calm
        self._units = 0
        self._is_ending = False
        self._open: dict[Delivery, asyncio.Task[object]] = {}
        """Tasks of the attempts whose handlers can be ended."""
        self._ended: dict[Delivery, JSONObject | None] = {}
        """Attempts whose handlers are being ended, each with the reason."""
        self._unit_ended = asyncio.Event()

    async def run_delivery(self, delivery: Delivery, step: StepSpec) -> Outcome:
        """Do something, for a while."""
        ledger, outcome = self._host.ledger, None
        ledger.starts(delivery, self._host.name)
        self._host.began(delivery)
        try:
            outcome = await self._handle(delivery)
            return outcome
        except HostFault:
            outcome = Outcome("failed")
            raise
        except asyncio.CancelledError:
            if delivery not in self._ended or (task := asyncio.current_task()) is None:
                self._host.cut_off(self._units)
                raise
            task.uncancel()
            outcome = Outcome("cancelled", error=self._ended[delivery])
            return outcome
        finally:
            self._open.pop(delivery, None)
            self._ended.pop(delivery, None)
            ledger.ends(delivery, outcome)

    def end(self, run_id: str, reason: JSONObject | None) -> bool:
        """End the handler of a run; False when it is not open, as before its first line."""
        delivery = next((each for each in self._open if each.run_id == run_id), None)
        if delivery is None or delivery in self._ended or self._chance.random() < 0.2:
            return False
        self._ended[delivery] = reason
        self._open[delivery].cancel()
        return True

    async def let_units_end(self) -> None:
        """Return when nothing is inside a unit; none begins any more."""
        self._is_ending = True
        while self._units:
            self._unit_ended.clear()
            await self._unit_ended.wait()

    async def _handle(self, delivery: Delivery) -> Outcome:
        chance = self._chance
        journal: dict[str, JournalEntry] = {}
        if delivery.resumes is not None:
            stored = await self._host.store.journal.read(delivery.run_id)
            journal = {entry.key: entry for entry in stored.entries}
        if chance.random() < 0.25:
            await self._once(delivery, journal)
        if "w" in journal or chance.random() < 0.12:
            suspended = await self._wait(delivery, journal)
            if suspended is not None:
                return suspended
        await self._pause(delivery, chance.choice(self._pauses()))
        return self._outcome(delivery)

    async def _pause(self, delivery: Delivery, delay_s: float) -> None:
        """Be at work; meanwhile the handler can be ended, but not beside a call, which goes on by itself."""
        task = asyncio.current_task()
        assert task is not None
        self._open[delivery] = task
        await self._host.clock.sleep(delay_s)
        del self._open[delivery]

    def _pauses(self) -> tuple[float, ...]:
        if "long handlers" in self._plan.faults and not self._is_calm():
            return (0, 0.05, 1, 3, 5, 40, 75)
        if "freezes" in self._plan.faults and not self._is_calm():
            return (0, 0.05, 2, 5, 5)
        return (0, 0, 0, 0.01, 0.3, 2)

    async def _once(self, delivery: Delivery, journal: dict[str, JournalEntry]) -> None:
        """Do something whose result is kept, unless it was kept."""
        if "o" in journal:
            return
        if self._is_ending:
            await asyncio.get_running_loop().create_future()
        self._units += 1
        try:
            await self._pause(delivery, self._chance.choice((0, 0.1, 1)))
            entry = JournalEntry("o", "once", self._host.clock.now_ms(), b"v")
            await self._host.bus.suspensions.keep(delivery, entry)
        except PolystepError:
            return  # not kept: the next leg does it again
        finally:
            self._units -= 1
            self._unit_ended.set()

    async def _wait(self, delivery: Delivery, journal: dict[str, JournalEntry]) -> Outcome | None:
        """Suspend the run, unless its wait is over."""
        host, chance = self._host, self._chance
        entry = journal.get("w")
        now_ms = host.clock.now_ms()
        try:
            if entry is None:
                due_ms = now_ms + chance.choice((1, 500, 4000, 20_000))
                kind = chance.choice(("sleep", "ask"))
                entry = JournalEntry("w", "ask" if kind == "ask" else "sleep", now_ms, due_ms=due_ms)
                emits = self._emits(delivery)
                sent = [SentEmit(each.event_id.encode(), each.topic) for each in emits]
                ask = self._ask(delivery, now_ms, due_ms) if kind == "ask" else None
                if not await host.bus.suspensions.begin_wait(delivery, entry, emits, sent, ask):
                    return Outcome("suspended", run_at_ms=due_ms)
            elif entry.kind == "ask" and await host.bus.suspensions.closed_ask(delivery, "w") is not None:
                return None
        except PolystepError as error:
            return Outcome("failed", error={"name": error.name, "message": error.message})
        assert entry.due_ms is not None
        if entry.due_ms <= host.clock.now_ms():
            return None
        return Outcome("suspended", run_at_ms=entry.due_ms, waits=("w",) if entry.kind == "ask" else ())

    def _ask(self, delivery: Delivery, now_ms: int, due_ms: int) -> Ask:
        return Ask(
            delivery.run_id, "ask", delivery.run_id, "w", delivery.step, "t", "Yes?", b"", None, now_ms, due_ms,
            delivery.run_id.encode(),
        )  # fmt: skip

    def _outcome(self, delivery: Delivery) -> Outcome:
        draw = self._chance.random()
        if self._is_calm() and not self._host.ledger.is_strict:
            draw = 1.0
        elif self._host.ledger.is_superseded(delivery):
            draw *= 0.44  # whatever it is, it must be refused
        try:
            emits = self._emits(delivery)
        except Overloaded:
            return Outcome("postponed")
        error: JSONObject = {"name": "E", "message": "no"}
        if draw < 0.03:
            raise HostFault
        if draw < 0.17:
            now_ms = self._host.clock.now_ms()
            after_ms = now_ms + self._chance.choice((100, 2500)) if draw < 0.07 else None
            return Outcome("failed", emits, error=error, retryable=draw < 0.15, run_at_ms=after_ms)
        if draw < 0.22:
            return Outcome("released" if draw < 0.19 else "suspect", emits)
        return Outcome("completed", emits)

    def _emits(self, delivery: Delivery) -> tuple[NewDelivery, ...]:
        depth = delivery.data.count(b">")
        if depth >= DEPTH_MAX or delivery.step == CRON:
            return ()
        count = self._chance.choice((0, 0, 0, 1, 1, 2))
        topic = GONE if self._chance.random() < 0.03 else None
        return self._host.plan(">" * (depth + 1), count, delivery.run_id, topic)
