"""Outgoing calls of handlers that have begun and not ended (PS-8.28)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from polystep.contracts.values import JSONObject
from polystep.execution.attempts import OpenCall
from polystep.execution.notifications import CALLS_OPEN_MAX
from tests.unit.execution.rooms import TRACE, Rooms, event_step
from tests.unit.execution.rooms import rooms as make_rooms

CALL: JSONObject = {"run": "run", "open": 3, "type": "http", "name": "GET a/b", "start_ms": 1500, "attributes": {}}


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    async with make_rooms(tmp_path, event_step("E", "t")) as built:
        yield built


async def test_a_call_is_kept_until_its_span_comes(rooms: Rooms) -> None:
    attempt, seen = rooms.open(event_step("E", "t")), list[str]()
    rooms.runs.on_call = lambda each: seen.append(each.run_id)
    tell = rooms.notifications.methods["span.open"]
    tell({**CALL, "attributes": {"method": "GET", "url": "http://a/b", "more": 1}})
    assert attempt.calls_open == {3: OpenCall("GET a/b", 1500, {"method": "GET", "url": "http://a/b"}, None)}
    tell({**CALL, "received": 7})
    assert attempt.calls_open == {3: OpenCall("GET a/b", 1500, {}, 7)}
    assert (len(seen), rooms.runs.of_trace(TRACE)) == (2, [attempt])
    rooms.notifications.methods["span"]({**CALL, "duration_ms": 2})
    assert attempt.calls_open == {}
    (span,) = await rooms.operations()
    assert "open" not in span


async def test_odd_calls_are_left_out_and_many_are_bounded(rooms: Rooms) -> None:
    attempt = rooms.open(event_step("E", "t"))
    tell = rooms.notifications.methods["span.open"]
    wrong: list[JSONObject] = [{"run": "gone"}, {"open": "3"}, {"name": None}, {"start_ms": "now"}, {"start_ms": -1}]
    for members in wrong:
        tell({**CALL, **members})
    assert not attempt.calls_open
    for number in range(2 * CALLS_OPEN_MAX):
        tell({**CALL, "open": number, "attributes": []})
    assert len(attempt.calls_open or {}) == CALLS_OPEN_MAX
