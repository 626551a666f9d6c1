import asyncio
import os
import signal
from typing import Any

import msgpack
import pytest

CONFIG = 'config = {"type": "event", "name": "A"}\n'
DEEP = b"\x91" * 900 + b"\xc0"
NOISE = """
import ctypes, os, subprocess, sys
async def handler(input, context):
    print("printed")
    os.write(1, b"raw one\\n")
    os.write(2, b"raw two\\n")
    sys.__stdout__.write("kept\\n"); sys.__stdout__.flush()
    subprocess.run(["sh", "-c", "echo child; echo child >&2; echo x >&3; echo x >&4; cat <&3"], close_fds=False)
    subprocess.Popen(["sh", "-c", "cat"], stdout=subprocess.DEVNULL).wait()
    return await context.state.get("g", "k")
"""


async def failure(running: Any, wire_error: Any) -> dict[str, Any]:
    with pytest.raises(wire_error) as caught:
        await running
    error: dict[str, Any] = caught.value.error
    return error


def step(text: str) -> dict[str, str]:
    return {"steps/a_step.py": CONFIG + text}


@pytest.mark.parametrize("channel", ["private", "stdio"])
async def test_nothing_that_user_code_writes_reaches_the_channel(start: Any, channel: str) -> None:
    host = await start(step(NOISE), channel)
    host.state[("state", None, "g", "k")] = 5
    assert await host.load_and_run("steps/a_step.py") == 5
    assert [line["message"] for line in host.logs()] == ["printed"]
    await host.until(lambda: "kept" in host.user_text())
    lines = host.user_text().splitlines()
    assert [line for line in lines if line in ("raw one", "raw two", "kept", "child")] == [
        "raw one", "raw two", "kept", "child", "child",
    ]  # fmt: skip


@pytest.mark.parametrize("channel", ["private", "stdio"])
async def test_hello_says_who_the_runner_is(start: Any, channel: str) -> None:
    host = await start({}, channel, hello=False)
    assert await host.hello() == {
        "protocol": "1.0",
        "runner": {"name": "polystep-python", "version": "0.1.0"},
        "language": "python",
        "pid": host.pid,
        "runs_max": 128,
        "streams_max": 2048,
        "frame_bytes_max": 16_777_216,
        "features": [
            "access",
            "contracts",
            "durable",
            "emit.options",
            "heartbeat",
            "integers",
            "middleware",
            "pages",
            "response.stream",
            "update",
        ],
    }


@pytest.mark.parametrize(("theirs", "older"), [("2.0", "this runner"), ("0.9", "the host")])
async def test_another_major_version_is_refused_with_what_to_update(
    start: Any, wire_error: Any, theirs: str, older: str
) -> None:
    host = await start({}, hello=False)
    with pytest.raises(wire_error) as caught:
        await host.hello(protocol=theirs)
    assert (caught.value.error["name"], caught.value.error["data"]) == ("protocol_mismatch", {"protocol": "1.0"})
    assert caught.value.error["message"].endswith(f"update {older}.")
    assert (await host.hello(protocol="1.7"))["protocol"] == "1.0"


@pytest.mark.parametrize("theirs", [None, 1, "", "1", "1.", "1.x", "one.two", "1.0.0", [1, 0]])
async def test_a_malformed_version_is_another_one(start: Any, wire_error: Any, theirs: Any) -> None:
    host = await start({}, hello=False)
    for params in ({"protocol": theirs}, {}):
        error = await failure(host.request("hello", params), wire_error)
        assert (error["name"], error["data"]) == ("protocol_mismatch", {"protocol": "1.0"})
    assert (await host.hello())["protocol"] == "1.0"


async def test_nothing_else_is_answered_before_hello(start: Any, wire_error: Any) -> None:
    host = await start({}, hello=False)
    for method in ("step.load", "drain", "shutdown", "unheard.of"):
        assert (await failure(host.request(method, {}), wire_error))["name"] == "invalid_params"
    for wrong in ({"project": 5}, {"host": None}, {"frame_bytes_max": "1"}, {"frame_bytes_max": 1023}, {"features": 1}):
        assert (await failure(host.hello(**wrong), wire_error))["name"] == "invalid_params"
    assert host.notes == []
    await host.hello()
    assert (await failure(host.hello(), wire_error))["name"] == "invalid_params"
    assert await host.request("drain", {}) is None


async def test_a_request_that_is_not_understood_is_answered(start: Any, wire_error: Any) -> None:
    host = await start(step("async def handler(): return 1"))
    host.notify("unheard.of", {})
    host.send([1, 99, None, "an answer to nothing"])
    for method, params, name in [
        ("unheard.of", {}, "method_not_found"),
        ("step.load", [], "invalid_params"),
        ("step.load", {"file": 5}, "invalid_params"),
        ("step.run", {}, "invalid_params"),
    ]:
        with pytest.raises(wire_error) as caught:
            await host.request(method, params)
        assert caught.value.error["name"] == name
    with pytest.raises(wire_error) as caught:
        await host.request("drain", {"at": msgpack.Timestamp(1)})
    assert caught.value.error["name"] == "invalid_value"
    assert await host.load_and_run("steps/a_step.py", unheard_of=1) == 1


async def test_a_frame_that_is_too_large_fails_its_call_only(start: Any, wire_error: Any) -> None:
    host = await start(step("async def handler(input, context): return await context.state.get('g', 'k')"), hello=False)
    await host.hello(frame_bytes_max=2000)
    await host.load("steps/a_step.py")
    with pytest.raises(wire_error) as caught:
        await host.run("steps/a_step.py", "x" * 3000)
    assert caught.value.error["name"] == "frame_too_large"
    host.notify("cancel", {"run": "x" * 3000})
    host.answer = lambda method, params: "y" * 3000
    with pytest.raises(wire_error) as caught:
        await host.run("steps/a_step.py")
    assert caught.value.error["data"]["name"] == "frame_too_large"
    host.answer = lambda method, params: "y"
    assert await host.run("steps/a_step.py") == "y"


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00\x00\x00",
        b"\x00\x00\x00\x01\xc1",
        b"\x00\x00\x00\x01\x05",
        b"\x00\x00\x00\x03\x92\x07\x01",
        b"\x00\x00\x00\x04\x94\x00\xa1x",  # a request whose id is text
        b"\x00\x00\x00\x02\x94\x00",
        b"\x00\x00\x00\x04\x93\x00\x01\x80",  # a request of three
        b"\x00\x00\x00\x05\x94\x03\x01\xc0\xc0",
        b"\x00\x00\x00\x05\x94\xc2\x01\xc0\xc0",
    ],
)
async def test_garbage_closes_the_channel_and_says_so(start: Any, data: bytes) -> None:
    host = await start({})
    host.send_bytes(data)
    assert await host.exit_status() == 1
    assert "the channel is closed" in await host.until(host.user_text)


async def test_frames_arrive_wherever_the_stream_is_cut(start: Any, to_frame: Any) -> None:
    host = await start(step("async def handler(input): return input"))
    await host.load("steps/a_step.py")
    run = {"run": "r", "file": "steps/a_step.py", "type": "api", "input": "x" * 50, "step": "A", "attempt": 1}
    run["trace_id"] = "t"
    for byte in to_frame([0, 500, "step.run", run]):
        host.send_bytes(bytes([byte]))
    await host.until(lambda: [1, 500, None, "x" * 50] in host.raw_responses)


async def test_a_frame_that_cannot_be_used_fails_what_it_belongs_to(start: Any) -> None:
    host = await start(step("async def handler(input, context): return await context.state.get('g', 'k')"))
    host.answer = lambda method, params: asyncio.Event().wait()
    await host.load("steps/a_step.py")
    running = asyncio.create_task(host.run("steps/a_step.py"))
    await host.until(lambda: host.calls)
    asked = msgpack.packb([0, 900, "drain", {}])
    unusable = [
        (asked[:-1], 900),  # ends early
        (asked + b"\x00", 900),  # goes on
        (asked[:-1] + b"\xc1", 900),
        (msgpack.packb([0, 900, "drain", {b"key": 1}]), 900),
        (msgpack.packb([0, 900, "drain", {"a": msgpack.ExtType(1, b"a")}]), 900),
        (msgpack.packb([0, 900, 5, {}]), 900),
        (b"\x94\x00\xcd" + (900).to_bytes(2, "big") + DEEP + b"\x80", 900),
        (b"\x93\x02\xa6cancel\x81\xa3run" + DEEP, None),
        (b"\x94\xd3" + bytes(8) + b"\xcf" + (900).to_bytes(8, "big") + b"\xc1", 900),  # kind and id in nine bytes
        (msgpack.packb([2, "cancel", {1: 2}]), None),
        (msgpack.packb([2, 5, 5]), None),
        (msgpack.packb([2, "cancel", {"run": 5}]), None),
        (msgpack.packb([1, 77, None, {1: 2}]), None),  # nobody waits for it
    ]
    for body, _ in unusable:
        host.send_bytes(len(body).to_bytes(4, "big") + body)
    asked_for = [id for _, id in unusable if id is not None]
    await host.until(lambda: sum(answer[1] == 900 for answer in host.raw_responses) == len(asked_for))
    errors = [answer[2]["name"] for answer in host.raw_responses if answer[1] == 900]
    assert errors == [*["invalid_value"] * 5, "method_not_found", "method_not_found", "invalid_value"]
    assert not running.done()
    body = msgpack.packb([1, 1, None, {"a": msgpack.ExtType(1, b"a")}])
    host.send_bytes(len(body).to_bytes(4, "big") + body)
    with pytest.raises(Exception, match="step_failed: invalid_value"):
        await running


async def test_what_an_error_lacks_is_taken_as_internal(start: Any) -> None:
    host = await start(
        step("""
async def handler(input, context):
    try:
        await context.state.get("g", "k")
    except Exception as error:
        return [error.name, error.code, error.retryable]
""")
    )
    host.answer = lambda method, params: asyncio.Event().wait()
    await host.load("steps/a_step.py")
    for number, error in enumerate(["oops", 5, {}, {"message": 5}], 1):
        running = asyncio.create_task(host.run("steps/a_step.py"))
        await host.until(lambda: len(host.calls) == number)  # noqa: B023 - awaited in this round
        host.send([1, number, error, None])
        assert await running == ["internal", 1, True]


async def test_the_environment_of_children_says_nothing_of_the_channel(start: Any) -> None:
    host = await start(
        step("import os\nasync def handler(): return [name for name in os.environ if 'POLYSTEP_CHANNEL' in name]")
    )
    assert await host.load_and_run("steps/a_step.py") == []


async def test_an_error_that_is_too_large_is_replaced(start: Any, wire_error: Any) -> None:
    host = await start(step("async def handler(): raise ValueError('x' * 5000)"), hello=False)
    await host.hello(frame_bytes_max=1024)
    error = await failure(host.load_and_run("steps/a_step.py"), wire_error)
    assert (error["name"], error["retryable"]) == ("frame_too_large", False)


@pytest.mark.parametrize("channel", ["private", "stdio"])
@pytest.mark.parametrize(
    "text",
    [
        "async def handler(input, context):\n    os.write(1, b'.')\n    await context.state.get('g', 'k')",
        "async def handler(input, context):\n    os.write(1, b'.')\n    while True: pass",
        "import time\ndef handler(input, context):\n    os.write(1, b'.')\n    time.sleep(1000)",
    ],
)
async def test_the_runner_exits_when_its_input_ends_whatever_user_code_does(
    start: Any, channel: str, text: str
) -> None:
    host = await start(step(f"import os\n{text}"), channel)
    host.answer = lambda method, params: asyncio.Event().wait()
    await host.load("steps/a_step.py")
    running = asyncio.create_task(host.run("steps/a_step.py"))
    await host.until(lambda: host.user_text() == ".")
    host.close_channel()
    assert await host.exit_status() == 0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_the_runner_exits_while_a_file_that_never_loads_is_imported(start: Any) -> None:
    host = await start({"steps/a_step.py": "import os\nos.write(1, b'here')\nwhile True: pass"})
    loading = asyncio.create_task(host.load("steps/a_step.py"))
    await host.until(lambda: host.user_text() == "here")
    host.close_channel()
    assert await host.exit_status() == 0
    loading.cancel()
    await asyncio.gather(loading, return_exceptions=True)


async def test_ctrl_c_is_the_hosts_business(start: Any) -> None:
    busy = (
        "import os\nasync def handler():\n    os.write(1, b'.')\n    while not os.path.exists('go'): pass\n    return 1"
    )
    host = await start(step(busy))
    await host.load("steps/a_step.py")
    running = asyncio.create_task(host.run("steps/a_step.py"))
    await host.until(lambda: host.user_text() == ".")
    os.kill(host.pid, signal.SIGINT)
    (host.project / "go").touch()
    assert await running == 1


async def test_large_answers_pass_a_pipe_that_is_read_late(start: Any) -> None:
    host = await start(step("import os\nasync def handler(input):\n    os.write(1, b'.')\n    return 'x' * input"))
    await host.load("steps/a_step.py")
    host.pause()
    runs = [asyncio.create_task(host.run("steps/a_step.py", 300_000 + n)) for n in range(20)]
    await host.until(lambda: host.user_text() == "." * 20)
    host.resume()
    assert [len(text) for text in await asyncio.gather(*runs)] == [300_000 + n for n in range(20)]


async def test_started_by_hand_it_says_what_it_is(start: Any, tmp_path: Any) -> None:
    host = await start({}, hello=False)
    command = f"cd {tmp_path} && exec {host.launch_command} 3<&- 4<&-"
    process = await asyncio.create_subprocess_shell(
        command, env={**os.environ, "POLYSTEP_CHANNEL": "private"}, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.decode().startswith("polystep runner: no channel to the host")
