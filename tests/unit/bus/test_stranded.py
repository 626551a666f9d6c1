"""Deliveries that nothing seems to wake: what becomes due later than it was asked for starts all the same."""

from __future__ import annotations

from polystep.contracts.steps import QueuePolicy
from tests.unit.bus.house import House, event_step, gate


async def test_delayed_events_of_one_key_start_though_the_later_becomes_ready_before_it_is_due(house: House) -> None:
    opened, house.runner.handlers["a"] = gate()
    await house.begin(event_step("a", queue=QueuePolicy(fifo=True, delay_s=10)))
    await house.publish("a", "first")
    await house.advance(8)
    await house.publish("a", "second")
    await house.advance(3)
    await house.runner.started_count(1)
    opened.set()
    await house.observer.ends_count(1)
    await house.quiet()
    await house.advance(6.999)
    assert len(house.runner.started) == 1
    await house.advance(0.001)
    await house.observer.ends_count(2)
    assert house.observer.results == [("first", 1, "completed"), ("second", 1, "completed")]


async def test_a_backlog_is_worked_off_after_the_clock_was_set_back(house: House) -> None:
    opened, house.runner.handlers["a"] = gate()
    await house.begin(event_step("a", queue=QueuePolicy(concurrency=1)))
    await house.quiet()
    await house.publish("a", "1", "2", "3")
    await house.runner.started_count(1)
    await house.quiet()
    house.clock.set_by_s = -5
    opened.set()
    await house.observer.ends_count(1)
    await house.quiet()
    await house.advance(5)
    await house.observer.ends_count(3)
    assert [data for data, _, _ in house.observer.results] == ["1", "2", "3"]


async def test_what_waits_for_its_time_starts_soon_after_the_clock_was_set_ahead(house: House) -> None:
    await house.begin(event_step("a", queue=QueuePolicy(delay_s=3600)))
    await house.publish("a", "x")
    await house.quiet()
    house.clock.set_by_s = 3600
    await house.advance(60)
    await house.observer.ends_count(1)
