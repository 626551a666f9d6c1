"""Operations that change something, and lists by filter and page."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from polystep.contracts.journal import JournalEntry
from polystep.contracts.operations import OperationRefused
from polystep.contracts.steps import CancelTopic, Emit, EventTrigger, Flow, QueuePolicy, SourceFile, StepSpec, WaitTopic
from polystep.operations import TABLE
from polystep.wire import pack
from tests.unit.execution.rooms import TRACE, Rooms
from tests.unit.execution.rooms import rooms as make_rooms
from tests.unit.operations.test_admin import CRON, EVENT, Admin, admin_of


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    async with make_rooms(tmp_path, EVENT, CRON) as built:
        yield built


@pytest.fixture
def admin(rooms: Rooms) -> Admin:
    return admin_of(rooms)


async def ask(admin: Admin, name: str, **given: Any) -> Any:
    return await admin(name, **given)


async def bury(rooms: Rooms, *data: object) -> list[int]:
    now_ms = rooms.clock.now_ms()
    for each in data:
        await rooms.queue.enqueue(rooms.bus.plan("t", pack(cast("Any", each)), trace_id=TRACE, parent_run_id=None))
        (claimed,) = (await rooms.queue.claim({"E": 1}, "test", now_ms, 1000)).deliveries
        await rooms.queue.bury(claimed, {"name": "no", "message": "m"}, now_ms)
    return sorted(letter.id for letter in await rooms.queue.dead_letters(100))


async def test_state_is_changed_only_where_it_is_what_the_writer_has_seen(admin: Admin) -> None:
    first = await ask(admin, "state_set", group="g", key="k", value=1, version="")
    assert "before" not in first
    second = await ask(admin, "state_set", group="g", key="k", value=2, version=first["version"])
    assert second["before"] == 1
    for name, given in (("state_set", {"value": 3}), ("state_delete", {})):
        for version in (first["version"], ""):
            with pytest.raises(OperationRefused) as refused:
                await ask(admin, name, group="g", key="k", version=version, **given)
            assert (refused.value.status, refused.value.body["value"]) == (409, 2)
            assert refused.value.body["version"] == second["version"]
    assert (await ask(admin, "state_delete", group="g", key="k"))["before"] == 2
    assert await ask(admin, "state_delete", group="g", key="k") is None


async def test_a_value_that_cannot_be_carried_is_refused_by_its_path(admin: Admin) -> None:
    with pytest.raises(OperationRefused, match=r"value\.n: the integer .* is beyond") as refused:
        await ask(admin, "state_set", group="g", key="k", value={"n": 2**60})
    assert refused.value.status == 400


async def test_groups_and_keys_are_paged_by_prefix(admin: Admin, rooms: Rooms) -> None:
    for name in ("a", "b", "ba", "b\U0010ffff", "c"):
        await rooms.state.set(name, "k", 1)
        await rooms.state.set("keys", name, name)
        await rooms.streams.set("s", name, "i", {})
    for operation, given, member, names in (
        ("state_groups", {}, "groups", "group"),
        ("state_keys", {"group": "keys"}, "keys", "key"),
        ("stream_groups", {"stream": "s"}, "groups", "group"),
    ):
        found, cursor = [], None
        while True:
            part = await ask(admin, operation, prefix="b", limit=2, cursor=cursor, **given)
            found += [each[names] for each in part[member]]
            cursor = part["cursor"]
            if cursor is None:
                break
        assert found == ["b", "ba", "b\U0010ffff"], operation


@pytest.mark.parametrize(
    ("operation", "lists"),
    [("steps", ("steps", "streams", "findings")), ("cron", ("cron",)), ("queues", ("queues", "parked")),
     ("flows", ("flows",))],
)  # fmt: skip
async def test_lists_in_memory_come_in_parts_that_join_to_the_whole(
    admin: Admin, operation: str, lists: tuple[str, ...]
) -> None:
    await ask(admin, "emit", topic="t", data={})
    whole = await ask(admin, operation)
    assert (whole["cursor"], any(whole[name] for name in lists)) == (None, True)
    found: dict[str, list[Any]] = {name: [] for name in lists}
    cursor: str | None = None
    for _ in range(50):
        part = await ask(admin, operation, limit=1, cursor=cursor)
        assert sum(len(part[name]) for name in lists) <= 1
        for name in lists:
            found[name] += part[name]
        if (cursor := part["cursor"]) is None:
            break
    assert found == {name: whole[name] for name in lists}
    with pytest.raises(OperationRefused, match="cursor is 'x'"):
        await ask(admin, operation, cursor="x")


async def test_an_event_goes_to_all_subscribers_or_to_one(admin: Admin, rooms: Rooms) -> None:
    emitted = await ask(admin, "emit", topic="t", data={"n": 1})
    assert ([each["step"] for each in emitted["deliveries"]], emitted["parked"]) == (["E"], False)
    assert (await ask(admin, "emit", step="E", data={}))["topic"] == "t"
    assert await rooms.queue.waiting() == [("E", 2)]
    for given, status in (
        ({"topic": "none"}, 409),
        ({"topic": "t", "step": "C"}, 409),
        ({}, 400),
        ({"step": "C"}, 400),
    ):
        with pytest.raises(OperationRefused) as refused:
            await ask(admin, "emit", **given)
        assert refused.value.status == status


async def test_a_paused_step_waits_and_goes_on(admin: Admin, rooms: Rooms) -> None:
    assert (await ask(admin, "pause", step="E"))["pausedAt"] == rooms.clock.now_ms()
    await ask(admin, "emit", topic="t", data={})
    (row,) = (await ask(admin, "queues"))["queues"]
    assert (row["ready"], row["pausedAt"]) == (1, rooms.clock.now_ms())
    assert await ask(admin, "resume", step="E") == {"step": "E", "pausedAt": None}
    assert await ask(admin, "pause", step="?") is None


async def test_dead_letters_are_replayed_some_at_a_time_and_with_other_data(admin: Admin, rooms: Rooms) -> None:
    ids = await bury(rooms, *({"n": n} for n in range(5)))
    detail = await ask(admin, "dead_letter", id=ids[0])
    assert (detail["data"], len(detail["runId"])) == ({"n": 0}, 16)
    page = await ask(admin, "dead_letters", limit=2)
    assert [each["id"] for each in page["deadLetters"]] == [ids[4], ids[3]]
    rest = await ask(admin, "dead_letters", cursor=page["cursor"])
    assert ([each["id"] for each in rest["deadLetters"]], rest["cursor"]) == ([ids[2], ids[1], ids[0]], None)
    edited = await ask(admin, "replay_many", ids=[ids[0]], data={"n": "other"})
    assert edited == {"replayed": 1, "missing": [], "left": False}
    (claimed,) = (await rooms.queue.claim({"E": 9}, "test", rooms.clock.now_ms(), 1000)).deliveries
    assert claimed.data == pack({"n": "other"})
    assert await ask(admin, "replay_many", ids=[ids[0], ids[1]]) == {"replayed": 1, "missing": [ids[0]], "left": False}
    assert await ask(admin, "discard", id=ids[2]) == {"discarded": ids[2]}
    assert await ask(admin, "discard", id=ids[2]) is None
    assert (await ask(admin, "replay_many", step="E"))["replayed"] == 2
    for given in ({}, {"all": True, "step": "E"}, {"all": True, "data": 1}):
        with pytest.raises(OperationRefused, match="Bad parameter"):
            await ask(admin, "replay_many", **given)


async def test_a_dead_letter_may_be_larger_than_a_page(admin: Admin, rooms: Rooms) -> None:
    ids = await bury(rooms, *({"text": "x" * 700_000} for _ in range(3)))
    part = await ask(admin, "dead_letters")
    assert ([each["id"] for each in part["deadLetters"]], part["cursor"]) == ([ids[2]], str(ids[2]))


async def test_traces_are_found_by_step_flow_status_text_and_time(admin: Admin, rooms: Rooms) -> None:
    for number, step in enumerate(("E", "C", "E")):
        run_id, trace_id = f"{number:016}", f"{number:032}"
        rooms.recorder.run_queued(run_id, trace_id, None, step, "event", {})
        error: Any = {"name": "Oops", "message": f"number {number}"}
        rooms.recorder.attempt_ended(
            run_id, trace_id, 0, duration_ms=0, status="failed", run_status="failed", error=error
        )
        await rooms.clock.advance(1)
    since = rooms.clock.now_ms() - 2000
    for given, found in (
        ({}, [2, 1, 0]),
        ({"step": "E"}, [2, 0]),
        ({"flow": "f"}, [2, 0]),
        ({"flow": "f", "step": "C"}, []),
        ({"status": "running"}, []),
        ({"text": "NUMBER 1"}, [1]),
        ({"text": f"{2:032}"}, [2]),
        ({"since": since}, [2, 1]),
        ({"until": since}, [0]),
    ):
        rows = (await ask(admin, "traces", **given))["traces"]
        assert [int(row["traceId"]) for row in rows] == found, given
    first = await ask(admin, "traces", step="E", limit=1)
    assert (await ask(admin, "traces", step="E", cursor=first["cursor"]))["traces"][0]["traceId"] == f"{0:032}"


async def test_runs_and_operations_of_a_trace_are_paged(admin: Admin, rooms: Rooms) -> None:
    run = rooms.open(EVENT)
    for number in range(3):
        rooms.recorder.run_queued(f"{number:016}", TRACE, None, "E", "event", {})
        rooms.recorder.context_call(run, "state", {"key": number}, rooms.clock.monotonic_s())
    part = await ask(admin, "trace_runs", id=TRACE, limit=3)
    assert (len(part["runs"]), part["runs"][0]["operationCount"]) == (3, 3)
    rest = await ask(admin, "trace_runs", id=TRACE, cursor=part["cursor"])
    assert (len(rest["runs"]), rest["cursor"]) == (1, None)
    part = await ask(admin, "run_operations", runId=run.run_id, limit=2)
    assert [each["key"] for each in part["operations"]] == [0, 1]
    rest = await ask(admin, "run_operations", runId=run.run_id, cursor=part["cursor"], attempt=1)
    assert ([each["key"] for each in rest["operations"]], rest["cursor"]) == ([2], None)
    assert await ask(admin, "run", runId="none") is None


async def test_what_is_over_is_cleared_and_what_runs_stays(admin: Admin, rooms: Rooms) -> None:
    for run_id, trace_id, is_over in (("a" * 16, "1" * 32, True), ("b" * 16, "2" * 32, False)):
        rooms.recorder.run_queued(run_id, trace_id, None, "E", "event", {"kind": "event"})
        if is_over:
            rooms.recorder.attempt_ended(run_id, trace_id, 1, duration_ms=1, status="completed", run_status="completed")
    rooms.recorder.log("info", "old")
    now_ms = rooms.clock.now_ms()
    assert await ask(admin, "clear_traces", before=now_ms) == {"before": now_ms}
    assert len((await ask(admin, "traces"))["traces"]) == 2
    await ask(admin, "clear_traces")
    assert [each["traceId"] for each in (await ask(admin, "traces"))["traces"]] == ["2" * 32]
    assert (await ask(admin, "logs"))["logs"] == []


async def test_log_lines_are_found_and_followed(admin: Admin, rooms: Rooms) -> None:
    for level, message in (("debug", "one"), ("warn", "Two"), ("error", "three")):
        rooms.recorder.log(level, message, step="E", run_id="r", fields={"field": message})
    for given, found in (
        ({"minLevel": "warn"}, ["three", "Two"]),
        ({"level": "warn"}, ["Two"]),
        ({"text": "two"}, ["Two"]),
        ({"runId": "r", "limit": 1}, ["three"]),
        ({"until": 0}, []),
    ):
        assert [each["message"] for each in (await ask(admin, "logs", **given))["logs"]] == found, given
    last = (await ask(admin, "logs"))["logs"][0]["id"]
    rooms.recorder.log("info", "four")
    rooms.recorder.log("info", "five")
    part = await ask(admin, "logs", after=last, limit=1)
    assert [each["message"] for each in part["logs"]] == ["four"]
    assert [each["message"] for each in (await ask(admin, "logs", after=part["logs"][0]["id"]))["logs"]] == ["five"]


async def test_a_cron_step_shows_its_next_times_and_last_ticks(admin: Admin, rooms: Rooms) -> None:
    fired = await ask(admin, "fire", step="C")
    rooms.recorder.run_queued("0" * 16, fired["traceId"], None, "C", "cron", {"kind": "cron"})
    found = await ask(admin, "cron_history", step="C", times=3)
    assert [time[14:] for time in found["times"]] == ["00:00.000Z"] * 3
    assert [each["traceId"] for each in found["ticks"]] == [fired["traceId"]]
    assert await ask(admin, "cron_history", step="?") is None


async def test_a_flow_is_a_graph_with_loose_ends(rooms: Rooms) -> None:
    def step(name: str, *topics: str, **more: Any) -> StepSpec:
        return StepSpec(
            name, "event", SourceFile(f"{name}.ts", "step", "typescript", "node"), EventTrigger(topics), **more
        )

    first = step(
        "First",
        "start",
        flows=("f",),
        emits=(Emit("next", "label", True), Emit("lost"), Emit("next2")),
        virtual_emits=(Emit("drawn"),),
    )
    second = step("Second", "next", flows=("f",), virtual_subscribes=("drawn",), waits_for=(WaitTopic("next2", "id"),))
    second = dataclasses.replace(second, queue=QueuePolicy(cancel_on=(CancelTopic("stop", "id"),)))
    other = step("Other", "lost", flows=("g",))
    flow = Flow({each.name: each for each in (first, second, other)})
    admin = admin_of(rooms, flow=flow, declared=flow, unloaded=lambda _: None)
    assert (await ask(admin, "flows"))["flows"] == [{"flow": "f", "steps": 2}, {"flow": "g", "steps": 1}]
    graph = await ask(admin, "flow", flow="f")
    assert [node["step"] for node in graph["nodes"]] == ["First", "Second"]
    edges = [(e["from"], e["to"], e["topic"], e["conditional"], e["virtual"]) for e in graph["edges"]]
    assert edges == [
        ("First", "Second", "next", True, False),
        ("First", None, "lost", False, False),
        ("First", "Second", "next2", False, False),
        ("First", "Second", "drawn", False, True),
        (None, "First", "start", False, False),
        (None, "Second", "stop", False, False),
    ]
    assert [each["outside"] for each in graph["edges"]] == [[], ["Other"], [], [], [], []]
    assert [each["topic"] for each in graph["edges"] if each["cancels"]] == ["stop"]
    assert [each["topic"] for each in graph["edges"] if each["waits"]] == ["next2"]
    (away,) = (await ask(admin, "flow", flow="g"))["edges"]
    assert (away["from"], away["to"], away["outside"]) == (None, "Other", ["First"])
    assert len((await ask(admin, "flow", flow="*"))["nodes"]) == 3
    assert await ask(admin, "flow", flow="none") is None


async def test_a_run_is_replayed_with_its_whole_input_or_with_other_data(admin: Admin, rooms: Rooms) -> None:
    large, huge = {"text": "x" * 100_000}, {"text": "x" * 300_000}
    trigger: Any = {"kind": "event", "topic": "t", "data": "a preview"}
    for run_id, data in (("a" * 16, large), ("b" * 16, huge)):
        rooms.recorder.run_queued(run_id, TRACE, None, "E", "event", trigger, pack(cast("Any", data)))
    found = await ask(admin, "run", runId="a" * 16)
    assert (found["inputKept"], found["input"]) == (True, large)
    assert "input" not in await ask(admin, "run", runId="b" * 16)
    replayed = await ask(admin, "replay_run", runId="a" * 16)
    assert ([each["step"] for each in replayed["deliveries"]], replayed["traceId"] == TRACE) == (["E"], False)
    await ask(admin, "replay_run", runId="b" * 16, data={"n": 1})
    claimed = (await rooms.queue.claim({"E": 9}, "test", rooms.clock.now_ms(), 1000)).deliveries
    assert [each.data for each in claimed] == [pack(cast("Any", large)), pack({"n": 1})]
    with pytest.raises(OperationRefused, match="Input not kept whole"):
        await ask(admin, "replay_run", runId="b" * 16)
    assert await ask(admin, "replay_run", runId="none") is None


async def test_only_the_step_of_a_run_is_tried_without_what_it_emits(admin: Admin, rooms: Rooms) -> None:
    trigger: Any = {"kind": "event", "topic": "t", "data": {"n": 1}}
    rooms.recorder.run_queued("a" * 16, TRACE, None, "E", "event", trigger, pack({"n": 1}))
    replayed = await ask(admin, "replay_run", runId="a" * 16, only=True)
    (delivery,) = (await rooms.queue.claim({"E": 9}, "test", rooms.clock.now_ms(), 1000)).deliveries
    assert (delivery.kind, delivery.trace_id) == ("trial", replayed["traceId"])
    with pytest.raises(OperationRefused, match="only one step can be run by itself"):
        await ask(admin, "replay_run", runId="a" * 16, only=True, to="subscribers")


async def test_a_replay_and_its_run_know_each_other(admin: Admin, rooms: Rooms) -> None:
    trigger: Any = {"kind": "event", "topic": "t", "data": {"n": 1}}
    rooms.recorder.run_queued("a" * 16, TRACE, None, "E", "event", trigger, pack({"n": 1}))
    replayed = await ask(admin, "replay_run", runId="a" * 16, data={"n": 2})
    about = {"ofTraceId": TRACE, "ofRunId": "a" * 16, "step": "E", "edited": True}
    assert replayed == {**about, "traceId": replayed["traceId"], "topic": "t", "deliveries": replayed["deliveries"]}
    row = {**about, "traceId": replayed["traceId"], "at": rooms.clock.now_ms(), "status": None}
    assert await ask(admin, "replays", id=TRACE) == {"of": None, "replays": [row], "cursor": None}
    assert await ask(admin, "replays", id=replayed["traceId"]) == {"of": row, "replays": [], "cursor": None}
    rooms.recorder.run_queued("b" * 16, replayed["traceId"], None, "E", "event", trigger)
    listed = (await ask(admin, "traces"))["traces"]
    assert [(each["replayOf"], each["replayCount"]) for each in listed] == [(TRACE, 0), (None, 1)]
    await ask(admin, "replay_run", runId="a" * 16, to="subscribers")
    first = await ask(admin, "replays", id=TRACE, limit=1)
    rest = await ask(admin, "replays", id=TRACE, limit=1, cursor=first["cursor"])
    assert ([each["edited"] for each in first["replays"] + rest["replays"]], rest["cursor"]) == ([True, False], None)


async def test_a_replayed_dead_letter_goes_on_in_its_trace_which_says_so(admin: Admin, rooms: Rooms) -> None:
    ids = await bury(rooms, 1, 2)
    for id_, data in zip(ids, ({}, {"data": {"n": 7}}), strict=True):
        assert (await ask(admin, "replay_many", ids=[id_], **data))["replayed"] == 1
    found = await ask(admin, "replays", id=TRACE)
    assert found["of"] is None
    assert [(each["traceId"], each["edited"]) for each in found["replays"]] == [(TRACE, False), (TRACE, True)]


async def test_runs_without_an_input_are_not_replayed(admin: Admin, rooms: Rooms) -> None:
    rooms.recorder.run_queued("a" * 16, TRACE, None, "C", "cron", {"kind": "cron"})
    rooms.recorder.run_queued("b" * 16, TRACE, None, "Gone", "api", {"kind": "http", "method": "GET", "path": "/"})
    with pytest.raises(OperationRefused, match="fire runs a cron step"):
        await ask(admin, "replay_run", runId="a" * 16)
    with pytest.raises(OperationRefused, match="Input not kept whole"):
        await ask(admin, "replay_run", runId="b" * 16)
    with pytest.raises(OperationRefused, match="data is no request"):
        await ask(admin, "replay_run", runId="b" * 16, data={"method": "GET"})
    with pytest.raises(OperationRefused, match="takes no requests any more"):
        await ask(admin, "replay_run", runId="b" * 16, data={"method": "GET", "path": "/"})


JUNK: tuple[Any, ...] = (
    None, "", "x", "1", "0" * 40, "\0", "'; --", "%", "ÿ\U0010ffff", -1, 0, 1, 2**60, 1.5, True, [], ["x"], [1],
    [2**70], {}, {"a": [None]}, b"bytes",
)  # fmt: skip


@pytest.mark.parametrize("operation", [each for each in TABLE if each.name != "request"], ids=lambda each: each.name)
async def test_whatever_is_given_is_answered_or_refused(operation: Any, admin: Admin, rooms: Rooms) -> None:
    await bury(rooms, 1)
    await rooms.state.set("x", "x", 1)
    names = [info.alias or name for name, info in operation.params.model_fields.items()]
    pick = random.Random(operation.name).choice
    for _ in range(60):
        given = {name: pick(JUNK) for name in names if pick((True, True, False)) or name in operation.in_path}
        try:
            result = await admin(operation.name, **given)
        except OperationRefused as refused:
            assert 400 <= refused.status <= 409, given
        else:
            assert result is None or isinstance(result, dict)


async def test_a_key_of_the_project_is_listed_and_forgotten_unless_its_function_runs(
    admin: Admin, rooms: Rooms
) -> None:
    await rooms.queue.enqueue(rooms.bus.plan("t", pack(1), trace_id=TRACE, parent_run_id=None))
    (run,) = (await rooms.queue.claim({"E": 1}, "test", rooms.clock.now_ms(), 1000)).deliveries
    for key in ("a", "b-1", "b-2"):
        await rooms.queue.once_keys.take(run, JournalEntry(key, "once", 5), 1000, 100)
    await rooms.queue.once_keys.keep(run, JournalEntry("b-1", "once", 5, b"value"), 2000)
    first = await ask(admin, "once_keys", prefix="b-", limit=1)
    now_ms = rooms.clock.now_ms()
    times = {"begunAt": now_ms, "keptAt": now_ms, "until": now_ms + 2000}
    about = {"step": "E", "runId": run.run_id, "traceId": TRACE, "bytes": 5, "waiting": 0}
    assert first["keys"] == [{"key": "b-1", "status": "kept", **about, **times}]
    second = await ask(admin, "once_keys", prefix="b-", limit=1, cursor=first["cursor"])
    assert ([each["key"] for each in second["keys"]], second["cursor"]) == (["b-2"], None)
    assert await ask(admin, "forget_once", key="b-1") == {"key": "b-1"}
    assert await ask(admin, "forget_once", key="b-1") is None
    with pytest.raises(OperationRefused, match="cancel the run") as refused:
        await ask(admin, "forget_once", key="a")
    assert refused.value.status == 409
