"""What handlers may call, and how each call is checked, recorded and carried out."""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from polystep.contracts.errors import Conflict, ContractBroken, InvalidParams, Overloaded, RunEnded, TopicNotDeclared
from polystep.contracts.events import StreamChange
from polystep.contracts.steps import Emit
from polystep.contracts.values import JSONObject
from polystep.discovery import SchemaValidator
from polystep.runners import Blocked
from polystep.wire import FittedAnswer, WatchedAnswer, unpack
from tests.unit.execution.parts import delivery
from tests.unit.execution.rooms import TRACE, Answer, Rooms, event_step
from tests.unit.execution.rooms import rooms as make_rooms

ORIGIN = {"type": "state-stream", "streamName": "s", "groupId": "g", "id": "i"}


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    steps = (event_step("Hears", "told"), event_step("HearsToo", "told"))
    async with make_rooms(tmp_path, *steps) as built:
        yield built


async def call(rooms: Rooms, method: str, **params: Any) -> Any:
    answer, sent = rooms.calls.methods[method]({"run": "run", **params}), None
    if isinstance(answer, WatchedAnswer):
        answer, sent = answer
    error: Exception | None = None
    try:
        if isinstance(answer, FittedAnswer):
            return unpack((await answer.make(1 << 20)).data)
        return await answer if inspect.isawaitable(answer) else answer
    except Exception as failure:
        error = failure
        raise
    finally:
        if sent is not None:
            sent(error)


def stored(now_ms: int, **data: Any) -> dict[str, Any]:
    return {**data, "id": "i", "_createdAt": now_ms, "__motia": ORIGIN}


@pytest.mark.parametrize(
    "method",
    [
        "emit",
        "state.get",
        "state.set",
        "state.update",
        "state.delete",
        "state.get_group",
        "state.page",
        "state.clear",
        "streams.get",
        "streams.set",
        "streams.delete",
        "streams.get_group",
        "streams.page",
        "streams.send",
    ],
)
async def test_a_call_of_a_run_that_has_ended_has_no_effect(rooms: Rooms, method: str) -> None:
    assert method in rooms.calls.methods
    run = rooms.open(event_step("E", "t"))
    rooms.runs.close(run)
    with pytest.raises(RunEnded):
        await call(
            rooms, method, topic="told", group="g", key="k", value=1, stream="s", id="i", data={}, event={}, ops=[]
        )
    assert (await rooms.state.groups(), await rooms.queue.waiting(), len(rooms.runs)) == ([], [], 0)


async def test_state_is_updated_and_the_changes_are_in_the_trace(rooms: Rooms) -> None:
    rooms.open(event_step("E", "t"))
    ops = [{"type": "increment", "path": "n", "by": 2}, {"type": "append", "path": "log", "value": {"a": 1}}]
    assert await call(rooms, "state.update", group="g", key="k", ops=ops) == {"n": 2, "log": [{"a": 1}]}
    ops.append({"type": "increment", "path": "log.0.a"})
    assert await call(rooms, "state.update", group="g", key="k", ops=ops) == {"n": 4, "log": [{"a": 2}, {"a": 1}]}
    expects = [{"type": "expect", "path": "n", "value": 3}, {"type": "remove"}]
    with pytest.raises(Conflict) as caught:
        await call(rooms, "state.update", group="g", key="k", ops=expects)
    assert caught.value.data == {"index": 0, "path": ["n"], "found": 4}
    assert await call(rooms, "state.update", group="g", key="k", ops=expects[1:]) is None
    first, second, third, _ = await rooms.operations()
    assert first == {"type": "state", "operation": "update", "group": "g", "key": "k", "ops": ops[:2]}
    assert second == {"type": "state", "operation": "update", "group": "g", "key": "k", "ops": ops}
    assert third == {"type": "state", "operation": "update", "group": "g", "key": "k", "ops": expects, "error": ANY}


async def test_state_is_written_read_and_removed(rooms: Rooms) -> None:
    rooms.open(event_step("E", "t"))
    assert await call(rooms, "state.set", group="g", key="b", value={"n": 1}) is None
    assert await call(rooms, "state.set", group="g", key="a", value=[b"x"]) is None
    assert await call(rooms, "state.get", group="g", key="b") == {"n": 1}
    assert await call(rooms, "state.get_group", group="g") == [[b"x"], {"n": 1}]
    assert await call(rooms, "state.delete", group="g", key="b") == {"n": 1}
    assert await call(rooms, "state.clear", group="g") is None
    assert await call(rooms, "state.get", group="g", key="a") is None
    assert await rooms.operations() == [
        {"type": "state", "operation": "set", "group": "g", "key": "b", "value": {"n": 1}},
        {"type": "state", "operation": "set", "group": "g", "key": "a", "value": [{"$bytes": 1}]},
        {"type": "state", "operation": "get", "group": "g", "key": "b"},
        {"type": "state", "operation": "getGroup", "group": "g"},
        {"type": "state", "operation": "delete", "group": "g", "key": "b"},
        {"type": "state", "operation": "clear", "group": "g"},
        {"type": "state", "operation": "get", "group": "g", "key": "a"},
    ]


async def test_a_group_is_read_in_parts(rooms: Rooms) -> None:
    rooms.open(event_step("E", "t"))
    for key in "cab":
        await call(rooms, "state.set", group="g", key=key, value=key.upper())
    page = await call(rooms, "state.page", group="g", limit=2)
    assert page["items"] == [{"key": "a", "value": "A"}, {"key": "b", "value": "B"}]
    assert await call(rooms, "state.page", group="g", limit=2, cursor=page["cursor"]) == {
        "items": [{"key": "c", "value": "C"}]
    }
    assert await call(rooms, "state.page", group="g", only="keys") == {"items": ["a", "b", "c"]}
    assert await call(rooms, "state.page", group="g", only="values", cursor=page["cursor"]) == {"items": ["C"]}
    assert (await rooms.operations())[3:] == [
        {"type": "state", "operation": "getGroup", "group": "g", "limit": 2},
        {"type": "state", "operation": "getGroup", "group": "g", "limit": 2, "cursor": page["cursor"]},
        {"type": "state", "operation": "getGroup", "group": "g", "keysOnly": True},
    ]


async def test_items_of_a_stream_are_read_in_parts(rooms: Rooms) -> None:
    rooms.open(event_step("E", "t"))
    item = stored(rooms.clock.now_ms(), n=1)
    at = {"stream": "s", "group": "g"}
    assert await call(rooms, "streams.set", **at, id="i", data={"n": 1}) == item
    await call(rooms, "streams.set", **at, id="a", data={})
    page = await call(rooms, "streams.page", **at, limit=1)
    assert page["items"] == [item]
    assert (await call(rooms, "streams.page", **at, cursor=page["cursor"]))["items"][0]["id"] == "a"
    assert await call(rooms, "streams.page", **at, only="keys") == {"items": ["i", "a"]}


@pytest.mark.parametrize(
    "wrong",
    [{"limit": 0}, {"limit": 1.5}, {"limit": True}, {"limit": "2"}, {"cursor": 1}, {"cursor": "x"}, {"only": "all"}],
)
async def test_a_page_that_makes_no_sense_is_refused(rooms: Rooms, wrong: Any) -> None:
    rooms.open(event_step("E", "t"))
    with pytest.raises(InvalidParams, match=next(iter(wrong))):
        await call(rooms, "state.page", group="g", **wrong)


async def test_stream_items_are_written_read_and_removed(rooms: Rooms) -> None:
    rooms.open(event_step("E", "t"))
    at = {"stream": "s", "group": "g", "id": "i"}
    item = stored(rooms.clock.now_ms(), n=1)
    assert await call(rooms, "streams.set", **at, data={"n": 1}) == item
    assert await call(rooms, "streams.get", **at) == item
    assert await call(rooms, "streams.get_group", stream="s", group="g") == [item]
    assert await call(rooms, "streams.set", **at, data=None) is None
    assert await call(rooms, "streams.delete", **at) == item
    assert await call(rooms, "streams.get", **at) is None


async def test_an_ephemeral_event_reaches_the_group_and_is_not_stored(rooms: Rooms) -> None:
    rooms.open(event_step("E", "t"))
    seen: list[StreamChange] = []

    class Client:
        def changed(self, change: StreamChange) -> None:
            seen.append(change)

    rooms.streams.subscribe(Client(), "s", "g", None)
    event: JSONObject = {"type": "typing", "data": {"who": "x"}}
    assert await call(rooms, "streams.send", stream="s", group="g", event=event) is None
    now_ms = rooms.clock.now_ms()
    assert seen == [StreamChange("event", "s", "g", None, event, now_ms)]
    assert await call(rooms, "streams.get_group", stream="s", group="g") == []


@pytest.mark.parametrize(
    ("given", "key"), [(7, "7"), (7.0, "7"), (1.5, "1.5"), (-0.0, "0"), (2**53 - 1, "9007199254740991"), ("7", "7")]
)
async def test_numeric_keys_become_the_text_that_every_language_makes_of_them(
    rooms: Rooms, given: Any, key: str
) -> None:
    rooms.open(event_step("E", "t"))
    await call(rooms, "state.set", group=given, key=given, value=1)
    assert await rooms.state.entries(key, None, 10) == ({key: 1}, None)


@pytest.mark.parametrize("wrong", [None, True, [], {}, b"g"])
async def test_a_group_of_another_type_is_refused_by_name_and_value(rooms: Rooms, wrong: Any) -> None:
    rooms.open(event_step("E", "t"))
    with pytest.raises(InvalidParams) as refused:
        await call(rooms, "state.set", group=wrong, key="k", value=1)
    assert refused.value.message == f"`group` must be a text; it is {wrong!r}."


async def test_an_event_to_send_must_be_an_object_with_a_type(rooms: Rooms) -> None:
    rooms.open(event_step("E", "t"))
    for event in ("typing", {"data": 1}):
        with pytest.raises(InvalidParams, match=r"streams\.s\.send\(channel, event\): event"):
            await call(rooms, "streams.send", stream="s", group="g", event=event)


async def test_an_item_that_breaks_the_streams_schema_is_refused_with_its_path(rooms: Rooms) -> None:
    rooms.items["s"] = SchemaValidator(
        {
            "type": "object",
            "properties": {"n": {"type": "array", "items": {"type": "number"}}},
            "additionalProperties": False,
        }
    )
    rooms.open(event_step("E", "t"))
    at = {"stream": "s", "group": "g", "id": "i"}
    with pytest.raises(ContractBroken) as refused:
        await call(rooms, "streams.set", **at, data={"n": [1, "x"]})
    assert refused.value.message == (
        'The item does not fit the schema of stream s: data.n.1 "x" is not of type "number".'
    )
    assert refused.value.data == {
        "issues": [{"path": ["n", 1], "message": '"x" is not of type "number"', "code": "type"}]
    }
    assert await rooms.streams.get("s", "g", "i") is None
    # What was read comes back with the members that the host has added, and fits.
    first = await call(rooms, "streams.set", **at, data={"n": [1]})
    assert await call(rooms, "streams.set", **at, data={**first, "n": [2]}) == stored(rooms.clock.now_ms(), n=[2])


@pytest.mark.parametrize("data", [{"n": 1}, {"n": 1, "id": "other"}])
async def test_an_id_that_the_schema_asks_for_may_come_from_the_host(rooms: Rooms, data: JSONObject) -> None:
    schema: JSONObject = {"type": "object", "properties": {"id": {"type": "string"}, "n": {}}, "required": ["id", "n"]}
    rooms.items["s"] = SchemaValidator({**schema, "additionalProperties": False})
    rooms.open(event_step("E", "t"))
    at = {"stream": "s", "group": "g", "id": "i"}
    assert await call(rooms, "streams.set", **at, data=data) == stored(rooms.clock.now_ms(), n=1)
    with pytest.raises(ContractBroken, match=r"data\.n is required"):
        await call(rooms, "streams.set", **at, data={})


async def test_what_is_no_item_is_not_checked_as_one(rooms: Rooms) -> None:
    rooms.items["s"] = SchemaValidator({"type": "object", "required": ["n"]})
    rooms.open(event_step("E", "t"))
    assert await call(rooms, "streams.set", stream="s", group="g", id="i", data=None) is None
    await call(rooms, "streams.send", stream="s", group="g", event={"type": "typing", "data": {}})
    with pytest.raises(ContractBroken, match=r'data \[\] is not of type "object"'):
        await call(rooms, "streams.set", stream="s", group="g", id="i", data=[])


async def test_an_http_step_emits_at_once_and_its_events_are_durable(rooms: Rooms) -> None:
    run = rooms.open(event_step("E", "t"), buffers_emits=False)
    await call(rooms, "emit", topic="told", data={"n": 1}, message_group_id=7)
    assert (run.emits, await rooms.queue.waiting()) == ([], [("Hears", 1), ("HearsToo", 1)])
    assert await rooms.operations() == [
        {"type": "emit", "topic": "told", "data": {"n": 1}, "subscribers": ["Hears", "HearsToo"]}
    ]


async def test_an_event_that_nobody_subscribes_to_says_so_on_its_trace(rooms: Rooms) -> None:
    run = rooms.open(event_step("A"), buffers_emits=False)
    await call(rooms, "emit", run=run.name, topic="lonely", data=1)
    (operation,) = await rooms.operations()
    assert (operation["subscribers"], operation["note"]) == (
        [],
        "No step subscribes to lonely: the event went nowhere.",
    )


async def test_an_event_step_keeps_its_emits_until_it_completes(rooms: Rooms) -> None:
    run = rooms.open(event_step("E", "t"))
    assert await call(rooms, "emit", topic="told", data={"n": 1}, message_group_id=7) is None
    assert await call(rooms, "emit", topic="nobody hears", data=None) is None
    kept = [(each.step, each.topic, unpack(each.data), each.fifo_key, each.trace_id) for each in run.emits]
    assert kept == [("Hears", "told", {"n": 1}, "7", TRACE), ("HearsToo", "told", {"n": 1}, "7", TRACE)]
    assert await rooms.queue.waiting() == []


@pytest.mark.parametrize("buffers_emits", [True, False])
async def test_a_trial_sends_no_events_and_its_trace_says_who_would_get_them(rooms: Rooms, buffers_emits: bool) -> None:
    run = rooms.open(event_step("E", "t"), buffers_emits=buffers_emits)
    run.is_trial = True
    assert await call(rooms, "emit", topic="told", data={"n": 1}) is None
    assert await call(rooms, "emit.cancel", topic="told", id="x") is False
    assert (run.emits, await rooms.queue.waiting()) == ([], [])
    emitted, cancelled = await rooms.operations()
    assert (emitted["subscribers"], "not sent" in str(emitted["note"])) == (["Hears", "HearsToo"], True)
    assert "No event is cancelled" in str(cancelled["note"])


async def test_an_undeclared_topic_is_refused_with_the_declared_ones(rooms: Rooms) -> None:
    run = rooms.open(event_step("E", "t", emits=(Emit("one"), Emit("two"))))
    with pytest.raises(TopicNotDeclared) as refused:
        await call(rooms, "emit", topic="told", data=1)
    assert refused.value.message == (
        'E emitted "told", which its config does not declare. Declared: one, two. Add "told" to `emits` in '
        "steps/E.script."
    )
    assert run.emits == []


@pytest.mark.parametrize(
    ("emits", "virtual", "topic", "hint"),
    [
        ((Emit("ticket.created"), Emit("x")), (), "ticket.create",
         'Declared: ticket.created, x. Did you mean "ticket.created"? Else add "ticket.create" to'),
        ((Emit("a", "label"), Emit("b", conditional=True)), (Emit("asked"),), "asked",
         'Declared: a, b. `virtualEmits` is only drawn: add "asked" to'),
    ],
)  # fmt: skip
async def test_an_undeclared_topic_is_told_what_was_meant(
    rooms: Rooms, emits: tuple[Emit, ...], virtual: tuple[Emit, ...], topic: str, hint: str
) -> None:
    rooms.open(event_step("E", "t", emits=emits, virtual_emits=virtual))
    with pytest.raises(TopicNotDeclared) as refused:
        await call(rooms, "emit", topic=topic, data=1)
    assert refused.value.message == (
        f'E emitted "{topic}", which its config does not declare. {hint} `emits` in steps/E.script.'
    )
    for emit in emits:
        await call(rooms, "emit", topic=emit.topic, data=1)


NEEDS_N: JSONObject = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}
REFUSED: JSONObject = {
    "name": "contract_broken",
    "message": 'The event "told" does not fit the input of Hears: data.n "x" is not of type "number".',
    "code": "contract_broken",
    "data": {"issues": [{"path": ["n"], "message": '"x" is not of type "number"', "code": "type"}]},
}


async def test_an_event_that_one_subscriber_cannot_take_is_its_dead_letter_at_once(rooms: Rooms) -> None:
    rooms.inputs["Hears"] = SchemaValidator(NEEDS_N)
    rooms.open(event_step("E", "t"), buffers_emits=False)
    await call(rooms, "emit", topic="told", data={"n": "x"}, message_group_id="k")
    assert await rooms.queue.waiting() == [("HearsToo", 1)]
    (letter,) = await rooms.queue.dead_letters(10)
    assert (letter.step, letter.topic, unpack(letter.data), letter.attempts, letter.error) == (
        "Hears", "told", {"n": "x"}, 0, REFUSED,
    )  # fmt: skip
    (operation,) = await rooms.operations()
    assert (operation["subscribers"], operation["refused"]) == (["Hears", "HearsToo"], ["Hears"])
    (log,) = await rooms.logs()
    assert {key: log[key] for key in ("level", "message", "step", "traceId", "fields")} == {
        "level": "error",
        "message": f"{REFUSED['message']!s} It goes to the dead letters of Hears.",
        "step": "E",
        "traceId": TRACE,
        "fields": {"topic": "told", "subscriber": "Hears", "path": ["n"]},
    }
    (line,) = rooms.lines()
    assert "[ERROR] E The event" in line
    # One that fits goes to both, and leaves no line.
    await call(rooms, "emit", topic="told", data={"n": 1})
    assert await rooms.queue.waiting() == [("Hears", 1), ("HearsToo", 2)]
    assert len(await rooms.logs()) == 1


async def test_a_refused_event_of_an_event_step_waits_for_its_completion(rooms: Rooms) -> None:
    rooms.inputs["Hears"] = SchemaValidator(NEEDS_N)
    run = rooms.open(event_step("E", "t"))
    await call(rooms, "emit", topic="told", data={"n": "x"})
    assert [(each.step, each.refused) for each in run.emits] == [("Hears", REFUSED), ("HearsToo", None)]
    assert (await rooms.queue.dead_letters(10), await rooms.queue.waiting()) == ([], [])
    (log,) = await rooms.logs()
    assert str(log["message"]).endswith(" It goes to the dead letters of Hears when this run completes.")


async def test_a_secret_in_a_refused_event_is_in_no_error(rooms: Rooms) -> None:
    rooms.inputs["Hears"] = SchemaValidator(NEEDS_N)
    rooms.preview.learn({"API_KEY": "sk-1234567890abcdef"})
    rooms.open(event_step("E", "t"), buffers_emits=False)
    await call(rooms, "emit", topic="told", data={"n": "sk-1234567890abcdef"})
    (letter,) = await rooms.queue.dead_letters(10)
    (log,) = await rooms.logs()
    assert "sk-1234567890abcdef" not in repr((letter.error, log, rooms.lines()))


async def test_an_emit_to_a_full_queue_is_refused_and_noted(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, unstored: int, **__: object) -> None:
        raise Overloaded(f"full with {unstored}")

    monkeypatch.setattr(rooms.bus, "plan", full)
    run = rooms.open(event_step("A"))
    with pytest.raises(Overloaded, match="full with 0"):
        await call(rooms, "emit", run=run.name, topic="told", data=1)
    assert run.refused is not None


async def test_too_many_emits_of_one_run_are_refused(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polystep.execution.emit.EMITS_PER_ATTEMPT_MAX", 3)
    run = rooms.open(event_step("E", "t"))
    await call(rooms, "emit", topic="told", data=1)
    with pytest.raises(Overloaded, match="over 3 events in one run"):
        await call(rooms, "emit", topic="told", data=2)
    assert len(run.emits) == 2


async def test_a_log_is_shown_and_stored_with_its_run(rooms: Rooms) -> None:
    rooms.open(event_step("E", "t"))
    now_ms = rooms.clock.now_ms()
    params: JSONObject = {
        "run": "run",
        "level": "warn",
        "message": "m",
        "fields": {"n": 1},
        "time_ms": now_ms - 0.4,
        "source": "logger",
    }
    rooms.notifications.methods["log"](params)
    (log,) = await rooms.logs()
    assert {key: log[key] for key in ("time", "level", "message", "fields", "step", "traceId", "source")} == {
        "time": now_ms,
        "level": "warn",
        "message": "m",
        "fields": {"n": 1},
        "step": "E",
        "traceId": TRACE,
        "source": "logger",
    }
    at = time.strftime("%H:%M:%S", time.localtime(now_ms / 1000))
    assert rooms.lines() == [f'[{at}] aaaaaaaa [WARN] E m {{"n":1}}']


@pytest.mark.parametrize(
    "odd",
    [
        {"time_ms": float("nan")},
        {"time_ms": float("inf")},
        {"time_ms": 10**18},
        {"time_ms": -1},
        {"level": "shout"},
        {"fields": [1]},
        {"run": ["?"]},
    ],
)
async def test_an_odd_log_is_kept_as_well_as_can_be(rooms: Rooms, odd: dict[str, Any]) -> None:
    rooms.notifications.methods["log"]({"run": None, "level": "info", "message": "m", **odd})
    (log,) = await rooms.logs()
    assert (log["message"], log["level"], log["time"]) == ("m", "info", rooms.clock.now_ms())


async def test_errors_among_the_fields_of_a_log_are_readable_below_it(rooms: Rooms, tmp_path: Path) -> None:
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps/a.step.ts").write_text("call()\n")
    stack = f"Error: no\n    at call (file://{tmp_path}/steps/a.step.ts:1:2)\n    at node:internal/x:3:4"
    error: JSONObject = {"name": "Error", "message": "no", "stack": stack, "code": "E1"}
    rooms.open(event_step("E", "t"))
    params: JSONObject = {"run": "run", "level": "error", "message": "m", "fields": {"id": 5, "error": error}}
    rooms.notifications.methods["log"](params)
    (log,) = await rooms.logs()
    readable = "    at call (file://steps/a.step.ts:1:2)\n    … 1 library frame"
    assert log["fields"] == {"id": 5, "error": {**error, "stack": readable}}
    assert rooms.lines()[0].endswith('[ERROR] E m {"id":5}')
    assert rooms.lines()[1:] == [
        "  │ error: Error: no",
        "  │     at call (file://steps/a.step.ts:1:2)",
        "  │     … 1 library frame",
    ]


async def test_what_blocks_a_runner_is_shown_with_its_place(rooms: Rooms, tmp_path: Path) -> None:
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps/a_step.py").write_text("def work():\n    sleep(9)\n")
    stack = f'  File "{tmp_path}/steps/a_step.py", line 2, in work\n    sleep(9)'
    rooms.open(event_step("E", "t"))
    rooms.notifications.blocked(Blocked("python", "E", "run", stack, 2, 1.6, ("E",)))
    (log,) = await rooms.logs()
    frame = "  1 | def work():\n> 2 |     sleep(9)\n    |     ^"
    fields = log["fields"]
    assert isinstance(fields, dict)
    assert (log["step"], fields["frame"]) == ("E", frame)
    assert fields["place"] == {"file": "steps/a_step.py", "line": 2, "column": 5}
    assert fields["stack"] == '  File "steps/a_step.py", line 2, in work\n    sleep(9)'
    first, *below = rooms.lines()
    assert "E blocks the python runner" in first
    assert "{" not in first
    assert below == ["  │ steps/a_step.py:2:5", *(f"  │ {line}" for line in frame.splitlines())]


async def test_a_notification_that_cannot_be_taken_does_not_reach_the_channel(
    rooms: Rooms, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(rooms.recorder, "log", fails)
    rooms.notifications.methods["log"]({"message": "m"})
    assert [record.getMessage() for record in caplog.records] == ["A runner's notification could not be taken"]


async def test_a_span_is_an_operation_of_its_run_and_nothing_without_one(rooms: Rooms) -> None:
    rooms.open(event_step("E", "t"))
    span: JSONObject = {
        "type": "http",
        "name": "GET x",
        "start_ms": 1,
        "duration_ms": 2,
        "attributes": {"method": "GET"},
    }
    rooms.notifications.methods["span"]({"run": "run", **span})
    rooms.notifications.methods["span"]({"run": "gone", **span})
    assert await rooms.operations() == [{**span, "type": "http"}]


@pytest.mark.parametrize(
    ("given", "kept"), [({"type": "llm"}, "llm"), ({}, "http"), ({"type": 7}, "http"), ({"type": "x" * 100}, "x" * 64)]
)
async def test_a_span_keeps_the_type_start_and_duration_of_its_runner(rooms: Rooms, given: Any, kept: str) -> None:
    rooms.open(event_step("E", "t"))
    rooms.notifications.methods["span"]({"run": "run", "start_ms": 1500.25, "duration_ms": 2, **given})
    (span,) = await rooms.timed_operations()
    assert (span["type"], span["at"], span["durationMs"]) == (kept, 1500.25, 2.0)


@pytest.mark.parametrize(
    "odd", [{}, {"start_ms": -1, "duration_ms": float("nan")}, {"start_ms": "x", "duration_ms": []}]
)
async def test_a_span_whose_times_are_none_is_kept_without_them(rooms: Rooms, odd: Any) -> None:
    rooms.open(event_step("E", "t"))
    rooms.notifications.methods["span"]({"run": "run", "type": "http", **odd})
    (span,) = await rooms.timed_operations()
    assert (span["at"], span["durationMs"]) == (rooms.clock.now_ms(), 0.0)


async def test_an_operation_lasts_until_its_answer_was_sent(rooms: Rooms) -> None:
    rooms.open(event_step("E", "t"))
    before_ms = rooms.clock.now_ms()
    answer = rooms.calls.methods["state.set"]({"run": "run", "group": "g", "key": "k", "value": 1})
    assert isinstance(answer, WatchedAnswer)
    await rooms.clock.advance(0.005)
    answer.sent(None)
    (operation,) = await rooms.timed_operations()
    assert (operation["at"], operation["durationMs"], len(str(operation["spanId"]))) == (before_ms, 5.0, 16)


async def test_a_call_that_fails_is_an_operation_with_its_error(rooms: Rooms) -> None:
    rooms.items["s"] = SchemaValidator({"type": "object"})
    rooms.open(event_step("E", "t", emits=(Emit("one"),)))
    with pytest.raises(ContractBroken):
        await call(rooms, "streams.set", stream="s", group="g", id="i", data=[])
    with pytest.raises(TopicNotDeclared):
        await call(rooms, "emit", topic="two", data=1)
    with pytest.raises(InvalidParams):
        await call(rooms, "state.page", group="g", cursor="x")
    with pytest.raises(InvalidParams):
        await call(rooms, "state.get", group=None, key="k")
    errors = [(each["type"], str(each["error"]).partition(":")[0]) for each in await rooms.operations()]
    assert errors == [("stream", "contract_broken"), ("emit", "topic_not_declared"), ("state", "invalid_params")]


async def test_lines_that_a_process_printed_are_kept_by_stream_and_empty_ones_are_not(rooms: Rooms) -> None:
    for stream, line in (("stdout", "out"), ("stderr", "err"), ("stdout", "  ")):
        rooms.notifications.output("node", stream, line)
    assert [(log["level"], log["message"], log["source"]) for log in await rooms.logs()] == [
        ("warn", "err", "node stderr"),
        ("info", "out", "node stdout"),
    ]


async def test_an_answer_begins_when_its_runner_has_room_for_it(rooms: Rooms) -> None:
    run = rooms.open(event_step("E", "t"))
    answer = run.response = Answer()
    full = Overloaded("2048 streamed answers are open.")

    def refuse() -> None:
        raise full

    run.begin_stream = refuse
    with pytest.raises(Overloaded):
        await call(rooms, "response.start", status=200)
    assert (answer.started, run.refused) == (False, full)
    run.begin_stream = lambda: None
    await call(rooms, "response.start", status=200)
    assert answer.started


async def test_a_span_of_a_later_leg_names_it(rooms: Rooms) -> None:
    attempt = rooms.open(event_step("E", "t"))
    attempt.delivery = delivery()._replace(resumes=2)
    rooms.notifications.methods["span"]({"run": "run", "type": "http", "name": "POST x"})
    assert [each["leg"] for each in await rooms.operations()] == [2]
