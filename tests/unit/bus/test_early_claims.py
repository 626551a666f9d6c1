"""Events of steps with free places start after the one commit that stores them, and overtake nobody."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from polystep.bus.claims import RUNNING_MAX
from polystep.contracts.errors import PolystepError
from polystep.contracts.events import Claimed, Delivery, NewDelivery, Outcome
from polystep.contracts.steps import QueuePolicy
from tests.unit.bus.harness import BusHarness, event_step, flow, gate

ONE = QueuePolicy(concurrency=1)


async def commits_until_started(harness: BusHarness, topic: str, count: int) -> int:
    """How many commits an event takes until so many runs have been started in all."""
    await harness.quiet()
    before = harness.database.commits
    await harness.publish(topic, "x")
    await harness.runner.started_count(count)
    return harness.database.commits - before


async def test_an_event_starts_after_one_commit(harness: BusHarness) -> None:
    opened, harness.runner.handlers["a"] = gate()
    await harness.begin(event_step("a"))
    assert await commits_until_started(harness, "a", 1) == 1
    opened.set()


async def test_what_a_step_emits_starts_after_the_commit_of_its_completion(harness: BusHarness) -> None:
    opened, harness.runner.handlers["b"] = gate()

    async def emit(_: Delivery) -> Outcome:
        return Outcome("completed", emits=harness.bus.plan("b", b"y", trace_id="t", parent_run_id=None))

    harness.runner.handlers["a"] = emit
    await harness.begin(event_step("a"), event_step("b"))
    assert await commits_until_started(harness, "a", 2) == 2
    opened.set()


async def test_a_step_that_emits_to_itself_hands_its_place_on(harness: BusHarness) -> None:
    async def again(delivery: Delivery) -> Outcome:
        left = int(delivery.data) - 1
        return Outcome("completed", emits=plan(str(left)) if left else ())

    def plan(data: str) -> tuple[NewDelivery, ...]:
        return harness.bus.plan("a", data.encode(), trace_id="t", parent_run_id=None)

    harness.runner.handlers["a"] = again
    await harness.begin(event_step("a", queue=ONE))
    await harness.quiet()
    before = harness.database.commits
    await harness.publish("a", "10")
    await harness.observer.ends_count(10)
    assert harness.database.commits - before == 11
    assert harness.runner.most["a"] == 1


async def test_a_step_does_not_overtake_its_own_backlog(harness: BusHarness) -> None:
    go = asyncio.Semaphore(0)

    async def wait(_: Delivery) -> Outcome:
        await go.acquire()
        return Outcome("completed")

    harness.runner.handlers["a"] = wait
    await harness.begin(event_step("a", queue=ONE))
    for data in "01234":
        await harness.publish("a", data)
        await harness.quiet()
    for turn in range(5):
        go.release()
        await harness.observer.ends_count(turn + 1)
        await harness.publish("a", f"late {turn}")
    for _ in range(5):
        go.release()
    await harness.observer.ends_count(10)
    assert [each.data.decode() for each in harness.runner.started] == [*"01234", *(f"late {turn}" for turn in range(5))]


async def test_a_step_at_its_own_limit_is_in_nobodys_way(harness: BusHarness) -> None:
    opened, harness.runner.handlers["slow"] = gate()
    await harness.begin(event_step("slow", queue=ONE), event_step("quick"))
    await harness.publish("slow", *map(str, range(20)))
    await harness.runner.started_count(1)
    assert await commits_until_started(harness, "quick", 2) == 1
    opened.set()
    await harness.observer.ends_count(21)


@pytest.mark.parametrize("is_late", [False, True])
async def test_an_event_that_could_not_be_stored_gives_its_place_back(
    harness: BusHarness, monkeypatch: pytest.MonkeyPatch, is_late: bool
) -> None:
    def refuse(*_: object) -> asyncio.Future[list[Delivery]]:
        if not is_late:
            raise PolystepError("The disk is full.")
        refused: asyncio.Future[list[Delivery]] = asyncio.get_running_loop().create_future()
        refused.set_exception(PolystepError("The disk is full."))
        return refused

    await harness.begin(event_step("a", queue=ONE))
    await harness.quiet()
    with monkeypatch.context() as patched:
        patched.setattr(harness.store, "enqueue", refuse)
        for _ in range(3):
            with pytest.raises(PolystepError, match="disk is full"):
                await harness.publish("a", "lost")
    await harness.publish("a", "x")
    await harness.observer.ends_count(1)
    assert harness.observer.results == [("x", 1, "completed")]


async def test_a_superseded_completion_gives_the_places_of_its_emits_back(harness: BusHarness) -> None:
    async def lose(delivery: Delivery) -> Outcome:
        await harness.store.release(delivery, crashed=False)
        return Outcome("completed", emits=harness.bus.plan("b", b"never", trace_id="t", parent_run_id=None))

    harness.runner.handlers["a"] = lose
    await harness.begin(event_step("a"), event_step("b", queue=ONE))
    await harness.publish("a", "x")
    await harness.observer.ends_count(1)
    await harness.publish("b", "y")
    await harness.observer.ends_count(2)
    assert [(each.data, each.attempt) for each in harness.observer.refused] == [(b"x", 1)]
    assert ("y", 1, "completed") in harness.observer.results


async def test_nothing_is_claimed_early_during_a_stop(harness: BusHarness) -> None:
    await harness.begin(event_step("a"))
    await harness.quiet()
    await harness.bus.stop()
    await harness.publish("a", "x")
    assert await harness.store.waiting() == [("a", 1)]
    await harness.bus.start()
    await harness.observer.ends_count(1)
    assert harness.observer.results == [("x", 1, "completed")]


async def test_a_claim_on_its_way_has_its_places(harness: BusHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()
    claim = harness.store.claim

    async def slowly(*arguments: Any) -> Claimed:
        asked.set()
        await go_on.wait()
        return await claim(*arguments)

    opened, harness.runner.handlers["a"] = gate()
    harness.bus.replace(flow(event_step("a", queue=ONE)))
    await harness.publish("a", "first")
    monkeypatch.setattr(harness.store, "claim", slowly)
    await harness.bus.start()
    await asked.wait()
    await harness.publish("a", "second")
    go_on.set()
    await harness.runner.started_count(1)
    await harness.quiet()
    opened.set()
    await harness.observer.ends_count(2)
    assert [each.data for each in harness.runner.started] == [b"first", b"second"]
    assert harness.runner.most["a"] == 1


async def test_an_attempt_that_starts_as_the_one_before_it_is_settled_keeps_its_place(harness: BusHarness) -> None:
    opened, wait = gate()

    async def give_back_once(delivery: Delivery) -> Outcome:
        return Outcome("released") if (delivery.data, delivery.attempt) == (b"x", 1) else await wait(delivery)

    harness.runner.handlers["a"] = give_back_once
    await harness.begin(event_step("a", queue=ONE))
    # With "y" waiting for the place, "x" is released and claimed again in one commit.
    await harness.publish("a", "x", "y")
    await harness.runner.started_count(2)
    await harness.quiet()
    running = harness.runner.running["a"]
    opened.set()
    await harness.observer.ends_count(3)
    assert (running, harness.runner.most["a"]) == (1, 1)


async def test_the_second_half_of_the_room_is_for_those_that_wait(harness: BusHarness) -> None:
    opened, wait = gate()
    harness.runner.handlers = {"a": wait, "b": wait, "c": wait}
    await harness.begin(event_step("a"), event_step("b"), event_step("c"))
    for name in "ab":
        await harness.publish(name, *map(str, range(RUNNING_MAX)))
    await harness.runner.started_count(RUNNING_MAX)
    await harness.publish("c", "patient")
    await harness.quiet()
    assert harness.runner.running["all"] == RUNNING_MAX
    opened.set()
    await harness.observer.ends_count(2 * RUNNING_MAX + 1)
    assert harness.runner.most["all"] == RUNNING_MAX
