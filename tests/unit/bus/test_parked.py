"""Events of a topic without a known subscriber, while some file does not load."""

from __future__ import annotations

import asyncio

import pytest

from polystep.bus import parked
from polystep.contracts.events import UNKNOWN_STEP, DeadLetter
from polystep.contracts.steps import QueuePolicy
from tests.patience import HANG_S
from tests.unit.bus.harness import BusHarness, event_step, flow


async def topics(harness: BusHarness) -> list[tuple[str, int]]:
    return [(topic, count) for topic, count, _ in await harness.store.parked_topics()]


async def test_they_wait_and_are_delivered_when_a_file_loads_that_subscribes(harness: BusHarness) -> None:
    await harness.begin(event_step("a"), is_complete=False)
    await harness.publish("work", "1", "2", key="k")
    await harness.publish("other", "3")
    await harness.quiet()
    assert (await topics(harness), await harness.store.waiting()) == ([("other", 1), ("work", 2)], [])
    harness.bus.replace(flow(event_step("a"), event_step("w", "work")), is_complete=False)
    await harness.observer.ends_count(2)
    assert harness.observer.results == [("1", 1, "completed"), ("2", 1, "completed")]
    assert [(each.step, each.topic, each.fifo_key) for each in harness.runner.started] == [("w", "work", "k")] * 2
    assert harness.observer.unparks == [("1", ["w"]), ("2", ["w"])]
    assert await topics(harness) == [("other", 1)]


async def test_each_further_subscriber_gets_them_once(harness: BusHarness) -> None:
    await harness.begin(is_complete=False)
    await harness.publish("work", "1")
    harness.bus.replace(flow(event_step("a", "work")), is_complete=False)
    await harness.observer.ends_count(1)
    both = flow(event_step("a", "work"), event_step("b", "work"))
    harness.bus.replace(both, is_complete=False)
    await harness.observer.ends_count(2)
    harness.bus.replace(both)
    async with asyncio.timeout(HANG_S):
        while await harness.store.parked_size() != (0, 0):
            await harness.quiet()
    assert [each.step for each in harness.runner.started] == ["a", "b"]
    assert len({each.event_id for each in harness.runner.started}) == 1
    assert (harness.observer.unparks, await harness.store.parked_size()) == ([("1", ["a"])], (0, 0))


async def test_what_nobody_subscribes_to_is_removed_when_every_file_loads_and_that_is_told(harness: BusHarness) -> None:
    await harness.begin(is_complete=False)
    await harness.publish("work", "1")
    harness.bus.replace(flow(event_step("a")))
    await harness.observer.unparks_count(1)
    assert (harness.observer.unparks, await harness.store.parked_size()) == ([("1", [])], (0, 0))
    assert await harness.store.dead_letters(10) == []


async def test_with_every_file_loaded_nothing_is_parked(harness: BusHarness) -> None:
    await harness.begin(event_step("a"))
    assert harness.bus.plan("work", b"1", trace_id="t", parent_run_id=None) == ()


async def test_one_planned_before_its_subscriber_loaded_and_stored_after_is_delivered(harness: BusHarness) -> None:
    await harness.begin(is_complete=False)
    planned = harness.bus.plan("work", b"1", trace_id="t", parent_run_id="p")
    assert [each.step for each in planned] == [UNKNOWN_STEP]
    harness.bus.replace(flow(event_step("a", "work")))
    await harness.quiet()
    await harness.bus.publish(planned)
    await harness.observer.ends_count(1)
    assert [(each.step, each.parent_run_id) for each in harness.runner.started] == [("a", planned[0].run_id)]


async def test_they_outlive_the_host_and_commit_with_a_completion(harness: BusHarness) -> None:
    await harness.begin(event_step("a"), is_complete=False)
    (emit,) = harness.bus.plan("work", b"1", trace_id="t", parent_run_id=None)
    await harness.publish("a", "first")
    await harness.observer.ends_count(1)
    await harness.bus.stop()
    await harness.publish("a", "second")
    (mine,) = (await harness.store.claim({"a": 1}, "other", harness.clock.now_ms(), 1000)).deliveries
    assert not await harness.store.complete(mine._replace(token=9), [emit])
    assert await topics(harness) == []
    assert await harness.store.complete(mine, [emit]) == []
    assert await topics(harness) == [("work", 1)]
    # A new start finds it.
    harness.bus = harness.new_bus()
    await harness.begin(event_step("w", "work"))
    await harness.observer.ends_count(2)
    assert harness.runner.started[-1].step == "w"


async def test_the_policy_of_the_step_counts_from_its_delivery(harness: BusHarness) -> None:
    await harness.begin(is_complete=False)
    await harness.publish("work", "1", "2")
    step = event_step("w", "work", queue=QueuePolicy(fifo=True, delay_s=5))
    harness.bus.replace(flow(step))
    await harness.observer.unparks_count(2)
    await harness.quiet()
    assert harness.runner.started == []
    await harness.advance(5)
    await harness.observer.ends_count(2)
    assert [(each.data, each.fifo_key) for each in harness.runner.started] == [(b"1", ""), (b"2", "")]


@pytest.mark.parametrize(("bound", "value"), [("PARKED_EVENTS_MAX", 2), ("PARKED_BYTES_MAX", 2)])
async def test_beyond_the_bound_they_become_dead_letters_that_can_be_replayed(
    harness: BusHarness, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(parked, bound, value)
    await harness.begin(is_complete=False)
    # The count of what was parked by earlier starts has ended: what is parked meanwhile may be missing in it.
    await harness.quiet()
    for name in "1234":
        await harness.publish("work", name)
    letters = await harness.store.dead_letters(10)
    assert [(letter.data, letter.step, letter.error["name"]) for letter in letters] == [
        (b"4", UNKNOWN_STEP, "overloaded"),
        (b"3", UNKNOWN_STEP, "overloaded"),
    ]
    harness.bus.replace(flow(event_step("w", "work")))
    await harness.observer.ends_count(2)
    replayed = await harness.bus.replay(letters[1].id)
    assert isinstance(replayed, DeadLetter)
    await harness.observer.ends_count(3)
    assert [each.data for each in harness.runner.started] == [b"1", b"2", b"3"]


async def test_an_event_with_a_subscriber_is_kept_too_for_files_that_have_never_loaded(harness: BusHarness) -> None:
    await harness.begin(event_step("a", "work"), is_complete=False)
    await harness.publish("work", "1", key="k")
    await harness.observer.ends_count(1)
    # A copy is no event that waits for its subscriber: nobody needs to look for it.
    assert (await topics(harness), [each.step for each in harness.observer.stored if not each.taken_by]) == ([], ["a"])
    both = flow(event_step("a", "work"), event_step("b", "work"))
    harness.bus.replace(both)
    await harness.observer.ends_count(2)
    assert [(each.step, each.fifo_key) for each in harness.runner.started] == [("a", "k"), ("b", "k")]
    assert len({each.event_id for each in harness.runner.started}) == 1
    async with asyncio.timeout(HANG_S):
        while await harness.store.parked_size() != (0, 0):
            await harness.quiet()
    assert harness.observer.unparks == []


async def test_the_run_of_a_late_subscriber_has_the_parent_of_the_others(harness: BusHarness) -> None:
    await harness.begin(event_step("a", "work"), is_complete=False)
    await harness.bus.publish(harness.bus.plan("work", b"1", trace_id="t", parent_run_id="parent"))
    await harness.observer.ends_count(1)
    harness.bus.replace(flow(event_step("a", "work"), event_step("b", "work")))
    await harness.observer.ends_count(2)
    assert [(each.step, each.parent_run_id) for each in harness.runner.started] == [("a", "parent"), ("b", "parent")]


async def test_no_copy_is_made_of_what_every_file_has_declared_once(harness: BusHarness) -> None:
    harness.bus.replace(flow(event_step("a", "work")), [("broken", "work")], is_complete=False, is_known=True)
    planned = harness.bus.plan("work", b"1", trace_id="t", parent_run_id=None)
    assert [each.step for each in planned] == ["a", "broken"]
    assert [each.step for each in harness.bus.plan("other", b"1", trace_id="t", parent_run_id=None)] == [UNKNOWN_STEP]


async def test_copies_are_removed_when_every_file_has_loaded_once_and_other_events_wait_on(harness: BusHarness) -> None:
    await harness.begin(event_step("a", "work"), is_complete=False)
    await harness.publish("work", "1")
    await harness.publish("other", "2")
    assert (await harness.store.parked_size())[0] == 2
    harness.bus.replace(flow(event_step("a", "work")), is_complete=False, is_known=True)
    async with asyncio.timeout(HANG_S):
        while (await harness.store.parked_size())[0] != 1:
            await harness.quiet()
    assert await topics(harness) == [("other", 1)]


async def test_a_purge_of_parked_events_removes_copies_and_names_runs_alone(harness: BusHarness) -> None:
    await harness.begin(event_step("a", "work"), is_complete=False)
    await harness.publish("work", "1", "2")
    await harness.publish("other", "3")
    (parked_run,) = [each.run_id for each in harness.observer.stored if each.topic == "other"]
    upto_id = await harness.bus.begin_purge(UNKNOWN_STEP)
    assert await harness.bus.purge(UNKNOWN_STEP, 10, upto_id) == [parked_run]
    assert await harness.bus.purge(UNKNOWN_STEP, 10, upto_id) == []
    assert await harness.store.parked_size() == (0, 0)


async def test_copies_use_half_of_the_bound_and_are_dropped_beyond_it_with_one_warning(
    harness: BusHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(parked, "PARKED_EVENTS_MAX", 4)
    await harness.begin(event_step("a", "work"), is_complete=False)
    for name in "1234":
        await harness.publish("work", name)
    await harness.publish("other", "5")
    await harness.observer.ends_count(4)
    assert ((await harness.store.parked_size())[0], await topics(harness)) == (3, [("other", 1)])
    assert len([each for each in caplog.messages if "not loaded yet" in each]) == 1
    harness.bus.replace(flow(event_step("a", "work"), event_step("b", "work")), is_complete=False, is_known=True)
    await harness.observer.ends_count(6)
    assert await harness.store.dead_letters(10) == []
