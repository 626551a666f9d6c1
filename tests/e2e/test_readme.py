"""What the README shows is what happens."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from pathlib import Path

import pytest

from polystep.app import Settings, read_settings
from polystep.cli.main import app
from tests.e2e.running import ROOT, Running, make_project

pytestmark = pytest.mark.e2e

README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str, containing: str) -> str:
    """The one fenced block of this language that contains the text."""
    (found,) = [text for text in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if containing in text]
    return str(found)


async def test_the_first_request_of_the_readme_runs_the_sample(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "steps", tmp_path / "steps")
    shutil.copy(ROOT / "requirements.txt", tmp_path)
    example = block("sh", "curl -X POST")
    command, expected = example.split("\n# ")
    async with Running(make_project(tmp_path, {})) as host:
        process = await asyncio.create_subprocess_shell(
            command.replace("localhost:3000", host.url.removeprefix("http://")),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        answer = json.loads(output)
        assert {**answer, "ticketId": "…"} == json.loads(expected)
        await host.line("replies are canned")
        await host.line("ExtractKeywords", answer["ticketId"])
        listed = await host.api("steps")
        files = {Path(each["file"]).name for each in (*listed["steps"], *listed["streams"])}
        assert files == set(re.findall(r"^\| `([^`]*(?:step|stream)\.\w+)` \|", README, re.MULTILINE))
        async with host.http.get("/__polystep/") as page:
            assert page.status == 200


async def test_the_contract_of_the_readme_is_kept_as_it_says(tmp_path: Path) -> None:
    step = block("ts", "name: 'ListOrders'")
    async with Running(make_project(tmp_path, {"steps/list-orders.step.ts": step})) as host:
        examples = re.findall(r"curl '(.*?)'\n# (.*)", block("sh", "/customers/7"))
        assert len(examples) == 2
        for url, expected in examples:
            async with host.http.get(url.removeprefix("localhost:3000")) as response:
                answer = await response.json()
            assert {**answer, **({"traceId": "…"} if "traceId" in answer else {})} == json.loads(expected)


async def test_the_streamed_answer_of_the_readme_is_one(tmp_path: Path) -> None:
    async with Running(make_project(tmp_path, {"steps/count_step.py": block("python", '"name": "Count"')})) as host:
        async with host.http.get("/count") as response:
            assert response.headers["Content-Type"] == "text/event-stream"
            assert await response.text() == "".join(f"event: number\ndata: {number}\n\n" for number in range(3))


def test_the_settings_of_the_readme_are_all_the_settings_there_are(tmp_path: Path) -> None:
    example = block("toml", "[http]")
    (tmp_path / "polystep.toml").write_text(example, encoding="utf-8")
    read_settings(tmp_path)
    (tmp_path / "polystep.toml").write_text(re.sub(r"^# (?=\[|\w+ =)", "", example, flags=re.MULTILINE))
    assert read_settings(tmp_path).runners.foreign["perl"].command == ("perl", "runner.pl")
    shown = set(re.findall(r"^(?:# )?(\w+) =", example, re.MULTILINE))
    assert shown == leaves(Settings.model_json_schema())


async def test_the_settings_of_the_readme_can_be_pasted(tmp_path: Path) -> None:
    """Into a project that has neither a runner of its own nor a list of packages."""
    source = 'config = {{"type": "api", "name": "{0}", "method": "GET", "path": "/{0}", "emits": []}}\n'
    files = {
        "polystep.toml": block("toml", "[http]"),
        "requirements.txt": "",
        "steps/a_step.py": source.format("a") + "def handler(req, context): return {'status': 200, 'body': {}}\n",
        "steps/b.step.ts": "export const config = { type: 'api', name: 'b', method: 'GET', path: '/b' }\n"
        "export const handler = async () => ({ status: 200, body: {} })\n",
    }
    async with Running(make_project(tmp_path, files)) as host:
        assert (await host.get("/a"), await host.get("/b")) == ({}, {})
        assert not [line for line in host.lines if "[ERROR]" in line or "[WARNING]" in line]


def leaves(schema: dict[str, object]) -> set[str]:
    """Names of the settings in every section of a JSON Schema made by pydantic."""
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    sections = {name for each in (schema, *definitions.values()) for name, value in each["properties"].items()
                if "$ref" in value or "allOf" in value}  # fmt: skip
    return {name for each in definitions.values() for name in each["properties"]} - sections


def test_every_verb_of_the_command_is_in_the_readme() -> None:
    table = README.split("## The command")[1].split("## ")[0]
    verbs = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert verbs == {verb for verb in verbs if re.search(rf"`(polystep )?{verb}\b", table)}
