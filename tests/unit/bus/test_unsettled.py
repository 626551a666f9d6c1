"""Attempts that have ended while the store does not take how: bounded in number, and none is tried for ever in vain."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from polystep.bus.bus import CLAIMED_MAX, RUNNING_MAX
from polystep.contracts.errors import PolystepError
from tests.unit.bus.house import House, event_step


async def test_a_store_that_takes_no_results_bounds_what_is_started(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "polystep.bus")
    complete = house.store.complete
    is_full = True

    async def refuse(*arguments: Any) -> Any:
        if is_full:
            raise PolystepError("The disk is full.")
        return await complete(*arguments)

    monkeypatch.setattr(house.store, "complete", refuse)
    await house.begin(event_step("a"))
    events = 20 * 100
    for part in range(20):
        await house.publish("a", *(f"{part} {number}" for number in range(100)))
        await house.quiet()
    assert CLAIMED_MAX <= len(house.runner.started) <= CLAIMED_MAX + RUNNING_MAX
    # None is lost, and none runs twice, when there is room again.
    is_full = False
    await house.advance(1)
    await house.observer.ends_count(events)
    assert (len(house.runner.started), await house.store.waiting()) == (events, [])
