"""The command on a real project with Python steps: every verb, and every way to end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from polystep.cli.main import app

POLYSTEP = str(Path(sys.executable).with_name("polystep"))
BOUND_S = 20.0

pytestmark = pytest.mark.e2e

GREET = """
config = {"type": "api", "name": "Greet", "path": "/greet", "method": "POST", "emits": ["greeted"]}
async def handler(req, context):
    await context.state.set("names", req["body"]["name"], True)
    await context.streams.board.set("all", "1", {"text": "hello " + req["body"]["name"]})
    await context.emit({"topic": "greeted", "data": req["body"]})
    context.logger.info("greeting", {"name": req["body"]["name"]})
    return {"status": 200, "body": {"hello": req["body"]["name"]}}
"""
BOARD = 'config = {"name": "board"}'
REFUSE = """
config = {"type": "event", "name": "Refuse", "subscribes": ["greeted"],
          "infrastructure": {"queue": {"maxRetries": 0}}}
async def handler(input, context):
    raise ValueError("nobody is greeted here")
"""
TICK = """
config = {"type": "cron", "name": "Tick", "cron": "0 0 1 1 *"}
async def handler(context):
    context.logger.info("ticked")
"""
BROKEN = "config = "
BLOCK = """
import os, time
config = {"type": "api", "name": "Block", "path": "/block", "method": "GET"}
async def handler(req, context):
    os.write(1, f"pid {os.getpid()}\\n".encode())  # by itself: print goes through the loop
    time.sleep(3600)
"""
HANG = """
import os, time
os.write(1, f"pid {os.getpid()}\\n".encode())  # by itself: print goes through the loop
time.sleep(3600)
"""


class Command:
    """A running `polystep dev`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def line_with(self, text: str) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(BOUND_S):
            while raw := await self.process.stdout.readline():
                self.lines.append(raw.decode().rstrip())
                if text in self.lines[-1]:
                    return self.lines[-1]
        raise AssertionError(f"{text!r} was not printed:\n" + "\n".join(self.lines))

    async def address(self) -> str:
        line = await self.line_with("➜ Steps")
        return line.split()[-1].rstrip("/")

    async def pid_of_runner(self) -> int:
        return int((await self.line_with(" pid ")).split(" pid ")[1].split()[0])

    async def end(self) -> tuple[int | None, list[str]]:
        assert self.process.stdout is not None
        async with asyncio.timeout(BOUND_S):
            rest = (await self.process.stdout.read()).decode().splitlines()
            return await self.process.wait(), rest


@contextlib.asynccontextmanager
async def dev(project: Path, **steps: str) -> AsyncIterator[Command]:
    (project / "steps").mkdir()
    for name, source in steps.items():
        (project / "steps" / f"{name}_step.py").write_text(source)
    process = await asyncio.create_subprocess_exec(
        POLYSTEP,
        "dev",
        "--project",
        str(project),
        "--port",
        "0",
        "--no-stand-in",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "NO_COLOR": "1"},
    )
    try:
        yield Command(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        # The pipe's transport ends a turn of the loop after the process.
        await asyncio.sleep(0)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def post(url: str, body: Any) -> Any:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=BOUND_S) as response:
        return json.load(response)


async def verb(project: Path, *arguments: str) -> str:
    """What a verb prints. In this process: a start of the interpreter for each would cost more than all the rest."""
    result = await asyncio.to_thread(CliRunner().invoke, app, [*arguments, "--project", str(project)])
    assert result.exit_code == 0, result.output
    return result.output


async def asked(project: Path, *arguments: str) -> Any:
    return json.loads(await verb(project, *arguments))


async def test_every_verb_asks_the_running_host(tmp_path: Path) -> None:
    project = tmp_path.resolve()
    (project / "src").mkdir()
    (project / "src" / "board_stream.py").write_text(BOARD)
    async with dev(project, greet=GREET, refuse=REFUSE, tick=TICK, broken=BROKEN) as command:
        url = await command.address()
        assert await asyncio.to_thread(post, f"{url}/greet", {"name": "Ada"}) == {"hello": "Ada"}
        await command.line_with("It is in the dead letters now")
        steps = await verb(project, "steps")
        listed = [line.split() for line in steps.splitlines() if line.endswith(".py") and not line.startswith(" ")]
        assert listed == [
            ["Greet", "api", "python", "steps/greet_step.py"],
            ["Refuse", "event", "python", "steps/refuse_step.py"],
            ["Tick", "cron", "python", "steps/tick_step.py"],
            ["broken_step.py", "-", "python", "steps/broken_step.py"],
            ["board", "stream", "python", "src/board_stream.py"],
        ]
        assert "\n  steps/broken_step.py:1:10: invalid syntax\n" in steps
        state, value = await asked(project, "state", "names"), await asked(project, "state", "names", "Ada")
        assert (state, value["value"]) == ({"items": {"Ada": True}, "cursor": None}, True)
        changed = await verb(project, "state-set", "names", "Eve", '{"n": [1]}', "--version", "")
        assert changed == "Eve of the state group names is written.\n"
        (letter,) = (await asked(project, "dead-letters", "--json"))["deadLetters"]
        assert (letter["step"], letter["error"]["message"]) == ("Refuse", "nobody is greeted here")
        assert (await verb(project, "cron")).startswith("Tick")
        assert (await asked(project, "stream", "board", "all"))["items"][0]["text"] == "hello Ada"
        assert await asked(project, "queues", "--json") == {"queues": [], "parked": [], "cursor": None}
        assert (
            (await verb(project, "logs", "--step", "Greet")).rstrip().endswith('[INFO] Greet greeting {"name": "Ada"}')
        )
        (summary,) = (await asked(project, "traces", "--json"))["traces"]
        whole = await asked(project, "trace", summary["traceId"])
        assert [run["step"] for run in whole["runs"]] == ["Greet", "Refuse"]
        assert summary["traceId"] in await verb(project, "traces")
        # The console shows the end of the id.
        shown = summary["traceId"][-8:]
        assert await asked(project, "trace", shown) == await asked(project, "trace", summary["traceId"])
        assert "greeting" in await verb(project, "logs", "--trace", shown)
        assert "nobody is greeted here" in await verb(project, "dead-letters")
        assert await verb(project, "replay", str(letter["id"])) == (
            f"Refuse gets its event again; trace {summary['traceId']}\n"
        )
        await command.line_with("It is in the dead letters now")
        assert (await verb(project, "fire", "Tick")).startswith("Tick runs; trace ")
        await command.line_with("ticked")
        command.process.send_signal(signal.SIGINT)
        code, rest = await command.end()
    assert (code, rest[-1]) == (0, "➜ Stopped. Work that was not finished goes on at the next start.")
    assert not (project / ".polystep" / "host.json").exists()


async def test_a_second_host_of_a_project_is_refused_with_the_address_of_the_first(tmp_path: Path) -> None:
    project = tmp_path.resolve()
    async with dev(project, tick=TICK) as first:
        port = (await first.address()).rpartition(":")[2]
        second = await asyncio.create_subprocess_exec(
            POLYSTEP, "dev", "--project", str(project), "--port", "0", stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(BOUND_S):
            _, errors = await second.communicate()
        where = f"http://127.0.0.1:{port} (process {first.process.pid})"
        refusal = f"✖ polystep already runs this project at {where}. Stop it first, or use another copy.\n"
        assert (second.returncode, errors.decode()) == (1, refusal)


async def stopped(project: Path, *arguments: str) -> list[str]:
    """What `polystep stop` prints."""
    return (await verb(project, "stop", *arguments)).splitlines()


async def test_stop_ends_the_host_and_waits_for_its_end(tmp_path: Path) -> None:
    project = tmp_path.resolve()
    async with dev(project, tick=TICK) as command:
        port = (await command.address()).rpartition(":")[2]
        assert await stopped(project) == [
            f"Stopping http://127.0.0.1:{port} (process {command.process.pid})…",
            "Stopped. Work that was not finished goes on at the next start.",
        ]
        assert not (project / ".polystep" / "host.json").exists()
        code, rest = await command.end()
    assert (code, rest[-1]) == (0, "➜ Stopped. Work that was not finished goes on at the next start.")
    assert await stopped(project) == [f"No polystep runs {project}, so there is nothing to stop."]


async def test_stop_now_waits_for_no_handler(tmp_path: Path) -> None:
    project = tmp_path.resolve()
    async with dev(project, block=BLOCK) as command:
        url = await command.address()
        asking = asyncio.create_task(asyncio.to_thread(urllib.request.urlopen, f"{url}/block", None, BOUND_S))
        await command.pid_of_runner()
        result = await asyncio.to_thread(CliRunner().invoke, app, ["stop", "--wait", "0", "--project", str(project)])
        assert (result.exit_code, "is still there after 0 s" in result.stderr) == (1, True)
        assert (await stopped(project, "--now"))[-1].startswith("Stopped.")
        code, _ = await command.end()
        with pytest.raises(OSError, match=r"."):
            await asking
    assert code == 130


async def test_dev_takes_the_next_port_and_start_refuses_a_taken_one(tmp_path: Path) -> None:
    first, second = tmp_path.resolve() / "first", tmp_path.resolve() / "second"
    first.mkdir()
    (second / "steps").mkdir(parents=True)
    async with dev(first, tick=TICK) as command:
        port = (await command.address()).rpartition(":")[2]
        whose = f"the polystep of {first} (process {command.process.pid})"
        refused = await asyncio.create_subprocess_exec(
            POLYSTEP, "start", "--project", str(second), "-p", port, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(BOUND_S):
            _, errors = await refused.communicate()
        refusal = (
            f"✖ Port {port} on 127.0.0.1 is in use by {whose}. Stop it (polystep stop --project {first}), or choose "
            f"another port with --port, such as --port {int(port) + 1}.\n"
        )
        assert (refused.returncode, errors.decode()) == (1, refusal)
        other = Command(
            await asyncio.create_subprocess_exec(
                POLYSTEP,
                "dev",
                "--project",
                str(second),
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "NO_COLOR": "1", "PORT": port},
            )
        )
        told = await other.line_with(f"[WARNING] Port {port} is in use by {whose}: ")
        taken = told.rpartition(": ")[2].removesuffix(" is taken instead.")
        assert int(port) < int(taken) < int(port) + 10
        assert (await other.address()).endswith(f":{taken}")
        await stopped(second)
        assert (await other.end())[0] == 0


async def test_a_second_signal_ends_at_once_and_takes_a_blocked_runner_along(tmp_path: Path) -> None:
    async with dev(tmp_path.resolve(), block=BLOCK) as command:
        url = await command.address()
        asking = asyncio.create_task(asyncio.to_thread(urllib.request.urlopen, f"{url}/block", None, BOUND_S))
        runner = await command.pid_of_runner()
        command.process.send_signal(signal.SIGINT)
        await command.line_with("Ctrl-C again ends at once")
        command.process.send_signal(signal.SIGINT)
        code, _ = await command.end()
        with pytest.raises(OSError, match=r"."):
            await asking
    assert (code, is_alive(runner)) == (130, False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_while_steps_load_ends_in_order_and_leaves_no_runner(tmp_path: Path, number: int) -> None:
    project = tmp_path.resolve()
    async with dev(project, hang=HANG) as command:
        runner = await command.pid_of_runner()
        command.process.send_signal(number)
        code, rest = await command.end()
    assert (code, rest[-1]) == (0, "➜ Stopped. Work that was not finished goes on at the next start.")
    assert (is_alive(runner), (project / ".polystep" / "host.json").exists()) == (False, False)
