"""The shapes of what the admin API answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from polystep import __version__
from polystep.contracts.operations import OperationRefused
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
from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery import Loaded
from polystep.operations import Data, Place, ProjectAdmin, ProjectFeed, Traces, Work
from polystep.operations import Rooms as ProjectRooms
from polystep.operations.editor_program import EditorProgram
from polystep.project.live import LiveProject
from polystep.schedule import Timetable
from polystep.stores.versions import version_of
from polystep.testing import FakeClock
from polystep.wire import pack
from tests.unit.execution.rooms import TRACE, Rooms
from tests.unit.execution.rooms import rooms as make_rooms
from tests.unit.operations.parts import asks_of, inspection_of

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
async def rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    async with make_rooms(tmp_path, API, EVENT, CRON) as built:
        yield built


class Admin:
    """Calls operations by name, with their parameters as members of JSON."""

    def __init__(self, operations: ProjectAdmin) -> None:
        self._all = operations
        self._operations = {each.name: each for each in operations.operations}

    async def health(self) -> JSONObject:
        return await self._all.health()

    async def __call__(self, name: str, **given: JSONValue) -> JSONObject | None:
        return await self._operations[name].call(given)


@pytest.fixture
def admin(rooms: Rooms) -> Admin:
    return admin_of(rooms)


def admin_of(rooms: Rooms, trigger: Any = CRON.trigger, **told: object) -> Admin:
    return Admin(ProjectAdmin(rooms_of(rooms, trigger, **told)))


def rooms_of(rooms: Rooms, trigger: Any = CRON.trigger, **told: object) -> ProjectRooms:
    async def fire(step: str, due_ms: int) -> None:
        raise AssertionError(step)

    timetable = Timetable(rooms.clock, fire, lambda *_: None)
    timetable.replace({"C": trigger})
    known: dict[str, object] = {
        "flow": FLOW,
        "ready": True,
        "revision": 3,
        "without_runner": {},
        "limited_processes": [],
        "switched_ms": (),
    }
    known |= {"declared": told.get("flow", FLOW), "unloaded": lambda _: None, **told}
    inspection = inspection_of(rooms)
    feed = ProjectFeed(rooms.recorder, rooms.clock, lambda: 1)
    return ProjectRooms(
        cast("LiveProject", SimpleNamespace(**known)),
        Work(
            rooms.bus,
            rooms.queue,
            timetable,
            rooms.runs,
            Loaded(FLOW),
            inspection.queue,
            asks_of(rooms, Path()),
            inspection.letters,
        ),
        Data(rooms.state, rooms.streams, inspection.data),
        Traces(rooms.recorder, rooms.traces, inspection.traces),
        rooms.clock,
        Place(Path(), lambda: "", rooms.clock.monotonic_s(), feed, EditorProgram("", {}, is_local=True)),
    )


def queue(step: str, **states: int) -> JSONObject:
    none = dict.fromkeys(("ready", "blocked", "delayed", "retrying", "running"), 0)
    oldest = {"oldestAt": FakeClock().now_ms() if states else None}
    return {"step": step, "waiting": sum(states.values()), "pausedAt": None, **oldest, **none, **states}


async def test_health_counts_what_is_loaded(admin: Admin, rooms: Rooms) -> None:
    rooms.open(EVENT)
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
        "runnersLimited": [],
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


async def test_steps_lists_every_file_with_what_its_type_has(admin: Admin) -> None:
    http = {"method": "GET", "path": "/a", "bodySchema": SCHEMA, "responseSchema": {"200": SCHEMA}, "queryParams": []}
    http = {**http, "pathParams": []}
    broken = {"language": "typescript", "error": "bad"}
    assert await admin("steps") == {
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
        "cursor": None,
    }


async def test_state_is_shown_and_a_stored_null_is_not_a_missing_key(admin: Admin, rooms: Rooms) -> None:
    await rooms.state.set("g", "k", None)
    await rooms.state.set("g", "l", [1])
    assert await admin("state_groups") == {"groups": [{"group": "g", "keys": 2}], "cursor": None}
    assert await admin("state", group="g") == {"items": {"k": None, "l": [1]}, "cursor": None}
    version = version_of(pack(None))
    assert await admin("state_value", group="g", key="k") == {"value": None, "version": version}
    assert await admin("state_value", group="g", key="m") is None


async def test_lists_say_where_they_were_cut(admin: Admin, rooms: Rooms) -> None:
    for name in ("", "b", "c"):
        await rooms.state.set(name, "k", 1)
        await rooms.state.set("b", name, name)
        await rooms.streams.set("s", "g", name, {})
    groups = [await admin("state_groups", limit=2)]
    groups.append(await admin("state_groups", limit=2, cursor=cast("Any", groups[0])["cursor"]))
    assert [[each["group"] for each in cast("Any", part)["groups"]] for part in groups] == [["", "b"], ["c"]]
    items = [await admin("state", group="b", limit=2)]
    items.append(await admin("state", group="b", cursor=cast("Any", items[0])["cursor"]))
    assert [cast("Any", part)["items"] for part in items] == [{"": "", "b": "b"}, {"c": "c", "k": 1}]
    stream = [await admin("stream", stream="s", group="g", limit=1)]
    stream.append(await admin("stream", stream="s", group="g", cursor=cast("Any", stream[0])["cursor"]))
    assert [[each["id"] for each in cast("Any", part)["items"]] for part in stream] == [[""], ["b", "c"]]
    assert [cast("Any", part)["cursor"] for part in (groups[1], items[1], stream[1])] == [None] * 3


async def test_stream_items_are_shown_and_an_unknown_stream_is_none(admin: Admin, rooms: Rooms) -> None:
    await rooms.streams.set("s", "g", "i", {"n": 1})
    item = {"n": 1, "id": "i", "_createdAt": rooms.clock.now_ms()}
    assert await admin("stream", stream="s", group="g") == {"items": [item], "cursor": None}
    assert await admin("stream", stream="other", group="g") is None


async def test_a_dead_letter_is_shown_and_replayed_once(admin: Admin, rooms: Rooms) -> None:
    (planned,) = rooms.bus.plan("t", pack({"n": 1}), trace_id=TRACE, parent_run_id=None)
    await rooms.queue.enqueue([planned])
    assert await admin("queues") == {"queues": [queue("E", ready=1)], "parked": [], "cursor": None}
    now_ms = rooms.clock.now_ms()
    (claimed,) = (await rooms.queue.claim({"E": 1}, "test", now_ms, 1000)).deliveries
    await rooms.queue.bury(claimed, {"name": "no", "message": "m"}, now_ms)
    (letter,) = cast("Any", await admin("dead_letters"))["deadLetters"]
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
        "fifoKey": None,
        "fingerprint": letter["fingerprint"],
    }
    assert await admin("replay", id=id_) == {"replayed": id_, "step": "E", "traceId": TRACE}
    assert (await admin("replay", id=id_), await admin("queues")) == (
        None,
        {"queues": [queue("E", ready=1)], "parked": [], "cursor": None},
    )


async def test_a_purge_closes_the_runs_of_what_it_removes(admin: Admin, rooms: Rooms) -> None:
    for number in range(3):
        (planned,) = rooms.bus.plan("t", pack({"n": number}), trace_id=TRACE, parent_run_id=None)
        rooms.recorder.run_queued(planned.run_id, TRACE, None, "E", "event", {})
        await rooms.bus.publish([planned])
    assert await admin("purge", step="E") == {"step": "E", "removed": 3}
    trace = cast("Any", await admin("trace", id=TRACE))
    assert [run["status"] for run in trace["runs"]] == ["interrupted"] * 3
    assert (await admin("purge", step="E"), await admin("purge", step="?")) == ({"step": "E", "removed": 0}, None)
    assert await admin("purge_dead_letters") == {"step": None, "removed": 0}


async def test_events_without_a_known_subscriber_are_listed_by_topic_with_their_age(admin: Admin, rooms: Rooms) -> None:
    rooms.bus.replace(Flow(), is_complete=False)
    for _ in range(2):
        await rooms.bus.publish(rooms.bus.plan("work", pack(1), trace_id=TRACE, parent_run_id=None))
        await rooms.clock.advance(3)
    parked = [{"topic": "work", "waiting": 2, "oldestMs": 6000}]
    assert await admin("queues") == {"queues": [], "parked": parked, "cursor": None}


async def test_a_cron_step_is_fired_unless_it_is_at_work_or_is_none(admin: Admin) -> None:
    fired, again = cast("Any", await admin("fire", step="C")), cast("Any", await admin("fire", step="C"))
    assert (fired["step"], len(fired["traceId"]), fired["skipped"]) == ("C", 32, None)
    assert again == {"step": "C", "traceId": None, "skipped": "C is still at work; ticks do not overlap."}
    assert (await admin("fire", step="E"), await admin("fire", step="?")) == (None, None)


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
    rooms: Rooms, project: dict[str, object], status: str
) -> None:
    health = await admin_of(rooms, **project).health()
    assert health["status"] == status
    assert health["runnersMissing"] == [
        {"runner": name, "message": why} for name, why in cast("Any", project["without_runner"]).items()
    ]


async def test_a_cron_step_that_never_fires_or_does_not_load_says_so(rooms: Rooms) -> None:
    bad = StepSpec("C", "cron", source("c.step.ts"), CronTrigger("61 * * * *"))
    (step,) = cast("Any", await admin_of(rooms, bad.trigger, flow=Flow({"C": bad}))("steps"))["steps"]
    assert '"61 * * * *" is not usable' in step["error"]
    admin = admin_of(rooms, flow=Flow(), declared=FLOW, unloaded=lambda _: "bad file")
    (row,) = cast("Any", await admin("cron"))["cron"]
    assert row["error"] == "steps/c.step.ts does not load: a tick waits until it does."


async def test_cron_shows_the_timetable(admin: Admin) -> None:
    (row,) = cast("Any", await admin("cron"))["cron"]
    assert (row["step"], row["expression"], row["timezone"], row["error"]) == ("C", "0 * * * *", "UTC", None)


async def test_traces_and_logs_show_what_was_recorded_a_moment_ago(admin: Admin, rooms: Rooms) -> None:
    rooms.open(EVENT)
    rooms.recorder.log("warn", "m", step="E", trace_id=TRACE)
    assert [each["traceId"] for each in cast("Any", await admin("traces"))["traces"]] == [TRACE]
    assert cast("Any", await admin("trace", id=TRACE))["traceId"] == TRACE
    assert await admin("trace", id="b" * 32) is None
    assert [each["message"] for each in cast("Any", await admin("logs", level="warn", step="E"))["logs"]] == ["m"]
    assert await admin("logs", level="error") == {"logs": [], "cursor": None}


async def test_a_part_of_a_trace_id_finds_the_only_trace_that_begins_or_ends_so(admin: Admin, rooms: Rooms) -> None:
    first, second = "0a" * 12 + "11112222", "0a" * 12 + "33334444"
    for trace_id in (first, second):
        rooms.recorder.run_queued(trace_id[-16:], trace_id, None, "E", "event", {})
        rooms.recorder.log("info", trace_id, trace_id=trace_id)
    for part, found in (("11112222", first), ("4444", second), (first[:30], first), (second, second)):
        assert cast("Any", await admin("trace", id=part))["traceId"] == found
        assert [each["message"] for each in cast("Any", await admin("logs", traceId=part))["logs"]] == [found]
    for part in ("0404", "22"):
        assert await admin("trace", id=part) is None
    for name, given in (("trace", {"id": "0a0a0a"}), ("logs", {"traceId": "0a0a0a"})):
        with pytest.raises(OperationRefused, match="Ambiguous trace id") as refused:
            await admin(name, **cast("Any", given))
        traces = cast("Any", refused.value.body["traces"])
        assert (refused.value.status, [each["traceId"] for each in traces]) == (409, [second, first])
