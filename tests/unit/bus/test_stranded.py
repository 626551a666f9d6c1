"""Deliveries that nothing seems to wake: what becomes due later than it was asked for starts all the same."""

from __future__ import annotations

from polystep.contracts.steps import QueuePolicy
from tests.unit.bus.harness import BusHarness, event_step, gate


async def test_delayed_events_of_one_key_start_though_the_later_becomes_ready_before_it_is_due(
    harness: BusHarness,
) -> None:
    opened, harness.runner.handlers["a"] = gate()
    await harness.begin(event_step("a", queue=QueuePolicy(fifo=True, delay_s=10)))
    await harness.publish("a", "first")
    await harness.advance(8)
    await harness.publish("a", "second")
    await harness.advance(3)
    await harness.runner.started_count(1)
    opened.set()
    await harness.observer.ends_count(1)
    await harness.quiet()
    await harness.advance(6.999)
    assert len(harness.runner.started) == 1
    await harness.advance(0.001)
    await harness.observer.ends_count(2)
    assert harness.observer.results == [("first", 1, "completed"), ("second", 1, "completed")]


async def test_a_backlog_is_worked_off_after_the_clock_was_set_back(harness: BusHarness) -> None:
    opened, harness.runner.handlers["a"] = gate()
    await harness.begin(event_step("a", queue=QueuePolicy(concurrency=1)))
    await harness.quiet()
    await harness.publish("a", "1", "2", "3")
    await harness.runner.started_count(1)
    await harness.quiet()
    harness.clock.set_by_s = -5
    opened.set()
    await harness.observer.ends_count(1)
    await harness.quiet()
    await harness.advance(5)
    await harness.observer.ends_count(3)
    assert [data for data, _, _ in harness.observer.results] == ["1", "2", "3"]


async def test_what_waits_for_its_time_starts_soon_after_the_clock_was_set_ahead(harness: BusHarness) -> None:
    await harness.begin(event_step("a", queue=QueuePolicy(delay_s=3600)))
    await harness.publish("a", "x")
    await harness.quiet()
    harness.clock.set_by_s = 3600
    await harness.advance(60)
    await harness.observer.ends_count(1)
