"""World of one seed: hosts on one store, clients, operators and faults; it ends when everything has come to its end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import random
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from polystep.contracts.errors import PolystepError
from polystep.contracts.ports.letters import LetterFilter, NewBulk
from polystep.contracts.steps import Flow
from polystep.stores.sqlite.hosts import SqliteHosts
from tests.simulation.database import memory
from tests.simulation.hosts import CountedIds, SimulatedHost
from tests.simulation.ledger import Ledger
from tests.simulation.loop import SimulatedClock, SimulatedLoop, Spinning
from tests.simulation.plan import CRON, GONE, Plan, draw
from tests.simulation.store import Exchange

REST_S: Final = 600
"""Virtual time in which everything must come to its end once nothing goes wrong any more."""
STRICT_ACTIONS: Final = 25
"""Events of the last part, in which nothing may be late."""


@dataclass(frozen=True)
class Result:
    """Outcome of one world."""

    plan: Plan
    lives: int
    attempts: int
    virtual_s: float
    trace: str
    """Digest of everything that has happened, in its order."""
    trouble: str | None

    def __str__(self) -> str:
        command = f"python -m tests.simulation --seed {self.plan.seed}"
        return f"{self.trouble}\n  {self.plan}\n  again, with its trace: {command}"


def run_world(seed: int, *, is_told: bool = False) -> Result:
    """Run the world of a seed."""
    world = World(draw(seed), is_told=is_told)
    gc.disable()
    try:
        return world.run()
    finally:
        world.loop.close()
        world.connection.close()
        gc.enable()


class World:
    """Everything that happens under one seed."""

    def __init__(self, plan: Plan, *, is_told: bool) -> None:
        self.plan = plan
        self.chance = random.Random(f"world {plan.seed}")
        self.loop = SimulatedLoop(self.chance)
        self.clock = SimulatedClock(self.loop)
        self.connection = memory()
        self.owners = SqliteHosts()
        self.ids = CountedIds()
        self.ledger = Ledger(plan.policies, self.clock.now_ms, self.loop.trouble)
        self.exchange = Exchange(plan.hosts > 1, self._call_delays)
        self.topics = [step.name for step in plan.steps if step.name != CRON] + ["both"]
        self.is_calm = False
        """No fault comes any more."""
        self._flow = Flow({step.name: step for step in plan.steps})
        self._hosts: dict[str, SimulatedHost] = {}
        self._process = self.loop.process("world")
        self._digest = hashlib.blake2b(digest_size=12)
        self._is_told = is_told
        self._names = 0
        self._tick_ms = 0
        self._prepare()

    def _prepare(self) -> None:
        ledger, faults = self.ledger, self.plan.faults
        ledger.say = self.say
        ledger.reloads = "reloads" in faults
        ledger.excused = lambda name: self._hosts[name].is_excused or self._hosts[name].is_dead

    def run(self) -> Result:
        """Run to the end, or to the first thing that must never happen."""
        trouble = None
        try:
            self.loop.run_in(self._process, self._live())
        except Spinning as error:
            trouble = str(error)
        trouble = self.loop.trouble[0] if self.loop.trouble else trouble
        ledger = self.ledger
        return Result(self.plan, ledger.ended, ledger.attempts, self.loop.time(), self._digest.hexdigest(), trouble)

    def say(self, text: str) -> None:
        """Add to the trace."""
        line = f"{self.loop.now_us} {text}"
        self._digest.update(line.encode())
        if self._is_told:
            print(f"{self.loop.now_us / 1e6:12.6f}  {text}")  # noqa: T201 - somebody replays a seed

    def broken(self, trouble: str) -> None:
        """Note something that must never happen."""
        self.loop.trouble.append(trouble)

    def next_name(self) -> int:
        """Return a number for an event."""
        self._names += 1
        return self._names

    def dead_owners(self) -> list[str]:
        """Return hosts that are known to have ended."""
        return [name for name, host in self._hosts.items() if host.is_dead and name not in self.owners.live]

    def kill(self, host: SimulatedHost) -> None:
        """Let no line of a host run any more."""
        self.say(f"kill {host.name}")
        self.loop.kill(host.process)
        self.ledger.dead(host.name)
        if host.wakeups in self.exchange.ends:
            self.exchange.ends.remove(host.wakeups)
        # Of several hosts, the others may learn of the death only by the lease; not where an hour is missing.
        if self.plan.hosts == 1 or "jumps" in self.plan.faults or self.chance.random() < 0.5:
            self.owners.live.pop(host.name, None)

    # --- Its course ---

    async def _live(self) -> None:
        faults = self.plan.faults
        await self._fill()
        self.ledger.is_strict = not faults
        for _ in range(self.plan.actions):
            await self._act()
            await self._fill()
        await self._come_to_rest()
        self.ledger.freed_ms.clear()
        self.ledger.is_strict = True
        for _ in range(STRICT_ACTIONS):
            self._publish(1 + (self.chance.random() < 0.2))
            if self.chance.random() < 0.1:
                self._cancel()
            await self._pass(self.chance.choice((0.005, 0.2, 1.5)))
            self._answer()
        await self._until_all_is_done()
        self.ledger.check_end(self._subscribers)
        for host in self._up():
            await self._finish(host, host.stop(self.chance.choice((0.0, 5.0))))
        self.say(f"end {self.ledger.ended}")

    async def _come_to_rest(self) -> None:
        """Let no fault come any more; everything must come to its end."""
        self.is_calm = True
        for host in self._hosts.values():
            host.process.is_frozen = False
        await self._fill()
        for host in self._up():
            self._do(host, self._replace(host, self._flow, (), is_complete=True))
            for step in self.plan.policies:
                self._do(host, self._resume(host, step))
        await self._until_all_is_done()
        if "small queues" in self.plan.faults:
            await self._pass(10)  # a step that was postponed is not claimed for a while

    async def _until_all_is_done(self) -> None:
        end_us = self.loop.now_us + REST_S * 1_000_000
        # What a frozen host was asked for may be committed only now.
        while self.loop.now_us < end_us and (self.ledger.unfinished() or any(host.is_at_work for host in self._up())):
            await self._pass(1)
        if left := self.ledger.unfinished():
            self.broken(f"left behind after {REST_S} s without a fault: {left[:5]}")

    async def _fill(self) -> None:
        """Start as many hosts as the plan has."""
        while True:
            missing = self.plan.hosts - sum(not host.is_dead for host in self._hosts.values())
            starting = []
            for _ in range(missing):
                host = SimulatedHost(self, f"h{len(self._hosts)}")
                self._hosts[host.name] = host
                self.owners.live[host.name] = 0
                self.say(f"start {host.name}")
                starting.append((host, self._in(host, self._begin(host))))
            for host, task in starting:
                while not task.done() and not host.is_dead:
                    await self._pass(0.01)
            if not starting:
                return

    async def _begin(self, host: SimulatedHost) -> None:
        try:
            await host.begin(self._flow)
        except PolystepError:
            self.say(f"{host.name} cannot start")
            self.kill(host)
            self.owners.live.pop(host.name, None)

    async def _pass(self, delay_s: float) -> None:
        await self.clock.sleep(delay_s)
        if self.loop.trouble:
            raise Spinning(self.loop.trouble[0])

    # --- What happens in it ---

    async def _act(self) -> None:
        draw, chance, faults = self.chance.random(), self.chance, self.plan.faults
        if draw < 0.47:
            self._publish(chance.choice((1, 1, 2, 5)))
        elif draw < 0.5:
            self._cancel()
        elif draw < 0.72:
            await self._pass(chance.choice((0.01, 0.1, 0.7, 3)))
        elif draw < 0.76:
            self._tick()
        elif draw < 0.80:
            self._answer()
        elif fault := chance.choice(sorted(faults)) if faults else None:
            self.say(f"fault {fault}")
            await self._fault(fault)

    async def _fault(self, fault: str) -> None:
        chance, up = self.chance, self._up()
        if not up:
            return
        host = chance.choice(up)
        match fault:
            case "kills":
                self.kill(host)
            case "stops":
                await self._finish(host, host.stop(chance.choice((0.0, 0.5, 5.0))))
            case "freezes":
                delay_s = chance.choice((0.5, 35, 50))
                if self.plan.hosts > 1:  # with something in its hands that others take over
                    self._do(host, self._client(host, 6))
                    await self._pass(0.2)
                self._freeze(host, delay_s)
                await self._pass(chance.choice((0, delay_s)))
            case "jumps":
                await self._jump(chance.choice((-3_600_000, -2000, 5000, 40_000)))
            case "reloads":
                self._do(host, self._reload(host))
            case "operators":
                self._operate(host)
            case "long handlers":
                await self._pass(12)
            case _:
                pass  # they are in the disk and the calls

    def _publish(self, count: int) -> None:
        if up := self._up():
            host = self.chance.choice(up)
            client = self._in(host, self._client(host, count))
            if self.chance.random() < 0.05:
                self.loop.call_later(self.chance.random() * self.plan.answer_s, client.cancel)

    def _cancel(self) -> None:
        """Emit an event that cancels runs."""
        if up := self._up():
            host = self.chance.choice(up)
            self._do(host, self._client(host, 1, GONE))

    async def _client(self, host: SimulatedHost, count: int, topic: str | None = None) -> None:
        try:
            planned = host.plan("e", count, topic=topic)
            keyed = await host.bus.publish(planned)
        except PolystepError:
            return
        duplicates = {} if keyed is None else keyed.duplicates
        self.ledger.acknowledged([new for new in planned if new.run_id not in duplicates])

    def _tick(self) -> None:
        due_ms = self.clock.now_ms()
        if due_ms == self._tick_ms:
            return
        self._tick_ms = due_ms
        for host in self._up():
            self._do(host, host.bus.publish_tick(CRON, b"tick>>>", due_ms))

    def _answer(self) -> None:
        if not (up := self._up()):
            return
        host = self.chance.choice(up)
        rows = self.connection.execute("SELECT id FROM asks WHERE status = 'open' ORDER BY id LIMIT 5").fetchall()
        if rows:
            self._do(host, self._answer_one(host, str(self.chance.choice(rows)[0])))

    async def _answer_one(self, host: SimulatedHost, ask_id: str) -> None:
        closed = await host.store.close_ask(ask_id, b"yes")
        if closed is not None and closed.due_step is not None:
            host.bus.suspensions.due(closed.due_step)

    def _freeze(self, host: SimulatedHost, delay_s: float) -> None:
        host.is_excused = True
        host.process.is_frozen = True

        def go_on() -> None:
            host.process.is_frozen = False

        self.loop.call_later(delay_s, go_on)

    async def _jump(self, by_ms: int) -> None:
        if by_ms < -60_000:
            # What was planned before and is stored after it keeps its time: it would wait for an hour.
            for _ in range(60):
                if not self.ledger.running and not any(host.is_at_work for host in self._up()):
                    break
                await self._pass(0.25)
            else:
                return
        self.say(f"the clock is set by {by_ms} ms")
        self.ledger.is_timed = False
        self.clock.set_by_ms += by_ms
        if by_ms < 0:
            self.ledger.ticks.clear()  # their times come again
        for host in self._hosts.values():
            host.is_excused = True

    async def _reload(self, host: SimulatedHost) -> None:
        loaded = Flow({step.name: step for step in self.plan.steps if self.chance.random() < 0.7})
        if self.chance.random() < 0.5:
            kept = [(step.name, topic) for step in self.plan.steps for topic in step.topics]
            await self._replace(host, loaded, kept, is_complete=True)
        else:
            await self._replace(host, loaded, (), is_complete=False)

    async def _replace(
        self, host: SimulatedHost, flow: Flow, kept: Sequence[tuple[str, str]], *, is_complete: bool
    ) -> None:
        host.bus.replace(flow, kept, is_complete=is_complete)

    async def _resume(self, host: SimulatedHost, step: str) -> None:
        host.bus.resume(step)

    def _operate(self, host: SimulatedHost) -> None:
        step = self.chance.choice([*self.plan.policies])
        acts = (self._pause, self._hasten, self._remove, self._purge, self._replay, self._replay_all)
        self._do(host, self.chance.choice(acts)(host, step))

    async def _pause(self, host: SimulatedHost, step: str) -> None:
        host.bus.pause([step])
        await self.clock.sleep(self.chance.choice((0.5, 5)))
        host.bus.resume(step)

    async def _hasten(self, host: SimulatedHost, step: str) -> None:
        await host.bus.hasten(step, None)

    async def _remove(self, host: SimulatedHost, step: str) -> None:
        sql = "SELECT id FROM deliveries WHERE step = ? AND status <> 2 ORDER BY id LIMIT 5"
        rows = self.connection.execute(sql, (step,)).fetchall()
        if rows:
            await host.bus.remove(step, cast("int", self.chance.choice(rows)[0]))

    async def _purge(self, host: SimulatedHost, step: str) -> None:
        self.ledger.purged.add(step)
        upto_id = await host.bus.begin_purge(step)
        while await host.bus.purge(step, 3, upto_id):
            pass

    async def _replay(self, host: SimulatedHost, step: str) -> None:
        letters = await host.store.dead_letters(20)
        if letters:
            await host.bus.replay(self.chance.choice(letters).id)

    async def _replay_all(self, host: SimulatedHost, step: str) -> None:
        new = NewBulk("replay", LetterFilter(), {}, None, self.chance.choice((None, 2)))
        await host.store.bulks.begin(new, self.clock.now_ms())
        host.bus.bulks.begin()

    # --- Its hosts ---

    def _up(self) -> list[SimulatedHost]:
        return [host for host in self._hosts.values() if host.is_up and not host.is_dead and not host.is_stopping]

    def _do(self, host: SimulatedHost, work: Coroutine[Any, Any, Any]) -> None:
        """Begin something in a host."""
        self._in(host, work).add_done_callback(lambda _: None)

    def _in(self, host: SimulatedHost, work: Coroutine[Any, Any, Any]) -> asyncio.Task[None]:
        task = self.loop.spawn(host.process, self._guarded(work))
        host.clients.append(task)
        return task

    async def _guarded(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something in a host; what the disk refuses is refused."""
        with contextlib.suppress(PolystepError):
            await work

    async def _finish(self, host: SimulatedHost, work: Coroutine[Any, Any, Any]) -> None:
        """Do something in a host, and return when it is done or the host is dead."""
        task = self._in(host, work)
        while not task.done() and not host.is_dead:
            await self._pass(0.05)
        if not host.is_dead:
            self.say(f"stopped {host.name}")
            self.loop.kill(host.process)
            self.owners.live.pop(host.name, None)
            if task.exception() is not None:
                self.broken(f"{host.name} cannot stop: {task.exception()!r}")

    def _subscribers(self, topic: str) -> list[str]:
        return [step.name for step in self.plan.steps if topic in step.topics]

    def _call_delays(self) -> Sequence[float]:
        delay_s = self.chance.random() * self.plan.answer_s
        if "lost calls" not in self.plan.faults or self.is_calm:
            return (delay_s,)
        return self.chance.choice(((), (delay_s,), (delay_s, 3 * delay_s), (delay_s + 1,)))
