import asyncio
from typing import Any

import pytest

CONFIG = 'config = {"type": "event", "name": "A"}\n'


def step(text: str) -> dict[str, str]:
    return {"steps/a_step.py": CONFIG + text}


def handler(body: str) -> dict[str, str]:
    return step("import asyncio\nasync def handler(input, context):\n    " + body.replace("\n", "\n    "))


async def failure(running: Any, wire_error: Any) -> dict[str, Any]:
    with pytest.raises(wire_error) as caught:
        await running
    error: dict[str, Any] = caught.value.error
    return error


async def test_every_call_of_a_handler_reaches_the_host_in_its_shape(start: Any) -> None:
    host = await start(
        handler("""
seen = [
    await context.state.set("g", "k", {"n": (1, 2)}),
    await context.state.get("g", "k"),
    await context.state.get("g", "missing"),
    await context.state.get_group("g"),
    await context.state.getGroup("g"),
    await context.state.delete("g", "k"),
    await context.state.clear("g"),
    await context.streams.live.set("g", "i", {"n": 1}),
    await context.streams["live"].get("g", "i"),
    await context.streams.live.get_group("g"),
    await context.streams.live.getGroup("g"),
    await context.streams.live.delete("g", "i"),
    await context.streams.live.send({"groupId": "g", "id": "i"}, {"type": "tick", "data": 1}),
    await context.streams.live.send({"group_id": "g"}, {"type": "tick", "data": 1}),
    await context.emit({"topic": "t", "data": {"a": 1}, "messageGroupId": "m"}),
    await context.emit(topic="t", data=None),
    await context.emit({"topic": "t"}, message_group_id="m"),
    await context.emit({"type": "o", "data": 1}),
]
return seen
""")
    )
    result = await host.load_and_run("steps/a_step.py", run="r")
    value = {"n": [1, 2]}
    item = {"n": 1, "id": "i", "_createdAt": 1}
    assert result == [
        value, value, None, [value], [value], value, None,
        item, {"n": 1}, [{"n": 1}], [{"n": 1}], {"n": 1}, None, None, None, None, None, None,
    ]  # fmt: skip
    state = {"run": "r", "group": "g"}
    stream = {"run": "r", "stream": "live", "group": "g"}
    event = {"type": "tick", "data": 1}
    assert host.calls == [
        ("state.set", {**state, "key": "k", "value": value}),
        ("state.get", {**state, "key": "k"}),
        ("state.get", {**state, "key": "missing"}),
        ("state.get_group", state),
        ("state.get_group", state),
        ("state.delete", {**state, "key": "k"}),
        ("state.clear", state),
        ("streams.set", {**stream, "id": "i", "data": {"n": 1}}),
        ("streams.get", {**stream, "id": "i"}),
        ("streams.get_group", stream),
        ("streams.get_group", stream),
        ("streams.delete", {**stream, "id": "i"}),
        ("streams.send", {**stream, "event": event, "id": "i"}),
        ("streams.send", {**stream, "event": event}),
        ("emit", {"run": "r", "topic": "t", "data": {"a": 1}, "message_group_id": "m"}),
        ("emit", {"run": "r", "topic": "t", "data": None}),
        ("emit", {"run": "r", "topic": "t", "data": None, "message_group_id": "m"}),
        ("emit", {"run": "r", "topic": "o", "data": 1}),
    ]


PAGED = """\
parts = [
    await context.state.get_group("g"),
    await context.streams.live.getGroup(7),
    await context.state.get_group("g", cursor="here", limit=2),
    await context.state.getGroup("g", {"cursor": None, "keysOnly": True}),
    await context.streams.live.get_group("g", limit=1),
]
"""


async def test_changes_of_a_value_reach_the_host_as_they_are(start: Any) -> None:
    source = handler("return await context.state.update('g', 1, [{'type': 'append', 'path': ('a', 0), 'value': (1,)}])")
    host = await start(source, hello={"features": ["update"]})
    await host.load_and_run("steps/a_step.py", run="r")
    ops = [{"type": "append", "path": ["a", 0], "value": [1]}]
    assert host.calls == [("state.update", {"run": "r", "group": "g", "key": "1", "ops": ops})]


async def test_a_host_without_update_is_asked_nothing(start: Any, wire_error: Any) -> None:
    host = await start(handler("return await context.state.update('g', 'k', [])"))
    error = await failure(host.load_and_run("steps/a_step.py", run="r"), wire_error)
    assert (error["data"]["name"], host.calls) == ("invalid_params", [])
    assert "This host has no state.update" in error["message"]


async def test_groups_are_read_page_by_page(start: Any) -> None:
    def answer(method: str, params: dict[str, Any]) -> Any:
        if method == "streams.page":
            return {"items": []}
        return {"items": [3]} if "cursor" in params else {"items": [1, 2], "cursor": "c"}

    host = await start(handler(PAGED + "return parts"), hello={"features": ["pages"]})
    host.answer = answer
    assert await host.load_and_run("steps/a_step.py", run="r") == [
        [1, 2, 3],
        [],
        {"items": [3], "cursor": None},
        {"items": [1, 2], "cursor": "c"},
        {"items": [], "cursor": None},
    ]
    state, stream = {"run": "r", "group": "g"}, {"run": "r", "stream": "live"}
    assert host.calls == [
        ("state.page", {**state, "only": "values"}),
        ("state.page", {**state, "only": "values", "cursor": "c"}),
        ("streams.page", {**stream, "group": "7", "only": "values"}),
        ("state.page", {**state, "cursor": "here", "limit": 2}),
        ("state.page", {**state, "only": "keys"}),
        ("streams.page", {**stream, "group": "g", "limit": 1}),
    ]


async def test_pages_that_nobody_awaited_come_before_the_answer(start: Any) -> None:
    def answer(method: str, params: dict[str, Any]) -> Any:
        return {"items": [3]} if "cursor" in params else {"items": [1, 2], "cursor": "c"}

    host = await start(handler("context.state.get_group('g')\nreturn 'early'"), hello={"features": ["pages"]})
    host.answer = answer
    assert await host.load_and_run("steps/a_step.py") == "early"
    assert [params.get("cursor") for _, params in host.calls] == [None, "c"]


async def test_a_host_that_reads_whole_groups_is_not_asked_for_pages(start: Any, wire_error: Any) -> None:
    host = await start(handler("return await context.state.get_group('g', limit=1)"))
    error = await failure(host.load_and_run("steps/a_step.py"), wire_error)
    assert "This host reads groups as a whole" in error["message"]
    assert host.calls == []


async def test_get_group_takes_no_other_names(start: Any, wire_error: Any) -> None:
    host = await start(handler("return await context.state.get_group('g', size=1)"))
    error = await failure(host.load_and_run("steps/a_step.py"), wire_error)
    assert "takes group, cursor, limit and keys_only, not size" in error["message"]


async def test_calls_work_with_everything_that_takes_a_coroutine(start: Any) -> None:
    host = await start(
        handler("""
get = context.state.get
await context.state.set("g", "k", 5)
async with asyncio.TaskGroup() as group:
    in_group = group.create_task(get("g", "k"))
twice = get("g", "k")
try:
    await asyncio.wait_for(context.state.get("g", "slow"), 0.01)
except TimeoutError:
    late = "late"
return [
    *await asyncio.gather(get("g", "k"), get("g", "k")), await asyncio.create_task(get("g", "k")),
    await asyncio.wait_for(get("g", "k"), 5), in_group.result(), await twice, await twice,
    asyncio.iscoroutine(get("g", "k")), late,
]
""")
    )
    gate = asyncio.Event()

    def answer(method: str, params: dict[str, Any]) -> Any:
        return gate.wait() if params["key"] == "slow" else host.store(method, params)

    host.answer = answer
    running = asyncio.create_task(host.load_and_run("steps/a_step.py"))
    await host.until(lambda: len(host.calls) == 9)
    assert not running.done()
    gate.set()
    assert await running == [5, 5, 5, 5, 5, 5, 5, True, "late"]


async def test_a_run_is_answered_after_the_calls_it_did_not_wait_for(start: Any) -> None:
    host = await start(handler('context.state.set("g", "k", 1)\ncontext.emit({"topic": "t"})\nreturn "done"'))
    gate = asyncio.Event()
    host.answer = lambda method, params: gate.wait()
    running = asyncio.create_task(host.load_and_run("steps/a_step.py"))
    await host.until(lambda: [method for method, _ in host.calls] == ["state.set", "emit"])
    assert not running.done()
    gate.set()
    assert await running == "done"


async def test_a_raising_handler_is_answered_after_its_open_calls_too(start: Any, wire_error: Any) -> None:
    host = await start(handler('context.state.set("g", "k", 1)\nraise ValueError("boom")'))
    gate = asyncio.Event()
    host.answer = lambda method, params: gate.wait()
    await host.load("steps/a_step.py")
    running = asyncio.create_task(host.run("steps/a_step.py"))
    await host.until(lambda: host.calls)
    assert not running.done()
    gate.set()
    error = await failure(running, wire_error)
    assert error["data"]["name"] == "ValueError"


def refusal(wire_error: Any) -> Any:
    return wire_error({
        "code": 23, "name": "topic_not_declared", "message": "t is not in emits", "retryable": False, "data": {"a": 1},
    })  # fmt: skip


async def test_a_refused_call_that_nobody_awaited_fails_the_run(start: Any, wire_error: Any) -> None:
    host = await start(handler('context.emit({"topic": "t"})\nawait context.state.get("g", "k")\nreturn 1'))

    def refuse(method: str, params: dict[str, Any]) -> None:
        if method == "emit":
            raise refusal(wire_error)

    host.answer = refuse
    error = await failure(host.load_and_run("steps/a_step.py"), wire_error)
    assert (error["name"], error["retryable"]) == ("step_failed", False)
    assert (error["data"]["name"], error["data"]["message"]) == ("topic_not_declared", "t is not in emits")
    (host.project / "steps/b_step.py").write_text(f"{CONFIG}import gc\nasync def handler(): gc.collect()\n")
    await host.load_and_run("steps/b_step.py")
    assert (host.logs(), host.user_text()) == ([], "")


async def test_a_refusal_is_an_exception_that_user_code_can_handle(start: Any, wire_error: Any) -> None:
    host = await start(
        step("""
from polystep_runner import PolystepError
async def handler(input, context):
    try:
        await context.emit({"topic": "t"})
    except PolystepError as error:
        return [error.name, error.code, error.data, error.message, error.retryable, str(error)]
""")
    )

    def refuse(method: str, params: dict[str, Any]) -> None:
        raise refusal(wire_error)

    host.answer = refuse
    assert await host.load_and_run("steps/a_step.py") == [
        "topic_not_declared", 23, {"a": 1}, "t is not in emits", False, "t is not in emits",
    ]  # fmt: skip


async def test_a_value_that_cannot_travel_fails_its_call_by_path(start: Any, wire_error: Any) -> None:
    host = await start(handler('await context.emit({"topic": "t", "data": {"items": [0, {"total": 1j}]}})'))
    error = await failure(host.load_and_run("steps/a_step.py"), wire_error)
    assert (error["data"]["name"], host.calls) == ("invalid_value", [])
    assert error["data"]["message"].startswith("data.items[1].total can't be sent: values of type complex")


async def test_a_call_that_is_too_large_fails_alone(start: Any, wire_error: Any) -> None:
    host = await start(
        handler("""
try:
    await context.state.set("g", "k", "x" * 5000)
except Exception as error:
    context.logger.info("y" * 5000)
    await context.state.set("g", "k", error.name)
return input
"""),
        hello=False,
    )
    answer = await host.hello(frame_bytes_max=4096)
    assert answer["frame_bytes_max"] == 16_777_216
    assert await host.load_and_run("steps/a_step.py", 1) == 1
    assert host.state == {("state", None, "g", "k"): "frame_too_large"}
    (line,) = host.logs()
    assert line["message"].startswith("polystep left out a log: This log takes 50")


async def test_a_result_that_is_too_large_fails_the_run_alone(start: Any, wire_error: Any) -> None:
    host = await start(handler("return 'x' * input"), hello=False)
    await host.hello(frame_bytes_max=4096)
    await host.load("steps/a_step.py")
    error = await failure(host.run("steps/a_step.py", 5000), wire_error)
    assert (error["name"], error["code"]) == ("frame_too_large", 5)
    assert await host.run("steps/a_step.py", 3) == "xxx"


async def test_numbers_become_text_where_text_is_asked_for(start: Any, wire_error: Any) -> None:
    host = await start(
        handler("""
await context.state.set(1, 2.5, "v")
await context.streams.live.send({"groupId": 2**60, "id": 0}, {"type": "t", "data": 1})
await context.emit({"topic": 5, "messageGroupId": 6})
names = []
for wrong in (None, True, [1], {"a": 1}, b"x"):
    for call in (context.state.get("g", wrong), context.streams.live.get(wrong, "i"), context.emit({"topic": wrong})):
        try:
            await call
        except Exception as error:
            names.append(error.name)
return names
""")
    )
    assert await host.load_and_run("steps/a_step.py", run="r") == ["invalid_params"] * 15
    assert host.calls == [
        ("state.set", {"run": "r", "group": "1", "key": "2.5", "value": "v"}),
        ("streams.send", {
            "run": "r", "stream": "live", "group": str(2**60), "event": {"type": "t", "data": 1}, "id": "0",
        }),
        ("emit", {"run": "r", "topic": "5", "data": None, "message_group_id": "6"}),
    ]  # fmt: skip


async def test_a_call_with_the_wrong_arguments_says_what_it_takes(start: Any, wire_error: Any) -> None:
    host = await start(handler("await context.state.set(group='g', key='k', value=1)\ncontext.state.set('g', 1)"))
    error = await failure(host.load_and_run("steps/a_step.py"), wire_error)
    assert error["message"] == "TypeError: state.set() takes group, key, value"
    assert [method for method, _ in host.calls] == ["state.set"]


async def test_what_a_run_sends_from_its_threads_stays_in_order(start: Any) -> None:
    host = await start(
        handler("""
import threading
said = threading.Event()
def speak():
    context.logger.info("first")
    context.emit({"topic": "first"})
    said.set()
thread = threading.Thread(target=speak)
thread.start()
said.wait()
context.logger.info("second")
context.emit({"topic": "second"})
""")
    )
    await host.load_and_run("steps/a_step.py")
    assert [line["message"] for line in host.logs()] == ["first", "second"]
    assert [params["topic"] for _, params in host.calls] == ["first", "second"]


async def test_plain_handlers_may_call_too(start: Any) -> None:
    host = await start(
        step("""
import asyncio
def handler(input, context):
    context.state.set("g", "unawaited", 1)
    context.state.set("g", "waited", 2).result()
    in_own_loop = asyncio.run(read(context))
    context.logger.info("from a thread")
    return [context.state.get("g", "waited").result(5), in_own_loop]
async def read(context):
    return await context.state.get("g", "waited")
""")
    )
    assert await host.load_and_run("steps/a_step.py", run="r") == [2, 2]
    assert host.state == {("state", None, "g", "unawaited"): 1, ("state", None, "g", "waited"): 2}
    assert [line["message"] for line in host.logs(run="r")] == ["from a thread"]


async def test_an_unawaited_refusal_in_a_plain_handler_fails_the_run(start: Any, wire_error: Any) -> None:
    host = await start(step("def handler(input, context):\n    context.state.set('g', 'k', {1})\n"))
    error = await failure(host.load_and_run("steps/a_step.py"), wire_error)
    assert error["data"]["name"] == "invalid_value"


async def test_waiting_for_a_result_on_the_loop_is_refused_with_what_to_do(start: Any, wire_error: Any) -> None:
    host = await start(handler('return context.state.get("g", "k").result()'))
    error = await failure(host.load_and_run("steps/a_step.py"), wire_error)
    assert "in an `async def` handler, await this call" in error["message"]


async def test_what_was_sent_is_what_was_passed_not_what_it_became(start: Any) -> None:
    host = await start(
        handler("value = {'n': 1}\ncall = context.state.set('g', 'k', value)\nvalue['n'] = 2\nawait call")
    )
    await host.load_and_run("steps/a_step.py")
    assert host.state == {("state", None, "g", "k"): {"n": 1}}


async def test_whoever_listens_to_the_logger_is_told_of_its_lines(start: Any) -> None:
    host = await start(
        handler("""
heard = []
context.logger.info("before")
context.logger.add_listener(lambda *line: heard.append(line))
context.logger.info("plain")
context.logger.warn("fields", {"a": 1})
return heard
""")
    )
    answer = await host.load_and_run("steps/a_step.py", run="r")
    assert answer == [["info", "plain", None], ["warn", "fields", {"a": 1}]]


async def test_the_data_of_a_stored_value_is_the_value_with_a_warning_at_its_line(start: Any) -> None:
    host = await start(
        handler("""
value = await context.state.get("g", "k")
return [value["data"], value.get("data"), value["a"], "data" in value, value, value.get("no", 5)]
""")
    )
    host.state["state", None, "g", "k"] = {"a": 1}
    answer = await host.load_and_run("steps/a_step.py", run="r")
    assert answer == [{"a": 1}, None, 1, False, {"a": 1}, 5]
    told = [line["message"] for line in host.logs(run="r") if line["source"] != "logger"]
    assert any("a_step.py:" in message and 'Leave out "data" here.' in message for message in told), told


async def test_the_data_that_a_stored_value_has_is_its_own(start: Any) -> None:
    host = await start(
        handler("""
value = await context.state.get("g", "k")
return [value["data"], value.get("data")]
""")
    )
    host.state["state", None, "g", "k"] = {"data": 1}
    assert await host.load_and_run("steps/a_step.py", run="r") == [1, 1]


async def test_the_logger_takes_anything(start: Any) -> None:
    host = await start(
        handler("""
log = context.logger
log.debug("debug")
log.info("dict", {"a": 1})
log.info("keywords", n=1)
log.info("both", {"a": 1}, n=2)
log.warn("list", [1, 2])
log.warning("two", 1, "x")
log.error(ValueError("no"), {"error": ValueError("bad")})
log.info({"not": "text"}, {"set": {1}, 5: lambda: 0 and None})
log.info("none", None)
log.info()
log.info("half \\ud800", {"x": "\\ud800"})
try:
    1 / 0
except ZeroDivisionError:
    log.exception("caught")
""")
    )
    await host.load_and_run("steps/a_step.py", run="r")
    lines = [(line["level"], line["message"], line.get("fields")) for line in host.logs(run="r", source="logger")]
    caught = lines.pop()
    assert caught[:2] == ("error", "caught")
    assert caught[2]["error"]["name"] == "ZeroDivisionError"
    assert "1 / 0" in caught[2]["error"]["stack"]
    (shown,) = [fields.pop("5") for _, _, fields in lines if fields and "5" in fields]
    assert shown.startswith("<function handler.<locals>.<lambda>")
    assert lines == [
        ("debug", "debug", None),
        ("info", "dict", {"a": 1}),
        ("info", "keywords", {"n": 1}),
        ("info", "both", {"a": 1, "n": 2}),
        ("warn", "list", {"data": [1, 2]}),
        ("warn", "two", {"data": [1, "x"]}),
        ("error", "no", {"error": {"name": "ValueError", "message": "bad", "stack": "ValueError: bad\n"}}),
        ("info", "{'not': 'text'}", {"set": [1]}),
        ("info", "none", None),
        ("info", "", None),
        ("info", "half \\ud800", {"x": "\\ud800"}),
    ]
