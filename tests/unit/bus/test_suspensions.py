"""Runs that wait in the queue: due times and limits."""

from __future__ import annotations

from polystep.contracts.events import Delivery, Outcome
from polystep.contracts.journal import JournalEntry
from polystep.contracts.steps import QueuePolicy
from tests.unit.bus.harness import DONE, BusHarness, event_step

SLOTS = 16


async def test_a_suspended_run_goes_on_when_it_is_due_without_an_attempt_more(harness: BusHarness) -> None:
    started: list[tuple[int, int | None]] = []

    async def handler(delivery: Delivery) -> Outcome:
        started.append((delivery.attempt, delivery.resumes))
        return DONE if len(started) > 1 else Outcome("suspended", run_at_ms=harness.clock.now_ms() + 5000)

    harness.runner.handlers["S"] = handler
    await harness.begin(event_step("S"))
    await harness.publish("S", "a")
    await harness.observer.ends_count(1)
    await harness.clock.advance(4.9)
    assert started == [(1, None)]
    await harness.clock.advance(0.2)
    await harness.observer.ends_count(2)
    assert started == [(1, None), (1, 1)]
    assert [end.status for end in harness.observer.ends] == ["suspended", "completed"]


async def test_a_result_can_be_kept_while_the_handler_runs_and_an_event_leaves_with_a_wait(harness: BusHarness) -> None:
    entry = JournalEntry("w", "sleep", 1, due_ms=2)

    async def handler(delivery: Delivery) -> Outcome:
        suspensions = harness.bus.suspensions
        assert await suspensions.keep(delivery, entry._replace(key="a", kind="once", value=b"v"))
        emits = harness.bus.plan("T", b"out", trace_id=delivery.trace_id, parent_run_id=delivery.run_id)
        assert await suspensions.begin_wait(delivery, entry, emits, [])
        await harness.runner.until(lambda: harness.runner.running.get("T", 0) == 0 and len(harness.runner.started) == 2)
        return DONE

    harness.runner.handlers["S"] = handler
    await harness.begin(event_step("S"), event_step("T"))
    await harness.publish("S", "a")
    await harness.observer.ends_count(2)
    assert [end.data for end in harness.observer.ends] == ["out", "a"]


async def test_a_waiting_run_keeps_its_place_when_its_step_counts_it(harness: BusHarness) -> None:
    until_ms = harness.clock.now_ms() + 5000
    started: list[tuple[str, int | None]] = []

    async def handler(delivery: Delivery) -> Outcome:
        name = delivery.data.decode()
        started.append((name, delivery.resumes))
        return DONE if delivery.resumes or name == "b" else Outcome("suspended", run_at_ms=until_ms)

    harness.runner.handlers["S"] = handler
    step = event_step("S", queue=QueuePolicy(concurrency=1, count_waiting=True))
    await harness.begin(step)
    await harness.publish("S", "a")
    await harness.observer.ends_count(1)
    await harness.publish("S", "b")
    await harness.quiet()
    assert started == [("a", None)]
    # Also over a restart, which must learn when the one wakes that keeps the only place.
    await harness.bus.stop()
    harness.bus = harness.new_bus()
    await harness.begin(step)
    await harness.quiet()
    assert started == [("a", None)]
    await harness.clock.advance(5.1)
    await harness.observer.ends_count(3)
    assert started == [("a", None), ("a", 1), ("b", None)]


async def test_an_event_wakes_a_run_in_its_own_place(harness: BusHarness) -> None:
    started: list[str] = []

    async def handler(delivery: Delivery) -> Outcome:
        started.append(delivery.data.decode())
        return DONE if delivery.resumes else Outcome("suspended", run_at_ms=10**15)

    harness.runner.handlers["S"] = handler
    await harness.begin(event_step("S", queue=QueuePolicy(concurrency=2, count_waiting=True)))
    await harness.publish("S", "a", "b")
    await harness.observer.ends_count(2)
    await harness.publish("S", "c")
    await harness.quiet()
    assert sorted(started) == ["a", "b"]
    await harness.bus.hasten("S", None)
    await harness.observer.ends_count(5)
    # Both wake at once although every place is taken, and then the third has one.
    assert sorted(started[2:4]) == ["a", "b"]
    assert started[4:] == ["c"]
    assert not harness.bus.suspensions.is_short("S")
