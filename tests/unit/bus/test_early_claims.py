"""Events of steps with free places start after the one commit that stores them, and overtake nobody."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from polystep.bus.bus import RUNNING_MAX
from polystep.contracts.errors import PolystepError
from polystep.contracts.events import Delivery, NewDelivery, Outcome
from polystep.contracts.steps import QueuePolicy
from tests.unit.bus.house import House, event_step, flow, gate

ONE = QueuePolicy(concurrency=1)


async def commits_until_started(house: House, topic: str, count: int) -> int:
    """How many commits an event takes until so many runs have been started in all."""
    await house.quiet()
    before = house.database.commits
    await house.publish(topic, "x")
    await house.runner.started_count(count)
    return house.database.commits - before


async def test_an_event_starts_after_one_commit(house: House) -> None:
    opened, house.runner.handlers["a"] = gate()
    await house.begin(event_step("a"))
    assert await commits_until_started(house, "a", 1) == 1
    opened.set()


async def test_what_a_step_emits_starts_after_the_commit_of_its_completion(house: House) -> None:
    opened, house.runner.handlers["b"] = gate()

    async def emit(_: Delivery) -> Outcome:
        return Outcome("completed", emits=house.bus.plan("b", b"y", trace_id="t", parent_run_id=None))

    house.runner.handlers["a"] = emit
    await house.begin(event_step("a"), event_step("b"))
    assert await commits_until_started(house, "a", 2) == 2
    opened.set()


async def test_a_step_that_emits_to_itself_hands_its_place_on(house: House) -> None:
    async def again(delivery: Delivery) -> Outcome:
        left = int(delivery.data) - 1
        return Outcome("completed", emits=plan(str(left)) if left else ())

    def plan(data: str) -> tuple[NewDelivery, ...]:
        return house.bus.plan("a", data.encode(), trace_id="t", parent_run_id=None)

    house.runner.handlers["a"] = again
    await house.begin(event_step("a", queue=ONE))
    await house.quiet()
    before = house.database.commits
    await house.publish("a", "10")
    await house.observer.ends_count(10)
    assert house.database.commits - before == 11
    assert house.runner.most["a"] == 1


async def test_a_step_does_not_overtake_its_own_backlog(house: House) -> None:
    go = asyncio.Semaphore(0)

    async def wait(_: Delivery) -> Outcome:
        await go.acquire()
        return Outcome("completed")

    house.runner.handlers["a"] = wait
    await house.begin(event_step("a", queue=ONE))
    for data in "01234":
        await house.publish("a", data)
        await house.quiet()
    for turn in range(5):
        go.release()
        await house.observer.ends_count(turn + 1)
        await house.publish("a", f"late {turn}")
    for _ in range(5):
        go.release()
    await house.observer.ends_count(10)
    assert [each.data.decode() for each in house.runner.started] == [*"01234", *(f"late {turn}" for turn in range(5))]


async def test_a_step_at_its_own_limit_is_in_nobodys_way(house: House) -> None:
    opened, house.runner.handlers["slow"] = gate()
    await house.begin(event_step("slow", queue=ONE), event_step("quick"))
    await house.publish("slow", *map(str, range(20)))
    await house.runner.started_count(1)
    assert await commits_until_started(house, "quick", 2) == 1
    opened.set()
    await house.observer.ends_count(21)


@pytest.mark.parametrize("is_late", [False, True])
async def test_an_event_that_could_not_be_stored_gives_its_place_back(
    house: House, monkeypatch: pytest.MonkeyPatch, is_late: bool
) -> None:
    def refuse(*_: object) -> asyncio.Future[list[Delivery]]:
        if not is_late:
            raise PolystepError("The disk is full.")
        refused: asyncio.Future[list[Delivery]] = asyncio.get_running_loop().create_future()
        refused.set_exception(PolystepError("The disk is full."))
        return refused

    await house.begin(event_step("a", queue=ONE))
    await house.quiet()
    with monkeypatch.context() as patched:
        patched.setattr(house.store, "enqueue", refuse)
        for _ in range(3):
            with pytest.raises(PolystepError, match="disk is full"):
                await house.publish("a", "lost")
    await house.publish("a", "x")
    await house.observer.ends_count(1)
    assert house.observer.results == [("x", 1, "completed")]


async def test_a_superseded_completion_gives_the_places_of_its_emits_back(house: House) -> None:
    async def lose(delivery: Delivery) -> Outcome:
        await house.store.release(delivery, crashed=False)
        return Outcome("completed", emits=house.bus.plan("b", b"never", trace_id="t", parent_run_id=None))

    house.runner.handlers["a"] = lose
    await house.begin(event_step("a"), event_step("b", queue=ONE))
    await house.publish("a", "x")
    await house.observer.ends_count(1)
    await house.publish("b", "y")
    await house.observer.ends_count(2)
    assert [(each.data, each.attempt) for each in house.observer.refused] == [(b"x", 1)]
    assert ("y", 1, "completed") in house.observer.results


async def test_nothing_is_claimed_early_during_a_stop(house: House) -> None:
    await house.begin(event_step("a"))
    await house.quiet()
    await house.bus.stop()
    await house.publish("a", "x")
    assert await house.store.waiting() == [("a", 1)]
    await house.bus.start()
    await house.observer.ends_count(1)
    assert house.observer.results == [("x", 1, "completed")]


async def test_a_claim_on_its_way_has_its_places(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()
    claim = house.store.claim

    async def slowly(*arguments: Any) -> list[Delivery]:
        asked.set()
        await go_on.wait()
        return await claim(*arguments)

    opened, house.runner.handlers["a"] = gate()
    house.bus.replace(flow(event_step("a", queue=ONE)))
    await house.publish("a", "first")
    monkeypatch.setattr(house.store, "claim", slowly)
    await house.bus.start()
    await asked.wait()
    await house.publish("a", "second")
    go_on.set()
    await house.runner.started_count(1)
    await house.quiet()
    opened.set()
    await house.observer.ends_count(2)
    assert [each.data for each in house.runner.started] == [b"first", b"second"]
    assert house.runner.most["a"] == 1


async def test_an_attempt_that_starts_as_the_one_before_it_is_settled_keeps_its_place(house: House) -> None:
    opened, wait = gate()

    async def give_back_once(delivery: Delivery) -> Outcome:
        return Outcome("released") if (delivery.data, delivery.attempt) == (b"x", 1) else await wait(delivery)

    house.runner.handlers["a"] = give_back_once
    await house.begin(event_step("a", queue=ONE))
    # With "y" waiting for the place, "x" is released and claimed again in one commit.
    await house.publish("a", "x", "y")
    await house.runner.started_count(2)
    await house.quiet()
    running = house.runner.running["a"]
    opened.set()
    await house.observer.ends_count(3)
    assert (running, house.runner.most["a"]) == (1, 1)


async def test_the_second_half_of_the_room_is_for_those_that_wait(house: House) -> None:
    opened, wait = gate()
    house.runner.handlers = {"a": wait, "b": wait, "c": wait}
    await house.begin(event_step("a"), event_step("b"), event_step("c"))
    for name in "ab":
        await house.publish(name, *map(str, range(RUNNING_MAX)))
    await house.runner.started_count(RUNNING_MAX)
    await house.publish("c", "patient")
    await house.quiet()
    assert house.runner.running["all"] == RUNNING_MAX
    opened.set()
    await house.observer.ends_count(2 * RUNNING_MAX + 1)
    assert house.runner.most["all"] == RUNNING_MAX
