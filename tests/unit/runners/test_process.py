"""One runner process: what it is given, how its start can fail, how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import fcntl
import json
import os
import signal
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from polystep.contracts.errors import FrameTooLarge, LoadFailed, RunnerGone
from polystep.contracts.limits import LOG_LINE_CHARS_MAX
from polystep.runners import Launch, RunnerProcess, child_environment
from polystep.runners import process as process_module
from polystep.runners.spawn import pipe
from tests.unit.runners.scripted import Script, bounded, open_descriptors, params, until_gone


@contextlib.asynccontextmanager
async def started(script: Script, channel: str = "private") -> AsyncIterator[RunnerProcess]:
    process = script.process(channel=channel)
    try:
        await bounded(process.start())
        yield process
    finally:
        await bounded(process.stop(0))


async def ask(process: RunnerProcess, do: str, **told: Any) -> Any:
    return await bounded(process.call_run(params("r", do, **told)))


async def refusal(process: RunnerProcess) -> str:
    with pytest.raises(LoadFailed) as refused:
        await bounded(process.start())
    await bounded(process.ended)
    return refused.value.message


@pytest.mark.parametrize(("channel", "numbers"), [("private", [0, 1, 2, 3, 4]), ("stdio", [0, 1, 2])])
async def test_it_has_its_channel_and_no_other_descriptor_of_ours(
    script: Script, channel: str, numbers: list[int]
) -> None:
    # What an earlier program left open for every child, as make's jobserver does.
    stray = os.dup(0)
    os.set_inheritable(stray, True)
    try:
        async with started(script, channel) as process:
            seen = await ask(process, "describe")
    finally:
        os.close(stray)
    assert seen["descriptors"] == numbers


async def test_it_runs_in_the_project_in_a_group_of_its_own_with_the_variables_it_is_given(script: Script) -> None:
    script.environment = {"PATH": os.environ["PATH"], "MINE": "ü"}
    async with started(script) as process:
        seen = await ask(process, "describe")
    assert (seen["cwd"], seen["group"]) == (str(script.root), seen["pid"])
    ours = {
        name: value for name, value in seen["environment"].items() if name not in ("PWD", "LC_CTYPE", "OLDPWD", "_")
    }
    assert ours == {**script.environment, "SCRIPT": json.dumps(script.before), "POLYSTEP_CHANNEL": "private"}


def test_the_environment_of_steps_holds_nothing_of_the_hosts_own() -> None:
    shell = {"A": "shell", "POLYSTEP_TOKEN": "secret", "VIRTUAL_ENV": "/host", "PYTHONHOME": "/host"}
    dotenv = {"A": "file", "B": "file", "C": None, "POLYSTEP_TOKEN": "secret"}
    assert child_environment(shell, dotenv, {"D": "override"}) == {"A": "shell", "B": "file", "D": "override"}


async def test_both_outputs_arrive_as_lines_and_what_has_no_end_is_cut(script: Script) -> None:
    rest = "x" * (LOG_LINE_CHARS_MAX + 1)
    script.before = {"print": ["to stderr"]}
    async with started(script) as process:
        await ask(process, "print", lines=3000, rest=rest)
        await script.until(lambda: sum(len(line) for _, _, line in script.lines if line.startswith("x")) > 0)
    texts = [line for _, stream, line in script.lines if stream == "stdout"]
    assert texts[:3000] == [f"line {number} é" for number in range(3000)]
    assert "".join(texts[3000:]) == rest
    assert script.lines[0] == ("script", "stderr", "to stderr")


async def test_over_stdio_the_channel_works_and_stderr_is_still_heard(script: Script) -> None:
    script.before = {"print": ["to stderr"]}
    async with started(script, "stdio") as process:
        seen = await ask(process, "params")
    assert (seen["run"], script.lines) == ("r", [("script", "stderr", "to stderr")])


@pytest.mark.parametrize(
    ("hello", "why"),
    [
        ("exit", "it exited with status 3"),
        ("wrong_version", "it speaks protocol 2.0, this host 1.0; update the older of the two"),
        ("garbage", "The channel carried something that is no message. A message is not valid msgpack"),
        ("text", "The channel carried something that is no message. A message of 1466264675 bytes is over the limit"),
    ],
)
async def test_a_failed_hello_says_why_and_what_was_printed(script: Script, hello: str, why: str) -> None:
    script.before = {"hello": hello, "print": ["first", "last"]}
    process = script.process()
    message = await refusal(process)
    said, _, printed = message.partition("\nIt printed:\n")
    assert said.startswith(f"The script runner did not start: {why}")
    printed, _, stray = printed.partition("\nOn its channel, where nothing but frames may be, it wrote:\n")
    assert printed == "first\nlast"
    assert bool(stray) == (hello == "text")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Could not open input file: runnr.php\\n", "Could not open input file: runnr.php"),
        (
            "a long line of text, longer than what is kept of a frame that is too large to be read at all\\n",
            "a long line of",
        ),
        ("k\\303\\244se\\n\\001\\002", "käse"),
        ("\\000\\000\\001", "00 00 01"),
    ],
)
async def test_what_is_on_the_channel_in_place_of_a_frame_is_shown(script: Script, written: str, shown: str) -> None:
    launch = Launch(("sh", "-c", f"printf '{written}'; exit 1"))
    kind = script.kind(channel="stdio")
    process = RunnerProcess(kind, launch, script.root, script.environment, script.calls, script.guard)
    message = await refusal(process)
    assert message.startswith("The script runner did not start: ")
    assert f"\nOn its channel, where nothing but frames may be, it wrote:\n{shown}" in message


async def test_a_hello_with_a_wrong_limit_says_what_it_must_be(script: Script) -> None:
    script.before = {"answer": {"frame_bytes_max": 1023}}
    assert await refusal(script.process()) == (
        "The script runner did not start: in its answer to hello, frame_bytes_max must be an integer of at least 1024; "
        "it is 1023."
    )


async def test_the_limits_of_a_hello_are_kept(script: Script) -> None:
    script.before = {"answer": {"frame_bytes_max": 1024, "runs_max": 3, "features": ["unheard-of"]}}
    async with started(script) as process:
        assert process.runs_max == 3
        with pytest.raises(FrameTooLarge, match="the limit is 1024"):
            await ask(process, "params", text="x" * 1024)


async def test_a_file_that_does_not_load_is_explained_by_the_kind_and_keeps_its_data(script: Script) -> None:
    data = {"name": "ValueError", "message": "no", "stack": "at x"}
    explained: list[object] = []

    def explain(*told: object) -> str:
        explained.extend(told)
        return "in other words"

    kind = dataclasses.replace(script.kind(), explain=explain)
    process = RunnerProcess(kind, script.launch(), script.root, script.environment, script.calls, script.guard)
    try:
        await bounded(process.start())
        with pytest.raises(LoadFailed) as failed:
            await bounded(process.load(script.file("a.script", load="fail", data=data)))
        with pytest.raises(LoadFailed, match="bad file"):
            await bounded(process.load(script.file("b.script", load="fail")))
    finally:
        await bounded(process.stop(0))
    assert (failed.value.message, failed.value.data) == ("in other words", data)
    assert explained == [script.root, "a.script", data]


async def test_a_hello_that_never_comes_ends_the_process(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "HELLO_TIMEOUT_S", 0.2)
    script.before = {"hello": "slow"}
    process = script.process()
    assert await refusal(process) == "The script runner did not start: it sent nothing for 0.2 s."
    assert process.ended.result() == "it was killed by signal SIGKILL"


async def test_a_program_that_is_missing_is_named(script: Script) -> None:
    launch = Launch(("/no/such/program",))
    process = RunnerProcess(script.kind(), launch, script.root, script.environment, script.calls, script.guard)
    message = await refusal(process)
    assert message.startswith("The script runner did not start: it exited with status 127.\nIt printed:\n")
    assert "/no/such/program" in message


async def test_what_cannot_be_spawned_fails_by_name_and_leaves_no_descriptor(script: Script) -> None:
    script.environment["BAD"] = "zero\0byte"
    before = open_descriptors()
    message = await refusal(script.process())
    assert (message, open_descriptors()) == ("The script runner did not start: embedded null byte.", before)


async def test_a_start_that_is_cancelled_leaves_no_process(script: Script) -> None:
    script.before = {"hello": "slow", "print": ["here"]}
    process = script.process()
    starting = asyncio.create_task(process.start())
    await script.until(lambda: bool(script.lines))
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await bounded(starting)
    assert process.ended.result() == "it was killed by signal SIGKILL"


async def test_a_stop_ends_it_with_status_zero_and_twice_is_once(script: Script) -> None:
    async with started(script) as process:
        await bounded(process.stop(1))
        await bounded(process.stop(1))
        assert process.ended.result() == "it exited with status 0"


async def test_a_stop_waits_for_open_runs_within_the_grace(script: Script) -> None:
    async with started(script) as process:
        held = process.call_run(params("held", "hold"))
        await script.until_started("held")
        stopping = asyncio.create_task(process.stop(10))
        done, _ = await asyncio.wait({stopping, asyncio.create_task(process.drained())}, timeout=0.1)
        assert done == set()
        await ask(process, "release", runs=["held"])
        await bounded(stopping)
        assert (held.result(), process.ended.result()) == ("held", "it exited with status 0")


async def test_a_runner_that_stays_after_its_shutdown_is_ended(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "_EXIT_S", 0.1)
    script.before = {"shutdown": "linger"}
    async with started(script) as process:
        await bounded(process.stop(0))
        assert process.ended.result() == "it was killed by signal SIGTERM"


async def test_a_stop_kills_what_blocks(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    for wait in ("_STEP_S", "_EXIT_S"):
        monkeypatch.setattr(process_module, wait, 0.1)
    async with started(script) as process:
        blocked = process.call_run(params("b", "block"))
        await script.until_started("b")
        await bounded(process.stop(0))
        assert process.ended.result() == "it was killed by signal SIGKILL"
        with pytest.raises(RunnerGone, match="The script runner is gone"):
            await blocked


@pytest.mark.parametrize("way", ["stop", "kill", "exit"])
async def test_what_a_step_started_ends_with_its_runner(script: Script, way: str) -> None:
    async with started(script) as process:
        grandchild = await ask(process, "grandchild")
        match way:
            case "stop":
                await bounded(process.stop(0))
            case "kill":
                await bounded(process.kill())
            case "exit":
                process.call_run(params("x", "exit")).add_done_callback(lambda done: done.exception())
        await bounded(process.ended)
        await until_gone(grandchild)


async def test_a_waiter_is_told_how_the_process_ended(script: Script) -> None:
    async with started(script) as process:
        with pytest.raises(RunnerGone) as gone:
            await ask(process, "exit", status=9)
        assert gone.value.message == "The script runner is gone: it exited with status 9."
        assert not process.usable


async def test_a_process_that_gives_up_its_channel_is_ended(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "_STEP_S", 0.1)
    async with started(script) as process:
        with pytest.raises(RunnerGone, match="the host closed its channel"):
            await ask(process, "close")
        assert await bounded(process.ended) == "it was killed by signal SIGKILL"


async def test_an_end_by_a_signal_without_a_name_is_told_by_number(script: Script) -> None:
    nameless = next(number for number in signal.valid_signals() if number not in set(signal.Signals))
    async with started(script) as process:
        seen = await ask(process, "describe")
        os.kill(seen["pid"], nameless)
        assert await bounded(process.ended) == f"it was killed by signal {nameless}"


async def test_a_pipe_that_cannot_be_made_leaves_no_half(monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = fcntl.fcntl, []

    def second_fails(*arguments: Any) -> int:
        asked.append(arguments)
        if len(asked) == 2:
            raise OSError(24, "Too many open files")
        return cast("int", real(*arguments))

    monkeypatch.setattr(fcntl, "fcntl", second_fails)
    before = open_descriptors()
    with pytest.raises(OSError, match="Too many open files"):
        pipe()
    assert open_descriptors() == before
