"""The live feed of a real host, and the command that follows it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp

from tests.e2e.running import COMMAND, Running, make_project

GREET = """
config = {"type": "api", "name": "Greet", "method": "POST", "path": "/greet", "emits": [], "flows": []}
async def handler(req, context):
    context.logger.info("greeting", {"name": req["body"]["name"]})
    await context.state.set("names", req["body"]["name"], True)
    return {"status": 200, "body": {"ok": True}}
"""


async def test_changes_are_noticed_and_log_lines_followed(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", {"steps/greet_step.py": GREET})
    async with Running(project) as host:
        command = ("logs", "--follow", "--json", "--step", "Greet", "--project", str(project))
        following = await asyncio.create_subprocess_exec(COMMAND, *command, stdout=asyncio.subprocess.PIPE)
        assert following.stdout is not None
        token = (project / ".polystep" / "token").read_text()
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(headers=headers) as client, asyncio.timeout(60):
            async with client.ws_connect(f"{host.url}/__polystep/live") as socket:
                await socket.send_json({"subscribe": ["traces", "state:names"]})
                seen: set[str] = set()
                lines: list[str] = []

                async def read_line() -> None:
                    assert following.stdout is not None
                    lines.append(json.loads(await following.stdout.readline())["message"])

                reading = asyncio.create_task(read_line())
                number = 0
                while not reading.done() or not seen.issuperset({"traces", "state:names"}):
                    number += 1
                    async with client.post(f"{host.url}/greet", json={"name": f"n{number}"}) as answer:
                        assert answer.status == 200
                    message = await socket.receive_json()
                    if message.get("changes"):
                        seen.add(message["subject"])
                await reading
        assert lines == ["greeting"]
        following.terminate()
        await following.wait()


WORK = """
config = {"type": "event", "name": "Work", "subscribes": ["work"], "emits": [], "flows": ["f"],
          "infrastructure": {"queue": {"maxRetries": 0}},
          "input": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}}
async def handler(event, context):
    if event["n"] < 0:
        raise ValueError("negative")
    await context.state.set("seen", str(event["n"]), True)
"""


async def test_a_project_is_operated_from_the_command_line(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", {"steps/work_step.py": WORK, "steps/greet_step.py": GREET})
    async with Running(project) as host, host.http.ws_connect("/__polystep/live") as live:
        await live.send_json({"subscribe": ["state", "dead-letters"]})

        async def done(*command: str) -> str:
            status, printed = await host.command(*command)
            assert status == 0, printed
            return printed

        async def seen(*numbers: int) -> None:
            async with asyncio.timeout(30):
                while (await host.api("state/seen"))["items"] != {str(number): True for number in numbers}:
                    await live.receive_json()  # a change, or a beat

        assert (await done("emit", "work", '{"n": 1}')).startswith("work goes to Work; trace ")
        await seen(1)
        assert (await host.command("emit", "work", '{"n": "x"}'))[0] == 1
        assert "is paused" in await done("pause", "Work")
        await done("emit", "work", '{"n": 2}')
        assert "1 ready, paused" in await done("queues")
        await done("resume", "Work")
        await seen(1, 2)
        await done("emit", "work", '{"n": -1}')
        async with asyncio.timeout(30):
            while not (letters := (await host.api("dead-letters"))["deadLetters"]):
                await live.receive_json()
        assert await done("replay-many", "--ids", str(letters[0]["id"]), "--data", '{"n": 3}') == (
            "1 events are tried again.\n"
        )
        await seen(1, 2, 3)
        (run,) = json.loads(await done("trace-runs", letters[0]["traceId"], "--json"))["runs"]
        await done("replay-run", run["runId"], "--data", '{"n": 4}')
        await seen(1, 2, 3, 4)
        answer = json.loads(await done("request", "POST", "/greet", "--body", '{"name": "Ada"}'))
        assert (answer["status"], answer["body"], len(answer["traceId"])) == (200, {"ok": True}, 32)
        assert "def handler" in await done("step-source", "Work")
        assert json.loads(await done("flow", "f", "--json"))["edges"][0]["topic"] == "work"
