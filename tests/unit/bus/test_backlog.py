"""The bound on what waits for one step, and its purge."""

from __future__ import annotations

import asyncio

import pytest

from polystep.bus import Bus, QueueBound
from polystep.contracts.errors import Overloaded
from polystep.contracts.events import UNKNOWN_STEP, Delivery, Outcome
from polystep.contracts.ids import Ids
from polystep.contracts.steps import QueuePolicy
from tests.unit.bus.house import FAILED, House, event_step, flow, gate, scripted

POSTPONED = Outcome("postponed", error={"name": "overloaded", "message": "full"})


def bound(house: House, events: int = 3, size: int = 1000) -> None:
    house.bus = Bus(
        house.store, house.clock, house.runner, house.observer, Ids(), owner="host", bound=QueueBound(events, size)
    )


async def emptied(house: House, step: str) -> int:
    removed, upto_id = 0, await house.bus.begin_purge(step)
    while runs := await house.bus.purge(step, 2, upto_id):
        removed += len(runs)
    return removed


async def test_emits_to_a_full_queue_are_refused_until_there_is_room(house: House) -> None:
    bound(house)
    opened, house.runner.handlers["a"] = gate()
    await house.begin(event_step("a"), event_step("b"))
    await house.publish("a", "1", "2", "3")
    with pytest.raises(Overloaded, match=r"The queue of a is full: 3 events .* polystep purge a"):
        await house.publish("a", "4")
    await house.publish("b", "5")
    opened.set()
    await house.observer.ends_count(4)
    await house.publish("a", "6", "7", "8")
    await house.observer.ends_count(7)


async def test_bytes_and_what_an_attempt_has_not_stored_yet_count_too(house: House) -> None:
    bound(house, events=10, size=4)
    _, house.runner.handlers["a"] = gate()
    await house.begin(event_step("a"))
    with pytest.raises(Overloaded):
        house.bus.plan("a", b"x", trace_id="t", parent_run_id=None, unstored=10)
    await house.publish("a", "four")
    with pytest.raises(Overloaded, match="4 bytes"):
        await house.publish("a", "x")


async def test_retries_count_until_they_end_and_dead_letters_do_not(house: House) -> None:
    bound(house, events=1)
    house.runner.handlers["a"] = scripted(FAILED, FAILED)
    await house.begin(event_step("a", queue=QueuePolicy(retries_max=1)))
    await house.publish("a", "1")
    await house.observer.ends_count(1)
    with pytest.raises(Overloaded):
        await house.publish("a", "2")
    await house.quiet()
    await house.advance(1.3)
    await house.observer.ends_count(2)
    await house.publish("a", "2")
    await house.observer.ends_count(3)
    (letter,) = await house.store.dead_letters(10)
    await house.bus.replay(letter.id)
    await house.observer.ends_count(4)


async def test_a_new_start_counts_what_waits(house: House) -> None:
    bound(house)
    house.bus.replace(flow(event_step("a")))
    await house.publish("a", "1", "2", "3")
    bound(house)
    _, house.runner.handlers["a"] = gate()
    await house.begin(event_step("a"))
    await house.runner.started_count(3)
    async with asyncio.timeout(10):
        while True:
            try:
                house.bus.plan("a", b"x", trace_id="t", parent_run_id=None)
            except Overloaded:
                break
            await house.clock.settle()


async def test_an_attempt_that_cannot_emit_uses_up_no_retry_and_its_step_pauses(house: House) -> None:
    house.runner.handlers["a"] = scripted(*[POSTPONED] * 9)
    await house.begin(event_step("a", queue=QueuePolicy(retries_max=0, concurrency=2)), event_step("b"))
    await house.publish("a", "1", "2", "3", "4")
    await house.observer.ends_count(2)
    await house.quiet()
    assert house.runner.running["a"] == 0
    await house.publish("b", "other")
    await house.observer.ends_count(3)
    await house.quiet()
    assert len(house.runner.started) == 3
    async with asyncio.timeout(20):
        while len([end for end in house.observer.ends if end.status == "completed"]) < 5:
            await house.advance(5)
    assert await house.store.dead_letters(10) == []
    assert max(end.retry_in_ms or 0 for end in house.observer.ends) == 5000


async def test_a_purge_removes_what_waits_and_nothing_that_runs(house: House) -> None:
    bound(house, events=6)
    opened, house.runner.handlers["a"] = gate()
    await house.begin(event_step("a", queue=QueuePolicy(concurrency=1)), event_step("b"))
    await house.publish("a", "1", "2", "3", key="k")
    await house.publish("a", "4", "5", "6")
    await house.runner.started_count(1)
    await house.quiet()
    assert await emptied(house, "a") == 5
    assert await house.store.waiting() == [("a", 1)]
    await house.publish("a", "7", key="k")
    opened.set()
    await house.observer.ends_count(2)
    assert house.observer.results[-1][0] == "7"


async def test_what_runs_during_a_purge_emits_no_more_to_its_own_step(house: House) -> None:
    opened = asyncio.Event()

    async def emitting(delivery: Delivery) -> Outcome:
        await opened.wait()
        if delivery.data == b"child":
            return Outcome("completed")
        to_a, to_b = (
            house.bus.plan(topic, b"child", trace_id="t", parent_run_id=delivery.run_id) for topic in ("a", "b")
        )
        return Outcome("completed", emits=to_a + to_b)

    house.runner.handlers["a"] = emitting
    await house.begin(event_step("a", queue=QueuePolicy(concurrency=1)), event_step("b"))
    await house.publish("a", "1", "2")
    await house.runner.started_count(1)
    assert await emptied(house, "a") == 1
    opened.set()
    await house.observer.ends_count(2)
    assert [delivery.step for delivery in house.runner.started] == ["a", "b"]
    # What is emitted later is as ever.
    await house.publish("a", "3")
    await house.observer.ends_count(5)
    assert [delivery.step for delivery in house.runner.started[2:]] in (["a", "a", "b"], ["a", "b", "a"])


async def test_parked_events_are_purged_under_the_name_they_are_listed_by(house: House) -> None:
    await house.begin(is_complete=False)
    await house.publish("work", "1", "2", "3")
    assert await emptied(house, UNKNOWN_STEP) == 3
    assert await house.store.parked_size() == (0, 0)
