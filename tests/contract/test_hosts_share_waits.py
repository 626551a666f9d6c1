"""Several hosts on each store: what comes at the moment of a suspension is not missed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from polystep.contracts.asks import Ask
from polystep.contracts.events import SIGNAL_STEP, Delivery
from polystep.contracts.journal import JournalEntry
from polystep.contracts.ports.queue import QueueStore
from polystep.contracts.signals import ChildCall, SignalWait, Wanted
from tests.contract.deliveries import claim, new
from tests.contract.sharing import Sharing

FAR_MS = 10**15
ROUNDS = 12
RUNS = 8


async def begin_ask(queue: QueueStore, run: Delivery) -> None:
    ask = Ask(f"ask of {run.run_id}", "ask", run.run_id, "k", "step", "t", "?", b"", None, 5, FAR_MS, b"hash")
    assert await queue.journal.begin_wait(run, JournalEntry("k", "ask", 5, due_ms=FAR_MS), [], [], None, ask) == []


async def answer(queue: QueueStore, run: Delivery) -> None:
    closed = await queue.asks.close(f"ask of {run.run_id}", "answered", b"yes", None)
    assert closed is not None
    assert closed.is_closed_now


async def begin_event(queue: QueueStore, run: Delivery) -> None:
    entry = JournalEntry("k", "event", 5, due_ms=FAR_MS)
    wait = SignalWait((Wanted("said", "to", run.run_id),), 1000)
    assert await queue.journal.begin_wait(run, entry, [], [], None, wait) == []


async def say(queue: QueueStore, run: Delivery) -> None:
    event = new(f"for {run.run_id}")._replace(
        topic="said", step=SIGNAL_STEP, run_id="", signals=(("to", run.run_id),), parent_run_id=run.run_id
    )
    await queue.enqueue([event])


async def begin_call(queue: QueueStore, run: Delivery) -> None:
    child = new(f"call of {run.run_id}", step="called")._replace(kind="call")
    entry = JournalEntry("k", "call", 5, due_ms=FAR_MS)
    assert await queue.journal.begin_wait(run, entry, [child], [], None, ChildCall(child.run_id)) == []


async def end_call(queue: QueueStore, run: Delivery) -> None:
    (child,) = await claim(queue, {"called": 1}, owner="two")
    assert await queue.complete(child, [], None, b"value") is not None


WAITS = {"ask": (begin_ask, answer), "event": (begin_event, say), "call": (begin_call, end_call)}


@pytest.mark.parametrize("kind", WAITS)
async def test_what_comes_while_a_run_is_suspended_makes_it_due(sharing: Sharing, kind: str) -> None:
    one, two = [await sharing.host(name) for name in ("one", "two")]
    begin, give = WAITS[kind]
    for number in range(ROUNDS):
        await one.queue.enqueue([new(f"{number} {name}") for name in range(RUNS)])
        runs = await claim(one.queue, owner="one")
        assert len(runs) == RUNS
        # The event may also come while the wait begins.
        if kind != "event" or number % 2:
            await asyncio.gather(*(begin(one.queue, run) for run in runs))

        async def wait(run: Delivery, *, is_new: bool = kind == "event" and not number % 2) -> None:
            if is_new:
                await begin_event(one.queue, run)
            assert await one.queue.journal.suspend(run, FAR_MS, ["k"]) is not None

        ends: list[Awaitable[None]] = [wait(run) for run in runs]
        ends += [give(two.queue, run) for run in runs]
        await asyncio.gather(*ends)
        again = await claim(one.queue, owner="one", now_ms=sharing.clock.now_ms())
        assert {run.run_id for run in again} == {run.run_id for run in runs}
        await asyncio.gather(*(one.queue.complete(run, []) for run in again))
