"""Crash harness: a real host under load, killed again and again; then each sentence of the promise is checked.

What is killed and when comes from the seed. What the machine does meanwhile does not, so a seed gives the same kills,
not the same run.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.crash.project import make_killed
from tests.e2e.running import Running, children_of

CLIENTS: Final = 6
KEYS: Final = ("a", "b", "c")
QUIET_S: Final = 90.0
VICTIMS: Final = ("host", "node", "python")
_COMMANDS: Final = {"node": b"main.ts", "python": b"launch.py", "ruby": b"runner.rb"}


@dataclass
class Record:
    """Figures of one run of the harness."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    recoveries_s: list[float] = field(default_factory=list)
    """From the start of the command to the first handler of an event, after each kill of the host."""
    lost: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    disorder: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        found = [f"seed {self.seed}: {self.kills.total()} kills ({_listed(self.kills)}) under load"]
        found.append(f"accepted: {_listed(self.accepted)}; asks answered: {self.answered}")
        for name in ("lost", "duplicates", "disorder", "dead"):
            each: list[str] = getattr(self, name)
            found.append(f"{name}: {len(each)} {each[:5] if each else ''}".rstrip())
        if times := sorted(self.recoveries_s):
            p99 = times[min(len(times) - 1, round(0.99 * len(times)))]
            found.append(
                f"from the command to the first handler after kill -9 of the host, {len(times)} times: "
                f"p50 {statistics.median(times):.2f} s, p99 {p99:.2f} s"
            )
        found.append(f"again: python -m tests.crash --seed {self.seed} --kills {self.kills.total()}")
        return "\n".join(found)

    @property
    def is_kept(self) -> bool:
        """The promise was kept."""
        return not (self.lost or self.duplicates or self.disorder or self.dead)


class Crash:
    """One project, its host, and the clients that go on whatever dies."""

    def __init__(self, folder: Path, seed: int, kills: int, *, has_ruby: bool) -> None:
        self.record = Record(seed)
        self._chance = random.Random(seed)
        self._kills = kills
        self._has_ruby = has_ruby
        self._project = make_killed(folder, has_ruby=has_ruby)
        self._starts = folder / "starts"
        self._starts.touch()
        self._host = self._new_host()
        self._accepted: dict[str, list[str]] = {"work": [], "wait": [], "ask": [], "mark": []}
        self._ordered: dict[str, list[int]] = {key: [] for key in KEYS}
        self._names = 0

    async def run(self) -> Record:
        """Load, kill, let everything come to its end, check."""
        await self._host.launch()
        await self._host.ready()
        loads = [asyncio.create_task(self._load(index)) for index in range(CLIENTS)]
        loads += [asyncio.create_task(self._load_in_order(key)) for key in KEYS]
        loads.append(asyncio.create_task(self._answer()))
        try:
            victims = (*VICTIMS, "ruby") if self._has_ruby else VICTIMS
            for _ in range(self._kills):
                # Drawn before anything is awaited: the same kills for the same seed.
                delay_s, victim = self._chance.uniform(0.02, 0.8), self._chance.choice(victims)
                await asyncio.sleep(delay_s)
                await self._kill(victim)
        finally:
            for load in loads[:-1]:
                load.cancel()
            await asyncio.gather(*loads[:-1], return_exceptions=True)
        await self._come_to_rest()
        loads[-1].cancel()
        await asyncio.gather(loads[-1], return_exceptions=True)
        await self._check()
        self._host.process.send_signal(signal.SIGTERM)
        await self._host.ended()
        return self.record

    def _new_host(self) -> Running:
        environment = {"STARTS": str(self._starts)}
        return Running(self._project, verb="start", environment=environment)

    async def _kill(self, victim: str) -> None:
        if victim == "host":
            await self._host.kill()
            # Counted from before the command: nothing of the old start writes any more.
            size, began_s = self._starts.stat().st_size, time.time()
            self._host = self._new_host()
            await self._host.launch()
            await self._host.ready()
            self.record.kills[victim] += 1
            self.record.recoveries_s.append(await self._first_start(size) - began_s)
            return
        async with asyncio.timeout(30):
            while not self._kill_runner(victim):  # noqa: ASYNC110 - no event tells of a process
                await asyncio.sleep(0.01)  # it is being started again
        self.record.kills[victim] += 1

    def _kill_runner(self, victim: str) -> bool:
        for pid in children_of(self._host.process.pid):
            with contextlib.suppress(OSError):
                if _COMMANDS[victim] in Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" "):
                    os.kill(pid, signal.SIGKILL)
                    return True
        return False

    async def _first_start(self, size: int) -> float:
        async with asyncio.timeout(60):
            while True:
                with self._starts.open("rb") as starts:
                    starts.seek(size)
                    line = starts.readline()
                if line.endswith(b"\n"):
                    return float(line)
                await asyncio.sleep(0.005)

    # --- Load ---

    async def _load(self, index: int) -> None:
        chance = random.Random(f"{self.record.seed} {index}")
        while True:
            topic = chance.choice(
                ("work", "work", "wait", "ask", "mark") if self._has_ruby else ("work", "wait", "ask")
            )
            self._names += 1
            name = f"{topic}{self._names}"
            if await self._accepts({"topic": topic, "data": {"id": name, "ms": chance.choice((0, 5, 200))}}):
                self._accepted[topic].append(name)
                self.record.accepted[topic] += 1
            await asyncio.sleep(0.04)

    async def _load_in_order(self, key: str) -> None:
        number = 0
        while True:
            number += 1
            # One that was not answered may be stored: the numbers only grow.
            if await self._accepts({"topic": "ordered", "data": {"key": key, "number": number}, "key": key}):
                self._ordered[key].append(number)
                self.record.accepted["ordered"] += 1
            await asyncio.sleep(0.05)

    async def _accepts(self, body: object) -> bool:
        try:
            async with asyncio.timeout(20), self._host.http.post("/door", json=body) as response:
                return response.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError, AssertionError, RuntimeError):
            await asyncio.sleep(0.02)
            return False

    async def _answer(self) -> None:
        while True:
            await asyncio.sleep(0.3)
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError, AssertionError, RuntimeError):
                for ask in (await self._host.api("asks"))["asks"]:
                    path = f"/__polystep/api/asks/{ask['id']}"
                    async with asyncio.timeout(20), self._host.http.post(path, json={"value": ask["title"]}) as answer:
                        self.record.answered += answer.status == 200

    async def _come_to_rest(self) -> None:
        async with asyncio.timeout(QUIET_S):
            while (await self._host.api("queues"))["queues"]:  # noqa: ASYNC110 - the host is asked
                await asyncio.sleep(0.2)

    # --- The promise ---

    async def _check(self) -> None:
        record, host = self.record, self._host
        after = _by_id(await host.group("after"))
        kept = _by_id(await host.group("kept"))
        answers = await host.group("answers")
        board = await self._board()
        for name in self._accepted["work"] + self._accepted["mark"] + self._accepted["ask"]:
            self._once(name, after.get(name, []), "event that it emits")
        for name in self._accepted["wait"]:
            self._once(name, after.get(f"{name} before", []), "event that it emits before its wait")
            self._once(name, after.get(f"{name} behind", []), "event that it emits behind its wait")
        for name in self._accepted["wait"] + self._accepted["work"]:
            self._once(name, kept.get(name, []), "result of once")
        for name in self._accepted["work"]:
            if [board.get(name)] != kept.get(name):
                record.lost.append(f"{name}: the stream holds {board.get(name)}, once has given {kept.get(name)}")
        for name in self._accepted["ask"]:
            if answers.get(name) != {"status": "answered", "value": name}:
                record.lost.append(f"{name}: its answer is {answers.get(name)}")
        # Also of what was stored without an answer, and of ticks: never twice.
        for found in (after, kept):
            record.duplicates += [f"{name}: {marks}" for name, marks in found.items() if len(marks) > 1]
        self._check_order(await host.group("ordered"))
        letters = (await host.api("dead-letters"))["deadLetters"]
        record.dead += [f"{letter['step']}: {letter['error']}" for letter in letters]

    def _once(self, name: str, marks: list[str], what: str) -> None:
        if not marks:
            self.record.lost.append(f"{name}: no {what}")

    def _check_order(self, seen: dict[str, list[int]]) -> None:
        for key, accepted in self._ordered.items():
            numbers = seen.get(key, [])
            if numbers != sorted(set(numbers)):
                self.record.disorder.append(f"{key}: {numbers}")
            self.record.lost += [f"{key} {number}" for number in sorted(set(accepted) - set(numbers))]

    async def _board(self) -> dict[str, Any]:
        async with self._host.socket() as socket:
            await socket.send_json(
                {"type": "join", "data": {"streamName": "board", "groupId": "all", "subscriptionId": "s"}}
            )
            message = await socket.receive_json(timeout=20)
        return {item["id"]: item["kept"] for item in message["event"]["data"]}


def _by_id(marks: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key in marks:
        name, _, nonce = key.rpartition("/")
        found.setdefault(name, []).append(nonce)
    return found


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
