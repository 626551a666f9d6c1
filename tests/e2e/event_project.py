"""Handlers in four languages that emit and cancel what they are told, and a step that counts what comes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.e2e.running import Running, make_project
from tests.patience import HANG_S

LANGUAGES = ("ts", "js", "py", "rb")


def make_events(folder: Path, *, more: dict[str, str] | None = None) -> Path:
    """A project of the teller in four languages, of a door that tells them or emits by itself, and of a sink."""
    files = {"steps/door.step.ts": DOOR, "steps/sink.step.ts": SINK, "polystep.toml": "[runners.ruby]\nprocesses = 1\n"}
    for name, language, text in (
        ("tell-ts.step.ts", "ts", NODE),
        ("tell-js.step.js", "js", NODE),
        ("tell_py_step.py", "py", PYTHON),
        ("tell_rb_step.rb", "rb", RUBY),
    ):
        files[f"steps/{name}"] = text.replace("LANG", language)
    return make_project(folder, {**files, **(more or {})})


async def tell(host: Running, language: str, id_: str, *ops: dict[str, Any]) -> list[Any]:
    """Have a handler do these operations; returns what each gave, once its run has completed."""
    await host.post("/door", {"topic": f"tell.{language}", "data": {"id": id_, "ops": list(ops)}})
    return list(await value(host, "told", id_))


async def emit(host: Running, data: Any, **options: Any) -> str:
    """Emit from an HTTP step; returns the trace."""
    answer = await host.post("/door", {"topic": "out", "data": data, **options})
    return str(answer["traceId"])


BUSY = """
export const config = { type: 'event', name: 'Busy', subscribes: ['busy'], emits: [],
  infrastructure: { queue: { concurrency: 1, expires: '1s' } } }
export const handler = async ({ what, ms }, { state }) => {
  await state.set('n', what, ((await state.get('n', what)) ?? 0) + 1)
  await new Promise((resolve) => { setTimeout(resolve, ms) })
}
"""


async def value(host: Running, group: str, key: str, at_least: float | None = None) -> Any:
    """Wait for a value of the state, and for it to be as large."""
    async with asyncio.timeout(HANG_S):
        while True:
            found = await host.group(group)
            if key in found and (at_least is None or found[key] >= at_least):
                return found[key]
            await asyncio.sleep(0.05)


async def idle(host: Running) -> None:
    """Wait until nothing waits and nothing runs, but for what is due later."""
    async with asyncio.timeout(HANG_S):
        while True:
            queues = (await host.api("queues"))["queues"]
            if not any(each["running"] + each["ready"] + each["retrying"] for each in queues):
                return
            await asyncio.sleep(0.05)


async def operations(host: Running, trace_id: str, step: str) -> list[dict[str, Any]]:
    """The operations in the trace of a step's run."""
    trace = await host.api(f"traces/{trace_id}")
    return [each for run in trace["runs"] if run["step"] == step for each in run["operations"]]


DOOR = """
export const config = { type: 'api', name: 'Door', method: 'POST', path: '/door', emits: [] }
export const handler = async ({ body }, { emit, traceId }) => {
  await emit(body)
  return { status: 200, body: { traceId } }
}
"""

SINK = """
export const config = { type: 'event', name: 'Sink', subscribes: ['out'], emits: [],
  infrastructure: { queue: { type: 'fifo', maxRetries: 0 } } }
export const handler = async ({ what, fails }, { state }) => {
  await state.set('n', what, ((await state.get('n', what)) ?? 0) + 1)
  if (fails && !(await state.get('mended', what))) throw new Error('on purpose')
}
"""

NODE = """
export const config = { type: 'event', name: 'Tell-LANG', subscribes: ['tell.LANG'], emits: ['out'] }
export const handler = async ({ id, ops }, { emit, state }) => {
  const got = []
  for (const op of ops) {
    if (op.do === 'cancel') got.push(await emit.cancel('out', op.id))
    else got.push((await emit({ topic: 'out', ...op.event })) ?? null)
  }
  await state.set('told', id, got)
}
"""

PYTHON = """
config = {"type": "event", "name": "Tell-LANG", "subscribes": ["tell.LANG"], "emits": ["out"]}


async def handler(data, context):
    got = []
    for op in data["ops"]:
        if op["do"] == "cancel":
            got.append(await context.emit.cancel("out", op["id"]))
        else:
            got.append(await context.emit({"topic": "out", **op["event"]}))
    await context.state.set("told", data["id"], got)
"""

RUBY = """
def config = { type: "event", name: "Tell-LANG", subscribes: ["tell.LANG"], emits: ["out"] }

def handler(data, context)
  got = data["ops"].map do |op|
    next context.emit.cancel("out", op["id"]) if op["do"] == "cancel"

    context.emit(topic: "out", **op["event"].transform_keys(&:to_sym))
  end
  context.state.set("told", data["id"], got)
end
"""
