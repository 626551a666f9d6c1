"""`countWaiting`: a run that waits keeps its place in the limit of its step, over `kill -9` too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.durable_project import reaches, result
from tests.e2e.running import Running, make_project
from tests.e2e.test_asks import parked
from tests.e2e.tools import need

pytestmark = pytest.mark.e2e

SHOP = """
export const config = { type: 'api', name: 'Shop', method: 'POST', path: '/shop', 
  emits: ['work.ts', 'work.py', 'work.rb', 'go', 'plain'] }
export const handler = async ({ body }, { emit }) => {
  for (const each of body) await emit(each)
  return { status: 200, body: {} }
}
"""
PLAIN = """
export const config = { type: 'event', name: 'Plain', subscribes: ['plain'], emits: [] }
export const handler = async ({ id }, { state }) => { await state.set('results', id, true) }
"""
NODE = """
export const config = { type: 'event', name: 'Work-ts', subscribes: ['work.ts'], emits: [],
  waitsFor: [{ topic: 'go', by: 'id' }], infrastructure: { queue: { concurrency: 1, countWaiting: true } } }
export const handler = async ({ id, after }, { state, waitFor }) => {
  await state.set('n', `${id}/begun`, 1)
  const beside = after ? (await state.get('results', after)) === null : false
  if (!after) await waitFor('go', { topic: 'go', by: id, timeout: '1h' })
  await state.set('results', id, { beside })
}
"""
PYTHON = """
config = {"type": "event", "name": "Work-py", "subscribes": ["work.py"], "emits": [],
          "waitsFor": [{"topic": "go", "by": "id"}],
          "infrastructure": {"queue": {"concurrency": 1, "countWaiting": True}}}


async def handler(data, context):
    id, after = data["id"], data.get("after")
    await context.state.set("n", f"{id}/begun", 1)
    beside = (await context.state.get("results", after)) is None if after else False
    if not after:
        await context.wait_for("go", topic="go", by=id, timeout="1h")
    await context.state.set("results", id, {"beside": beside})
"""
RUBY = """
def config = { type: "event", name: "Work-rb", subscribes: ["work.rb"], emits: [],
  waitsFor: [{ topic: "go", by: "id" }], infrastructure: { queue: { concurrency: 1, countWaiting: true } } }

def handler(data, context)
  id, after = data["id"], data["after"]
  context.state.set("n", "#{id}/begun", 1)
  beside = after ? context.state.get("results", after).nil? : false
  context.wait_for("go", topic: "go", by: id, timeout: "1h") unless after
  context.state.set("results", id, { "beside" => beside })
end
"""
LANGUAGES = ("ts", "py", "rb")


@pytest.fixture(autouse=True)
def ruby() -> None:
    need("install it (Debian, Ubuntu: apt install ruby ruby-msgpack)", "ruby", "-e", "require 'msgpack'")


async def test_a_run_that_waits_keeps_its_place_in_every_language(tmp_path: Path) -> None:
    files = {
        "steps/shop.step.ts": SHOP, "steps/plain.step.ts": PLAIN, "steps/work-ts.step.ts": NODE,
        "steps/work_py_step.py": PYTHON, "steps/work_rb_step.rb": RUBY, "polystep.toml": "[durable]\nhold_s = 0\n",
    }  # fmt: skip
    host = Running(make_project(tmp_path, files))
    async with host:
        for language in LANGUAGES:
            await host.post("/shop", [{"topic": f"work.{language}", "data": {"id": f"first-{language}"}}])
            await reaches(host, f"first-{language}", "begun")
        await parked(host, len(LANGUAGES))
        for language in LANGUAGES:
            data = {"id": f"second-{language}", "after": f"first-{language}"}
            await host.post("/shop", [{"topic": f"work.{language}", "data": data}])
        await host.post("/shop", [{"topic": "plain", "data": {"id": "plain"}}])
        await result(host, "plain")
        assert not [key for key in await host.group("n") if key.startswith("second")]
        await host.kill()
    async with Running(tmp_path) as again:
        await again.post("/shop", [{"topic": "plain", "data": {"id": "plain again"}}])
        await result(again, "plain again")
        assert not [key for key in await again.group("n") if key.startswith("second")]
        for language in LANGUAGES:
            # It goes on in the place that it has, and then the other gets it.
            await again.post("/shop", [{"topic": "go", "data": {"id": f"first-{language}"}}])
            assert await result(again, f"first-{language}") == {"beside": False}
            assert await result(again, f"second-{language}") == {"beside": False}
