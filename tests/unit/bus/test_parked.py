"""Events of a topic without a known subscriber, while some file does not load."""

from __future__ import annotations

import asyncio

import pytest

from polystep.bus import parked
from polystep.contracts.events import UNKNOWN_STEP, DeadLetter
from polystep.contracts.steps import QueuePolicy
from tests.unit.bus.house import House, event_step, flow


async def topics(house: House) -> list[tuple[str, int]]:
    return [(topic, count) for topic, count, _ in await house.store.parked_topics()]


async def test_they_wait_and_are_delivered_when_a_file_loads_that_subscribes(house: House) -> None:
    await house.begin(event_step("a"), is_complete=False)
    await house.publish("work", "1", "2", key="k")
    await house.publish("other", "3")
    await house.quiet()
    assert (await topics(house), await house.store.waiting()) == ([("other", 1), ("work", 2)], [])
    house.bus.replace(flow(event_step("a"), event_step("w", "work")), is_complete=False)
    await house.observer.ends_count(2)
    assert house.observer.results == [("1", 1, "completed"), ("2", 1, "completed")]
    assert [(each.step, each.topic, each.fifo_key) for each in house.runner.started] == [("w", "work", "k")] * 2
    assert house.observer.unparks == [("1", ["w"]), ("2", ["w"])]
    assert await topics(house) == [("other", 1)]


async def test_each_further_subscriber_gets_them_once(house: House) -> None:
    await house.begin(is_complete=False)
    await house.publish("work", "1")
    house.bus.replace(flow(event_step("a", "work")), is_complete=False)
    await house.observer.ends_count(1)
    both = flow(event_step("a", "work"), event_step("b", "work"))
    house.bus.replace(both, is_complete=False)
    await house.observer.ends_count(2)
    house.bus.replace(both)
    async with asyncio.timeout(10):
        while await house.store.parked_size() != (0, 0):
            await house.quiet()
    assert [each.step for each in house.runner.started] == ["a", "b"]
    assert len({each.event_id for each in house.runner.started}) == 1
    assert (house.observer.unparks, await house.store.parked_size()) == ([("1", ["a"])], (0, 0))


async def test_what_nobody_subscribes_to_is_removed_when_every_file_loads_and_that_is_told(house: House) -> None:
    await house.begin(is_complete=False)
    await house.publish("work", "1")
    house.bus.replace(flow(event_step("a")))
    await house.observer.unparks_count(1)
    assert (house.observer.unparks, await house.store.parked_size()) == ([("1", [])], (0, 0))
    assert await house.store.dead_letters(10) == []


async def test_with_every_file_loaded_nothing_is_parked(house: House) -> None:
    await house.begin(event_step("a"))
    assert house.bus.plan("work", b"1", trace_id="t", parent_run_id=None) == ()


async def test_one_planned_before_its_subscriber_loaded_and_stored_after_is_delivered(house: House) -> None:
    await house.begin(is_complete=False)
    planned = house.bus.plan("work", b"1", trace_id="t", parent_run_id="p")
    assert [each.step for each in planned] == [UNKNOWN_STEP]
    house.bus.replace(flow(event_step("a", "work")))
    await house.quiet()
    await house.bus.publish(planned)
    await house.observer.ends_count(1)
    assert [(each.step, each.parent_run_id) for each in house.runner.started] == [("a", planned[0].run_id)]


async def test_they_outlive_the_host_and_commit_with_a_completion(house: House) -> None:
    await house.begin(event_step("a"), is_complete=False)
    (emit,) = house.bus.plan("work", b"1", trace_id="t", parent_run_id=None)
    await house.publish("a", "first")
    await house.observer.ends_count(1)
    await house.bus.stop()
    await house.publish("a", "second")
    (mine,) = await house.store.claim({"a": 1}, "other", house.clock.now_ms(), 1000)
    assert not await house.store.complete(mine._replace(token=9), [emit])
    assert await topics(house) == []
    assert await house.store.complete(mine, [emit]) == []
    assert await topics(house) == [("work", 1)]
    # A new start finds it.
    house.bus = house.new_bus()
    await house.begin(event_step("w", "work"))
    await house.observer.ends_count(2)
    assert house.runner.started[-1].step == "w"


async def test_the_policy_of_the_step_counts_from_its_delivery(house: House) -> None:
    await house.begin(is_complete=False)
    await house.publish("work", "1", "2")
    step = event_step("w", "work", queue=QueuePolicy(fifo=True, delay_s=5))
    house.bus.replace(flow(step))
    await house.observer.unparks_count(2)
    await house.quiet()
    assert house.runner.started == []
    await house.advance(5)
    await house.observer.ends_count(2)
    assert [(each.data, each.fifo_key) for each in house.runner.started] == [(b"1", ""), (b"2", "")]


@pytest.mark.parametrize(("bound", "value"), [("PARKED_EVENTS_MAX", 2), ("PARKED_BYTES_MAX", 2)])
async def test_beyond_the_bound_they_become_dead_letters_that_can_be_replayed(
    house: House, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(parked, bound, value)
    await house.begin(is_complete=False)
    for name in "1234":
        await house.publish("work", name)
    letters = await house.store.dead_letters(10)
    assert [(letter.data, letter.step, letter.error["name"]) for letter in letters] == [
        (b"4", UNKNOWN_STEP, "overloaded"),
        (b"3", UNKNOWN_STEP, "overloaded"),
    ]
    house.bus.replace(flow(event_step("w", "work")))
    await house.observer.ends_count(2)
    replayed = await house.bus.replay(letters[1].id)
    assert isinstance(replayed, DeadLetter)
    await house.observer.ends_count(3)
    assert [each.data for each in house.runner.started] == [b"1", b"2", b"3"]
