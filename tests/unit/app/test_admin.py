"""The shapes of what the admin API answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from polystep import __version__
from polystep.app.admin import ProjectAdmin
from polystep.app.project import LiveProject
from polystep.contracts.steps import (
    CronTrigger,
    Emit,
    EventTrigger,
    Finding,
    Flow,
    HttpTrigger,
    LoadFailure,
    SourceFile,
    StepSpec,
    StreamSpec,
)
from polystep.contracts.values import JSONObject
from polystep.schedule import Timetable
from polystep.wire import pack
from tests.unit.app import house as house_module
from tests.unit.app.house import TRACE, House

SCHEMA: JSONObject = {"type": "object"}


def source(name: str, kind: Any = "step") -> SourceFile:
    return SourceFile(f"steps/{name}", kind, "typescript", "node")


API = StepSpec("A", "api", source("a.step.ts"), HttpTrigger("GET", "/a", SCHEMA, {"200": SCHEMA}), emits=(Emit("t"),))
EVENT = StepSpec("E", "event", source("e.step.ts"), EventTrigger(("t",), SCHEMA), flows=("f",), warnings=("careful",))
CRON = StepSpec("C", "cron", source("c.step.ts"), CronTrigger("0 * * * *", "UTC"), description="d")
NOOP = StepSpec("N", "noop", source("n.step.ts"), None)
FLOW = Flow(
    {step.name: step for step in (API, EVENT, CRON, NOOP)},
    {"s": StreamSpec("s", source("s.stream.ts", "stream"), SCHEMA)},
    (LoadFailure(source("x.step.ts"), "bad"), LoadFailure(source("y.stream.ts", "stream"), "worse")),
    (Finding("topic", "warning", "steps/e.step.ts", "a warning"),),
)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_module.house(tmp_path, API, EVENT, CRON) as built:
        yield built


@pytest.fixture
def admin(house: House) -> ProjectAdmin:
    return admin_of(house)


def admin_of(house: House, trigger: Any = CRON.trigger, **told: object) -> ProjectAdmin:
    async def fire(step: str, due_ms: int) -> None:
        raise AssertionError(step)

    timetable = Timetable(house.clock, fire, lambda *_: None)
    timetable.replace({"C": trigger})
    known: dict[str, object] = {"flow": FLOW, "ready": True, "generation": 3, "without_runner": {}}
    known |= {"declared": told.get("flow", FLOW), "unloaded": lambda _: None, **told}
    return ProjectAdmin(
        cast("LiveProject", SimpleNamespace(**known)),
        house.bus,
        house.queue,
        house.state,
        house.streams,
        timetable,
        house.recorder,
        house.traces,
        house.runs,
        house.clock,
    )


async def test_health_counts_what_is_loaded(admin: ProjectAdmin, house: House) -> None:
    house.open(EVENT)
    health = await admin.health()
    assert abs(cast("float", health.pop("uptimeS"))) <= 0.01
    assert health == {
        "status": "degraded",
        "version": __version__,
        "generation": 3,
        "steps": 4,
        "streams": 1,
        "failures": 2,
        "failing": [
            {"file": "steps/x.step.ts", "message": "bad"},
            {"file": "steps/y.stream.ts", "message": "worse"},
        ],
        "runnersMissing": [],
        "storage": [],
        "openRuns": 1,
        "traceRecordsDropped": 0,
    }


def shown(name: str, type_: str, file: str, **more: object) -> JSONObject:
    common: dict[str, object] = {
        "name": name,
        "type": type_,
        "language": "typescript",
        "file": file,
        "error": None,
        "description": None,
        "flows": [],
        "emits": [],
        "subscribes": [],
        "warnings": [],
    }
    return cast("JSONObject", {**common, **more})


async def test_steps_lists_every_file_with_what_its_type_has(admin: ProjectAdmin) -> None:
    http = {"method": "GET", "path": "/a", "bodySchema": SCHEMA, "responseSchema": {"200": SCHEMA}, "queryParams": []}
    http = {**http, "pathParams": []}
    broken = {"language": "typescript", "error": "bad"}
    assert await admin.steps() == {
        "steps": [
            shown("A", "api", "steps/a.step.ts", emits=["t"], **http),
            shown(
                "E",
                "event",
                "steps/e.step.ts",
                flows=["f"],
                subscribes=["t"],
                warnings=["careful"],
                input=SCHEMA,
                retriesMax=3,
            ),
            shown("C", "cron", "steps/c.step.ts", description="d", cron="0 * * * *", timezone="UTC"),
            shown("N", "noop", "steps/n.step.ts"),
            {"name": "x.step.ts", "type": None, "file": "steps/x.step.ts", **broken},
        ],
        "streams": [
            {
                "name": "s",
                "type": "stream",
                "language": "typescript",
                "file": "steps/s.stream.ts",
                "error": None,
                "schema": SCHEMA,
                "warnings": [],
            },
            {"name": "y.stream.ts", "type": "stream", "file": "steps/y.stream.ts", **broken, "error": "worse"},
        ],
        "warnings": ["steps/e.step.ts: a warning"],
        "findings": [{"kind": "topic", "severity": "warning", "file": "steps/e.step.ts", "message": "a warning"}],
    }


async def test_state_is_shown_and_a_stored_null_is_not_a_missing_key(admin: ProjectAdmin, house: House) -> None:
    await house.state.set("g", "k", None)
    await house.state.set("g", "l", [1])
    assert await admin.state_groups(10, None) == {"groups": [{"group": "g", "keys": 2}], "cursor": None}
    assert await admin.state_items("g", 10, None) == {"items": {"k": None, "l": [1]}, "cursor": None}
    assert (await admin.state_value("g", "k"), await admin.state_value("g", "m")) == ({"value": None}, None)


async def test_lists_say_where_they_were_cut(admin: ProjectAdmin, house: House) -> None:
    for name in ("", "b", "c"):
        await house.state.set(name, "k", 1)
        await house.state.set("b", name, name)
        await house.streams.set("s", "g", name, {})
    groups = [await admin.state_groups(2, None)]
    groups.append(await admin.state_groups(2, cast("str", groups[0]["cursor"])))
    assert [[each["group"] for each in cast("Any", part["groups"])] for part in groups] == [["", "b"], ["c"]]
    items = [await admin.state_items("b", 2, None)]
    items.append(await admin.state_items("b", 9, cast("str", items[0]["cursor"])))
    assert [part["items"] for part in items] == [{"": "", "b": "b"}, {"c": "c", "k": 1}]
    stream = [await admin.stream_items("s", "g", 1, None)]
    stream.append(await admin.stream_items("s", "g", 9, cast("Any", stream[0])["cursor"]))
    assert [[each["id"] for each in cast("Any", part)["items"]] for part in stream] == [[""], ["b", "c"]]
    assert [part["cursor"] for part in (groups[1], items[1], cast("Any", stream[1]))] == [None] * 3


async def test_stream_items_are_shown_and_an_unknown_stream_is_none(admin: ProjectAdmin, house: House) -> None:
    await house.streams.set("s", "g", "i", {"n": 1})
    item = {"n": 1, "id": "i", "_createdAt": house.clock.now_ms()}
    assert await admin.stream_items("s", "g", 10, None) == {"items": [item], "cursor": None}
    assert await admin.stream_items("other", "g", 10, None) is None


async def test_a_dead_letter_is_shown_and_replayed_once(admin: ProjectAdmin, house: House) -> None:
    (planned,) = house.bus.plan("t", pack({"n": 1}), trace_id=TRACE, parent_run_id=None)
    await house.queue.enqueue([planned])
    assert await admin.queues() == {"queues": [{"step": "E", "waiting": 1}], "parked": []}
    now_ms = house.clock.now_ms()
    (claimed,) = await house.queue.claim({"E": 1}, "test", now_ms, 1000)
    await house.queue.bury(claimed, {"name": "no", "message": "m"}, now_ms)
    (letter,) = cast("Any", await admin.dead_letters(10, None))["deadLetters"]
    id_ = letter.pop("id")
    assert letter == {
        "step": "E",
        "topic": "t",
        "kind": "event",
        "data": {"n": 1},
        "traceId": TRACE,
        "attempts": 1,
        "error": {"name": "no", "message": "m"},
        "enqueuedAt": now_ms,
        "diedAt": now_ms,
    }
    assert await admin.replay(id_) == {"replayed": id_, "step": "E", "traceId": TRACE}
    assert (await admin.replay(id_), await admin.queues()) == (
        None,
        {"queues": [{"step": "E", "waiting": 1}], "parked": []},
    )


async def test_a_purge_closes_the_runs_of_what_it_removes(admin: ProjectAdmin, house: House) -> None:
    for number in range(3):
        (planned,) = house.bus.plan("t", pack({"n": number}), trace_id=TRACE, parent_run_id=None)
        house.recorder.run_queued(planned.run_id, TRACE, None, "E", "event", {})
        await house.bus.publish([planned])
    assert await admin.purge("E") == {"step": "E", "removed": 3}
    trace = cast("Any", await admin.trace(TRACE))
    assert [run["status"] for run in trace["runs"]] == ["interrupted"] * 3
    assert (await admin.purge("E"), await admin.purge("?")) == ({"step": "E", "removed": 0}, None)
    assert await admin.purge_dead_letters(None) == {"step": None, "removed": 0}


async def test_events_without_a_known_subscriber_are_listed_by_topic_with_their_age(
    admin: ProjectAdmin, house: House
) -> None:
    house.bus.replace(Flow(), is_complete=False)
    for _ in range(2):
        await house.bus.publish(house.bus.plan("work", pack(1), trace_id=TRACE, parent_run_id=None))
        await house.clock.advance(3)
    assert await admin.queues() == {"queues": [], "parked": [{"topic": "work", "waiting": 2, "oldestMs": 6000}]}


async def test_a_cron_step_is_fired_unless_it_is_at_work_or_is_none(admin: ProjectAdmin) -> None:
    fired, again = cast("Any", await admin.fire_cron("C")), cast("Any", await admin.fire_cron("C"))
    assert (fired["step"], len(fired["traceId"]), fired["skipped"]) == ("C", 32, None)
    assert again == {"step": "C", "traceId": None, "skipped": "C is still at work; ticks do not overlap."}
    assert (await admin.fire_cron("E"), await admin.fire_cron("?")) == (None, None)


@pytest.mark.parametrize(
    ("project", "status"),
    [
        ({"ready": False, "without_runner": {"node": "no"}}, "starting"),
        ({"ready": True, "without_runner": {"node": "no"}}, "unavailable"),
        ({"ready": True, "without_runner": {}}, "degraded"),
        (
            {"ready": True, "without_runner": {}, "flow": Flow(findings=(Finding("cron", "error", "a", "b"),))},
            "degraded",
        ),
        ({"ready": True, "without_runner": {}, "flow": Flow()}, "ready"),
    ],
)
async def test_health_tells_broken_files_from_a_missing_runner(
    house: House, project: dict[str, object], status: str
) -> None:
    health = await admin_of(house, **project).health()
    assert health["status"] == status
    assert health["runnersMissing"] == [
        {"runner": name, "message": why} for name, why in cast("Any", project["without_runner"]).items()
    ]


async def test_a_cron_step_that_never_fires_or_does_not_load_says_so(house: House) -> None:
    bad = StepSpec("C", "cron", source("c.step.ts"), CronTrigger("61 * * * *"))
    (step,) = cast("Any", await admin_of(house, bad.trigger, flow=Flow({"C": bad})).steps())["steps"]
    assert '"61 * * * *" is not usable' in step["error"]
    admin = admin_of(house, flow=Flow(), declared=FLOW, unloaded=lambda _: "bad file")
    (row,) = cast("Any", await admin.cron())["cron"]
    assert row["error"] == "steps/c.step.ts does not load: a tick waits until it does."


async def test_cron_shows_the_timetable(admin: ProjectAdmin) -> None:
    (row,) = cast("Any", await admin.cron())["cron"]
    assert (row["step"], row["expression"], row["timezone"], row["error"]) == ("C", "0 * * * *", "UTC", None)


async def test_traces_and_logs_show_what_was_recorded_a_moment_ago(admin: ProjectAdmin, house: House) -> None:
    house.open(EVENT)
    house.recorder.log("warn", "m", step="E", trace_id=TRACE)
    assert [each["traceId"] for each in cast("Any", await admin.traces(10, None, None))["traces"]] == [TRACE]
    assert cast("Any", await admin.trace(TRACE))["traceId"] == TRACE
    assert await admin.trace("b" * 32) is None
    assert [each["message"] for each in cast("Any", await admin.logs(10, None, "warn", "E"))["logs"]] == ["m"]
    assert await admin.logs(10, None, "error", None) == {"logs": []}
