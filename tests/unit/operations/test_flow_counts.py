"""What the steps of a flow do at this moment, and the events of the last minute while somebody looks."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from polystep.contracts.steps import EventTrigger, Flow
from polystep.contracts.trace import RunQueued
from polystep.operations import event_rates, flow_counts
from polystep.operations.event_rates import EventRates
from polystep.testing.clock import FakeClock
from tests.unit.execution.rooms import Rooms
from tests.unit.execution.rooms import rooms as make_rooms
from tests.unit.operations.test_admin import API, CRON, EVENT, Admin, admin_of
from tests.unit.operations.test_live import RUN, TRACE, Client, Feed
from tests.unit.operations.test_operating import ask, bury


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    async with make_rooms(tmp_path, API, EVENT, CRON) as built:
        yield built


def event(topic: str = "t", step: str = "A", type_: str = "event") -> RunQueued:
    return RunQueued(RUN, TRACE, None, step, type_, json.dumps({"kind": type_, "topic": topic, "data": {}}), 1)


async def test_each_step_that_does_something_is_counted(rooms: Rooms) -> None:
    await bury(rooms, 1, 2)
    plan = rooms.bus.plan("t", b"\xc0", trace_id=TRACE, parent_run_id=None)
    await rooms.queue.enqueue(plan)
    rooms.open(API)
    rooms.open(EVENT)
    counts = await ask(admin_of(rooms), "flow_counts", flow="*")
    none = {"running": 0, "waiting": 0, "retrying": 0, "failed": 0, "paused": False}
    assert counts["steps"] == [{"step": "E", **none, "waiting": 1, "failed": 2}]
    rooms.runs.close(rooms.open(EVENT))
    rooms.open(API)
    counts = await ask(admin_of(rooms), "flow_counts", flow="*")
    assert {"step": "A", **none, "running": 1} in counts["steps"]
    waits = {"topic": "t", "step": "E", "total": 0, "recent": 0, "waiting": 1}
    assert (counts["events"], counts["countedS"]) == ([waits], None)
    assert await ask(admin_of(rooms), "flow_counts", flow="none") is None


async def test_what_waits_is_told_by_topic(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    both = dataclasses.replace(EVENT, trigger=EventTrigger(("t", "u"), None))
    admin = admin_of(rooms, flow=Flow({"E": both}))
    for topic in ("t", "t", "u"):
        plan = rooms.bus.plan("t", b"\xc0", trace_id=TRACE, parent_run_id=None)
        await rooms.queue.enqueue([each._replace(topic=topic) for each in plan])

    async def waiting(admin: Admin) -> dict[str, int | None]:
        counts = await ask(admin, "flow_counts", flow="*")
        return {each["topic"]: each["waiting"] for each in counts["events"]}

    assert await waiting(admin) == {"t": 2, "u": 1}
    assert await waiting(admin_of(rooms)) == {"t": 3}
    monkeypatch.setattr(flow_counts, "WAITING_READ_MAX", 2)
    assert await waiting(admin) == {"t": None, "u": None}


async def test_a_paused_step_is_counted_though_nothing_waits(rooms: Rooms) -> None:
    admin = admin_of(rooms)
    await ask(admin, "pause", step="E")
    counts = await ask(admin, "flow_counts", flow="f")
    assert [(each["step"], each["paused"]) for each in counts["steps"]] == [("E", True)]


async def test_events_are_counted_only_while_somebody_follows_the_flows() -> None:
    feed, client = Feed(), Client()
    await feed.subscribe(client, "queues")
    await feed.write([event()])
    assert (feed.rates.rows(), feed.rates.counted_s) == ([], None)
    await feed.subscribe(client, "flows")
    await feed.write([event(), event("u"), event(type_="api"), event(type_="cron")])
    feed.notify()
    assert feed.rates.rows() == [("t", "A", 1, 1), ("u", "A", 1, 1)]
    assert client.changes("flows") == [[{"what": "queued", "count": 4}]]
    feed.changed("queues", {"step": "A"})
    feed.changed("dead-letters", {"runId": RUN})
    feed.notify()
    assert client.changes("flows")[1:] == [[{"step": "A"}, {"runId": RUN}]]
    await feed.unsubscribe(client, "flows")
    assert (feed.rates.rows(), feed.rates.counted_s) == ([], None)
    await feed.stop()


async def test_after_a_minute_an_event_is_not_recent_any_more() -> None:
    clock = FakeClock()
    counted = EventRates(clock)
    counted.begin()
    counted.count([event()])
    await clock.advance(30)
    counted.count([event(), event()])
    assert (counted.rows(), counted.counted_s) == ([("t", "A", 3, 3)], 30)
    await clock.advance(35)
    assert (counted.rows(), counted.counted_s) == ([("t", "A", 3, 2)], 60)
    await clock.advance(60)
    assert counted.rows() == [("t", "A", 3, 0)]


def test_what_is_counted_apart_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_rates, "WAYS_MAX", 2)
    counted = EventRates(FakeClock())
    for topic in ("a", "b", "c", "a"):
        counted.count([event(topic)])
    assert [(rate.topic, rate.total) for rate in counted.rows()] == [("a", 2), ("b", 1)]
