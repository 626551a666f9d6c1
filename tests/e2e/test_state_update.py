"""`state.update`: four languages at once, and the example of docs/state.md."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.doc_examples import blocks, page, run_block, step_files
from tests.e2e.running import Running, make_project
from tests.e2e.tools import need

pytestmark = pytest.mark.e2e

NODE = """
export const config = {{ type: 'api', name: 'Count{name}', path: '/{name}', method: 'POST', emits: [] }}
export const handler = async (_, {{ state }}) => {{
  const ops = [{{ type: 'increment', path: 'n' }}, {{ type: 'append', path: 'by', value: '{name}' }}]
  const counts = []
  await Promise.all(Array.from({{ length: 10 }}, async () => counts.push((await state.update('counts', 'one', ops)).n)))
  return {{ status: 200, body: {{ counts }} }}
}}
"""
PYTHON = """
import asyncio

config = {"type": "api", "name": "CountPy", "path": "/py", "method": "POST", "emits": []}

async def handler(req, context):
    ops = [{"type": "increment", "path": ["n"]}, {"type": "append", "path": "by", "value": "py"}]
    made = await asyncio.gather(*(context.state.update("counts", "one", ops) for _ in range(10)))
    return {"status": 200, "body": {"counts": [each["n"] for each in made]}}
"""
RUBY = """
def config = { type: "api", name: "CountRb", path: "/rb", method: "POST", emits: [] }

def handler(req, context)
  ops = [{ type: "increment", path: "n" }, { type: "append", path: "by", value: "rb" }]
  counts = 10.times.map { context.state.update("counts", "one", ops)["n"] }
  { status: 200, body: { counts: counts } }
end
"""
REFUSED = """
export const config = { type: 'api', name: 'Refused', path: '/refused', method: 'POST', emits: [] }
export const handler = async (_: any, { state }: any) => {
  const place = (error: any) => [error.name, error.data.path]
  const told = async (...ops: any[]) => state.update('counts', 'one', ops).catch(place)
  return { status: 200, body: [
    await told({ type: 'expect', path: 'n', value: 0 }, { type: 'remove' }),
    await told({ type: 'increment', path: 'by' }),
    await told({ type: 'increment', path: 'n', by: 2 ** 53 }),
  ] }
}
"""
RUNS = 10
"""Requests to each language, which overlap; each counts to ten."""


async def test_four_languages_count_one_key_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    need("install it (Debian, Ubuntu: apt install ruby ruby-msgpack)", "ruby", "-e", "require 'msgpack'")
    files = {
        "steps/typed.step.ts": NODE.format(name="ts").replace("(_,", "(_: unknown,").replace("state }", "state }: any"),
        "steps/count.step.js": NODE.format(name="js"),
        "steps/count_step.py": PYTHON,
        "steps/count_step.rb": RUBY,
        "steps/refused.step.ts": REFUSED,
    }
    files["steps/typed.step.ts"] = files["steps/typed.step.ts"].replace("counts = []", "counts: number[] = []")
    async with Running(make_project(tmp_path, files)) as host:
        languages = ("ts", "js", "py", "rb")
        answers = await asyncio.gather(*(host.post(f"/{each}") for _ in range(RUNS) for each in languages))
        total = len(answers) * 10
        # Each update saw all before it: no two got one number, and none is missing.
        assert sorted(n for answer in answers for n in answer["counts"]) == list(range(1, total + 1))
        value = (await host.api("state/counts/one"))["value"]
        assert (value["n"], sorted(value["by"])) == (total, sorted(languages * (total // 4)))
        assert await host.post("/refused") == [
            ["conflict", ["n"]],
            ["invalid_params", ["by"]],
            ["invalid_value", "value.n"],
        ]
        assert (await host.api("state/counts/one"))["value"] == value
        history = (await host.api("state-history/counts/one?limit=100"))["writes"]
        assert {each["operation"] for each in history} == {"update"}
        assert {each["step"] for each in history} <= {"Countts", "Countjs", "CountPy", "CountRb", "Refused"}


async def test_the_example_of_the_page_does_what_the_page_says(tmp_path: Path) -> None:
    doc = page("state.md")
    files = step_files(doc)
    assert len(files) == 4
    async with Running(make_project(tmp_path, files)) as host:
        await run_block(host, blocks(doc, "sh")[0])
        for told in ("keywords of t1", "counted t1", "t1 is taken by ada", "t1 is taken already, by ada"):
            await host.line(told)
        shown: dict[str, Any] = await host.group("tickets")
        assert shown["t1"]["keywords"] == ["export", "button"]
        assert (shown["t1"]["agent"], shown["t1"]["steps"]) == ("ada", 2)
