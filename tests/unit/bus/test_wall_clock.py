"""A wall clock that is set back: what is due stays due, and what waits keeps the rest of its time."""

from __future__ import annotations

import asyncio

import pytest

from polystep.bus.wall_clock import WallClock
from polystep.contracts.steps import QueuePolicy
from tests.unit.bus.house import FAILED, House, HouseClock, event_step, gate, scripted

HOUR_S = 3600


async def test_queued_events_and_fifo_keys_go_on_at_once(house: House) -> None:
    opened, house.runner.handlers["a"] = gate()
    await house.begin(event_step("a", queue=QueuePolicy(concurrency=1)), event_step("f", queue=QueuePolicy(fifo=True)))
    await house.quiet()
    await house.publish("a", "1", "2", "3")
    house.runner.handlers["f"] = house.runner.handlers["a"]
    await house.publish("f", "4", "5", "6")
    await house.runner.started_count(2)
    house.clock.set_by_s = -HOUR_S
    opened.set()
    await house.observer.ends_count(6)
    assert sorted(data for data, _, _ in house.observer.results) == ["1", "2", "3", "4", "5", "6"]


async def test_a_retry_comes_when_its_pause_is_over(house: House) -> None:
    house.runner.handlers["a"] = scripted(FAILED)
    await house.begin(event_step("a"))
    await house.publish("a", "x")
    await house.observer.ends_count(1)
    await house.quiet()
    house.clock.set_by_s = -HOUR_S
    await house.advance(1.3)
    await house.observer.ends_count(2)
    assert house.observer.results == [("x", 1, "failed"), ("x", 2, "completed")]


async def test_a_delay_keeps_its_rest(house: House) -> None:
    await house.begin(event_step("a", queue=QueuePolicy(delay_s=100)))
    await house.publish("a", "x")
    await house.quiet()
    await house.advance(40)
    house.clock.set_by_s = -HOUR_S
    await house.advance(50)
    assert house.runner.started == []
    await house.advance(10.5)
    await house.observer.ends_count(1)


async def test_over_a_restart_what_was_due_is_due(house: House) -> None:
    house.runner.handlers["r"] = scripted(FAILED)
    steps = (event_step("a"), event_step("d", queue=QueuePolicy(delay_s=100)), event_step("r"))
    await house.begin(*steps)
    await house.publish("r", "retried")
    await house.observer.ends_count(1)
    await house.bus.stop()
    await house.publish("a", "due")
    await house.publish("d", "delayed")
    house.clock.set_by_s = -HOUR_S
    house.bus = house.new_bus()
    await house.begin(*steps)
    await house.runner.started_count(2)
    assert house.runner.started[-1].data == b"due"
    await house.advance(1.3)
    await house.runner.started_count(3)
    assert house.runner.started[-1].data == b"retried"
    # Nobody knows how long it has waited, so its whole delay counts from the start.
    await house.advance(97)
    assert len(house.runner.started) == 3
    await house.advance(3)
    await house.runner.started_count(4)


async def test_a_failing_disk_does_not_lose_the_move(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, house.runner.handlers["a"] = gate()
    await house.begin(event_step("a", queue=QueuePolicy(concurrency=1)))
    await house.publish("a", "1", "2")
    await house.runner.started_count(1)
    move, failed = house.store.move_due, asyncio.Event()

    async def fail(*_: object) -> int:
        failed.set()
        monkeypatch.setattr(house.store, "move_due", move)
        raise OSError("no disk")

    monkeypatch.setattr(house.store, "move_due", fail)
    house.clock.set_by_s = -HOUR_S
    opened.set()
    await failed.wait()
    await house.clock.settle()
    await house.advance(1)
    await house.observer.ends_count(2)


def test_small_corrections_are_no_step_and_steps_add_up() -> None:
    clock = HouseClock()
    wall = WallClock(clock)
    assert not wall.look()
    clock.set_by_s = 10
    assert not wall.look()
    clock.set_by_s = 0
    assert (wall.look(), wall.behind_ms) == (True, 10_000)
    clock.set_by_s = -5
    assert (wall.look(), wall.behind_ms) == (True, 15_000)
    assert (wall.look(), wall.behind_ms) == (True, 15_000)
