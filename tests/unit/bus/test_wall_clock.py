"""A wall clock that is set back: what is due stays due, and what waits keeps the rest of its time."""

from __future__ import annotations

import asyncio

import pytest

from polystep.bus.wall_clock import WallClock
from polystep.contracts.steps import QueuePolicy
from polystep.testing import SettableClock
from tests.unit.bus.harness import FAILED, BusHarness, event_step, gate, scripted

HOUR_S = 3600


async def test_queued_events_and_fifo_keys_go_on_at_once(harness: BusHarness) -> None:
    opened, harness.runner.handlers["a"] = gate()
    await harness.begin(
        event_step("a", queue=QueuePolicy(concurrency=1)), event_step("f", queue=QueuePolicy(fifo=True))
    )
    await harness.quiet()
    await harness.publish("a", "1", "2", "3")
    harness.runner.handlers["f"] = harness.runner.handlers["a"]
    await harness.publish("f", "4", "5", "6")
    await harness.runner.started_count(2)
    harness.clock.set_by_s = -HOUR_S
    opened.set()
    await harness.observer.ends_count(6)
    assert sorted(data for data, _, _ in harness.observer.results) == ["1", "2", "3", "4", "5", "6"]


async def test_a_retry_comes_when_its_pause_is_over(harness: BusHarness) -> None:
    harness.runner.handlers["a"] = scripted(FAILED)
    await harness.begin(event_step("a"))
    await harness.publish("a", "x")
    await harness.observer.ends_count(1)
    await harness.quiet()
    harness.clock.set_by_s = -HOUR_S
    await harness.advance(1.3)
    await harness.observer.ends_count(2)
    assert harness.observer.results == [("x", 1, "failed"), ("x", 2, "completed")]


async def test_a_delay_keeps_its_rest(harness: BusHarness) -> None:
    await harness.begin(event_step("a", queue=QueuePolicy(delay_s=100)))
    await harness.publish("a", "x")
    await harness.quiet()
    await harness.advance(40)
    harness.clock.set_by_s = -HOUR_S
    await harness.advance(50)
    assert harness.runner.started == []
    await harness.advance(10.5)
    await harness.observer.ends_count(1)


async def test_over_a_restart_what_was_due_is_due(harness: BusHarness) -> None:
    harness.runner.handlers["r"] = scripted(FAILED)
    steps = (event_step("a"), event_step("d", queue=QueuePolicy(delay_s=100)), event_step("r"))
    await harness.begin(*steps)
    await harness.publish("r", "retried")
    await harness.observer.ends_count(1)
    await harness.bus.stop()
    await harness.publish("a", "due")
    await harness.publish("d", "delayed")
    harness.clock.set_by_s = -HOUR_S
    harness.bus = harness.new_bus()
    await harness.begin(*steps)
    await harness.runner.started_count(2)
    assert harness.runner.started[-1].data == b"due"
    await harness.advance(1.3)
    await harness.runner.started_count(3)
    assert harness.runner.started[-1].data == b"retried"
    # Nobody knows how long it has waited, so its whole delay counts from the start.
    await harness.advance(97)
    assert len(harness.runner.started) == 3
    await harness.advance(3)
    await harness.runner.started_count(4)


async def test_a_failing_disk_does_not_lose_the_move(harness: BusHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, harness.runner.handlers["a"] = gate()
    await harness.begin(event_step("a", queue=QueuePolicy(concurrency=1)))
    await harness.publish("a", "1", "2")
    await harness.runner.started_count(1)
    move, failed = harness.store.move_due, asyncio.Event()

    async def fail(*_: object) -> int:
        failed.set()
        monkeypatch.setattr(harness.store, "move_due", move)
        raise OSError("no disk")

    monkeypatch.setattr(harness.store, "move_due", fail)
    harness.clock.set_by_s = -HOUR_S
    opened.set()
    await failed.wait()
    await harness.clock.settle()
    await harness.advance(1)
    await harness.observer.ends_count(2)


def test_small_corrections_are_no_step_and_steps_add_up() -> None:
    clock = SettableClock()
    wall = WallClock(clock)
    assert not wall.look()
    clock.set_by_s = 10
    assert not wall.look()
    clock.set_by_s = 0
    assert (wall.look(), wall.behind_ms) == (True, 10_000)
    clock.set_by_s = -5
    assert (wall.look(), wall.behind_ms) == (True, 15_000)
    assert (wall.look(), wall.behind_ms) == (True, 15_000)
