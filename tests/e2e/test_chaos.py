"""`kill -9` of host and runners under load: no accepted event is lost, no order within a key is broken."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.running import Running, children_of, make_project
from tests.e2e.test_crash import nothing_waits

pytestmark = pytest.mark.e2e

SEED = 20261122
ROUNDS = 4
CLIENTS = 12
ACCEPTED_PER_ROUND = 150


class Load:
    """Clients that post without pause, each under a FIFO key of its own, and what was accepted of it."""

    def __init__(self) -> None:
        self.accepted: set[str] = set()
        self._number = 0
        self._changed = asyncio.Condition()

    async def post(self, host: Running, key: str) -> None:
        """Post until the host is gone."""
        while True:
            self._number += 1
            name = str(self._number)
            body = {"id": name, "key": key, "n": self._number}
            try:
                async with host.http.post("/accept", json=body) as response:
                    taken = response.status == 200
            except aiohttp.ClientError:
                return
            if taken:
                async with self._changed:
                    self.accepted.add(name)
                    self._changed.notify_all()

    async def reaches(self, count: int) -> None:
        """Wait until this many were accepted."""
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: len(self.accepted) >= count)


async def test_nothing_accepted_is_lost_and_no_order_is_broken(tmp_path: Path) -> None:
    chance, load = random.Random(SEED), Load()
    project = make_project(
        tmp_path,
        {"steps/accept.step.ts": ACCEPT, "steps/ordered.step.ts": ORDERED, "steps/finish_step.py": FINISH},
    )
    for _ in range(ROUNDS):
        host = Running(project, verb="start")
        await host.launch()
        await host.ready()
        clients = [asyncio.create_task(load.post(host, f"key {number}")) for number in range(CLIENTS)]
        target = len(load.accepted)
        for part in (0.3, 0.6):
            await load.reaches(target + round(ACCEPTED_PER_ROUND * part))
            for runner in children_of(host.process.pid):
                if chance.random() < 0.7:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(runner, signal.SIGKILL)
        await load.reaches(target + ACCEPTED_PER_ROUND)
        host.process.kill()
        await asyncio.gather(*clients)
        await host.ended()
    async with Running(project, verb="start") as host:
        await nothing_waits(host)
        dead = (await host.api("dead-letters"))["deadLetters"]
        finished = await host.group("finished")
        order = await host.group("order")
    assert dead == []
    assert load.accepted - set(finished) == set()
    assert len(load.accepted) >= ROUNDS * ACCEPTED_PER_ROUND
    assert {key: seen for key, seen in order.items() if seen != sorted(seen)} == {}


ACCEPT = """
export const config = { type: 'api', name: 'Accept', path: '/accept', method: 'POST', emits: ['accepted'] }
export const handler = async ({ body }: any, { emit }: any) => {
  await emit({ topic: 'accepted', data: body, messageGroupId: body.key })
  return { status: 200, body: {} }
}
"""
ORDERED = """
export const config = { type: 'event', name: 'Ordered', subscribes: ['accepted'], emits: ['ordered'] }
export const handler = async ({ id, key, n }: any, { emit, state }: any) => {
  const seen = (await state.get('order', key)) ?? []
  if (!seen.includes(n)) await state.set('order', key, [...seen, n])
  await emit({ topic: 'ordered', data: { id } })
}
"""
FINISH = """
config = {"type": "event", "name": "Finish", "subscribes": ["ordered"], "emits": []}

async def handler(data, context):
    await context.state.set("finished", data["id"], True)
"""
