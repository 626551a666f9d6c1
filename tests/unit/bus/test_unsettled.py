"""Attempts that have ended while the store does not take how: bounded in number, and none is tried for ever in vain."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

import pytest

from polystep.bus.claims import CLAIMED_MAX, RUNNING_MAX
from polystep.contracts.errors import PolystepError
from polystep.contracts.events import Delivery, Outcome
from polystep.contracts.steps import QueuePolicy
from tests.patience import HANG_S
from tests.unit.bus.harness import BusHarness, event_step


async def test_a_store_that_takes_no_results_bounds_what_is_started(
    harness: BusHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "polystep.bus")
    complete = harness.store.complete
    is_full = True

    async def refuse(*arguments: Any) -> Any:
        if is_full:
            raise PolystepError("The disk is full.")
        return await complete(*arguments)

    monkeypatch.setattr(harness.store, "complete", refuse)
    await harness.begin(event_step("a"))
    events = 20 * 100
    for part in range(20):
        await harness.publish("a", *(f"{part} {number}" for number in range(100)))
        await harness.quiet()
    assert CLAIMED_MAX <= len(harness.runner.started) <= CLAIMED_MAX + RUNNING_MAX
    # None is lost, and none runs twice, when there is room again.
    is_full = False
    await harness.advance(1)
    await harness.observer.ends_count(events)
    assert (len(harness.runner.started), await harness.store.waiting()) == (events, [])


async def test_a_result_that_can_never_be_stored_sends_its_event_to_the_dead_letters(
    harness: BusHarness, caplog: pytest.LogCaptureFixture
) -> None:
    async def emit(_: Delivery) -> Outcome:
        (emitted,) = harness.bus.plan("b", b"y", trace_id="t", parent_run_id=None)
        return Outcome("completed", emits=(emitted._replace(topic=cast("str", None)),))

    harness.runner.handlers["a"] = emit
    await harness.begin(event_step("a", queue=QueuePolicy(concurrency=1)), event_step("b"))
    await harness.publish("a", "x")
    await harness.observer.ends_count(1)
    assert [(each.status, each.buried) for each in harness.observer.ends] == [("failed", True)]
    (letter,) = await harness.store.dead_letters(10)
    assert "NOT NULL" in str(letter.error["message"])
    assert await harness.store.waiting() == []


async def test_an_event_is_run_though_the_trace_cannot_hear_of_it(
    harness: BusHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise KeyError("a bug in the trace")

    await harness.begin(event_step("a", queue=QueuePolicy(concurrency=1)))
    await harness.quiet()
    with monkeypatch.context() as patched:
        patched.setattr(harness.observer, "enqueued", fail)
        with pytest.raises(KeyError):
            await harness.publish("a", "1", "2")
    async with asyncio.timeout(HANG_S):
        await harness.observer.ends_count(2)
    assert await harness.store.waiting() == []
