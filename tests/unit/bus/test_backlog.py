"""The bound on what waits for one step, and its purge."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from polystep.bus import Bus, BusOptions, QueueBound
from polystep.contracts.errors import Overloaded
from polystep.contracts.events import UNKNOWN_STEP, Delivery, Outcome
from polystep.contracts.ids import Ids
from polystep.contracts.steps import QueuePolicy
from tests.patience import HANG_S
from tests.unit.bus.harness import FAILED, BusHarness, event_step, flow, gate, scripted

POSTPONED = Outcome("postponed", error={"name": "overloaded", "message": "full"})


def bound(harness: BusHarness, events: int = 3, size: int = 1000) -> None:
    options = BusOptions("host", bound=QueueBound(events, size))
    harness.bus = Bus(harness.store, harness.clock, harness.runner, harness.observer, Ids(), options)


async def emptied(harness: BusHarness, step: str) -> int:
    removed, upto_id = 0, await harness.bus.begin_purge(step)
    while runs := await harness.bus.purge(step, 2, upto_id):
        removed += len(runs)
    return removed


async def test_emits_to_a_full_queue_are_refused_until_there_is_room(harness: BusHarness) -> None:
    bound(harness)
    opened, harness.runner.handlers["a"] = gate()
    await harness.begin(event_step("a"), event_step("b"))
    await harness.publish("a", "1", "2", "3")
    with pytest.raises(Overloaded, match=r"The queue of a is full: 3 events .* polystep purge a"):
        await harness.publish("a", "4")
    await harness.publish("b", "5")
    opened.set()
    await harness.observer.ends_count(4)
    await harness.publish("a", "6", "7", "8")
    await harness.observer.ends_count(7)


async def test_bytes_and_what_an_attempt_has_not_stored_yet_count_too(harness: BusHarness) -> None:
    bound(harness, events=10, size=4)
    _, harness.runner.handlers["a"] = gate()
    await harness.begin(event_step("a"))
    with pytest.raises(Overloaded):
        harness.bus.plan("a", b"x", trace_id="t", parent_run_id=None, unstored=10)
    await harness.publish("a", "four")
    with pytest.raises(Overloaded, match="4 bytes"):
        await harness.publish("a", "x")


async def test_retries_count_until_they_end_and_dead_letters_do_not(harness: BusHarness) -> None:
    bound(harness, events=1)
    harness.runner.handlers["a"] = scripted(FAILED, FAILED)
    await harness.begin(event_step("a", queue=QueuePolicy(retries_max=1)))
    await harness.publish("a", "1")
    await harness.observer.ends_count(1)
    with pytest.raises(Overloaded):
        await harness.publish("a", "2")
    await harness.quiet()
    await harness.advance(1.3)
    await harness.observer.ends_count(2)
    await harness.publish("a", "2")
    await harness.observer.ends_count(3)
    (letter,) = await harness.store.dead_letters(10)
    await harness.bus.replay(letter.id)
    await harness.observer.ends_count(4)


async def test_a_new_start_counts_what_waits(harness: BusHarness) -> None:
    bound(harness)
    harness.bus.replace(flow(event_step("a")))
    await harness.publish("a", "1", "2", "3")
    bound(harness)
    _, harness.runner.handlers["a"] = gate()
    await harness.begin(event_step("a"))
    await harness.runner.started_count(3)
    async with asyncio.timeout(HANG_S):
        while True:
            try:
                harness.bus.plan("a", b"x", trace_id="t", parent_run_id=None)
            except Overloaded:
                break
            await harness.clock.settle()


async def test_an_attempt_that_cannot_emit_uses_up_no_retry_and_its_step_pauses(harness: BusHarness) -> None:
    harness.runner.handlers["a"] = scripted(*[POSTPONED] * 9)
    await harness.begin(event_step("a", queue=QueuePolicy(retries_max=0, concurrency=2)), event_step("b"))
    await harness.publish("a", "1", "2", "3", "4")
    await harness.observer.ends_count(2)
    await harness.quiet()
    assert harness.runner.running["a"] == 0
    await harness.publish("b", "other")
    await harness.observer.ends_count(3)
    await harness.quiet()
    assert len(harness.runner.started) == 3
    async with asyncio.timeout(HANG_S):
        while len([end for end in harness.observer.ends if end.status == "completed"]) < 5:
            await harness.advance(5)
    assert await harness.store.dead_letters(10) == []
    assert max(end.retry_in_ms or 0 for end in harness.observer.ends) == 5000


async def test_a_step_that_pauses_is_not_asked_for_without_end_and_goes_on_when_the_pause_ends(
    harness: BusHarness,
) -> None:
    """Found by the simulation: another timer took the place of the pause's, and what was due woke the loop at once."""
    policy = QueuePolicy(concurrency=2)
    harness.runner.handlers["a"] = scripted(POSTPONED)
    await harness.begin(event_step("a", queue=policy), event_step("b", queue=QueuePolicy(delay_s=1)))
    await harness.publish("a", "1")
    await harness.observer.ends_count(1)
    await harness.quiet()
    await harness.publish("b", "comes before the end of the pause")
    await harness.publish("a", "2")
    asked: list[list[str]] = []
    ask = harness.store.next_due_ms

    async def note(steps: Sequence[str], owner: str) -> int | None:
        asked.append(list(steps))
        return await ask(steps, owner)

    harness.store.next_due_ms = note  # type: ignore[method-assign]
    await harness.advance(1)
    assert [each.step for each in harness.runner.started] == ["a", "b"]
    await harness.advance(3)
    assert [steps for steps in asked if "a" in steps] == []
    await harness.advance(1)
    assert len(harness.runner.started) == 4


async def test_a_purge_removes_what_waits_and_nothing_that_runs(harness: BusHarness) -> None:
    bound(harness, events=6)
    opened, harness.runner.handlers["a"] = gate()
    await harness.begin(event_step("a", queue=QueuePolicy(concurrency=1)), event_step("b"))
    await harness.publish("a", "1", "2", "3", key="k")
    await harness.publish("a", "4", "5", "6")
    await harness.runner.started_count(1)
    await harness.quiet()
    assert await emptied(harness, "a") == 5
    assert await harness.store.waiting() == [("a", 1)]
    await harness.publish("a", "7", key="k")
    opened.set()
    await harness.observer.ends_count(2)
    assert harness.observer.results[-1][0] == "7"


async def test_what_runs_during_a_purge_emits_no_more_to_its_own_step(harness: BusHarness) -> None:
    opened = asyncio.Event()

    async def emitting(delivery: Delivery) -> Outcome:
        await opened.wait()
        if delivery.data == b"child":
            return Outcome("completed")
        to_a, to_b = (
            harness.bus.plan(topic, b"child", trace_id="t", parent_run_id=delivery.run_id) for topic in ("a", "b")
        )
        return Outcome("completed", emits=to_a + to_b)

    harness.runner.handlers["a"] = emitting
    await harness.begin(event_step("a", queue=QueuePolicy(concurrency=1)), event_step("b"))
    await harness.publish("a", "1", "2")
    await harness.runner.started_count(1)
    assert await emptied(harness, "a") == 1
    opened.set()
    await harness.observer.ends_count(2)
    assert [delivery.step for delivery in harness.runner.started] == ["a", "b"]
    # What is emitted later is as ever.
    await harness.publish("a", "3")
    await harness.observer.ends_count(5)
    assert [delivery.step for delivery in harness.runner.started[2:]] in (["a", "a", "b"], ["a", "b", "a"])


async def test_parked_events_are_purged_under_the_name_they_are_listed_by(harness: BusHarness) -> None:
    await harness.begin(is_complete=False)
    await harness.publish("work", "1", "2", "3")
    assert await emptied(harness, UNKNOWN_STEP) == 3
    assert await harness.store.parked_size() == (0, 0)
