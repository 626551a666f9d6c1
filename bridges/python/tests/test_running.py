import asyncio
import os
import time
from typing import Any

import pytest

CONFIG = 'config = {"type": "event", "name": "A"}\n'


def step(text: str) -> dict[str, str]:
    return {"steps/a_step.py": CONFIG + text}


async def failure(running: Any, wire_error: Any) -> dict[str, Any]:
    with pytest.raises(wire_error) as caught:
        await running
    error: dict[str, Any] = caught.value.error
    return error


TUTORIAL = """
import re
from collections import Counter

config = {
    "type": "event",
    "name": "ExtractKeywords",
    "description": "Finds the words that matter in a ticket",
    "subscribes": ["ticket.triaged"],
    "emits": [],
    "flows": ["ticket-triage"],
}

STOPWORDS = {"the", "a", "is", "and", "my"}

async def handler(input_data, context):
    ticket_id = input_data.get("ticketId")
    text = input_data.get("text", "").lower()
    words = [w for w in re.findall(r"[a-z]{3,}", text) if w not in STOPWORDS]
    top = [word for word, _ in Counter(words).most_common(5)]
    context.logger.info("Keywords extracted", {"ticketId": ticket_id, "keywords": top})
    existing = await context.state.get("tickets", ticket_id) or {}
    existing["keywords"] = top
    await context.state.set("tickets", ticket_id, existing)
"""


@pytest.mark.parametrize("existing", [None, {"priority": "high"}])
async def test_the_tutorials_step_merges_its_keywords_into_the_ticket(start: Any, existing: Any) -> None:
    host = await start({"steps/extract_keywords_step.py": TUTORIAL})
    host.state[("state", None, "tickets", "t1")] = existing
    result = await host.load_and_run(
        "steps/extract_keywords_step.py", {"ticketId": "t1", "text": "My printer is on fire and the printer smokes"}
    )
    keywords = ["printer", "fire", "smokes"]
    assert result is None
    assert host.calls == [
        ("state.get", {"run": "run-3", "group": "tickets", "key": "t1"}),
        (
            "state.set",
            {"run": "run-3", "group": "tickets", "key": "t1", "value": {**(existing or {}), "keywords": keywords}},
        ),
    ]
    (line,) = host.logs()
    assert abs(line.pop("time_ms") - time.time() * 1000) < 60_000
    assert line == {
        "run": "run-3",
        "level": "info",
        "message": "Keywords extracted",
        "fields": {"ticketId": "t1", "keywords": keywords},
        "source": "logger",
    }


@pytest.mark.parametrize(
    ("handler", "type", "seen"),
    [
        ("async def handler(input, context): print(input, context.trace_id)", "event", "5 trace-1"),
        ("async def handler(input): print(input)", "event", "5"),
        ("async def handler(): print('none')", "event", "none"),
        ("async def handler(*all): print(len(all))", "event", "2"),
        ("async def handler(input, context=None, extra=3): print(context.attempt + extra)", "event", "4"),
        ("async def handler(context): print(context.flows)", "cron", "['flow-1']"),
        ("async def handler(): print(1)", "cron", "1"),
        ("async def handler(*all): print(len(all))", "cron", "1"),
        ("async def handler(input, context): print(input, context.flows)", "cron", "5 ['flow-1']"),
        ("def handler(input, context): print(input, context.traceId)", "event", "5 trace-1"),
        ("def handler(context): print(context.traceId)", "cron", "trace-1"),
        ("def handler(context): print(context.scheduled_at, context.scheduledAt)", "cron", "None None"),
        ("async def later(): print(7)\ndef handler(input): return later()", "event", "7"),
        (
            "class H:\n    async def __call__(self, input, context): print(context.trace_id)\nhandler = H()",
            "event",
            "trace-1",
        ),
        ("import functools\nasync def h(a, input, context): print(a)\nhandler = functools.partial(h, 1)", "event", "1"),
    ],
)
async def test_a_handler_is_called_as_it_is_written(start: Any, handler: str, type: str, seen: str) -> None:
    host = await start(step(handler))
    assert await host.load_and_run("steps/a_step.py", 5, type) is None
    assert [line["message"] for line in host.logs()] == [seen]


@pytest.mark.parametrize(
    ("handler", "value"),
    [
        ("async def handler(input): return (1, {2: b'x'})", [1, {"2": b"x"}]),
        ("async def later(): return 7\ndef handler(input): return later()", 7),
        ("def handler(input, context): return context.state.get('g', 'k')", "stored"),
    ],
)
async def test_what_a_request_handler_gives_is_the_answer(start: Any, handler: str, value: Any) -> None:
    host = await start(step(handler))
    host.answer = lambda method, params: "stored"
    assert await host.load_and_run("steps/a_step.py") == value


@pytest.mark.parametrize("value", ["1", "{1, 2}", "float('nan')", "'x' * 2000", "context.state"])
async def test_what_an_event_handler_gives_means_nothing(start: Any, value: str) -> None:
    host = await start(step(f"async def handler(input, context): return {value}"), hello={"frame_bytes_max": 1024})
    assert await host.load_and_run("steps/a_step.py", type="event") is None


async def test_a_request_answers_in_both_spellings(start: Any) -> None:
    host = await start(
        step("""
async def handler(req, context):
    same = [
        req["body"] is req.body, req.get("pathParams") == req.path_params == req.pathParams,
        req.query_params == req["queryParams"], req.raw_body == req.rawBody, req.headers == req["headers"],
        isinstance(req, dict), hasattr(req, "user"),
    ]
    req.user = "u"
    return {"status": 201, "headers": {"x": "y"}, "body": {"same": same, "user": req["user"]}}
""")
    )
    request = {"body": {"a": 1}, "headers": {"h": "1"}, "pathParams": {"id": "2"}, "queryParams": {}, "rawBody": "r"}
    assert await host.load_and_run("steps/a_step.py", request, "api") == {
        "status": 201,
        "headers": {"x": "y"},
        "body": {"same": [True, True, True, True, True, True, False], "user": "u"},
    }


MIDDLEWARE = """
async def outer(req, context, next):
    result = await next()
    result["body"]["seen"].append("outer")
    return result

async def swap(req, context, next):
    return await next({**req, "body": {"seen": ["swapped"]}})

def plain(req, context, next):
    return next()

class Stop:
    async def __call__(self, req, context, next):
        if req.body["seen"] == ["swapped"] and req.query_params.get("stop"):
            return {"status": 403, "body": {"seen": ["stopped"]}}
        return await next(req)

config = {"type": "api", "name": "A", "middleware": [outer, swap, plain, Stop()]}

async def handler(req, context):
    return {"status": 200, "body": {"seen": [*req.body["seen"], "handler"]}}
"""


async def test_middleware_wraps_the_handler_first_outermost(start: Any) -> None:
    host = await start({"steps/a_step.py": MIDDLEWARE})
    request = {"body": {"seen": []}, "headers": {}, "pathParams": {}, "queryParams": {}, "rawBody": ""}
    result = await host.load_and_run("steps/a_step.py", request, "api")
    assert result == {"status": 200, "body": {"seen": ["swapped", "handler", "outer"]}}
    result = await host.run("steps/a_step.py", {**request, "queryParams": {"stop": "1"}}, "api")
    assert result == {"status": 403, "body": {"seen": ["stopped", "outer"]}}


async def test_a_raising_handler_is_described_from_its_own_frames(start: Any, wire_error: Any) -> None:
    host = await start(
        step("""
class OutOfStock(Exception): pass
def deep():
    raise OutOfStock("no bolts")
async def handler(input, context):
    try:
        deep()
    except OutOfStock as error:
        raise RuntimeError("order failed") from error
""")
    )
    error = await failure(host.load_and_run("steps/a_step.py"), wire_error)
    assert (error["code"], error["name"], error["retryable"]) == (21, "step_failed", True)
    assert error["message"] == "RuntimeError: order failed"
    assert (error["data"]["name"], error["data"]["message"]) == ("RuntimeError", "order failed")
    stack = error["data"]["stack"]
    assert [text in stack for text in ("in deep", "OutOfStock: no bolts", "direct cause", "in handler")] == [True] * 4
    assert stack.startswith("Traceback (most recent call last):\n")
    assert "polystep_runner" not in stack


@pytest.mark.parametrize("kind", ["async def", "def"])
@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("import sys; sys.exit(3)", "SystemExit"),
        ("exit()", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("import asyncio; raise asyncio.CancelledError", "CancelledError"),
        ("raise BaseExceptionGroup('two', [SystemExit(1), ValueError()])", "BaseExceptionGroup"),
        ("raise type('Mute', (Exception,), {'__str__': lambda self: 1 / 0})", "Mute"),
    ],
)
async def test_leaving_the_process_fails_that_run_only(
    start: Any, wire_error: Any, kind: str, statement: str, name: str
) -> None:
    host = await start(
        {
            **step(f"{kind} handler(input, context):\n    {statement}\n"),
            "steps/ok_step.py": CONFIG + "async def handler(input, context): return await context.state.get('g', 'k')",
        }
    )
    gate = asyncio.Event()
    host.answer = lambda method, params: gate.wait()
    await host.load("steps/ok_step.py")
    neighbour = asyncio.create_task(host.run("steps/ok_step.py"))
    await host.until(lambda: host.calls)
    error = await failure(host.load_and_run("steps/a_step.py"), wire_error)
    assert (error["name"], error["data"]["name"]) == ("step_failed", name)
    gate.set()
    assert await neighbour is True


async def test_a_task_that_leaves_the_process_fails_who_awaits_it(start: Any, wire_error: Any) -> None:
    host = await start(
        step("""
import asyncio, sys
async def leave(): sys.exit(2)
async def handler(input, context):
    await asyncio.gather(asyncio.create_task(leave()), asyncio.sleep(0))
""")
    )
    await host.load("steps/a_step.py")
    errors = await asyncio.gather(*(failure(host.run("steps/a_step.py"), wire_error) for _ in range(5)))
    assert [error["data"]["name"] for error in errors] == ["SystemExit"] * 5


@pytest.mark.parametrize("kind", ["async def", "def"])
async def test_a_stop_iteration_is_an_error_like_others(start: Any, wire_error: Any, kind: str) -> None:
    host = await start(step(f"{kind} handler(input, context):\n    return next(iter([]))\n"))
    error = await failure(host.load_and_run("steps/a_step.py"), wire_error)
    assert error["data"]["name"] in ("StopIteration", "RuntimeError")


async def test_a_result_that_cannot_travel_fails_the_run_by_path(start: Any, wire_error: Any) -> None:
    host = await start(step("async def handler(input): return {'status': 200, 'body': {'rows': [1, {2}]}}"))
    error = await failure(host.load_and_run("steps/a_step.py", {}, "api"), wire_error)
    assert (error["name"], error["data"]) == ("invalid_value", {"path": "result.body.rows[1]"})


@pytest.mark.parametrize("type", ["event", "cron"])
@pytest.mark.parametrize(
    "value", ["{1}", "float('nan')", "2**60", "object", "[{(1,): 2}]", "context.state", "{'a': 1j}"]
)
async def test_a_result_that_has_no_meaning_never_fails_its_run(start: Any, type: str, value: str) -> None:
    host = await start(step(f"async def handler(input, context): return {value}"))
    await host.load_and_run("steps/a_step.py", {}, type)


async def test_a_result_that_leaves_the_process_fails_its_run(start: Any, wire_error: Any) -> None:
    host = await start(
        step("""
class Odd(dict):
    def items(self): raise SystemExit(3)
async def handler(input, context): return Odd(a=1)
""")
    )
    error = await failure(host.load_and_run("steps/a_step.py", {}, "api"), wire_error)
    assert (error["name"], error["data"]["name"]) == ("step_failed", "SystemExit")


async def test_what_was_raised_is_cut(start: Any, wire_error: Any) -> None:
    host = await start(
        step("""
async def handler(input, context):
    raise type("N" * 2000, (Exception,), {})("m\\ud800" * 20_000)
""")
    )
    error = (await failure(host.load_and_run("steps/a_step.py"), wire_error))["data"]
    assert [len(error[part]) for part in ("name", "message", "stack")] == [1_000, 16_384, 32_768]


@pytest.mark.parametrize("wrong", [{"step": None}, {"type": 1}, {"trace_id": b""}, {"attempt": "1"}, {"attempt": True}])
async def test_a_run_with_wrong_params_is_refused(start: Any, wire_error: Any, wrong: dict[str, Any]) -> None:
    host = await start(step("async def handler(): return 1"))
    await host.load("steps/a_step.py")
    assert (await failure(host.run("steps/a_step.py", **wrong), wire_error))["name"] == "invalid_params"


async def test_a_run_that_is_open_is_not_opened_again(start: Any, wire_error: Any) -> None:
    host = await start(step("async def handler(input, context): return await context.state.get('g', 'k')"))
    gate = asyncio.Event()
    host.answer = lambda method, params: gate.wait()
    await host.load("steps/a_step.py")
    running = asyncio.create_task(host.run("steps/a_step.py", run="r"))
    await host.until(lambda: host.calls)
    assert (await failure(host.run("steps/a_step.py", run="r"), wire_error))["name"] == "invalid_params"
    gate.set()
    assert await running is True


async def test_plain_handlers_run_beside_each_other_and_beside_the_loop(start: Any) -> None:
    host = await start(
        {
            **step("""
import threading
gate = threading.Barrier(3)
def handler(input, context):
    gate.wait(10)
    return input
"""),
            "steps/ok_step.py": CONFIG + "async def handler(input): return input",
        }
    )
    await host.load("steps/a_step.py")
    first = [asyncio.create_task(host.run("steps/a_step.py", n)) for n in range(2)]
    assert await host.load_and_run("steps/ok_step.py", "ok") == "ok"
    assert await asyncio.gather(*first, host.run("steps/a_step.py", 2)) == [0, 1, 2]


WAITING = """
import asyncio
async def handler(input, context):
    try:
        await context.state.get("g", "wait")
    except asyncio.CancelledError:
        print("cancelled inside")
        raise
"""
STUBBORN = """
import asyncio
async def handler(input, context):
    while True:
        try:
            await context.state.get("g", "wait")
        except asyncio.CancelledError:
            pass
"""
BLOCKED = """
import threading
def handler(input, context):
    context.state.get("g", "wait")
    threading.Event().wait()
"""


@pytest.mark.parametrize("text", [WAITING, STUBBORN, BLOCKED])
async def test_a_cancelled_run_is_answered_at_once(start: Any, wire_error: Any, text: str) -> None:
    host = await start(
        {
            **step(text),
            "steps/ok_step.py": CONFIG + "def handler(input): return input",
        }
    )
    host.answer = lambda method, params: asyncio.Event().wait()
    await host.load("steps/a_step.py")
    running = asyncio.create_task(host.run("steps/a_step.py", run="stuck"))
    await host.until(lambda: host.calls)
    host.notify("cancel", {"run": "unknown", "reason": "test"})
    host.notify("cancel", {"run": "stuck", "reason": "timed out"})
    host.notify("cancel", {"run": "stuck", "reason": "timed out"})
    error = await failure(running, wire_error)
    assert error == {
        "code": 11, "name": "cancelled", "message": "The run was cancelled: timed out.", "retryable": True, "data": {},
    }  # fmt: skip
    assert await host.load_and_run("steps/ok_step.py", 1) == 1
    await host.request("drain", {})
    assert sum(response[2] is not None for response in host.raw_responses) == 1


async def test_cancelled_threads_leave_room_for_those_that_come(start: Any, wire_error: Any) -> None:
    host = await start({**step(BLOCKED), "steps/ok_step.py": CONFIG + "def handler(input): return input"})
    host.answer = lambda method, params: asyncio.Event().wait()
    await host.load("steps/a_step.py")
    for round in range(3):
        runs = [asyncio.create_task(host.run("steps/a_step.py", run=f"{round}-{n}")) for n in range(60)]
        await host.until(lambda: len(host.calls) == (round + 1) * 60)  # noqa: B023 - awaited in this round
        for n in range(60):
            host.notify("cancel", {"run": f"{round}-{n}"})
        assert {error["name"] for error in await asyncio.gather(*(failure(run, wire_error) for run in runs))} == {
            "cancelled"
        }
    assert await host.load_and_run("steps/ok_step.py", 1) == 1


async def test_drain_waits_for_open_runs_and_shutdown_exits_with_status_zero(start: Any, tmp_path: Any) -> None:
    host = await start(
        step("""
import atexit, pathlib
atexit.register(lambda: pathlib.Path("left").write_text("yes"))
async def handler(input, context): return await context.state.get("g", "k")
""")
    )
    gate = asyncio.Event()
    host.answer = lambda method, params: gate.wait()
    await host.load("steps/a_step.py")
    running = asyncio.create_task(host.run("steps/a_step.py"))
    await host.until(lambda: host.calls)
    draining = [asyncio.create_task(host.request("drain", {})) for _ in range(2)]
    assert await host.load("steps/a_step.py") != {}
    assert [each.done() for each in draining] == [False, False]
    gate.set()
    assert await running is True
    assert await asyncio.gather(*draining) == [None, None]
    assert await host.request("shutdown", {}) is None
    assert await host.exit_status() == 0
    assert (tmp_path / "left").read_text() == "yes"


async def test_shutdown_exits_although_runs_are_open(start: Any) -> None:
    host = await start(
        {
            **step("async def handler(input, context): await context.state.get('g', 'k')"),
            "steps/b_step.py": CONFIG + "def handler(input, context): context.state.get('g', 'k').result()",
        }
    )
    host.answer = lambda method, params: asyncio.Event().wait()
    await host.load("steps/a_step.py")
    await host.load("steps/b_step.py")
    running = [asyncio.create_task(host.run(f"steps/{name}_step.py")) for name in "ab"]
    await host.until(lambda: len(host.calls) == 2)
    assert await host.request("shutdown", {}) is None
    await host.runner_closed.wait()
    assert await host.exit_status() == 0
    assert host.user_text() == ""
    for each in running:
        each.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_shutdown_exits_within_two_seconds_whatever_goes_on(start: Any) -> None:
    host = await start(
        step("""
import atexit, os, threading
atexit.register(threading.Event().wait)
def handler(input, context):
    os.write(1, b".")
    threading.Event().wait()
""")
    )
    await host.load("steps/a_step.py")
    running = asyncio.create_task(host.run("steps/a_step.py"))
    await host.until(lambda: host.user_text() == ".")
    assert await host.request("shutdown", {}) is None
    asked_s = time.monotonic()
    assert await host.exit_status() == 0
    assert time.monotonic() - asked_s < 2
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_run_of_a_file_that_is_not_loaded_is_refused(start: Any, wire_error: Any) -> None:
    host = await start(step(""))
    error = await failure(host.run("steps/a_step.py"), wire_error)
    assert (error["name"], error["code"]) == ("invalid_params", 3)
    await host.load("steps/a_step.py")
    error = await failure(host.run("steps/a_step.py"), wire_error)
    assert "has no handler" in error["message"]
    error = await failure(host.run("steps/a_step.py", run=5), wire_error)
    assert error["message"] == "run must be text, it is int."


async def test_children_by_fork_leave_the_channel_alone(start: Any) -> None:
    host = await start(
        step("""
import os
async def handler(input, context):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        print("from the child", flush=True)
        os.write(write, os.readlink("/proc/self/fd/3").encode() + b" " + os.readlink("/proc/self/fd/4").encode())
        os._exit(0)
    os.waitpid(child, 0)
    return os.read(read, 100).decode()
""")
    )
    if not os.path.exists("/proc/self/fd"):  # noqa: PTH110
        pytest.skip("needs /proc")
    assert await host.load_and_run("steps/a_step.py") == "/dev/null /dev/null"
    assert await host.until(host.user_text) == "from the child\n"


@pytest.mark.parametrize("method", ["spawn", "fork"])
async def test_a_handler_may_use_processes(start: Any, method: str) -> None:
    host = await start(
        {
            "steps/square.py": "from polystep_runner import PolystepError\ndef square(n): return n * n",
            **step(f"""
import asyncio, multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from steps.square import square
async def handler(input, context):
    with ProcessPoolExecutor(1, multiprocessing.get_context("{method}")) as pool:
        squares = await asyncio.gather(*(asyncio.wrap_future(pool.submit(square, n)) for n in range(3)))
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(9)", stdout=asyncio.subprocess.PIPE)
    printed, _ = await child.communicate()
    return [*squares, int(printed), await context.state.get("g", "k")]
"""),
        }
    )
    assert await host.load_and_run("steps/a_step.py") == [0, 1, 4, 9, None]
