"""The operation `rates`: windows, steps and flows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from polystep.contracts.operations import OperationRefused
from tests.unit.execution.rooms import Rooms
from tests.unit.execution.rooms import rooms as make_rooms
from tests.unit.operations.test_admin import EVENT, Admin, admin_of

TRACE = "a" * 32


@pytest.fixture
async def rooms(tmp_path: Any) -> AsyncIterator[Rooms]:
    async with make_rooms(tmp_path) as built:
        yield built


@pytest.fixture
def admin(rooms: Rooms) -> Admin:
    return admin_of(rooms, switched_ms=(0, rooms.clock.now_ms()))


async def run(rooms: Rooms, run_id: str, step: str, status: str = "completed") -> None:
    rooms.recorder.run_queued(run_id, TRACE, None, step, "event", {})
    rooms.recorder.attempt_started(run_id, TRACE, 1)
    rooms.recorder.attempt_ended(run_id, TRACE, 1, duration_ms=40, status=status, run_status=status)


async def test_rates_are_told_by_time_and_by_step(admin: Admin, rooms: Rooms) -> None:
    await run(rooms, "a", "One")
    await run(rooms, "b", "One", "failed")
    await run(rooms, "c", "Two")
    told: Any = await admin("rates")
    assert (told["total"]["runs"], told["total"]["failed"], told["widthS"]) == (3, 1, 15)
    assert [(each["step"], each["runs"]) for each in told["steps"]] == [("One", 2), ("Two", 1)]
    (point,) = told["points"]
    assert (point["runs"], point["waitP50"]) == (3, 0.0)
    assert point["workP95"] == pytest.approx(40, rel=0.05)
    assert told["since"] <= point["at"] < told["until"]
    assert told["until"] - told["since"] == 3_600_000
    assert [mark["what"] for mark in told["marks"]] == ["started", "reloaded"]


@pytest.mark.parametrize(
    ("window", "width_s"), [("5m", 15), ("15m", 15), ("1h", 15), ("6h", 300), ("1d", 300), ("7d", 3600)]
)
async def test_a_longer_time_has_wider_points(admin: Admin, rooms: Rooms, window: str, width_s: int) -> None:
    await run(rooms, "a", "One")
    told: Any = await admin("rates", window=window)
    assert (told["widthS"], told["total"]["runs"]) == (width_s, 1)


async def test_only_some_steps(admin: Admin, rooms: Rooms) -> None:
    for step in ("One", "Two", EVENT.name):
        await run(rooms, step, step)
    one: Any = await admin("rates", step="One")
    assert one["total"]["runs"] == 1
    beside: Any = await admin("rates", step="One", others=True)
    assert (beside["total"]["runs"], [each["runs"] for each in beside["points"]]) == (1, [1])
    assert [each["step"] for each in beside["steps"]] == sorted(["One", "Two", EVENT.name])
    whole, loose = [await admin("rates", flow=flow) for flow in ("f", "-")]
    assert [each["step"] for each in cast("Any", whole)["steps"]] == [EVENT.name]
    assert cast("Any", loose)["steps"] == []
    none: Any = await admin("rates", flow="no such flow")
    assert (none["total"]["runs"], none["points"], none["total"]["workP50"]) == (0, [], None)
    part: Any = await admin("rates", limit=2)
    rest: Any = await admin("rates", limit=2, cursor=part["cursor"])
    assert [each["step"] for each in (*part["steps"], *rest["steps"])] == sorted(["One", "Two", EVENT.name])


async def test_an_unknown_window_is_refused(admin: Admin) -> None:
    with pytest.raises(OperationRefused):
        await admin("rates", window="9y")
